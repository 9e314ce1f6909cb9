/**
 * Where one number of a network comes from, and what hangs on it: plain sums over the maps that
 * the engine gave, so that a reader can check each of them.
 */

import { t } from "../base/strings.js";

/**
 * @typedef {import("../network/plan.js").Plan} Plan
 * @typedef {import("../network/plan.js").Step} Step
 * @typedef {object} Pass One storm through a network.
 * @property {Plan} plan
 * @property {Map<string, Float32Array>} weights
 * @property {Float32Array} image The box, scaled.
 * @property {readonly Float32Array[]} maps What each step gave.
 * @typedef {{row: number, column: number, channel: number}} Cell Of a map; row and column are 0 of
 *   flat values, whose number is the channel.
 * @typedef {{row: number, column: number, rows: number, columns: number}} Region
 */

/**
 * Rows, columns and channels; a row of values is a map of one cell.
 * @param {readonly number[]} shape
 */
export function sides(shape) {
  const [rows, columns, channels] = shape.length === 3 ? shape : [1, 1, shape[0]];
  return { rows, columns, channels };
}

/** @param {readonly number[]} shape @param {Cell} cell */
export function indexOf(shape, { row, column, channel }) {
  const { columns, channels } = sides(shape);
  return (row * columns + column) * channels + channel;
}

/** @param {readonly number[]} shape @param {number} index @returns {Cell} */
export function cellOf(shape, index) {
  const { columns, channels } = sides(shape);
  const place = Math.floor(index / channels);
  return { row: Math.floor(place / columns), column: place % columns, channel: index % channels };
}

/** What a step is given. @param {Pass} pass @param {number} step */
export function givenTo(pass, step) {
  return step === 0 ? pass.image : pass.maps[step - 1];
}

/** The step whose map an "add" adds. @param {Plan} plan @param {number} step */
export function keptFor(plan, step) {
  const before = plan.steps.slice(0, step).map(({ kind }) => kind);
  return before.lastIndexOf("keep");
}

// ------------------------------------------------------------------ curves

/** @param {number} x */
function logistic(x) {
  return 1 / (1 + Math.exp(-x));
}

/**
 * The error function, to 1.2e-7 (Press et al. 1992, Numerical Recipes, section 6.2).
 * @param {number} x
 */
function erf(x) {
  const u = 1 / (1 + 0.5 * Math.abs(x));
  const series = [
    0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418,
    0.37409196, 1.00002368, -1.26551223,
  ];
  const power = series.reduce((sum, factor) => sum * u + factor, 0);
  const rest = u * Math.exp(-x * x + power);
  return x >= 0 ? 1 - rest : rest - 1;
}

/** @type {Readonly<Record<string, (x: number, constants: readonly number[]) => number>>} */
const CURVES = {
  linear: (x) => x,
  relu: (x, [slope = 0, most = Infinity, from = 0]) =>
    x > from ? Math.min(x, most) : slope * (x - from),
  tanh: Math.tanh,
  sigmoid: logistic,
  elu: (x, [alpha = 1]) => (x > 0 ? x : alpha * Math.expm1(x)),
  selu: (x) => 1.05070098 * (x > 0 ? x : 1.67326324 * Math.expm1(x)),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  softsign: (x) => x / (1 + Math.abs(x)),
  silu: (x) => x * logistic(x),
  exponential: Math.exp,
  hard_sigmoid: (x) => Math.min(Math.max(x / 6 + 0.5, 0), 1),
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
};

/**
 * Sums of one cell's channels through the step's activation.
 * @param {Step} step
 * @param {ArrayLike<number>} sums
 * @returns {Float64Array}
 */
export function activated(step, sums) {
  const values = Float64Array.from(sums);
  if (step.activation !== "softmax") {
    return values.map((sum) => CURVES[step.activation](sum, step.constants));
  }
  const highest = values.reduce((most, value) => Math.max(most, value), -Infinity);
  const powers = values.map((value) => Math.exp(value - highest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/**
 * Probabilities made honest: each to the power of 1 / temperature, divided by their sum.
 * @param {ArrayLike<number>} probabilities
 * @param {number} temperature
 * @returns {Float64Array}
 */
export function tempered(probabilities, temperature) {
  const powers = Float64Array.from(probabilities, (p) => Math.max(p, 1e-38) ** (1 / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

// ------------------------------------------------------------------ one cell

/**
 * What a convolution's filter makes of one channel.
 * @typedef {object} Part
 * @property {number} channel Of what the step is given.
 * @property {Float32Array} values Of the window, 0 beside the map.
 * @property {Float32Array} weights
 * @property {number} sum Of their products.
 */

/**
 * The window of a step over what it is given, at a cell of what it gives.
 * @param {Step} step
 * @param {{row: number, column: number}} cell
 */
export function windowOf(step, { row, column }) {
  const { window, strides, dilation, padding } = step;
  return {
    row: row * strides[0] - padding[0],
    column: column * strides[1] - padding[2],
    rows: (window[0] - 1) * dilation[0] + 1,
    columns: (window[1] - 1) * dilation[1] + 1,
  };
}

/**
 * The products of a filter at a cell, channel by channel.
 * @param {Pass} pass
 * @param {number} number Of a convolution.
 * @param {Cell} cell
 * @returns {Part[]} In the order of the channels.
 */
export function partsOf(pass, number, cell) {
  const step = pass.plan.steps[number];
  const given = givenTo(pass, number);
  const kernel = weight(pass, step.kernel);
  const { rows, columns, channels } = sides(step.input);
  const filters = sides(step.shape).channels;
  const depth = channels / step.groups;
  const first = Math.floor((cell.channel * step.groups) / filters) * depth;
  const [high, wide] = step.window;
  const corner = windowOf(step, cell);
  return Array.from({ length: depth }, (_, i) => {
    const values = new Float32Array(high * wide);
    const weights = new Float32Array(high * wide);
    let sum = 0;
    for (let tap = 0; tap < high * wide; ++tap) {
      const row = corner.row + Math.floor(tap / wide) * step.dilation[0];
      const column = corner.column + (tap % wide) * step.dilation[1];
      weights[tap] = kernel[(tap * depth + i) * filters + cell.channel];
      if (row < 0 || column < 0 || row >= rows || column >= columns) continue;
      values[tap] = given[(row * columns + column) * channels + first + i];
      sum += values[tap] * weights[tap];
    }
    return { channel: first + i, values, weights, sum };
  });
}

/**
 * Cells that a pool's window covers, and their values.
 * @param {Pass} pass
 * @param {number} number Of a pool.
 * @param {Cell} cell
 * @returns {{row: number, column: number, value: number}[]}
 */
export function pooledAt(pass, number, cell) {
  const step = pass.plan.steps[number];
  const given = givenTo(pass, number);
  const { rows, columns, channels } = sides(step.input);
  const corner = windowOf(step, cell);
  const cells = [];
  for (let row = corner.row; row < corner.row + corner.rows; ++row) {
    for (let column = corner.column; column < corner.column + corner.columns; ++column) {
      if (row < 0 || column < 0 || row >= rows || column >= columns) continue;
      cells.push({ row, column, value: given[(row * columns + column) * channels + cell.channel] });
    }
  }
  return cells;
}

/** @param {Pass} pass @param {string | null} name */
function weight(pass, name) {
  const values = name === null ? undefined : pass.weights.get(name);
  if (!values) throw new Error(t("network.no-weights", { name }));
  return values;
}

/**
 * What is added to a filter's or a unit's products.
 * @param {Pass} pass
 * @param {number} number
 * @param {number} channel
 */
export function biasOf(pass, number, channel) {
  const { bias } = pass.plan.steps[number];
  return bias === null ? 0 : weight(pass, bias)[channel];
}

/**
 * The products of a unit of a dense layer.
 * @param {Pass} pass
 * @param {number} number
 * @param {number} unit
 * @returns {{input: number, value: number, weight: number, product: number}[]}
 */
export function productsOf(pass, number, unit) {
  const step = pass.plan.steps[number];
  const kernel = weight(pass, step.kernel);
  const units = step.shape[0];
  return Array.from(givenTo(pass, number), (value, input) => {
    const weight = kernel[input * units + unit];
    return { input, value, weight, product: value * weight };
  });
}

/** @param {Step} step */
const isGlobal = ({ kind }) => kind.startsWith("global");

/**
 * Which channel of a map a global step's value is of, and whether it is the mean.
 * @param {Step} step
 * @param {number} channel
 */
export function globalOf(step, channel) {
  const { channels } = sides(step.input);
  const mean = step.kind === "global mean" || (step.kind === "global both" && channel < channels);
  return { channel: channel % channels, mean };
}

/**
 * Sums of all channels at a cell, before the activation.
 * @param {Pass} pass With maps at least up to what the step is given.
 * @param {number} number
 * @param {{row: number, column: number}} place
 * @returns {Float64Array}
 */
export function sumsAt(pass, number, place) {
  const step = pass.plan.steps[number];
  const { channels } = sides(step.shape);
  const given = givenTo(pass, number);
  const here = (place.row * sides(step.input).columns + place.column) * channels;
  const own = (/** @type {number} */ channel) => given[here + channel];
  const each = (/** @type {(channel: number) => number} */ of) =>
    Float64Array.from({ length: channels }, (_, channel) => of(channel));
  switch (step.kind) {
    case "convolution":
      return convolvedAt(pass, number, place);
    case "dense":
      return denseSums(pass, number);
    case "highest":
      return each((channel) =>
        pooledAt(pass, number, { ...place, channel }).reduce(
          (most, { value }) => Math.max(most, value),
          -Infinity,
        ),
      );
    case "mean":
      return each((channel) => {
        const cells = pooledAt(pass, number, { ...place, channel });
        return cells.reduce((sum, { value }) => sum + value, 0) / cells.length;
      });
    case "scale": {
      const [factor, offset] = [weight(pass, step.kernel), weight(pass, step.bias)];
      return each((channel) => own(channel) * factor[channel] + offset[channel]);
    }
    case "normalise": {
      const [factor, offset] = [weight(pass, step.kernel), weight(pass, step.bias)];
      const mean = each(own).reduce((sum, value) => sum + value, 0) / channels;
      const variance = each((c) => (own(c) - mean) ** 2).reduce((sum, v) => sum + v, 0) / channels;
      const size = Math.sqrt(variance + step.constants[0]);
      return each((channel) => ((own(channel) - mean) / size) * factor[channel] + offset[channel]);
    }
    case "neighbours": {
      const [k, alpha, beta] = step.constants;
      return each(
        (channel) => own(channel) / (k + alpha * squaresAround(own, step, channel)) ** beta,
      );
    }
    case "add": {
      const kept = pass.maps[keptFor(pass.plan, number)];
      return each((channel) => own(channel) + kept[here + channel]);
    }
    case "global mean":
    case "global highest":
    case "global both":
      return each((channel) => globalValue(pass, number, channel));
    default:
      return each(own);
  }
}

/** @param {(channel: number) => number} own @param {Step} step @param {number} channel */
function squaresAround(own, step, channel) {
  const half = Math.floor(step.window[0] / 2);
  const last = Math.min(sides(step.input).channels - 1, channel + half);
  let squares = 0;
  for (let c = Math.max(0, channel - half); c <= last; ++c) squares += own(c) ** 2;
  return squares;
}

/** @param {Pass} pass @param {number} number @param {number} value */
function globalValue(pass, number, value) {
  const step = pass.plan.steps[number];
  const { rows, columns, channels } = sides(step.input);
  const { channel, mean } = globalOf(step, value);
  const given = givenTo(pass, number);
  let sum = 0;
  let most = -Infinity;
  for (let at = channel; at < given.length; at += channels) {
    sum += given[at];
    most = Math.max(most, given[at]);
  }
  return mean ? sum / (rows * columns) : most;
}

/**
 * All filters of a convolution at a place.
 * @param {Pass} pass
 * @param {number} number
 * @param {{row: number, column: number}} place
 */
function convolvedAt(pass, number, place) {
  const step = pass.plan.steps[number];
  const given = givenTo(pass, number);
  const kernel = weight(pass, step.kernel);
  const { rows, columns, channels } = sides(step.input);
  const filters = sides(step.shape).channels;
  const [depth, each] = [channels / step.groups, filters / step.groups];
  const sums = Float64Array.from(weight(pass, step.bias));
  const corner = windowOf(step, place);
  const [high, wide] = step.window;
  for (let tap = 0; tap < high * wide; ++tap) {
    const row = corner.row + Math.floor(tap / wide) * step.dilation[0];
    const column = corner.column + (tap % wide) * step.dilation[1];
    if (row < 0 || column < 0 || row >= rows || column >= columns) continue;
    const from = (row * columns + column) * channels;
    for (let channel = 0; channel < channels; ++channel) {
      const value = given[from + channel];
      if (value === 0) continue;
      const group = Math.floor(channel / depth);
      const at = (tap * depth + (channel % depth)) * filters;
      for (let f = group * each; f < (group + 1) * each; ++f) sums[f] += value * kernel[at + f];
    }
  }
  return sums;
}

/** @param {Pass} pass @param {number} number */
function denseSums(pass, number) {
  const step = pass.plan.steps[number];
  const kernel = weight(pass, step.kernel);
  const sums = Float64Array.from(weight(pass, step.bias));
  const units = sums.length;
  givenTo(pass, number).forEach((value, input) => {
    if (value === 0) return;
    for (let unit = 0; unit < units; ++unit) sums[unit] += value * kernel[input * units + unit];
  });
  return sums;
}

/**
 * Scores of the classes before a closing softmax; what the network gives, where it has none.
 * @param {Pass} pass
 * @returns {Float64Array}
 */
function scoresOf(pass) {
  const last = pass.plan.steps.length - 1;
  const { activation } = pass.plan.steps[last];
  if (activation !== "softmax") return Float64Array.from(pass.maps[last]);
  return sumsAt(pass, last, { row: 0, column: 0 });
}

// ------------------------------------------------------------------ what hangs on a cell

/**
 * Cells of a step whose windows cover a region of what it is given.
 * @param {Step} step
 * @param {Region} region
 * @returns {Region | null} Null where no window does, as at the edge of a pool.
 */
export function reached(step, region) {
  const { rows, columns } = sides(step.shape);
  if (step.kind === "dense" || step.kind === "flatten" || isGlobal(step)) {
    return { row: 0, column: 0, rows: 1, columns: 1 };
  }
  if (!["convolution", "highest", "mean"].includes(step.kind)) return region;
  const along = (
    /** @type {0 | 1} */ axis,
    /** @type {number} */ from,
    /** @type {number} */ count,
  ) => {
    const reach = (step.window[axis] - 1) * step.dilation[axis];
    const before = step.padding[2 * axis];
    const most = (axis === 0 ? rows : columns) - 1;
    const first = Math.max(0, Math.ceil((from + before - reach) / step.strides[axis]));
    const last = Math.min(most, Math.floor((from + count - 1 + before) / step.strides[axis]));
    return { first, count: last - first + 1 };
  };
  const down = along(0, region.row, region.rows);
  const across = along(1, region.column, region.columns);
  if (down.count < 1 || across.count < 1) return null;
  return { row: down.first, column: across.first, rows: down.count, columns: across.count };
}

/**
 * Pixels of the box that a cell can see.
 * @param {Plan} plan
 * @param {number} number
 * @param {{row: number, column: number}} cell
 * @returns {Region} Within the box.
 */
export function fieldOf(plan, number, cell) {
  const whole = sides(plan.shape);
  let seen = { row: cell.row, column: cell.column, rows: 1, columns: 1 };
  for (let i = number; i >= 0; --i) {
    const step = plan.steps[i];
    const { rows, columns } = sides(step.input);
    if (step.kind === "dense" || step.kind === "flatten" || isGlobal(step)) {
      seen = { row: 0, column: 0, rows, columns };
    } else if (["convolution", "highest", "mean"].includes(step.kind)) {
      const corner = windowOf(step, seen);
      seen = {
        ...corner,
        rows: (seen.rows - 1) * step.strides[0] + corner.rows,
        columns: (seen.columns - 1) * step.strides[1] + corner.columns,
      };
    }
  }
  const [row, column] = [Math.max(seen.row, 0), Math.max(seen.column, 0)];
  return {
    row,
    column,
    rows: Math.min(seen.row + seen.rows, whole.rows) - row,
    columns: Math.min(seen.column + seen.columns, whole.columns) - column,
  };
}

/**
 * What becomes of a cell in the pool that follows, if one follows before the next convolution.
 * @param {Pass} pass
 * @param {number} number
 * @param {Cell} cell
 * @returns {{step: number, windows: {row: number, column: number, value: number,
 *   cells: {row: number, column: number, value: number}[], wins: boolean}[]} | null} Windows that
 *   cover it; none where the pool leaves it out.
 */
export function poolOf(pass, number, cell) {
  const { steps } = pass.plan;
  let step = number + 1;
  while (step < steps.length && ["activation", "scale", "keep"].includes(steps[step].kind))
    step += 1;
  const pool = steps[step];
  if (!pool || (pool.kind !== "highest" && pool.kind !== "mean")) return null;
  const region = reached(pool, { row: cell.row, column: cell.column, rows: 1, columns: 1 });
  if (!region) return { step, windows: [] };
  return {
    step,
    windows: eachCell(region).map((place) => {
      const cells = pooledAt(pass, step, { ...place, channel: cell.channel });
      const value = pass.maps[step][indexOf(pool.shape, { ...place, channel: cell.channel })];
      const own = cells.find(({ row, column }) => row === cell.row && column === cell.column);
      return { ...place, value, cells, wins: pool.kind === "highest" && own?.value === value };
    }),
  };
}

/** @param {Region} region */
function eachCell(region) {
  return Array.from({ length: region.rows * region.columns }, (_, i) => ({
    row: region.row + Math.floor(i / region.columns),
    column: region.column + (i % region.columns),
  }));
}

/**
 * How a step's values change where one number before it is set to 0.
 * @typedef {object} Change
 * @property {number} step
 * @property {Region | null} region Where values may change; null where none can.
 * @property {number} count Values that do.
 * @property {Cell} cell Of the largest change.
 * @property {number} before
 * @property {number} after
 */

/**
 * Set one number of a map to 0 and compute all that follows anew.
 * @param {Pass} pass
 * @param {number} number Step that gave the map; -1 for the box.
 * @param {Cell} cell
 * @returns {{changes: Change[], scores: {before: Float64Array, after: Float64Array},
 *   probabilities: {before: Float32Array, after: Float32Array}}}
 */
export function without(pass, number, cell) {
  const { plan } = pass;
  const maps = [...pass.maps];
  const given = (number < 0 ? pass.image : pass.maps[number]).slice();
  given[indexOf(number < 0 ? plan.shape : plan.steps[number].shape, cell)] = 0;
  const changed = { ...pass, maps, image: number < 0 ? given : pass.image };
  if (number >= 0) maps[number] = given;
  /** @type {Region | null} */
  let region = { row: cell.row, column: cell.column, rows: 1, columns: 1 };
  /** @type {Change[]} */
  const changes = [];
  for (let i = number + 1; i < plan.steps.length; ++i) {
    const step = plan.steps[i];
    // What is added was kept where the change began, and no window leaves its own cell out.
    region = region && reached(step, region);
    if (region) maps[i] = renewed(changed, i, region);
    changes.push({ step: i, region, ...largest(step, pass.maps[i], maps[i], region) });
  }
  const last = plan.steps.length - 1;
  return {
    changes,
    scores: { before: scoresOf(pass), after: scoresOf(changed) },
    probabilities: { before: pass.maps[last], after: maps[last] },
  };
}

/**
 * A step's map, computed anew in a region.
 * @param {Pass} pass
 * @param {number} number
 * @param {Region} region
 */
function renewed(pass, number, region) {
  const step = pass.plan.steps[number];
  if (step.kind === "keep" || step.kind === "flatten") return givenTo(pass, number);
  const map = pass.maps[number].slice();
  const { columns, channels } = sides(step.shape);
  for (const { row, column } of eachCell(region)) {
    const values = activated(step, sumsAt(pass, number, { row, column }));
    map.set(values, (row * columns + column) * channels);
  }
  return map;
}

/** Below this the engine's rounding and ours differ. */
const ROUNDING = 2e-5;

/**
 * @param {Step} step
 * @param {Float32Array} before
 * @param {Float32Array} after
 * @param {Region | null} region
 */
function largest(step, before, after, region) {
  const { columns, channels } = sides(step.shape);
  const found = { count: 0, at: 0, by: -1 };
  for (const { row, column } of region ? eachCell(region) : []) {
    const cells = step.kind === "flatten" ? before.length : channels;
    for (let c = 0; c < cells; ++c) {
      const at = (row * columns + column) * channels + c;
      const by = Math.abs(after[at] - before[at]);
      if (by > ROUNDING * (1 + Math.abs(before[at]))) found.count += 1;
      if (by > found.by) Object.assign(found, { at, by });
    }
  }
  const { count, at } = found;
  return { count, cell: cellOf(step.shape, at), before: before[at], after: after[at] };
}

/**
 * The cell where a map is strongest.
 * @param {ArrayLike<number>} map
 * @param {readonly number[]} shape
 * @param {number} channel
 * @param {(value: number) => number} [strength] By default the magnitude.
 * @returns {Cell}
 */
export function strongest(map, shape, channel, strength = Math.abs) {
  const { channels } = sides(shape);
  let best = channel;
  for (let at = channel; at < map.length; at += channels) {
    if (strength(map[at]) > strength(map[best])) best = at;
  }
  return cellOf(shape, best);
}
