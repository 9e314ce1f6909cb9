/** Patches of a storm: where they go, and at which of them a neuron fires. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { understood } from "../../../src/stormlens/learn/web/base/component.js";
import { Random } from "../../../src/stormlens/learn/web/base/random.js";
import { pool, PATCH_PLACES } from "../../../src/stormlens/learn/web/ideas/concepts.js";
import {
  centred,
  firesAbove,
  highestAround,
  moved,
  patchAt,
  placesOf,
  respond,
} from "../../../src/stormlens/learn/web/ideas/patches.js";
import { PoolAndFire } from "../../../src/stormlens/learn/web/ideas/pool-and-fire.js";

/** A core of 49 dBZ in rain of 25, and nothing in the north. */
function storm() {
  const values = new Uint8Array(136 * 136);
  values.fill(25, 0, 60 * 136);
  values[20 * 136 + 30] = 49;
  return { values, rows: 136, columns: 136 };
}

describe("places", () => {
  it("are those that a list names, at most three, and a last number alone is none", () => {
    assert.deepEqual(placesOf([1, 2, 3, 4, 5, 6, 7, 8], storm(), 5), [
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    assert.deepEqual(placesOf([1, 2, 3], storm(), 5), [[1, 2]]);
  });

  it("stay inside the box, whatever the size", () => {
    assert.deepEqual(placesOf([0, 4000, 131, 131], storm(), 15), [
      [0, 121],
      [121, 121],
    ]);
  });

  it("tell strong from weak where none are named", () => {
    const places = placesOf([], storm(), 5);
    const neuron = { threshold: 40, weight: 1, bias: 0 };
    const pooled = respond(storm(), places, 5, neuron).map((response) => response.pooled);
    assert.deepEqual(pooled, [49, 25, 0]);
  });

  it("move one at a time, to the edge and no further", () => {
    const places = placesOf([1, 2, 3, 4, 5, 6], storm(), 5);
    assert.deepEqual(moved(places, 1, [-9, 200], storm(), 5), [1, 2, 0, 131, 5, 6]);
  });

  it("lie around the pixel that was pressed", () => {
    assert.deepEqual(centred([10, 20], 5), [8, 18]);
    assert.deepEqual(centred([10, 20], 4), [8, 18]);
  });

  it("are held by a finger that is near, the nearest of several", () => {
    const places = placesOf([10, 10, 10, 16, 100, 100], storm(), 5);
    assert.equal(patchAt(places, 5, [12, 12]), 0);
    assert.equal(patchAt(places, 5, [12, 17]), 1);
    assert.equal(patchAt(places, 5, [108, 102]), 2);
    assert.equal(patchAt(places, 5, [109, 102]), undefined);
  });
});

describe("a neuron behind the pool", () => {
  it("stays silent at the threshold itself, in tenths too", () => {
    assert.notEqual(1.1 * 50 - 55, 0);
    assert.notEqual(33 / 1.1, 30);
    const box = { values: new Uint8Array(25).fill(50), rows: 5, columns: 5 };
    const [{ z, a }] = respond(box, [[0, 0]], 5, { threshold: 55, weight: 1.1, bias: 0 });
    assert.deepEqual([z, a], [0, 0]);
    assert.equal(firesAbove({ threshold: 33, weight: 1.1, bias: 0 }), 30);
  });

  it("fires above what its numbers say", () => {
    const random = new Random(3);
    for (let i = 0; i < 300; ++i) {
      const neuron = {
        threshold: random.below(71),
        weight: (1 + random.below(30)) / 10,
        bias: random.below(41) - 20,
      };
      const dbz = random.below(81);
      const box = { values: [dbz], rows: 1, columns: 1 };
      const [{ a }] = respond(box, [[0, 0]], 1, neuron);
      assert.equal(a > 0, dbz > firesAbove(neuron), JSON.stringify({ neuron, dbz }));
    }
  });

  it("sees the same maximum around each pixel as a pool that moves by one", () => {
    const random = new Random(7);
    for (const size of [3, 4, 5, 15]) {
      const [rows, columns] = [20, 23];
      const values = Array.from({ length: rows * columns }, () => random.below(80));
      const around = highestAround({ values, rows, columns }, size);
      const pooled = pool({ values, rows, columns }, size, 1);
      const half = Math.floor(size / 2);
      for (let row = 0; row < pooled.rows; ++row) {
        for (let column = 0; column < pooled.columns; ++column) {
          const found = around[(row + half) * columns + column + half];
          assert.equal(found, pooled.values[row * pooled.columns + column]);
        }
      }
    }
  });
});

describe("settings", () => {
  it("keep the chapter's bounds and defaults", () => {
    const { threshold, weight, bias, size } = PoolAndFire.settings;
    const bounds = [threshold, weight, bias, size].map((s) => [s.low, s.high, s.step, s.default]);
    assert.deepEqual(bounds, [
      [0, 70, 1, 40],
      [0.1, 3, 0.1, 1],
      [-20, 20, 1, 0],
      [3, 15, 1, 5],
    ]);
  });

  it("read the chapter's patches from an address", () => {
    const { places, split, patch } = PoolAndFire.settings;
    const chapter = Object.values(PATCH_PLACES).flat();
    assert.deepEqual(understood(chapter.join(","), places), chapter);
    assert.deepEqual(understood("", places), []);
    assert.equal(understood("60,x", places), undefined);
    assert.equal(understood("train", split), "train");
    assert.equal(understood("other", split), undefined);
    assert.equal(understood("9", patch), 3);
  });
});
