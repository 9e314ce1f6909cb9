/** From a plan to the operations of a chain, step by step or as many as can be computed at once. */

import {
  Activation,
  Add,
  Convolution,
  Dense,
  Dropout,
  isSideBySide,
  Keep,
  Neighbours,
  Operation,
  Pool,
  PooledConvolution,
  Scale,
  Whole,
} from "./operations.js";

/**
 * @typedef {import("./plan.js").Step} Step
 * @typedef {import("./plan.js").Shape} Shape
 * @typedef {import("./wasm.js").Machine} Machine
 * @typedef {import("./tensors.js").Tensors} Tensors
 */

// Activations that keep the order of values, so that they may follow a pool.
const RISING = ["linear", "tanh", "sigmoid", "hard_sigmoid", "softplus", "elu", "selu", "relu"];

/**
 * One step's operations, with nothing taken together: first its sums, then its activation.
 * @param {Machine} machine
 * @param {Step} step
 * @param {Tensors} tensors
 * @param {Keep | null} keep What an "add" adds.
 * @param {{exact: boolean}} how
 * @returns {Operation[]}
 */
function operationsOf(machine, step, tensors, keep, { exact }) {
  const { activation, constants, input, shape } = step;
  const curve = () =>
    activation === "linear" ? [] : [new Activation(machine, shape, activation, constants)];
  switch (step.kind) {
    case "convolution":
      return [new Convolution(machine, step, tensors, { exact }), ...curve()];
    case "dense":
      return [new Dense(machine, step, tensors), ...curve()];
    case "highest":
    case "mean":
      return [new Pool(machine, step)];
    case "activation":
      return activation === "linear" ? [new Operation(machine, input, shape)] : curve();
    case "scale":
    case "normalise":
      return [new Scale(machine, step, tensors)];
    case "neighbours":
      return [new Neighbours(machine, step)];
    case "keep":
      return [new Keep(machine, input, shape)];
    case "add":
      return [new Add(machine, shape, /** @type {Keep} */ (keep))];
    case "flatten":
      return [new Operation(machine, input, shape)];
    default:
      return [new Whole(machine, step)];
  }
}

/**
 * All steps of a plan one by one, for those who look at every map.
 * @param {Machine} machine
 * @param {import("./plan.js").Plan} plan
 * @param {Tensors} tensors
 * @returns {{operations: Operation[], places: number[]}} `places` says of each step which
 *   operation gives its map.
 */
export function singleOperations(machine, plan, tensors) {
  /** @type {Operation[]} */
  const operations = [];
  /** @type {number[]} */
  const places = [];
  /** @type {Keep | null} */
  let keep = null;
  for (const step of plan.steps) {
    const own = operationsOf(machine, step, tensors, keep, { exact: true });
    operations.push(...own);
    const last = operations.length - 1;
    if (own[0] instanceof Keep) keep = own[0];
    // What is kept is the map before it, which has its gradient only once both ways are added.
    places.push(own[0] instanceof Keep && last > 0 ? last - 1 : last);
  }
  return { operations, places };
}

/** @typedef {{step: Step} | {rate: number, spatial: boolean, shape: Shape}} Item */

/** Steps, and dropout in its place. @param {import("./plan.js").Plan} plan @returns {Item[]} */
function itemsOf(plan) {
  return plan.layers.flatMap(({ kind, rate, steps: [first, last], shape }) => {
    /** @type {Item[]} */
    const steps = plan.steps.slice(first, last).map((step) => ({ step }));
    if (rate === undefined || rate === 0) return steps;
    return [...steps, { rate, spatial: kind === "SpatialDropout2D", shape }];
  });
}

/**
 * A convolution, dropout and max pool that can be computed at once, at the beginning of a list.
 * @param {Item[]} items
 * @returns {{step: Step, pool: number, rate: number, used: number} | null}
 */
function pooledRun(items) {
  const [first, ...others] = items;
  if (!("step" in first) || first.step.kind !== "convolution") return null;
  const { step } = first;
  const isPlainRelu = step.activation === "relu" && step.constants.length === 0;
  if (!isSideBySide(step) || !RISING.includes(step.activation)) return null;
  if (step.activation === "relu" && !isPlainRelu) return null;
  let rate = 0;
  let used = 1;
  for (const item of others) {
    ++used;
    if ("rate" in item) {
      // What does not keep 0 at 0 cannot have its channels switched off before it.
      if (!item.spatial || rate > 0 || !["linear", "relu"].includes(step.activation)) return null;
      rate = item.rate;
      continue;
    }
    const { kind, window, strides, padding } = item.step;
    const [side] = window;
    const fits = [...window, ...strides].every((n) => n === side) && padding.every((n) => n === 0);
    if (kind !== "highest" || !fits || (side !== 2 && side !== 3)) return null;
    return { step, pool: side, rate, used };
  }
  return null;
}

/**
 * What a training computes, and a prediction of many images.
 * @param {Machine} machine
 * @param {import("./plan.js").Plan} plan
 * @param {Tensors} tensors
 * @returns {Operation[]}
 */
export function joinedOperations(machine, plan, tensors) {
  /** @type {Operation[]} */
  const operations = [];
  /** @type {Keep | null} */
  let keep = null;
  let items = itemsOf(plan);
  while (items.length > 0) {
    const run = pooledRun(items);
    const [first] = items;
    const before = operations[operations.length - 1];
    if (run !== null) {
      const { step, pool, rate } = run;
      const relu = step.activation === "relu";
      const pooled = new PooledConvolution(machine, step, pool, tensors, { relu, rate, before });
      operations.push(pooled);
      if (!relu && step.activation !== "linear") {
        operations.push(new Activation(machine, pooled.output, step.activation, step.constants));
      }
    } else if ("step" in first) {
      const own = ownOperations(machine, first.step, tensors, keep);
      if (own[0] instanceof Keep) keep = own[0];
      operations.push(...own);
    } else {
      operations.push(new Dropout(machine, first.shape, first.rate, first.spatial));
    }
    items = items.slice(run === null ? 1 : run.used);
  }
  return operations;
}

/**
 * @param {Machine} machine
 * @param {Step} step
 * @param {Tensors} tensors
 * @param {Keep | null} keep
 * @returns {Operation[]}
 */
function ownOperations(machine, step, tensors, keep) {
  const { kind, activation, constants } = step;
  if (kind === "convolution" && activation === "relu" && constants.length === 0) {
    return [new Convolution(machine, step, tensors, { relu: true })];
  }
  return operationsOf(machine, step, tensors, keep, { exact: false });
}
