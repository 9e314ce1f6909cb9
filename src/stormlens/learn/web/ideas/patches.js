/** Patches of a storm: where they are, what lies in them, and what a neuron makes of them. */

import { cut, fires, tellingPlaces } from "./concepts.js";

/**
 * @typedef {import("./concepts.js").Grid} Grid
 * @typedef {import("./concepts.js").Place} Place
 * @typedef {import("./concepts.js").PatchResponse} PatchResponse
 * @typedef {{threshold: number, weight: number, bias: number}} PatchNeuron
 */

/** How many patches are compared. */
export const KEPT = 3;
/** Pixels around a patch where a finger still takes hold of it. */
const REACH = 4;

/**
 * The patches that a list of rows and columns names, moved inside where they would leave the box;
 * telling ones where the list is empty.
 * @param {readonly number[]} numbers Row, column, row, column, ...; a last one alone is left out.
 * @param {Grid} box
 * @param {number} size
 * @returns {Place[]}
 */
export function placesOf(numbers, box, size) {
  const count = Math.min(Math.floor(numbers.length / 2), KEPT);
  if (count === 0) return tellingPlaces(box, size);
  return Array.from({ length: count }, (_, i) =>
    inside([numbers[2 * i], numbers[2 * i + 1]], box, size),
  );
}

/** @param {Place} place @param {Grid} box @param {number} size @returns {Place} */
function inside([row, column], { rows, columns }, size) {
  const within = (/** @type {number} */ at, /** @type {number} */ most) =>
    Math.min(Math.max(Math.round(at), 0), most - size);
  return [within(row, rows), within(column, columns)];
}

/**
 * Other places, one of them moved.
 * @param {readonly Place[]} places
 * @param {number} which
 * @param {Place} to Its first row and column.
 * @param {Grid} box
 * @param {number} size
 * @returns {number[]} As `placesOf` reads them.
 */
export function moved(places, which, to, box, size) {
  return places.flatMap((place, i) => (i === which ? inside(to, box, size) : place));
}

/**
 * Where a patch begins whose middle is a pixel.
 * @param {Place} pixel
 * @param {number} size
 * @returns {Place}
 */
export function centred([row, column], size) {
  const half = Math.floor(size / 2);
  return [row - half, column - half];
}

/**
 * The patch under a pixel, or near it; the nearest of several.
 * @param {readonly Place[]} places
 * @param {number} size
 * @param {Place} pixel
 * @returns {number | undefined} Which.
 */
export function patchAt(places, size, [row, column]) {
  const middle = (size - 1) / 2;
  const far = places.map(([top, left]) =>
    Math.max(Math.abs(row - top - middle), Math.abs(column - left - middle)),
  );
  const nearest = far.indexOf(Math.min(...far));
  return far[nearest] <= middle + REACH ? nearest : undefined;
}

/**
 * What the neuron makes of each patch.
 * @param {Grid} box
 * @param {readonly Place[]} places
 * @param {number} size
 * @param {PatchNeuron} neuron
 * @returns {PatchResponse[]}
 */
export function respond(box, places, size, neuron) {
  return places.map((place) => {
    const { pooled, z, a } = fires(cut(box, place, size), neuron);
    return { pooled, z: rounded(z), a: rounded(a) };
  });
}

/** Weights are tenths, no binary fractions: z = 0 must stay silent. @param {number} value */
function rounded(value) {
  return Number(value.toFixed(9));
}

/**
 * The maximum above which a patch fires.
 * @param {PatchNeuron} neuron
 */
export function firesAbove({ threshold, weight, bias }) {
  return rounded((threshold - bias) / weight);
}

/**
 * The highest value of the patch around each pixel; at the edge, of what of it lies in the box.
 * @param {Grid} box
 * @param {number} size
 * @returns {Float64Array}
 */
export function highestAround({ values, rows, columns }, size) {
  const before = Math.floor(size / 2);
  const after = size - 1 - before;
  const across = new Float64Array(rows * columns);
  const both = new Float64Array(rows * columns);
  // Of a square the maximum is that of its rows' maxima.
  for (let row = 0; row < rows; ++row) {
    for (let column = 0; column < columns; ++column) {
      const last = Math.min(column + after, columns - 1);
      let most = -Infinity;
      for (let j = Math.max(column - before, 0); j <= last; ++j) {
        most = Math.max(most, values[row * columns + j]);
      }
      across[row * columns + column] = most;
    }
  }
  for (let row = 0; row < rows; ++row) {
    const last = Math.min(row + after, rows - 1);
    for (let column = 0; column < columns; ++column) {
      let most = -Infinity;
      for (let i = Math.max(row - before, 0); i <= last; ++i) {
        most = Math.max(most, across[i * columns + column]);
      }
      both[row * columns + column] = most;
    }
  }
  return both;
}
