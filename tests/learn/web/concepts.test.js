/** `ideas/concepts.js` beside what `stormlens.concepts` computes. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import * as concepts from "../../../src/stormlens/learn/web/ideas/concepts.js";
import { oracle } from "./oracles.js";

const { cases, skip } = oracle("concepts.json");

/** @param {number[][]} rows @returns {concepts.Grid} */
function grid(rows) {
  return { values: rows.flat(), rows: rows.length, columns: rows[0].length };
}

/** @param {number} found @param {number} wanted @param {string} what */
function near(found, wanted, what) {
  const apart = Math.abs(found - wanted);
  assert.ok(apart <= 1e-12 * Math.max(1, Math.abs(wanted)), `${what}: ${found}, not ${wanted}`);
}

/** @param {concepts.Grid} found @param {number[][]} wanted @param {string} what */
function nearGrid(found, wanted, what) {
  assert.deepEqual([found.rows, found.columns], [wanted.length, wanted[0].length], what);
  wanted.flat().forEach((value, i) => near(found.values[i], value, `${what}, value ${i}`));
}

describe("concepts as Python computes them", { skip }, () => {
  it("has Python's activations", () => {
    assert.deepEqual(Object.keys(concepts.ACTIVATIONS), Object.keys(cases.activations.of));
  });

  it("answers and slopes at every sum", () => {
    const { z, of, slope } = cases.activations;
    for (const [name, activation] of Object.entries(concepts.ACTIVATIONS)) {
      z.forEach((/** @type {number} */ sum, /** @type {number} */ i) => {
        near(activation.of(sum), of[name][i], `${name}(${sum})`);
        near(activation.slope(sum), slope[name][i], `slope of ${name} at ${sum}`);
      });
    }
  });

  it("keeps the digits of GELU's tail", () => {
    const { z, of } = cases.activations;
    z.forEach((/** @type {number} */ sum, /** @type {number} */ i) => {
      const wanted = of.gelu[i];
      const apart = Math.abs(concepts.ACTIVATIONS.gelu.of(sum) - wanted);
      assert.ok(apart <= 1e-11 * Math.abs(wanted), `gelu(${sum})`);
    });
  });

  it("sums and answers of neurons", () => {
    for (const { weights, inputs, bias, activation, z, a } of cases.neurons) {
      const sum = concepts.aggregate(weights, inputs, bias);
      near(sum, z, "z");
      near(concepts.ACTIVATIONS[activation].of(sum), a, activation);
    }
  });

  it("pools and their argmax", () => {
    for (const { image, window, stride, pooled, argmax } of cases.pools) {
      const found = concepts.pool(grid(image), window, stride);
      assert.deepEqual([...found.values], pooled.flat());
      assert.deepEqual([found.rows, found.columns], [pooled.length, pooled[0].length]);
      assert.deepEqual(concepts.poolArgmax(grid(image), window, stride).places, argmax);
    }
  });

  it("patches that fire", () => {
    for (const { patch, neuron, pooled, z, a } of cases.patches) {
      const found = concepts.fires(grid(patch), neuron);
      assert.equal(found.pooled, pooled);
      near(found.z, z, "z");
      near(found.a, a, "a");
    }
  });

  it("correlations and convolutions", () => {
    for (const { image, kernel, correlate, convolve } of cases.convolutions) {
      nearGrid(concepts.correlate(grid(image), grid(kernel)), correlate, "correlate");
      nearGrid(concepts.convolve(grid(image), grid(kernel)), convolve, "convolve");
    }
  });

  it("single output pixels", () => {
    for (const { image, kernel, place, steps } of cases.convolutions) {
      for (const turned of [false, true]) {
        const wanted = steps[String(turned)];
        const found = concepts.convolutionStep(grid(image), grid(kernel), place, { turned });
        nearGrid(found.window, wanted.window, "window");
        nearGrid(found.kernel, wanted.kernel, "kernel");
        nearGrid(found.products, wanted.products, "products");
        near(found.total, wanted.total, "total");
        assert.ok(!found.products.values.some((value) => Object.is(value, -0)));
      }
    }
  });

  it("classical kernels, in Python's order", () => {
    for (const [size, kernels] of Object.entries(cases.kernels)) {
      const found = concepts.kernels(Number(size));
      assert.deepEqual(Object.keys(found), Object.keys(kernels));
      for (const [name, kernel] of Object.entries(kernels)) {
        nearGrid(found[name], kernel, `${name} of ${size}`);
      }
    }
  });

  it("patches that tell strong from weak", () => {
    for (const { box, size, places } of cases.telling) {
      assert.deepEqual(concepts.tellingPlaces(grid(box), size), places);
    }
  });

  it("the chapter's places", () => {
    assert.deepEqual({ ...concepts.PATCH_PLACES }, cases.places);
  });
});

describe("what concepts refuse", () => {
  const small = grid([
    [1, 2],
    [3, 4],
  ]);
  const large = grid([[1, 1, 1]]);

  it("a kernel or a window that is too large", () => {
    assert.throws(() => concepts.correlate(small, large), /kernel of 1 x 3 .* grid of 2 x 2/);
    assert.throws(() => concepts.pool(small, 3), /window of 3 x 3 .* grid of 2 x 2/);
  });

  it("an output pixel that is not there", () => {
    assert.throws(
      () => concepts.convolutionStep(small, grid([[1]]), [0, 2]),
      /no output pixel \(0, 2\); rows go from 0 to 1 and columns from 0 to 1/,
    );
  });

  it("a kernel without a middle", () => {
    assert.throws(() => concepts.kernels(4), /size is odd, not 4/);
  });
});

it("cuts a part out of a grid", () => {
  const whole = grid([
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ]);
  assert.deepEqual([...concepts.cut(whole, [1, 0], 2).values], [4, 5, 7, 8]);
  assert.deepEqual([...concepts.cut(whole, [0, 2], 3, 1).values], [3, 6, 9]);
});
