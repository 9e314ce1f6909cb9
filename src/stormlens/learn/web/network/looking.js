/** A trained network that is looked at: its maps, its answers, and what speaks for them. */

import { Fault } from "./fault.js";
import { Chain } from "./chain.js";
import { joinedOperations, singleOperations } from "./arranging.js";
import { Arena } from "./wasm.js";

const TOGETHER = 16; // images of a prediction at a time
const CLIP = 1e-7; // as `stormlens.insight` clips shares before it takes their logarithm

/**
 * @typedef {import("./plan.js").Plan} Plan
 * @typedef {Uint8Array | Float32Array} Box Raw values, or values as the network takes them.
 */

export class Looking {
  /** @type {{chain: Chain, places: number[], image: number} | null} */
  #single = null;
  /** @type {{chain: Chain, images: number} | null} */
  #joined = null;
  #arena;

  /**
   * @param {import("./wasm.js").Machine} machine
   * @param {Plan} plan
   * @param {import("./tensors.js").Tensors} tensors They stay the caller's.
   */
  constructor(machine, plan, tensors) {
    this.machine = machine;
    this.plan = plan;
    this.tensors = tensors;
    this.size = plan.shape.reduce((product, side) => product * side, 1);
    this.#arena = new Arena(machine);
  }

  /** The chain of single steps, made when it is first asked for. */
  get #steps() {
    if (this.#single === null) {
      const { operations, places } = singleOperations(this.machine, this.plan, this.tensors);
      const chain = new Chain(this.machine, operations, 1, { gradients: true });
      this.#single = { chain, places, image: this.#arena.floats(this.size) };
    }
    return this.#single;
  }

  get #whole() {
    if (this.#joined === null) {
      const operations = joinedOperations(this.machine, this.plan, this.tensors);
      const chain = new Chain(this.machine, operations, TOGETHER);
      this.#joined = { chain, images: this.#arena.floats(TOGETHER * this.size) };
    }
    return this.#joined;
  }

  /** @param {number} count @param {boolean} areBytes @returns {import("./operations.js").Pass} */
  #pass(count, areBytes) {
    const { minimum, maximum } = this.plan;
    return { count, areBytes, low: minimum, span: maximum - minimum, random: null, adam: 0 };
  }

  /** Send one box through all steps. @param {Box} box */
  #send(box) {
    this.#check(box, 1);
    const { chain, image } = this.#steps;
    const areBytes = box instanceof Uint8Array;
    this.#put(box, image);
    const pass = this.#pass(1, areBytes);
    chain.forward(image, pass);
    return pass;
  }

  /** @param {Box} values @param {number} pointer */
  #put(values, pointer) {
    const place =
      values instanceof Uint8Array
        ? this.machine.bytes(pointer, values.length)
        : this.machine.floats(pointer, values.length);
    place.set(values);
  }

  /** @param {Box} values @param {number} count */
  #check(values, count) {
    const known = values instanceof Uint8Array || values instanceof Float32Array;
    if (known && values.length === count * this.size && Number.isInteger(count)) return;
    const [rows, columns] = this.plan.shape;
    throw new Fault("network.box", {
      ...{ name: this.plan.name, rows, columns },
      found: values?.length ?? 0,
    });
  }

  /** @param {number} code */
  #checkClass(code) {
    if (Number.isInteger(code) && code >= 0 && code < this.plan.classes.length) return;
    throw new Fault("network.class", { code, last: this.plan.classes.length - 1 });
  }

  /**
   * What every step makes of a box.
   * @param {Box} box
   * @returns {{maps: Float32Array[]}} One a step.
   */
  maps(box) {
    this.#send(box);
    const { chain, places } = this.#steps;
    const read = (/** @type {number} */ i) =>
      this.machine.floats(chain.values[i], chain.operations[i].outputs).slice();
    return { maps: places.map(read) };
  }

  /**
   * Probabilities of the classes.
   * @param {Box} boxes One after the other.
   * @returns {Float32Array} (boxes, classes).
   */
  predict(boxes) {
    return this.#ask(boxes, 0);
  }

  /**
   * What is explained: scores before the softmax, or logarithms of shares where there is none.
   * @param {Box} boxes
   * @returns {Float32Array} (boxes, classes).
   */
  scores(boxes) {
    if (this.#endsInSoftmax) return this.#ask(boxes, 1);
    const shares = this.#ask(boxes, 0);
    const classes = this.plan.classes.length;
    return shares.map((share, i) => {
      const first = i - (i % classes);
      return Math.log(clip(share / sum(shares.subarray(first, first + classes))));
    });
  }

  get #endsInSoftmax() {
    return this.plan.steps[this.plan.steps.length - 1].activation === "softmax";
  }

  /** What the operation so many before the last gives. @param {Box} boxes @param {number} before */
  #ask(boxes, before) {
    const count = boxes.length / this.size;
    this.#check(boxes, count);
    const { chain, images } = this.#whole;
    const classes = this.plan.classes.length;
    const answers = new Float32Array(count * classes);
    for (let first = 0; first < count; first += TOGETHER) {
      const here = Math.min(TOGETHER, count - first);
      this.#put(boxes.subarray(first * this.size, (first + here) * this.size), images);
      chain.forward(images, this.#pass(here, boxes instanceof Uint8Array));
      const place = chain.values[chain.values.length - 1 - before];
      answers.set(this.machine.floats(place, here * classes), first * classes);
    }
    return answers;
  }

  /**
   * Way back from one class's score to what a step gives, or to the image.
   * @param {Box} box
   * @param {number} code
   * @param {number} step -1 for the image.
   */
  #back(box, code, step) {
    this.#checkClass(code);
    const pass = this.#send(box);
    const { chain, places } = this.#steps;
    const last = chain.operations.length - (this.#endsInSoftmax ? 2 : 1);
    const classes = this.plan.classes.length;
    const start = this.machine.floats(chain.start, classes);
    if (this.#endsInSoftmax) start.fill(0)[code] = 1;
    else putLogGradient(this.machine.floats(chain.values[last], classes), code, start);
    return chain.backward(pass, last, step < 0 ? -1 : places[step]);
  }

  /**
   * How a class's score answers to each pixel.
   * @param {Box} box
   * @param {number} code
   * @returns {Float32Array} Score for one more of what the network takes.
   */
  gradient(box, code) {
    return this.machine.floats(this.#back(box, code, -1), this.size).slice();
  }

  /**
   * Where the channels of a step's map that speak for a class respond, by Grad-CAM.
   * @param {Box} box
   * @param {number} code
   * @param {number} step
   * @returns {Float32Array} (rows, columns) of the map; 0 where they speak against it.
   */
  gradCam(box, code, step) {
    const shape = this.plan.steps[step]?.shape ?? [];
    if (shape.length !== 3) {
      throw new Fault("network.no-map", { step });
    }
    const [rows, columns, channels] = shape;
    const cells = rows * columns;
    const place = this.#back(box, code, step);
    const gradient = this.machine.floats(place, cells * channels);
    const { chain, places } = this.#steps;
    const map = this.machine.floats(chain.values[places[step]], cells * channels);
    const weights = new Float64Array(channels);
    for (let i = 0; i < gradient.length; ++i) weights[i % channels] += gradient[i] / cells;
    return Float32Array.from({ length: cells }, (_, cell) => {
      let total = 0;
      for (let c = 0; c < channels; ++c) total += map[cell * channels + c] * weights[c];
      return Math.max(total, 0);
    });
  }

  free() {
    this.#single?.chain.free();
    this.#joined?.chain.free();
    this.#single = this.#joined = null;
    this.#arena.free();
  }
}

/** @param {number} share */
function clip(share) {
  return Math.min(Math.max(share, CLIP), 1);
}

/** @param {Float32Array} values */
function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/**
 * Gradient of log(share of one) by all outputs.
 * @param {Float32Array} outputs
 * @param {number} code
 * @param {Float32Array} to
 */
function putLogGradient(outputs, code, to) {
  const total = sum(outputs);
  to.fill(0);
  if (outputs[code] / total < CLIP) return;
  to.fill(-1 / total);
  to[code] += 1 / outputs[code];
}
