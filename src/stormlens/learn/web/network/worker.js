/**
 * The worker that computes: it owns the WebAssembly module, and answers the client's questions one
 * after the other. Another worker of the same file may be its helper.
 */

import { Fault } from "./fault.js";
import { firstWeights, Tensors } from "./tensors.js";
import { Looking } from "./looking.js";
import { Training } from "./training.js";
import { help, Machine } from "./wasm.js";

/**
 * @typedef {{id: number, ask: string, given: any}} Question
 */

/** @type {Machine} */
let machine;
/** @type {Map<number, any>} What the client holds handles of. */
const objects = new Map();
let next = 1;

/** @param {any} value */
function hold(value) {
  objects.set(next, value);
  return next++;
}

/** A network with weights of its own. */
class Loaded extends Looking {
  free() {
    super.free();
    this.tensors.free();
  }
}

/** @type {Record<string, (given: any) => any>} */
const ANSWERS = {
  async start({ bytes, helpers }) {
    machine = await (helpers > 0 ? Machine.startShared(bytes) : Machine.start(bytes));
    const stacks = Array.from({ length: helpers }, () => machine.stackForHelper());
    return helpers > 0 ? { module: machine.module, memory: machine.memory, stacks } : { stacks };
  },
  load({ plan, weights }) {
    return hold(new Loaded(machine, plan, new Tensors(machine, plan, weights)));
  },
  firstWeights: ({ plan, seed }) => firstWeights(plan, seed),
  maps: ({ net, box }) => objects.get(net).maps(box),
  predict: ({ net, boxes }) => objects.get(net).predict(boxes),
  scores: ({ net, boxes }) => objects.get(net).scores(boxes),
  gradient: ({ net, box, code }) => objects.get(net).gradient(box, code),
  gradCam: ({ net, box, code, step }) => objects.get(net).gradCam(box, code, step),
  train: (given) => {
    const training = new Training(machine, given);
    return { run: hold(training), plan: training.plan, progress: training.progress };
  },
  step: ({ run }) => objects.get(run).step(),
  validate: ({ run }) => objects.get(run).validate(),
  present: ({ run }) => {
    const { plan, tensors } = objects.get(run);
    return hold(new Looking(machine, plan, tensors));
  },
  weights: ({ run, names }) => objects.get(run).tensors.read(names),
  change: ({ run, settings }) => objects.get(run).change(settings),
  reset: ({ run }) => {
    objects.get(run).reset();
    return objects.get(run).progress;
  },
  free({ handle }) {
    objects.get(handle)?.free();
    objects.delete(handle);
  },
  memory: () => machine.inUse,
};

/**
 * Arrays of an answer, which the client may have without a copy.
 * @param {any} value
 * @returns {ArrayBuffer[]}
 */
function buffersOf(value) {
  if (value instanceof Float32Array) return [/** @type {ArrayBuffer} */ (value.buffer)];
  if (value instanceof Map) return [...value.values()].flatMap(buffersOf);
  if (Array.isArray(value)) return value.flatMap(buffersOf);
  if (value?.probabilities) return buffersOf(value.probabilities);
  if (value?.maps) return buffersOf(value.maps);
  return [];
}

self.onmessage = async ({ data }) => {
  if (data.help) {
    const { module, memory, stack, index } = data.help;
    help(module, memory, stack, index);
    return;
  }
  const { id, ask, given } = /** @type {Question} */ (data);
  try {
    const answer = await ANSWERS[ask](given);
    postMessage({ id, answer }, { transfer: buffersOf(answer) });
  } catch (error) {
    postMessage({ id, error: partsOf(error) });
  }
};

/** An error as its parts. @param {unknown} error */
function partsOf(error) {
  if (error instanceof Fault) return { key: error.key, values: error.values };
  if (error instanceof WebAssembly.RuntimeError) return { key: "network.trapped", values: {} };
  return { key: "network.failed", values: { message: String(error) } };
}
