/**
 * What a network is made of: its layers and the engine's steps, with the shapes of all maps.
 *
 * A plan comes from a network's name and zoo.json, or from the network.json that an export writes
 * of any other chain. Everything that computes trusts a plan, so every size is checked here.
 */

import { t } from "../base/strings.js";
import { Fault } from "./fault.js";

/** What a step may be; as `stormlens.engine.KINDS`. */
export const KINDS = [
  "convolution",
  "dense",
  "highest",
  "mean",
  "activation",
  "scale",
  "normalise",
  "neighbours",
  "global mean",
  "global highest",
  "global both",
  "keep",
  "add",
  "flatten",
];

/** As `stormlens.engine.ACTIVATIONS`, in the order of their numbers in the library. */
export const ACTIVATIONS = [
  "linear",
  "relu",
  "tanh",
  "sigmoid",
  "elu",
  "selu",
  "softplus",
  "softsign",
  "silu",
  "exponential",
  "hard_sigmoid",
  "gelu",
  "softmax",
];

/**
 * @typedef {number[]} Shape Rows, columns and channels of a map, or how many values.
 *
 * @typedef {object} Step One step of the engine; see `stormlens.engine.Step`.
 * @property {string} kind
 * @property {[number, number]} window
 * @property {[number, number]} strides
 * @property {[number, number]} dilation
 * @property {number} groups
 * @property {[number, number, number, number]} padding Before and after the rows, the columns.
 * @property {string | null} kernel Name of its tensor.
 * @property {string | null} bias
 * @property {string} activation
 * @property {number[]} constants
 * @property {Shape} input
 * @property {Shape} shape Of what it gives.
 * @property {number} layer Which layer it belongs to.
 *
 * @typedef {object} Layer
 * @property {string} name As Keras calls it.
 * @property {string} kind Keras's class.
 * @property {Shape} shape Of what it gives.
 * @property {[number, number]} steps The first, and behind the last; both alike where it has none.
 * @property {number} [rate] Of dropout.
 *
 * @typedef {{name: string, shape: number[]}} Tensor
 *
 * @typedef {object} Plan
 * @property {string} name
 * @property {[number, number, number]} shape Rows, columns and channels of an image.
 * @property {string[]} classes
 * @property {number} minimum Raw values that become 0 and 1.
 * @property {number} maximum
 * @property {Layer[]} layers
 * @property {Step[]} steps
 * @property {Tensor[]} tensors Weights, in the order of the file.
 *
 * @typedef {object} Facts What a classifier says of itself.
 * @property {[number, number, number]} shape
 * @property {string[]} classes
 * @property {number} minimum
 * @property {number} maximum
 */

/**
 * The plan of a network that has a name.
 * @param {any} zoo What zoo.json holds.
 * @param {string} name
 * @param {Facts} facts
 * @returns {Plan}
 * @throws {Error} With a sentence, if there is no such network or images are too small for it.
 */
export function planOfZoo(zoo, name, facts) {
  const found = zoo.networks.find((/** @type {any} */ network) => network.name === name);
  if (!found) {
    const names = zoo.networks.map((/** @type {any} */ network) => network.name).join(", ");
    throw new Fault("network.unknown", { name, names });
  }
  const making = new Making(name, facts);
  for (const block of found.layers) making.append(block);
  return making.finish();
}

/**
 * The plan of a classifier whose network has a name.
 * @param {any} zoo What zoo.json holds.
 * @param {any} classifier What classifier.json holds.
 * @returns {Plan}
 * @throws {Error} With a sentence, if the file says what cannot be.
 */
export function planOfClassifier(zoo, classifier) {
  const where = "classifier.json";
  if (typeof classifier !== "object" || classifier === null) {
    throw new Fault("network.no-classifier", { where });
  }
  const facts = readFacts(classifier, where);
  if (typeof classifier.architecture !== "string") {
    throw new Fault("network.no-name", { where });
  }
  return planOfZoo(zoo, classifier.architecture, facts);
}

/**
 * The plan that a network.json holds.
 * @param {any} json
 * @param {Map<string, number[]>} shapes Of the weights in the file beside it.
 * @returns {Plan}
 * @throws {Error} With a sentence, if it says what cannot be.
 */
export function planOfNetwork(json, shapes) {
  const where = "network.json";
  if (json?.format !== 1 || !Array.isArray(json.steps) || !Array.isArray(json.layers)) {
    throw new Fault("network.format", { where });
  }
  const facts = readFacts(json, where);
  /** @type {Plan} */
  const plan = {
    name: String(json.name ?? "network"),
    ...facts,
    layers: [],
    steps: [],
    tensors: [],
  };
  let next = 0;
  for (const [number, given] of json.layers.entries()) {
    const [first, last] = Array.isArray(given.steps) ? given.steps : [NaN, NaN];
    if (first !== next || !(last >= first) || last > json.steps.length) {
      throw new Fault("network.layers", { where, number });
    }
    next = last;
    for (let i = first; i < last; ++i)
      appendStep(plan, readStep(json.steps[i], i, shapes, where), number);
    plan.layers.push({
      name: String(given.name),
      kind: String(given.kind),
      shape: shapeNow(plan),
      steps: [first, last],
      ...(typeof given.rate === "number" ? { rate: given.rate } : {}),
    });
  }
  if (next !== json.steps.length) throw new Fault("network.left-over", { where });
  checkEnd(plan, where);
  return plan;
}

/**
 * A plan with other dropout or another activation.
 * @param {Plan} plan
 * @param {{dropout?: number, activation?: string}} settings Dropout stands in for the rate of each
 *   of its layers; the activation for that of each convolution that is a layer of its own.
 * @returns {Plan}
 */
export function planWith(plan, { dropout, activation }) {
  const changes = (/** @type {Step} */ { layer }) =>
    activation !== undefined && plan.layers[layer].kind === "Conv2D";
  return {
    ...plan,
    layers: plan.layers.map((layer) =>
      layer.rate === undefined || dropout === undefined ? layer : { ...layer, rate: dropout },
    ),
    steps: plan.steps.map((step) =>
      changes(step) ? { ...step, activation: /** @type {string} */ (activation) } : step,
    ),
  };
}

/**
 * Hold weights against a plan.
 * @param {Plan} plan
 * @param {Map<string, Float32Array>} weights
 * @throws {Error} With a sentence, if one is missing, has another size or is no number.
 */
export function checkWeights(plan, weights) {
  for (const { name, shape } of plan.tensors) {
    const values = weights.get(name);
    const due = sizeOf(shape);
    if (values === undefined) {
      throw new Fault("network.weights.lack", { network: plan.name, name });
    }
    if (values.length !== due) {
      throw new Fault("network.weights.size", {
        ...{ network: plan.name, name, due },
        found: values.length,
      });
    }
    if (!values.every(Number.isFinite)) {
      throw new Fault("network.weights.finite", { network: plan.name, name });
    }
  }
}

/**
 * Where the cells of a step's map lie along rows (axis 0) or columns (1), in pixels: each in the
 * middle of what it sees, as `stormlens.insight` has it.
 * @param {Plan} plan
 * @param {number} last The step.
 * @param {0 | 1} axis
 * @returns {number[]}
 */
function cellCentres(plan, last, axis) {
  let [first, apart] = [0, 1];
  for (const step of plan.steps.slice(0, last + 1)) {
    if (!["convolution", "highest", "mean"].includes(step.kind)) continue;
    const reach = (step.window[axis] - 1) * step.dilation[axis] + 1;
    first += ((reach - 1) / 2 - step.padding[2 * axis]) * apart;
    apart *= step.strides[axis];
  }
  return Array.from({ length: plan.steps[last].shape[axis] }, (_, i) => first + i * apart);
}

/**
 * Lay the values of a map's cells over the box, linear between their middles.
 * @param {Plan} plan
 * @param {number} step Whose map it is.
 * @param {Float32Array} values (rows, columns) of the map.
 * @returns {Float32Array} (rows, columns) of the box.
 */
export function overBox(plan, step, values) {
  const [rows, columns] = plan.shape;
  const across = plan.steps[step].shape[1];
  const down = between(cellCentres(plan, step, 0), rows);
  const along = between(cellCentres(plan, step, 1), columns);
  return Float32Array.from({ length: rows * columns }, (_, pixel) => {
    const [row, column] = [down[Math.floor(pixel / columns)], along[pixel % columns]];
    const at = (/** @type {number} */ i) =>
      values[i * across + column.cell] * (1 - column.share) +
      values[i * across + column.next] * column.share;
    return at(row.cell) * (1 - row.share) + at(row.next) * row.share;
  });
}

/**
 * Of each pixel the cells before and behind it, and how near it lies to the second.
 * @param {number[]} centres
 * @param {number} pixels
 */
function between(centres, pixels) {
  const last = centres.length - 1;
  return Array.from({ length: pixels }, (_, pixel) => {
    let cell = 0;
    while (cell < last && centres[cell + 1] <= pixel) ++cell;
    const next = Math.min(cell + 1, last);
    const share = next === cell ? 0 : (pixel - centres[cell]) / (centres[next] - centres[cell]);
    return { cell, next, share: Math.min(Math.max(share, 0), 1) };
  });
}

/** How many values a shape has. @param {Shape} shape */
export function sizeOf(shape) {
  return shape.reduce((product, side) => product * side, 1);
}

/** Rows, columns and channels, of flat values too. @param {Shape} shape */
export function asMap(shape) {
  return shape.length === 3 ? shape : [1, 1, shape[0]];
}

// ------------------------------------------------------------------ reading

const LARGEST_SIDE = 4096;
const LARGEST = 2 ** 28; // values of a map or kernel

/** @param {any} value @param {number} low @param {number} high */
function isWhole(value, low, high) {
  return Number.isInteger(value) && value >= low && value <= high;
}

/** @param {any} json @param {string} where @returns {Facts} */
function readFacts(json, where) {
  const { input_shape: shape, classes, minimum, maximum } = json;
  if (
    !Array.isArray(shape) ||
    shape.length !== 3 ||
    !shape.every((n) => isWhole(n, 1, LARGEST_SIDE))
  ) {
    throw new Fault("network.shape", { where });
  }
  if (
    !Array.isArray(classes) ||
    classes.length < 1 ||
    !classes.every((c) => typeof c === "string")
  ) {
    throw new Fault("network.classes", { where });
  }
  if (!Number.isFinite(minimum) || !Number.isFinite(maximum) || !(maximum > minimum)) {
    throw new Fault("network.bounds", { where });
  }
  return { shape: /** @type {[number, number, number]} */ (shape), classes, minimum, maximum };
}

/**
 * @param {any} given
 * @param {number} number
 * @param {Map<string, number[]>} shapes
 * @param {string} where
 * @returns {Partial<Step> & {kind: string, tensors: Tensor[]}}
 */
function readStep(given, number, shapes, where) {
  const wrong = () => new Fault("network.step", { where, number });
  if (typeof given !== "object" || given === null || !KINDS.includes(given.kind)) throw wrong();
  const pair = (/** @type {any} */ value, /** @type {number} */ low) => {
    const read = value ?? [1, 1];
    if (!Array.isArray(read) || read.length !== 2 || !read.every((n) => isWhole(n, low, 2 ** 20)))
      throw wrong();
    return /** @type {[number, number]} */ (read);
  };
  const padding = given.padding ?? [0, 0, 0, 0];
  const constants = (given.constants ?? []).map((/** @type {any} */ c) =>
    c === null || c === "inf" ? Infinity : c,
  );
  if (
    !Array.isArray(padding) ||
    padding.length !== 4 ||
    !padding.every((n) => isWhole(n, 0, 2 ** 20))
  )
    throw wrong();
  if (!constants.every((/** @type {any} */ c) => typeof c === "number")) throw wrong();
  if (!ACTIVATIONS.includes(given.activation ?? "linear")) throw wrong();
  if (!isWhole(given.groups ?? 1, 1, LARGEST_SIDE)) throw wrong();
  const tensors = [given.kernel, given.bias]
    .filter((name) => name !== null && name !== undefined)
    .map((name) => ({ name, shape: shapes.get(name) ?? [] }));
  return {
    kind: given.kind,
    window: pair(given.window, 1),
    strides: pair(given.strides, 1),
    dilation: pair(given.dilation, 1),
    groups: given.groups ?? 1,
    padding: /** @type {[number, number, number, number]} */ (padding),
    kernel: given.kernel ?? null,
    bias: given.bias ?? null,
    activation: given.activation ?? "linear",
    constants,
    tensors,
  };
}

// ------------------------------------------------------------------ building

/** @param {Plan} plan @returns {Shape} What the next step is given. */
function shapeNow(plan) {
  return plan.steps.length === 0 ? plan.shape : plan.steps[plan.steps.length - 1].shape;
}

/**
 * Cells of a map that windows give.
 * @param {number} cells
 * @param {number} before
 * @param {number} after
 * @param {number} window
 * @param {number} dilation
 * @param {number} stride
 */
function extent(cells, before, after, window, dilation, stride) {
  const reach = (window - 1) * dilation + 1;
  return cells + before + after < reach
    ? 0
    : Math.floor((cells + before + after - reach) / stride) + 1;
}

/** @param {Shape} input @param {Partial<Step>} step @param {number} channels @returns {Shape} */
function seen(input, step, channels) {
  const { window = [1, 1], strides = [1, 1], dilation = [1, 1], padding = [0, 0, 0, 0] } = step;
  return [
    extent(input[0], padding[0], padding[1], window[0], dilation[0], strides[0]),
    extent(input[1], padding[2], padding[3], window[1], dilation[1], strides[1]),
    channels,
  ];
}

/** @param {Plan} plan @param {Step} step @param {Tensor[]} tensors @returns {Shape} */
function shapeAfter(plan, step, tensors) {
  const { input } = step;
  const map = input.length === 3;
  const [kernel, bias] = tensors.map((tensor) => tensor.shape);
  const channels = input[input.length - 1];
  const fits = (/** @type {boolean} */ fit) => {
    if (!fit)
      throw new Fault("network.fit", {
        ...{ number: plan.steps.length, kind: step.kind, network: plan.name },
        given: input.join(" x "),
      });
  };
  switch (step.kind) {
    case "convolution": {
      fits(map && tensors.length === 2 && kernel.length === 4 && bias.length === 1);
      const [rows, columns, depth, filters] = kernel;
      fits(rows === step.window[0] && columns === step.window[1] && bias[0] === filters);
      fits(channels % step.groups === 0 && filters % step.groups === 0);
      fits(depth === channels / step.groups);
      return seen(input, step, filters);
    }
    case "dense":
      fits(!map && tensors.length === 2 && kernel.length === 2 && bias.length === 1);
      fits(kernel[0] === channels && kernel[1] === bias[0]);
      return [kernel[1]];
    case "highest":
    case "mean":
      fits(map && step.dilation.every((n) => n === 1));
      fits(step.padding.every((n, i) => n < step.window[i < 2 ? 0 : 1]));
      return seen(input, step, channels);
    case "scale":
    case "normalise":
      fits(
        tensors.length === 2 &&
          tensors.every(({ shape }) => shape.length === 1 && shape[0] === channels),
      );
      return input;
    case "global mean":
    case "global highest":
      fits(map);
      return [channels];
    case "global both":
      fits(map);
      return [2 * channels];
    case "flatten":
      return [sizeOf(input)];
    default:
      return input;
  }
}

/**
 * @param {Plan} plan
 * @param {Partial<Step> & {kind: string, tensors?: Tensor[]}} given
 * @param {number} layer
 */
function appendStep(plan, { tensors = [], ...given }, layer) {
  const input = shapeNow(plan);
  /** @type {Step} */
  const step = {
    window: [1, 1],
    strides: [1, 1],
    dilation: [1, 1],
    groups: 1,
    padding: [0, 0, 0, 0],
    kernel: null,
    bias: null,
    activation: "linear",
    constants: [],
    ...given,
    input,
    shape: input,
    layer,
  };
  step.shape = shapeAfter(plan, step, tensors);
  if (!step.shape.every((side) => side >= 1) || sizeOf(step.shape) > LARGEST) {
    throw new Fault("network.size", {
      ...{ rows: plan.shape[0], columns: plan.shape[1], network: plan.name },
    });
  }
  plan.steps.push(step);
  plan.tensors.push(...tensors);
}

/** @param {Plan} plan @param {string} where */
function checkEnd(plan, where) {
  const end = shapeNow(plan);
  if (end.length !== 1 || end[0] !== plan.classes.length) {
    throw new Fault("network.end", {
      ...{ where, given: end.join(" x "), classes: plan.classes.length },
    });
  }
  let kept = false;
  for (const { kind } of plan.steps) {
    if ((kind === "keep" && kept) || (kind === "add" && !kept)) {
      throw new Fault("network.kept", { where });
    }
    if (kind === "keep") kept = true;
    if (kind === "add") kept = false;
  }
}

/** A plan being made, layer by layer; as stormlens.models.blocks turns blocks into steps. */
class Making {
  /** @param {string} name @param {Facts} facts */
  constructor(name, facts) {
    /** @type {Plan} */
    this.plan = { name, ...facts, layers: [], steps: [], tensors: [] };
  }

  /** @param {any} block */
  append(block) {
    const { plan } = this;
    const first = plan.steps.length;
    this.number = plan.layers.length;
    const of = BLOCKS[block.kind];
    if (of === undefined)
      throw new Fault("network.block", { network: plan.name, kind: block.kind });
    of(this, block);
    plan.layers.push({
      name: this.nameOf(block.kind),
      kind: block.kind,
      shape: shapeNow(plan),
      steps: [first, plan.steps.length],
      ...(block.rate === undefined ? {} : { rate: block.rate }),
    });
  }

  /** @param {string} kind */
  nameOf(kind) {
    const stem = kind.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
    const before = this.plan.layers.filter((layer) => layer.kind === kind).length;
    return before === 0 ? stem : `${stem}_${before}`;
  }

  /** @param {Partial<Step> & {kind: string}} step @param {number[][]} shapes Of kernel and bias. */
  step(step, ...shapes) {
    const tensors = shapes.map((shape, i) => {
      const number = String(this.plan.tensors.length + i).padStart(3, "0");
      return { name: `${number}.${i === 0 ? "kernel" : "bias"}`, shape };
    });
    const names = tensors.length === 0 ? {} : { kernel: tensors[0].name, bias: tensors[1].name };
    appendStep(this.plan, { ...step, ...names, tensors }, /** @type {number} */ (this.number));
  }

  /** @param {number} filters @param {number} size @param {Partial<Step>} more */
  convolution(filters, size, more) {
    const channels = shapeNow(this.plan)[2];
    this.step(
      { kind: "convolution", window: [size, size], ...more },
      [size, size, channels, filters],
      [filters],
    );
  }

  /** @param {number} size @param {number} stride @returns {[number, number, number, number]} */
  same(size, stride) {
    const [rows, columns] = shapeNow(this.plan);
    const spare = (/** @type {number} */ cells) =>
      Math.max((Math.ceil(cells / stride) - 1) * stride + size - cells, 0);
    const [down, across] = [spare(rows), spare(columns)];
    return [down >> 1, down - (down >> 1), across >> 1, across - (across >> 1)];
  }

  finish() {
    checkEnd(this.plan, t("network.named", { network: this.plan.name }));
    return this.plan;
  }
}

/** @param {string} kind @returns {(making: Making, block: any) => void} */
function pool(kind) {
  return (making, { size, strides }) => {
    const stride = strides || size;
    making.step({ kind, window: [size, size], strides: [stride, stride] });
  };
}

/** @type {Record<string, (making: Making, block: any) => void>} */
const BLOCKS = {
  Conv2D: (making, { filters, size, activation, strides, padding }) =>
    making.convolution(filters, size, {
      activation,
      strides: [strides, strides],
      padding: padding === "same" ? making.same(size, strides) : [0, 0, 0, 0],
    }),
  MaxPooling2D: pool("highest"),
  AveragePooling2D: pool("mean"),
  Flatten: (making) => making.step({ kind: "flatten" }),
  Dense: (making, { units, activation }) => {
    const count = units === "classes" ? making.plan.classes.length : units;
    const inputs = shapeNow(making.plan)[0];
    making.step({ kind: "dense", activation }, [inputs, count], [count]);
  },
  Dropout: () => {},
  SpatialDropout2D: () => {},
  Residual: (making) => {
    const channels = shapeNow(making.plan)[2];
    making.step({ kind: "keep" });
    making.convolution(channels, 3, { activation: "relu", padding: [1, 1, 1, 1] });
    making.convolution(channels, 3, { padding: [1, 1, 1, 1] });
    making.step({ kind: "add" });
    making.step({ kind: "activation", activation: "relu" });
  },
  GlobalMeanMax: (making) => making.step({ kind: "global both" }),
  LocalResponseNormalization: (making) =>
    making.step({ kind: "neighbours", window: [5, 1], constants: [2, 1e-4, 0.75] }),
};
