/** Each number of a network, from what the engine of Python gave before it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import * as arithmetic from "../../../src/stormlens/learn/web/inside/arithmetic.js";
import { planOfNetwork } from "../../../src/stormlens/learn/web/network/plan.js";
import { oracle } from "./oracles.js";

const { skip, cases } = oracle("arithmetic.json");

/** @typedef {import("../../../src/stormlens/learn/web/inside/arithmetic.js").Pass} Pass */

/** @param {any} given @returns {Pass} */
function passOf(given) {
  return {
    plan: planOfNetwork(given.network, new Map(Object.entries(given.shapes))),
    weights: new Map(
      Object.entries(given.weights).map(([name, values]) => [name, Float32Array.from(values)]),
    ),
    image: Float32Array.from(given.image),
    maps: given.maps.map((/** @type {number[]} */ map) => Float32Array.from(map)),
  };
}

/** @param {number} found @param {number} due @param {string} what */
function near(found, due, what) {
  assert.ok(Math.abs(found - due) <= 1e-5 * (1 + Math.abs(due)), `${what}: ${found} for ${due}`);
}

/** @param {readonly number[]} shape @param {number} count */
function someCells(shape, count) {
  const size = shape.reduce((product, side) => product * side, 1);
  const step = Math.max(1, Math.floor(size / count));
  return Array.from({ length: Math.ceil(size / step) }, (_, i) =>
    arithmetic.cellOf(shape, i * step),
  );
}

test("a cell's sum through the activation is the engine's output", { skip }, () => {
  assert.equal(cases.length, 13);
  for (const given of cases) {
    const pass = passOf(given);
    for (const [i, step] of pass.plan.steps.entries()) {
      if (step.kind === "flatten") continue;
      for (const cell of someCells(step.shape, 40)) {
        const values = arithmetic.activated(step, arithmetic.sumsAt(pass, i, cell));
        const due = pass.maps[i][arithmetic.indexOf(step.shape, cell)];
        near(values[cell.channel], due, `${step.kind} ${step.activation} ${JSON.stringify(cell)}`);
      }
    }
  }
});

test("products and bias add up to a cell's sum", { skip }, () => {
  for (const given of cases) {
    const pass = passOf(given);
    for (const [i, step] of pass.plan.steps.entries()) {
      for (const cell of someCells(step.shape, 25)) {
        const bias = arithmetic.biasOf(pass, i, cell.channel);
        const due = arithmetic.sumsAt(pass, i, cell)[cell.channel];
        if (step.kind === "convolution") {
          const parts = arithmetic.partsOf(pass, i, cell);
          assert.equal(parts.length, step.input[2] / step.groups);
          for (const { values, weights, sum } of parts) {
            near(
              values.reduce((all, value, tap) => all + value * weights[tap], 0),
              sum,
              "a part",
            );
          }
          near(
            parts.reduce((all, { sum }) => all + sum, bias),
            due,
            "a convolution",
          );
        } else if (step.kind === "dense") {
          const products = arithmetic.productsOf(pass, i, cell.channel);
          near(
            products.reduce((all, { product }) => all + product, bias),
            due,
            "a unit",
          );
        }
      }
    }
  }
});

test("a cell finds the pool that takes it, and whether it wins", { skip }, () => {
  const pass = passOf(cases[0]);
  const { steps } = pass.plan;
  let won = 0;
  for (const cell of someCells(steps[1].shape, 60)) {
    const pool = arithmetic.poolOf(pass, 1, cell);
    assert.equal(pool?.step, 2);
    for (const window of pool?.windows ?? []) {
      const most = window.cells.reduce((best, { value }) => Math.max(best, value), -Infinity);
      assert.equal(most, window.value);
      const own = pass.maps[1][arithmetic.indexOf(steps[1].shape, cell)];
      assert.equal(window.wins, own === most);
      won += Number(window.wins);
    }
  }
  assert.ok(won > 3);
  const mean = arithmetic.poolOf(pass, 6, { row: 1, column: 2, channel: 0 });
  const even = { ...pass, maps: pass.maps.map((map) => new Float32Array(map.length).fill(2)) };
  for (const maps of [mean, arithmetic.poolOf(even, 6, { row: 1, column: 2, channel: 0 })]) {
    assert.deepEqual(
      maps?.windows.map(({ wins }) => wins),
      [false],
    );
  }
  assert.equal(mean?.windows[0].cells.length, 4);
  assert.equal(arithmetic.poolOf(pass, 9, { row: 0, column: 0, channel: 0 }), null);
  // The last row and column of 11 and 9 are left out by a pool of 2.
  const residual = passOf(cases[1]);
  const corner = { row: 10, column: 8, channel: 1 };
  assert.deepEqual(arithmetic.poolOf(residual, 0, corner), { step: 1, windows: [] });
});

test("a pixel set to 0 changes the answer as it changes Python's", { skip }, () => {
  let changed = 0;
  for (const given of cases) {
    const pass = passOf(given);
    for (const { cell, probabilities } of given.without) {
      const found = arithmetic.without(pass, -1, cell);
      probabilities.forEach((/** @type {number} */ due, /** @type {number} */ k) =>
        near(found.probabilities.after[k], due, `${pass.plan.steps[0].activation} ${k}`),
      );
      assert.equal(found.changes.length, pass.plan.steps.length);
      const by = Math.abs(found.probabilities.after[0] - found.probabilities.before[0]);
      changed += Number(by > 1e-4);
    }
  }
  assert.ok(changed > 20);
});

test("a number that a step gave, set to 0, changes only what its windows reach", { skip }, () => {
  for (const given of cases.slice(0, 2)) {
    const pass = passOf(given);
    for (const cell of someCells(pass.plan.steps[0].shape, 12)) {
      const { changes } = arithmetic.without(pass, 0, cell);
      for (const { step, region, count } of changes) {
        if (!region) assert.equal(count, 0);
        else {
          const { rows, columns, channels } = arithmetic.sides(pass.plan.steps[step].shape);
          assert.ok(region.row >= 0 && region.row + region.rows <= rows);
          assert.ok(region.column >= 0 && region.column + region.columns <= columns);
          const flat = pass.plan.steps[step].kind === "flatten";
          assert.ok(flat || count <= region.rows * region.columns * channels);
        }
      }
    }
  }
});

test("a cell is seen by the windows that cover it, and by no other", { skip }, () => {
  const { steps } = passOf(cases[1]).plan;
  const one = { row: 5, column: 4, rows: 1, columns: 1 };
  assert.deepEqual(arithmetic.reached(steps[0], one), { row: 3, column: 2, rows: 3, columns: 3 });
  assert.deepEqual(arithmetic.reached(steps[1], one), { row: 2, column: 2, rows: 1, columns: 1 });
  const corner = { row: 0, column: 0, rows: 1, columns: 1 };
  assert.deepEqual(arithmetic.reached(steps[3], corner), {
    row: 0,
    column: 0,
    rows: 2,
    columns: 2,
  });
});

test("a cell sees the pixels that its windows cover", { skip }, () => {
  const { plan } = passOf(cases[1]);
  const field = (
    /** @type {number} */ step,
    /** @type {number} */ row,
    /** @type {number} */ column,
  ) => arithmetic.fieldOf(plan, step, { row, column });
  assert.deepEqual(field(0, 2, 3), { row: 2, column: 3, rows: 3, columns: 3 });
  assert.deepEqual(field(1, 2, 3), { row: 4, column: 6, rows: 4, columns: 4 });
  assert.deepEqual(field(3, 2, 2), { row: 2, column: 2, rows: 8, columns: 8 });
  assert.deepEqual(field(3, 0, 0), { row: 0, column: 0, rows: 6, columns: 6 });
  assert.deepEqual(field(8, 0, 0), { row: 0, column: 0, rows: 13, columns: 11 });
});

test("a temperature makes probabilities softer or harder", () => {
  const even = arithmetic.tempered([0.5, 0.5], 0.6);
  assert.deepEqual([...even], [0.5, 0.5]);
  const harder = arithmetic.tempered([0.8, 0.2], 0.5);
  near(harder[0], 0.64 / 0.68, "temperature 0.5");
});
