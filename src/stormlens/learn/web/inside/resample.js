/** Maps at the size at which they are shown, drawn into the pixels of a larger picture. */

/**
 * @typedef {import("../base/picture.js").MapOf} MapOf
 * @typedef {import("./pixels.js").Scale} Scale
 * @typedef {object} Spot Whole pixels of a picture, from its top left.
 * @property {number} left
 * @property {number} top
 * @property {number} width
 * @property {number} height
 * @typedef {object} Mixing What each pixel along a side is mixed from.
 * @property {number} count Values that each takes.
 * @property {Uint16Array} first Where these begin, one a pixel.
 * @property {Float32Array} weights `count` a pixel; they add up to 1.
 * @typedef {object} Line Of pixels.
 * @property {number} to Its first pixel.
 * @property {number} width
 * @property {number} row The lowest row that it is mixed from.
 * @property {number} tap Where the weights of these begin.
 */

/** By sides from and to. @type {Map<string, Mixing>} */
const known = new Map();

/**
 * Along a side that is made longer a pixel lies between two values; along one that is made
 * shorter it is the mean of all that it covers.
 * @param {number} from Values of a side.
 * @param {number} to Pixels.
 * @returns {Mixing}
 */
export function mixing(from, to) {
  const key = `${from} ${to}`;
  let made = known.get(key);
  if (!made) known.set(key, (made = (from > to ? means : betweens)(from, to)));
  return made;
}

/** @param {number} from @param {number} to @returns {Mixing} */
function betweens(from, to) {
  const count = Math.min(from, 2);
  const made = roomFor(count, to);
  for (let i = 0; i < to; ++i) {
    const place = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const first = Math.min(Math.floor(place), from - count);
    made.first[i] = first;
    made.weights.set([1 - (place - first), place - first].slice(0, count), i * count);
  }
  return made;
}

/** @param {number} from @param {number} to @returns {Mixing} */
function means(from, to) {
  const step = from / to;
  const count = Math.min(from, Math.ceil(step) + 1);
  const made = roomFor(count, to);
  for (let i = 0; i < to; ++i) {
    const [low, high] = [i * step, (i + 1) * step];
    const first = Math.min(Math.floor(low), from - count);
    made.first[i] = first;
    for (let k = 0; k < count; ++k) {
      const covered = Math.min(high, first + k + 1) - Math.max(low, first + k);
      made.weights[i * count + k] = Math.max(0, covered) / step;
    }
  }
  return made;
}

/** @param {number} count @param {number} to @returns {Mixing} */
function roomFor(count, to) {
  return { count, first: new Uint16Array(to), weights: new Float32Array(to * count) };
}

// Rows as wide as they are shown, in levels of colour, and one that is mixed from some of them;
// of the kind that JavaScript computes with, or each number would be converted twice.
let wide = new Float64Array(0);
let mixed = new Float64Array(0);

/**
 * Draw a map, row 0 at the bottom, its values mixed.
 * @param {Uint32Array} pixels Of the whole picture.
 * @param {number} across Pixels in a row of it.
 * @param {Spot} spot
 * @param {MapOf} map
 * @param {Scale} scale Which all its values are within.
 */
export function drawSmooth(pixels, across, { left, top, width, height }, map, scale) {
  widen(map, width, scale);
  const { count, first, weights } = mixing(map.rows, height);
  for (let j = 0; j < height; ++j) {
    const to = (top + height - 1 - j) * across + left;
    const line = { to, width, row: first[j], tap: j * count };
    (count === 2 ? colourTwo : colourMany)(pixels, line, weights, count, scale.table);
  }
}

/**
 * All rows of a map at another width.
 * @param {MapOf} map
 * @param {number} width
 * @param {Scale} scale
 */
function widen({ values, rows, columns, first: start = 0, apart = 1 }, width, scale) {
  const { low, high, table } = scale;
  if (wide.length < rows * width) wide = new Float64Array(rows * width);
  if (mixed.length < width) mixed = new Float64Array(width);
  const levels = wide;
  const factor = (table.length - 1) / (high - low);
  const { count, first, weights } = mixing(columns, width);
  for (let row = 0, to = 0; row < rows; ++row) {
    const from = start + row * columns * apart;
    for (let i = 0, tap = 0; i < width; ++i, ++to) {
      let sum = 0;
      for (let at = from + first[i] * apart, end = tap + count; tap < end; ++tap, at += apart) {
        sum += weights[tap] * values[at];
      }
      levels[to] = (sum - low) * factor + 0.5;
    }
  }
}

/**
 * A line between two rows, as nearly all are.
 * @param {Uint32Array} pixels
 * @param {Line} line
 * @param {Float32Array} weights
 * @param {number} _count
 * @param {Uint32Array} table
 */
function colourTwo(pixels, { to, width, row, tap }, weights, _count, table) {
  const levels = wide;
  const [one, other] = [weights[tap], weights[tap + 1]];
  for (let i = 0, at = row * width; i < width; ++i, ++at) {
    pixels[to + i] = table[(one * levels[at] + other * levels[at + width]) | 0];
  }
}

/**
 * @param {Uint32Array} pixels
 * @param {Line} line
 * @param {Float32Array} weights
 * @param {number} count
 * @param {Uint32Array} table
 */
function colourMany(pixels, { to, width, row, tap }, weights, count, table) {
  const [levels, sums] = [wide, mixed];
  sums.fill(0, 0, width);
  for (let k = 0; k < count; ++k) {
    const [weight, from] = [weights[tap + k], (row + k) * width];
    if (weight > 0) for (let i = 0; i < width; ++i) sums[i] += weight * levels[from + i];
  }
  for (let i = 0; i < width; ++i) pixels[to + i] = table[sums[i] | 0];
}

/**
 * Draw a map with its values apart from each other, row 0 at the bottom; no number is left clear.
 * @param {Uint32Array} pixels Of the whole picture.
 * @param {number} across Pixels in a row of it.
 * @param {Spot} spot
 * @param {MapOf} map
 * @param {Scale} scale
 */
export function drawSharp(pixels, across, { left, top, width, height }, map, scale) {
  const { values, rows: high, columns, first = 0, apart = 1 } = map;
  const most = scale.table.length - 1;
  const factor = most / (scale.high - scale.low);
  for (let j = 0; j < height; ++j) {
    const row = high - 1 - Math.floor((j * high) / height);
    const to = (top + j) * across + left;
    for (let i = 0; i < width; ++i) {
      const value = values[first + (row * columns + Math.floor((i * columns) / width)) * apart];
      const level = Math.min(Math.max(((value - scale.low) * factor + 0.5) | 0, 0), most);
      pixels[to + i] = Number.isNaN(value) ? 0 : scale.table[level];
    }
  }
}
