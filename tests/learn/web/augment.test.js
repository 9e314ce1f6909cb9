/** `ideas/augment.js`, `advice.js` and `recipe-text.js` beside what stormlens computes. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Random } from "../../../src/stormlens/learn/web/base/random.js";
import {
  advice,
  elongation,
  fixed,
  general,
  reportReach,
} from "../../../src/stormlens/learn/web/ideas/advice.js";
import {
  affineMatrix,
  AT_REST,
  augmented,
  beyondTheEdge,
  changeEcho,
  drawn,
  dropOut,
  isAtRest,
  isMirrored,
  reportPlace,
  warp,
} from "../../../src/stormlens/learn/web/ideas/augment.js";
import { PRESETS } from "../../../src/stormlens/learn/web/ideas/presets.js";
import { toToml } from "../../../src/stormlens/learn/web/ideas/recipe-text.js";
import { oracle } from "./oracles.js";

const { skip, cases: held } = oracle("augment.json");

/**
 * @param {ArrayLike<number>} found
 * @param {number[]} wanted
 * @param {number} most
 * @param {string} what
 */
function near(found, wanted, most, what = "") {
  assert.equal(found.length, wanted.length);
  wanted.forEach((value, i) => {
    const apart = Math.abs(found[i] - value);
    assert.ok(apart <= most, `${what} value ${i}: ${found[i]}, not ${value}`);
  });
}

test("maps, reports and shares beyond the edge are Python's", { skip }, () => {
  assert.ok(held.matrices.length >= 300);
  for (const { shape, transform, matrix, report, beyond } of held.matrices) {
    const found = affineMatrix(transform, shape);
    near(found.subarray(0, 2), matrix.slice(0, 2), 1e-6);
    near(found.subarray(3, 5), matrix.slice(3, 5), 1e-6);
    near(found, matrix, 2e-4); // offsets in pixels, of 32-bit sums there
    const exact = Float32Array.from(matrix);
    const { row, column } = reportPlace(exact, shape);
    near([row, column], report, 1e-6 * (Math.abs(report[0]) + Math.abs(report[1]) + 100));
    near([beyondTheEdge([exact], shape)], [beyond], 1e-12);
    assert.equal(isMirrored(exact), transform.flipHorizontal !== transform.flipVertical);
  }
});

test("all four ways to fill are those of stormlens.ops.warp", { skip }, () => {
  const modes = new Set();
  for (const { image, shape, matrix, mode, cval, exact, warped } of held.warps) {
    modes.add(mode);
    const found = new Float32Array(image.length);
    warp(image, Float32Array.from(matrix), shape, mode, cval, found);
    near(found, warped, exact ? 2e-5 : 5e-3, `${mode} ${shape.rows} x ${shape.columns}`);
  }
  assert.equal(modes.size, 4);
});

test("echo is changed, and lost, as Python does it", { skip }, () => {
  for (const { values, echo, changed } of held.echoes) {
    const found = Float32Array.from(values);
    changeEcho(found, echo);
    near(found, changed, 1e-4);
  }
  for (const { shape, dropout, lost } of held.dropouts) {
    const found = new Float32Array(lost.length).fill(1);
    dropOut(found, dropout, shape);
    assert.deepEqual([...found].map((value) => 1 - value), lost);
  }
});

test("sentences are Python's, word by word", { skip }, () => {
  const subjects = new Set();
  for (const { augmentation, beyond, shape, advice: wanted, ...more } of held.advice) {
    const found = advice(augmentation, beyond, shape);
    assert.deepEqual(found, wanted);
    for (const { subject } of found) subjects.add(subject);
    near(reportReach(augmentation, shape), more.reach, 1e-9);
    near([elongation(augmentation)], [more.elongation], 1e-12);
    assert.equal(toToml(augmentation), more.toml);
  }
  assert.equal(subjects.size, 12); // every one was met
});

test("presets are the recipes' own", { skip }, () => {
  assert.deepEqual(PRESETS, held.presets);
});

test("numbers are written as Python's formats write them", () => {
  const halves = [0.5, 1.5, 2.5, 127.5, 382.5].map((value) => fixed(value, 0));
  assert.deepEqual(halves, ["0", "2", "2", "128", "382"]);
  assert.deepEqual([fixed(1.25, 1), fixed(1.75, 1), fixed(1.35, 1)], ["1.2", "1.8", "1.4"]);
  const found = [0, 55, 0.1, 123.456785, 55.03125, 0.00005, 1234567].map(general);
  assert.deepEqual(found, ["0", "55", "0.1", "123.457", "55.0312", "5e-05", "1.23457e+06"]);
});

/** @param {Partial<typeof AT_REST>} some */
function ranges(some) {
  return { ...AT_REST, ...some };
}

const SHAPE = { rows: 12, columns: 20 };

test("draws are spread as stormlens.augment spreads them", () => {
  const wide = ranges({
    rotation_range: 30,
    width_shift_range: 0.2,
    height_shift_range: 0.1,
    shear_range: 5,
    zoom_range: [0.8, 1.4],
    horizontal_flip: true,
    vertical_flip: true,
    offset_range: 6,
    scale_range: [0.5, 1.5],
    cutoff_range: 20,
    dropout_range: 0.4,
  });
  const random = new Random(7);
  const count = 20000;
  const draws = Array.from({ length: count }, () => drawn(wide, random, SHAPE));
  /** @type {[keyof typeof draws[0], number, number][]} */
  const uniform = [
    ["theta", -30, 30],
    ["tx", -4, 4],
    ["ty", -1.2, 1.2],
    ["shear", -5, 5],
    ["zx", 0.8, 1.4],
    ["zy", 0.8, 1.4],
    ["offset", -6, 6],
    ["scale", 0.5, 1.5],
    ["cutoff", 0, 20],
    ["row", 0, 12],
    ["column", 0, 20],
    ["angle", 0, 360],
  ];
  for (const [name, low, high] of uniform) {
    // Kolmogorov and Smirnov: further from even than this once in a thousand times.
    const shares = draws.map((draw) => (Number(draw[name]) - low) / (high - low));
    const furthest = shares
      .sort((a, b) => a - b)
      .reduce((most, share, i) => Math.max(most, Math.abs(share - (i + 0.5) / count)), 0);
    assert.ok(furthest < 1.95 / Math.sqrt(count), `${name}: ${furthest}`);
    assert.ok(shares[0] >= 0 && shares[count - 1] <= 1, name);
  }
  const share = (/** @type {(draw: typeof draws[0]) => boolean} */ of) =>
    draws.filter(of).length / count;
  assert.ok(Math.abs(share((draw) => draw.flipHorizontal) - 0.5) < 0.015);
  assert.ok(Math.abs(share((draw) => draw.flipVertical) - 0.5) < 0.015);
  assert.ok(Math.abs(share((draw) => draw.flipHorizontal && draw.flipVertical) - 0.25) < 0.015);
  assert.ok(Math.abs(share((draw) => draw.share > 0) - 0.5) < 0.015);
  assert.ok(Math.abs(share((draw) => draw.share > 0 && draw.isDisc) - 0.25) < 0.015);
  assert.ok(draws.every((draw) => draw.share <= 0.4));
  const apart = draws.reduce((sum, { zx, zy }) => sum + (zx - 1.1) * (zy - 1.1), 0) / count;
  assert.ok(Math.abs(apart) < 0.001, "rows and columns are zoomed apart");
});

test("a range that is widened moves its own part of a draw alone", () => {
  const one = drawn(ranges({ rotation_range: 10 }), new Random(3), SHAPE);
  const shifted = ranges({ rotation_range: 20, width_shift_range: 0.3 });
  const other = drawn(shifted, new Random(3), SHAPE);
  assert.equal(other.theta, 2 * one.theta);
  assert.notEqual(other.tx, 0);
  assert.deepEqual({ ...other, theta: 0, tx: 0 }, { ...one, theta: 0, tx: 0 });
});

test("a box is warped, changed and lost in this order", () => {
  const image = Uint8Array.from({ length: 240 }, (_, i) => (i % 7 === 0 ? 0 : i % 80));
  const all = (/** @type {ReturnType<typeof ranges>} */ held) =>
    augmented(image, held, drawn(held, new Random(1), SHAPE), SHAPE);
  assert.deepEqual([...all(ranges({}))], [...image]);
  assert.deepEqual([...all(ranges({ fill_mode: "wrap", cval: 9 }))], [...image]);
  const held = ranges({ width_shift_range: 0.5, fill_mode: "constant", cval: 10 });
  const draw = drawn(held, new Random(1), SHAPE);
  const shift = Math.abs(draw.tx);
  assert.ok(shift > 2);
  assert.ok(all(held).filter((value) => value === 10).length >= 12 * Math.floor(shift));
  // What is filled in is echo like any other, and is changed too.
  const changed = all({ ...held, scale_range: [2, 2] });
  assert.ok(changed.filter((value) => value === 20).length >= 12 * Math.floor(shift));
  assert.ok(changed.every((value) => value >= 0 && value <= 80));
  const seeds = Array.from({ length: 20 }, (_, seed) => seed);
  const lost = seeds.map((seed) => {
    const gone = ranges({ dropout_range: 1, cutoff_range: 0.001 });
    const found = augmented(image, gone, drawn(gone, new Random(seed), SHAPE), SHAPE);
    return found.filter((value) => value > 0).length;
  });
  const echo = image.filter((value) => value > 0).length;
  const whole = lost.filter((count) => count === echo).length;
  assert.ok(whole > 3 && whole < 17, `${whole} of 20 are whole`);
});

test("only what moves or changes nothing is at rest", () => {
  assert.ok(isAtRest(ranges({})));
  assert.ok(isAtRest(ranges({ fill_mode: "wrap", cval: 20 })));
  assert.ok(!isAtRest(ranges({ zoom_range: [0.9, 1] })));
  assert.ok(!isAtRest(ranges({ vertical_flip: true })));
  assert.ok(!isAtRest(ranges({ dropout_range: 0.1 })));
});
