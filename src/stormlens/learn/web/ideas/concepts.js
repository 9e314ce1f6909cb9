/**
 * The chapter's ideas as small exact functions: neurons, pooling, convolution, kernels.
 *
 * The twin of `stormlens.concepts` in Python, with which tests compare it. Nothing draws. Row 0 of
 * a grid is the south, as in a storm box.
 */

import { t } from "../base/strings.js";

/**
 * @typedef {object} Grid Numbers row by row.
 * @property {ArrayLike<number>} values
 * @property {number} rows
 * @property {number} columns
 * @typedef {Grid & {values: Float64Array}} Computed
 * @typedef {readonly [row: number, column: number]} Place
 */

/**
 * @typedef {object} Activation
 * @property {(z: number) => number} of From the sum z to the answer a.
 * @property {(z: number) => number} slope From z to da/dz.
 */

const LEAK = 0.01;

/**
 * What a neuron makes of its sum, by name. ReLU and leaky ReLU have a corner at 0, where the slope
 * to its left stands.
 * @type {Readonly<Record<string, Activation>>}
 */
export const ACTIVATIONS = {
  linear: { of: (z) => z, slope: () => 1 },
  relu: { of: (z) => Math.max(0, z), slope: (z) => (z > 0 ? 1 : 0) },
  leaky_relu: { of: (z) => (z > 0 ? z : LEAK * z), slope: (z) => (z > 0 ? 1 : LEAK) },
  sigmoid: { of: sigmoid, slope: (z) => sigmoid(z) * sigmoid(-z) },
  tanh: { of: Math.tanh, slope: (z) => 1 - Math.tanh(z) ** 2 },
  gelu: { of: (z) => z * normalBelow(z), slope: (z) => normalBelow(z) + z * normalDensity(z) },
};

/** @param {number} z */
function sigmoid(z) {
  return 1 / (1 + Math.exp(-z));
}

/** @param {number} z */
function normalDensity(z) {
  return Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
}

/** From here outwards a continued fraction is exact; nearer to 0, a series is. */
const TAIL = 3;

/**
 * How likely a standard normal number is to be z or less.
 * @param {number} z
 * @returns {number}
 */
function normalBelow(z) {
  if (z > TAIL) return 1 - normalBelow(-z);
  if (z < -TAIL) {
    // Laplace's continued fraction, from far inside outwards: no digits are lost in the tail. The
    // further out, the fewer terms it takes.
    let inner = -z;
    for (let n = 8 + Math.ceil(800 / (z * z)); n > 0; --n) inner = -z + n / inner;
    return normalDensity(z) / inner;
  }
  // z + z^3 / 3 + z^5 / (3 5) + ... (Marsaglia, 2004), until nothing is added any more.
  let [term, sum] = [z, z];
  for (let n = 3; sum + term !== sum || n === 3; n += 2) {
    term *= (z * z) / n;
    sum += term;
  }
  return 0.5 + sum * normalDensity(z);
}

/**
 * Weigh the inputs and add up: z = sum of w x, plus b.
 * @param {readonly number[]} weights
 * @param {readonly number[]} inputs As many.
 * @param {number} bias
 * @returns {number}
 */
export function aggregate(weights, inputs, bias) {
  return weights.reduce((sum, weight, i) => sum + weight * inputs[i], 0) + bias;
}

/**
 * @typedef {object} PatchResponse
 * @property {number} pooled Highest value of the patch.
 * @property {number} z weight pooled + bias - threshold.
 * @property {number} a max(0, z): above 0 where the neuron fires.
 */

/**
 * Pool a patch to its maximum and let one ReLU neuron answer to it.
 * @param {Grid} patch dBZ.
 * @param {{threshold: number, weight: number, bias: number}} neuron
 * @returns {PatchResponse}
 */
export function fires(patch, { threshold, weight, bias }) {
  const pooled = highest(patch);
  const z = weight * pooled + bias - threshold;
  return { pooled, z, a: Math.max(0, z) };
}

/** @param {Grid} grid */
function highest({ values }) {
  let most = -Infinity;
  for (let i = 0; i < values.length; ++i) most = Math.max(most, values[i]);
  return most;
}

/**
 * A part of a grid.
 * @param {Grid} grid
 * @param {Place} place Its first row and column.
 * @param {number} rows
 * @param {number} [columns]
 * @returns {Computed}
 */
export function cut(grid, [row, column], rows, columns = rows) {
  const values = new Float64Array(rows * columns);
  for (let i = 0, to = 0; i < rows; ++i) {
    const from = (row + i) * grid.columns + column;
    for (let j = 0; j < columns; ++j, ++to) values[to] = grid.values[from + j];
  }
  return { values, rows, columns };
}

/**
 * Where in a grid the highest number of each window stands, the first one row by row where several
 * are equal. What is too little for a window at the northern and eastern edge is left out.
 * @param {Grid} grid
 * @param {number} window Rows and columns.
 * @param {number} [stride] From one window to the next.
 * @returns {{places: Place[], rows: number, columns: number}}
 */
export function poolArgmax(grid, window, stride = window) {
  if (window > grid.rows || window > grid.columns) {
    throw new Error(t("concepts.window-too-large", { window, ...sizes(grid) }));
  }
  const rows = Math.floor((grid.rows - window) / stride) + 1;
  const columns = Math.floor((grid.columns - window) / stride) + 1;
  const places = Array.from({ length: rows * columns }, (_, i) =>
    argmaxOf(grid, Math.floor(i / columns) * stride, (i % columns) * stride, window),
  );
  return { places, rows, columns };
}

/**
 * @param {Grid} grid
 * @param {number} row
 * @param {number} column
 * @param {number} window
 * @returns {Place}
 */
function argmaxOf({ values, columns }, row, column, window) {
  /** @type {Place} */
  let best = [row, column];
  let most = -Infinity;
  for (let i = row; i < row + window; ++i) {
    for (let j = column; j < column + window; ++j) {
      const value = values[i * columns + j];
      if (value > most) [best, most] = [[i, j], value];
    }
  }
  return best;
}

/**
 * Keep the highest number of each window.
 * @param {Grid} grid
 * @param {number} window Rows and columns.
 * @param {number} [stride] From one window to the next.
 * @returns {Computed}
 */
export function pool(grid, window, stride = window) {
  const { places, rows, columns } = poolArgmax(grid, window, stride);
  const kept = places.map(([row, column]) => grid.values[row * grid.columns + column]);
  return { values: Float64Array.from(kept), rows, columns };
}

/** First row and column of the chapter's three patches of 5 x 5 in its storm, train 56. */
export const PATCH_PLACES = /** @type {const} */ ({
  convection: [60, 60],
  stratiform: [40, 70],
  nothing: [100, 20],
});

/**
 * Three patches worth comparing: the strongest echo, a middling one, and the weakest, from patches
 * that do not overlap.
 * @param {Grid} box dBZ.
 * @param {number} size Rows and columns of a patch.
 * @returns {Place[]}
 */
export function tellingPlaces(box, size) {
  const { values, columns } = pool(box, size);
  const half = highest({ values, rows: 1, columns: values.length }) / 2;
  const least = (/** @type {(value: number) => number} */ of) =>
    values.reduce((best, value, i) => (of(value) < of(values[best]) ? i : best), 0);
  return [
    least((value) => -value),
    least((value) => Math.abs(value - half)),
    least((value) => value),
  ].map((i) => [Math.floor(i / columns) * size, (i % columns) * size]);
}

/**
 * Slide a kernel over a grid without turning it, as a Keras layer does; only where all of it lies
 * on the grid.
 * @param {Grid} grid
 * @param {Grid} kernel
 * @returns {Computed}
 */
export function correlate(grid, kernel) {
  checkFits(kernel, grid);
  const rows = grid.rows - kernel.rows + 1;
  const columns = grid.columns - kernel.columns + 1;
  const values = new Float64Array(rows * columns);
  for (let u = 0; u < kernel.rows; ++u) {
    for (let v = 0; v < kernel.columns; ++v) {
      const weight = kernel.values[u * kernel.columns + v];
      for (let i = 0, to = 0; i < rows; ++i) {
        const from = (i + u) * grid.columns + v;
        for (let j = 0; j < columns; ++j, ++to) values[to] += weight * grid.values[from + j];
      }
    }
  }
  return { values, rows, columns };
}

/**
 * Turn a kernel by 180 degrees and slide it over a grid, as `scipy.signal.convolve` does.
 * @param {Grid} grid
 * @param {Grid} kernel
 * @returns {Computed}
 */
export function convolve(grid, kernel) {
  return correlate(grid, flip(kernel));
}

/**
 * @typedef {object} Step One output pixel of a convolution, taken apart.
 * @property {Computed} window Numbers under the kernel.
 * @property {Computed} kernel Weights as they lie on them: turned already, if it is a convolution.
 * @property {Computed} products Number times weight.
 * @property {number} total Their sum: the output pixel.
 */

/**
 * Work out one output pixel, by the definition.
 * @param {Grid} grid
 * @param {Grid} kernel
 * @param {Place} place Of the output pixel, and of the window's first row and column.
 * @param {{turned?: boolean}} [options] `turned` for `convolve` in place of `correlate`.
 * @returns {Step}
 */
export function convolutionStep(grid, kernel, [row, column], { turned = false } = {}) {
  checkFits(kernel, grid);
  const [lastRow, lastColumn] = [grid.rows - kernel.rows, grid.columns - kernel.columns];
  if (!(row >= 0 && row <= lastRow && column >= 0 && column <= lastColumn)) {
    throw new Error(t("concepts.no-output-pixel", { row, column, lastRow, lastColumn }));
  }
  const { rows, columns } = kernel;
  const window = cut(grid, [row, column], rows, columns);
  const used = turned ? flip(kernel) : cut(kernel, [0, 0], rows, columns);
  // "+ 0" makes 0 of -0, which nobody wants to read.
  const values = window.values.map((value, i) => value * used.values[i] + 0);
  const total = values.reduce((sum, value) => sum + value, 0);
  return { window, kernel: used, products: { values, rows, columns }, total };
}

/** @param {Grid} kernel @param {Grid} grid */
function checkFits(kernel, grid) {
  if (kernel.rows > grid.rows || kernel.columns > grid.columns) {
    const { rows: kernelRows, columns: kernelColumns } = kernel;
    throw new Error(t("concepts.kernel-too-large", { kernelRows, kernelColumns, ...sizes(grid) }));
  }
}

/** @param {Grid} grid */
function sizes({ rows, columns }) {
  return { rows, columns };
}

/**
 * A kernel turned by 180 degrees: what tells convolution from correlation.
 * @param {Grid} kernel
 * @returns {Computed}
 */
export function flip({ values, rows, columns }) {
  return { values: Float64Array.from(values).reverse(), rows, columns };
}

/** @param {number[]} values @returns {Computed} */
function square(values) {
  const size = Math.sqrt(values.length);
  return { values: Float64Array.from(values), rows: size, columns: size };
}

/** @param {readonly number[]} down @param {readonly number[]} across */
function outer(down, across) {
  return square(down.flatMap((one) => across.map((other) => one * other)));
}

/** @param {number} size @returns {number[]} A row of Pascal's triangle that adds up to 1. */
function binomial(size) {
  let line = [1];
  while (line.length < size) {
    line = Array.from(
      { length: line.length + 1 },
      (_, i) => ((line[i - 1] ?? 0) + (line[i] ?? 0)) / 2,
    );
  }
  return line;
}

/**
 * The classical kernels of a size, by name: identity, blur and Gaussian of any odd size, the rest
 * of 3 only. Row 0 lies on the southern pixels.
 * @param {number} [size] Rows and columns, odd.
 * @returns {Record<string, Computed>}
 */
export function kernels(size = 3) {
  if (!(size >= 1 && size % 2 === 1)) throw new Error(t("concepts.even-kernel", { size }));
  const count = size * size;
  const middle = (count - 1) / 2;
  const identity = square(Array.from({ length: count }, (_, i) => (i === middle ? 1 : 0)));
  const blur = square(Array.from({ length: count }, () => 1 / count));
  const gaussian = outer(binomial(size), binomial(size));
  if (size !== 3) return { identity, blur, gaussian };
  return {
    identity,
    edge: square([-1, 0, 1, -10, 0, 10, -1, 0, 1]),
    "sobel x": outer([1, 2, 1], [-1, 0, 1]),
    "sobel y": outer([-1, 0, 1], [1, 2, 1]),
    laplacian: square([0, 1, 0, 1, -4, 1, 0, 1, 0]),
    "laplacian, diagonal": square([1, 1, 1, 1, -8, 1, 1, 1, 1]),
    sharpen: square([0, -1, 0, -1, 5, -1, 0, -1, 0]),
    blur,
    gaussian,
  };
}
