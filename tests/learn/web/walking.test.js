/** `ideas/walking.js` beside what `stormlens.concepts` computes. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { convolutionStep } from "../../../src/stormlens/learn/web/ideas/concepts.js";
import {
  answersOf,
  answersToNorth,
  CLASSICAL,
  isSame,
  kernelOf,
  nameOf,
  OWN,
  respond,
  upsideDown,
  usualSize,
  walkedAfter,
} from "../../../src/stormlens/learn/web/ideas/walking.js";
import { oracle } from "./oracles.js";

const { skip, cases: held } = oracle("walker.json");

/** @param {ArrayLike<number>} found @param {number[]} wanted */
function near(found, wanted) {
  assert.equal(found.length, wanted.length);
  wanted.forEach((value, i) => {
    const apart = Math.abs(found[i] - value);
    assert.ok(apart <= 1e-12 * Math.max(1, Math.abs(value)), `${found[i]}, not ${value}`);
  });
}

/** @param {number[][]} rows */
function grid(rows) {
  return { values: rows.flat(), rows: rows.length, columns: rows[0].length };
}

test("classical kernels are Python's, with the north on top", { skip }, () => {
  assert.deepEqual(Object.keys(CLASSICAL), Object.keys(held.kernels));
  for (const [name, rows] of Object.entries(held.kernels)) near(CLASSICAL[name], rows.flat());
});

test("responses, steps and answers are Python's", { skip }, () => {
  assert.ok(held.cases.length > 100);
  for (const { box, weights, turned, response, place, read, usual, answers } of held.cases) {
    const found = respond(grid(box), weights, turned);
    near(found.values, response.flat());
    near([usualSize(found.values)], [usual]);
    const step = convolutionStep(grid(box), kernelOf(weights), place, { turned });
    near(upsideDown(step.window.values), read.pixels);
    near(upsideDown(step.kernel.values), read.lying);
    near(upsideDown(step.products.values), read.products);
    near([step.total], [read.total]);
    const { even, east, north } = answersOf(weights, turned);
    near([even, east, north], [answers.even, answers.east, answers.north]);
  }
});

test("a kernel has its name, also with the digits of an address, or is one's own", () => {
  for (const [name, weights] of Object.entries(CLASSICAL)) {
    assert.equal(nameOf(weights), name);
    assert.equal(nameOf(weights.map((weight) => Number(weight.toPrecision(12)))), name);
  }
  assert.equal(nameOf([1, 0, 0, 0, 0, 0, 0, 0, 0]), OWN);
  assert.equal(nameOf(CLASSICAL.blur.map((weight) => weight + 1e-6)), OWN);
});

test("answering to the north alone is proved by ramps", () => {
  const simple = [0, 1, 0, 0, 0, 0, 0, -1, 0];
  const lopsided = [0.3, 0.1, 0.2, 0, 0, 0, -0.3, -0.1, -0.2];
  assert.ok(answersToNorth(CLASSICAL["sobel y"], false));
  assert.ok(answersToNorth(simple, false));
  assert.ok(answersToNorth(lopsided, false));
  assert.ok(answersToNorth([...simple].reverse(), true));
  const others = [
    [...simple].reverse(), // to the south
    CLASSICAL["sobel x"],
    CLASSICAL["sobel x"].map((weight, i) => weight + CLASSICAL["sobel y"][i]), // north-east
    [1, 1, 1, 0, 0, 0, 0, 0, 0], // to what is even too
    CLASSICAL.laplacian,
    Array(9).fill(0),
  ];
  for (const weights of others) assert.ok(!answersToNorth(weights, false), String(weights));
  assert.ok(!answersToNorth(simple, true));
});

test("only what gives the storm back is the same", () => {
  const box = grid([
    [1, 2, 3, 4],
    [5, 6, 7, 0],
    [9, 8, 7, 6],
    [1, 0, 1, 0],
  ]);
  const identity = CLASSICAL.identity;
  assert.ok(isSame(respond(box, identity, false), box));
  assert.ok(isSame(respond(box, identity, true), box));
  assert.ok(!isSame(respond(box, identity.map((weight) => 2 * weight), false), box));
  assert.ok(!isSame(respond(box, CLASSICAL.blur, false), box));
  // A box without echo is given back by every kernel, which proves nothing.
  const blank = { ...box, values: Array(16).fill(0) };
  assert.ok(!isSame(respond(blank, identity, false), blank));
});

test("a walk begins slowly, misses no row and ends", () => {
  const columns = 134;
  assert.deepEqual(walkedAfter(0, columns), { rows: 0, column: 0 });
  assert.deepEqual(walkedAfter(2.8, columns), { rows: 0, column: 67 });
  assert.deepEqual(walkedAfter(5.6 + 1.4, columns), { rows: 1, column: 67 });
  let before = 0;
  for (let frame = 0; frame < 60 * 14; ++frame) {
    const { rows, column } = walkedAfter(frame / 60, columns);
    assert.ok(rows - before <= 1 && rows >= before && column >= 0 && column < columns);
    before = rows;
  }
  assert.ok(before >= 134, String(before));
});
