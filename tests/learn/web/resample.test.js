// Maps drawn at another size: nothing moves, nothing gets stronger, the south stays below.

import assert from "node:assert/strict";
import { test } from "node:test";

import { drawSharp, drawSmooth, mixing } from "../../../src/stormlens/learn/web/inside/resample.js";

/** Colours that are their own number, so that pixels can be read as levels. */
const SCALE = { low: 0, high: 255, table: Uint32Array.from({ length: 256 }, (_, i) => i) };

/** @param {number} side */
function whole(side) {
  return { left: 0, top: 0, width: side, height: side };
}

/** @param {number} rows @param {number} columns */
function ramp(rows, columns) {
  return Float32Array.from({ length: rows * columns }, (_, at) => (at * 7919) % 256);
}

test("each pixel of a side takes a whole share, of values that are there", () => {
  for (const [from, to] of [
    [134, 50],
    [50, 50],
    [6, 50],
    [1, 7],
    [7, 1],
    [3, 2],
    [51, 50],
  ]) {
    const { count, first, weights } = mixing(from, to);
    for (let i = 0; i < to; ++i) {
      const own = weights.slice(i * count, (i + 1) * count);
      const sum = own.reduce((total, weight) => total + weight, 0);
      assert.ok(Math.abs(sum - 1) < 1e-5, `${from} to ${to}: ${sum}`);
      assert.ok(own.every((weight) => weight >= 0));
      assert.ok(first[i] >= 0 && first[i] + count <= from);
    }
  }
});

test("a map of the same size is drawn as it is, its first row at the bottom", () => {
  const values = ramp(5, 5);
  const pixels = new Uint32Array(25);
  drawSmooth(pixels, 5, whole(5), { values, rows: 5, columns: 5 }, SCALE);
  for (let row = 0; row < 5; ++row) {
    const south = [...values.subarray(row * 5, row * 5 + 5)];
    assert.deepEqual([...pixels.subarray((4 - row) * 5, (5 - row) * 5)], south);
  }
});

test("a smaller picture holds the means of what each pixel covers", () => {
  const values = ramp(12, 12);
  const pixels = new Uint32Array(16);
  drawSmooth(pixels, 4, whole(4), { values, rows: 12, columns: 12 }, SCALE);
  for (let row = 0; row < 4; ++row) {
    for (let column = 0; column < 4; ++column) {
      let sum = 0;
      for (let i = 0; i < 9; ++i) {
        sum += values[(3 * row + Math.floor(i / 3)) * 12 + 3 * column + (i % 3)];
      }
      const found = pixels[(3 - row) * 4 + column];
      assert.ok(Math.abs(found - sum / 9) <= 0.51, `${found} for ${sum / 9}`);
    }
  }
});

test("a larger picture goes in a straight line from value to value", () => {
  const values = Float32Array.from([0, 100, 40, 200]);
  const pixels = new Uint32Array(64);
  drawSmooth(pixels, 8, whole(8), { values, rows: 2, columns: 2 }, SCALE);
  assert.deepEqual([pixels[56], pixels[63], pixels[0], pixels[7]], [0, 100, 40, 200]);
  // The third of eight pixels lies an eighth of the way from the first value to the second.
  assert.equal(pixels[56 + 2], Math.round(100 / 8));
  assert.equal(pixels[2 * 8], Math.round(40 * (7 / 8)));
});

test("one map among many is drawn into its own place alone", () => {
  const channels = 3;
  const values = Float32Array.from({ length: 4 * channels }, (_, at) => at % channels);
  const pixels = new Uint32Array(10 * 6).fill(9);
  const spot = { left: 4, top: 1, width: 5, height: 4 };
  const map = { values, rows: 2, columns: 2, first: 2, apart: channels };
  drawSmooth(pixels, 10, spot, map, SCALE);
  pixels.forEach((pixel, at) => {
    const [x, y] = [at % 10, Math.floor(at / 10)];
    const inside = x >= 4 && x < 9 && y >= 1 && y < 5;
    assert.equal(pixel, inside ? 2 : 9);
  });
});

test("values apart keep their own colours, and where there is none it is clear", () => {
  const values = Float32Array.from([NaN, 30, 10, 20]);
  const pixels = new Uint32Array(36).fill(9);
  const scale = { ...SCALE, table: SCALE.table.map((level) => level || 99) };
  drawSharp(pixels, 6, whole(6), { values, rows: 2, columns: 2 }, scale);
  assert.deepEqual([...pixels.subarray(0, 6)], [10, 10, 10, 20, 20, 20]);
  assert.deepEqual([...pixels.subarray(30, 36)], [0, 0, 0, 30, 30, 30]);
});
