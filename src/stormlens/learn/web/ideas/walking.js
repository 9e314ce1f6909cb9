/**
 * What the convolution walker computes beside the convolution itself: kernels as they are read on
 * the page, what they answer to, and where a window is that walks along. Nothing here draws.
 */

import { convolve, correlate, kernels } from "./concepts.js";

/** @typedef {import("./concepts.js").Grid} Grid */

/** The name of a kernel that is none of the classical ones. */
export const OWN = "your own";

/**
 * Nine numbers with the northern row first as those of a grid, whose row 0 is the south, or back.
 * @param {ArrayLike<number>} nine
 * @returns {number[]}
 */
export function upsideDown(nine) {
  return [6, 7, 8, 3, 4, 5, 0, 1, 2].map((i) => nine[i]);
}

/**
 * Nine weights, row by row from the north, as a kernel.
 * @param {readonly number[]} weights
 * @returns {Grid}
 */
export function kernelOf(weights) {
  return { values: upsideDown(weights), rows: 3, columns: 3 };
}

/** The classical kernels, row by row from the north. @type {Readonly<Record<string, number[]>>} */
export const CLASSICAL = Object.fromEntries(
  Object.entries(kernels(3)).map(([name, kernel]) => [name, upsideDown(kernel.values)]),
);

/**
 * Which classical kernel these weights are, to the digits that an address keeps.
 * @param {readonly number[]} weights
 * @returns {string} `OWN` where they are none.
 */
export function nameOf(weights) {
  const isAlike = (/** @type {number[]} */ kernel) =>
    kernel.every((weight, i) => Math.abs(weight - weights[i]) < 1e-9);
  const found = Object.entries(CLASSICAL).find(([, kernel]) => isAlike(kernel));
  return found ? found[0] : OWN;
}

/**
 * The whole response of a box.
 * @param {Grid} box
 * @param {readonly number[]} weights Row by row from the north.
 * @param {boolean} turned
 */
export function respond(box, weights, turned) {
  return (turned ? convolve : correlate)(box, kernelOf(weights));
}

/**
 * @typedef {object} Answers Response to surfaces that a reader can imagine.
 * @property {number} even To 1 dBZ in every pixel.
 * @property {number} east To what rises by 1 a pixel from west to east.
 * @property {number} north To what rises by 1 a pixel from south to north.
 */

/** @param {(row: number, column: number) => number} height @returns {Grid} */
function surface(height) {
  const values = Array.from({ length: 9 }, (_, i) => height(Math.floor(i / 3) - 1, (i % 3) - 1));
  return { values, rows: 3, columns: 3 };
}

const EVEN = surface(() => 1);
const EAST = surface((_, column) => column);
const NORTH = surface((row) => row);

/**
 * What a kernel answers to.
 * @param {readonly number[]} weights Row by row from the north.
 * @param {boolean} turned
 * @returns {Answers}
 */
export function answersOf(weights, turned) {
  const [even, east, north] = [EVEN, EAST, NORTH].map(
    (ramp) => respond(ramp, weights, turned).values[0],
  );
  return { even, east, north };
}

/**
 * Whether a kernel answers to change from south to north alone: above 0 where it rises to the
 * north, 0 to an even surface and to what rises to the east.
 * @param {readonly number[]} weights Row by row from the north.
 * @param {boolean} turned
 */
export function answersToNorth(weights, turned) {
  const { even, east, north } = answersOf(weights, turned);
  const nothing = 1e-9 * weights.reduce((sum, weight) => sum + Math.abs(weight), 0);
  return north > nothing && Math.abs(even) <= nothing && Math.abs(east) <= nothing;
}

/**
 * Whether a response is the box itself, without its rim.
 * @param {Grid} response
 * @param {Grid} box
 */
export function isSame(response, box) {
  let echo = false;
  for (let row = 0; row < response.rows; ++row) {
    for (let column = 0; column < response.columns; ++column) {
      const pixel = box.values[(row + 1) * box.columns + column + 1];
      const answer = response.values[row * response.columns + column];
      if (Math.abs(answer - pixel) > 1e-9) return false;
      echo ||= pixel > 0;
    }
  }
  return echo;
}

const ALMOST_ALL = 0.998;

/**
 * The size that almost no value of a response exceeds, so that a few do not pale the rest.
 * @param {Float64Array} values
 * @returns {number} Above 0.
 */
export function usualSize(values) {
  const sizes = values.map(Math.abs).sort();
  const place = ALMOST_ALL * (sizes.length - 1);
  const low = Math.floor(place);
  const next = sizes[Math.min(low + 1, sizes.length - 1)];
  return sizes[low] + (place - low) * (next - sizes[low]) || 1;
}

const FIRST_ROW = 5.6; // seconds: slow enough to read, at first
const FASTEST_ROW = 1 / 60;

/**
 * Where a window is that walks row by row from west to east, each row twice as fast as the last.
 * @param {number} seconds Since it began.
 * @param {number} columns
 * @returns {{rows: number, column: number}} Rows that lie behind it, and its column.
 */
export function walkedAfter(seconds, columns) {
  let rows = 0;
  let left = Math.max(seconds, 0);
  for (;;) {
    const lasts = Math.max(FIRST_ROW / 2 ** rows, FASTEST_ROW);
    if (left < lasts) {
      return { rows, column: Math.min(Math.floor((left / lasts) * columns), columns - 1) };
    }
    left -= lasts;
    rows += 1;
  }
}
