/**
 * What pages call: networks that are looked at and trained, computed by a worker.
 *
 * All is asked and answered by messages, one after the other. Errors are sentences for the reader.
 */

import { resource, startWorker } from "../base/resources.js";
import { Fault } from "./fault.js";
import { occlude } from "./occlusion.js";

/**
 * @typedef {import("../ideas/augment.js").Augmentation} Augmentation
 * @typedef {import("./plan.js").Plan} Plan
 * @typedef {import("./looking.js").Box} Box
 * @typedef {import("./training.js").Split} Split
 * @typedef {import("./training.js").Settings} Settings
 * @typedef {import("./training.js").Progress} Progress
 *
 * @typedef {object} Epoch What an epoch brought.
 * @property {number} epoch From 1.
 * @property {number} seconds
 * @property {number} loss Mean over the epoch as it ran.
 * @property {number} accuracy
 * @property {number} valLoss
 * @property {number} valAccuracy
 * @property {number[][]} confusion Of validation boxes; truth along the rows.
 */

const MOST_THREADS = 8;

/** Workers that compute, and what they hold. */
export class Engine {
  /** @type {Map<number, {resolve: (answer: any) => void, reject: (error: Error) => void}>} */
  #waiting = new Map();
  #next = 1;
  /** @type {Worker[]} */
  #workers = [];

  /** @param {Worker} worker */
  constructor(worker) {
    this.#workers.push(worker);
    this.threads = 1;
    worker.onmessage = ({ data }) => this.#take(data);
    // An error without a message is that of a file that is not there.
    worker.onerror = ({ message }) =>
      this.#fail(message ? new Fault("network.ended", { message }) : new Fault("network.lost"));
  }

  /**
   * Start computing.
   * @param {{threads?: number}} [how] More than one only where the page is cross-origin isolated;
   *   by default as many as there are processors, but one if it is not.
   * @returns {Promise<Engine>}
   * @throws {Error} With a sentence, where this browser cannot compute.
   */
  static async start({ threads } = {}) {
    const shares =
      globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer === "function";
    const most = Math.min(threads ?? navigator.hardwareConcurrency ?? 1, MOST_THREADS);
    const helpers = shares ? Math.max(most, 1) - 1 : 0;
    try {
      return await Engine.#startWith(helpers);
    } catch (error) {
      // A browser that gives no memory to share may well give some of one's own.
      if (helpers === 0) throw error;
      return Engine.#startWith(0);
    }
  }

  /** @param {number} helpers */
  static async #startWith(helpers) {
    const name = helpers > 0 ? "stormlens-threads" : "stormlens";
    const bytes = await resource(`network/${name}.wasm`);
    const engine = new Engine(startWorker());
    try {
      await engine.#begin(bytes, helpers);
    } catch (error) {
      engine.stop();
      throw error;
    }
    return engine;
  }

  /** @param {ArrayBuffer} bytes @param {number} helpers */
  async #begin(bytes, helpers) {
    const { module, memory, stacks } = await this.ask("start", { bytes, helpers });
    for (const [i, stack] of stacks.entries()) {
      const helper = startWorker();
      helper.postMessage({ help: { module, memory, stack, index: i + 1 } });
      this.#workers.push(helper);
    }
    this.threads = 1 + helpers;
  }

  /**
   * A trained network to look at.
   * @param {Plan} plan
   * @param {Map<string, Float32Array>} weights By name, as the file has them.
   */
  async load(plan, weights) {
    return new Network(this, plan, await this.ask("load", { plan, weights }));
  }

  /**
   * First weights of a network.
   * @param {Plan} plan
   * @param {number} seed
   * @returns {Promise<Map<string, Float32Array>>}
   */
  firstWeights(plan, seed) {
    return this.ask("firstWeights", { plan, seed });
  }

  /**
   * A training, before its first step.
   * @param {object} given
   * @param {Plan} given.plan
   * @param {Map<string, Float32Array>} [given.weights] The first; by default they are drawn.
   * @param {Split} given.train
   * @param {Split} [given.validation]
   * @param {Settings} [given.settings]
   */
  async train(given) {
    return new Run(this, await this.ask("train", given));
  }

  /** Bytes that networks and trainings hold. @returns {Promise<number>} */
  memory() {
    return this.ask("memory", {});
  }

  /**
   * Ask the worker.
   * @param {string} ask
   * @param {any} given
   * @returns {Promise<any>}
   */
  ask(ask, given) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      if (this.#workers.length === 0) {
        reject(new Fault("network.stopped"));
        return;
      }
      this.#waiting.set(id, { resolve, reject });
      this.#workers[0].postMessage({ id, ask, given });
    });
  }

  /** @param {{id: number, answer?: any, error?: {key: string, values: any}}} data */
  #take({ id, answer, error }) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(answer);
    else waiting?.reject(new Fault(error.key, error.values));
  }

  /** @param {Error} error */
  #fail(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  /** End the workers and free all that they have. */
  stop() {
    for (const worker of this.#workers.splice(0)) worker.terminate();
    this.#fail(new Fault("network.stopped"));
  }
}

/** A network that the worker holds. */
export class Network {
  #engine;
  #handle;

  /** @param {Engine} engine @param {Plan} plan @param {number} handle */
  constructor(engine, plan, handle) {
    this.#engine = engine;
    this.#handle = handle;
    this.plan = plan;
  }

  /** @param {string} ask @param {any} given */
  #ask(ask, given) {
    return this.#engine.ask(ask, { net: this.#handle, ...given });
  }

  /**
   * What every step makes of a box.
   * @param {Box} box Bytes of raw values, or floats as the network takes them.
   * @returns {Promise<{maps: Float32Array[]}>} (rows, columns, channels) of each step.
   */
  maps(box) {
    return this.#ask("maps", { box });
  }

  /** Probabilities (boxes, classes). @param {Box} boxes @returns {Promise<Float32Array>} */
  predict(boxes) {
    return this.#ask("predict", { boxes });
  }

  /**
   * Scores before the softmax (boxes, classes).
   * @param {Box} boxes
   * @returns {Promise<Float32Array>}
   */
  scores(boxes) {
    return this.#ask("scores", { boxes });
  }

  /**
   * How a class's score answers to each pixel, by what the network takes: divide by maximum less
   * minimum for dBZ.
   * @param {Box} box
   * @param {number} code
   * @returns {Promise<Float32Array>}
   */
  gradient(box, code) {
    return this.#ask("gradient", { box, code });
  }

  /**
   * Where channels of a step's map respond that speak for a class; see `overBox` in plan.js.
   * @param {Box} box
   * @param {number} code
   * @param {number} step
   * @returns {Promise<Float32Array>} (rows, columns) of the map.
   */
  gradCam(box, code, step) {
    return this.#ask("gradCam", { box, code, step });
  }

  /**
   * Mean score lost where squares of no echo cover a pixel; others are answered in between.
   * @param {Box} box
   * @param {number} code
   * @param {import("./occlusion.js").Square} [square]
   * @returns {Promise<Float32Array>} (rows, columns) of the box.
   */
  occlusion(box, code, square) {
    return occlude(this.plan, (boxes) => this.scores(boxes), box, code, square);
  }

  /** Give its memory back. */
  free() {
    return this.#engine.ask("free", { handle: this.#handle });
  }
}

/** A training that the worker holds. */
export class Run {
  #engine;
  #handle;
  /** @type {Promise<Network> | null} */
  #present = null;

  /** @param {Engine} engine @param {{run: number, plan: Plan, progress: Progress}} begun */
  constructor(engine, { run, plan, progress }) {
    this.#engine = engine;
    this.#handle = run;
    this.plan = plan;
    this.progress = progress;
  }

  /** @param {string} ask @param {any} [given] */
  #ask(ask, given) {
    return this.#engine.ask(ask, { run: this.#handle, ...given });
  }

  /** One batch there and back. @returns {Promise<Progress>} */
  async step() {
    this.progress = await this.#ask("step");
    return this.progress;
  }

  /**
   * Steps to the end of the epoch, then the validation scores.
   * @param {{onStep?: (progress: Progress) => void, signal?: AbortSignal}} [how] A signal stops
   *   between two steps, and the next call goes on from there.
   * @returns {Promise<Epoch>}
   * @throws {DOMException} The signal's own, where it stopped.
   */
  async epoch({ onStep, signal } = {}) {
    const began = performance.now();
    do {
      signal?.throwIfAborted();
      const progress = await this.step();
      onStep?.(progress);
    } while (this.progress.step < this.progress.steps);
    const { loss: valLoss, accuracy: valAccuracy, confusion } = await this.validate();
    const { epoch, loss, accuracy } = this.progress;
    const seconds = (performance.now() - began) / 1000;
    return { epoch, seconds, loss, accuracy, valLoss, valAccuracy, confusion };
  }

  /**
   * Scores of the validation boxes with the present weights.
   * @returns {Promise<import("./training.js").Scored>}
   */
  validate() {
    return this.#ask("validate");
  }

  /** The network with its present weights, whatever they become. */
  network() {
    this.#present ??= this.#ask("present").then(
      (handle) => new Network(this.#engine, this.plan, handle),
    );
    this.#present.catch(() => (this.#present = null)); // so that it can be tried again
    return this.#present;
  }

  /**
   * The present weights.
   * @param {readonly string[]} [names] Names of those to read; by default all.
   * @returns {Promise<Map<string, Float32Array>>}
   */
  weights(names) {
    return this.#ask("weights", { names });
  }

  /**
   * Go on in another way from the next step on, with the weights that are there.
   * @param {{learningRate: number, augmentation?: Partial<Augmentation>}} settings
   * @returns {Promise<void>}
   */
  change(settings) {
    return this.#ask("change", { settings });
  }

  /** Begin again from the first weights. */
  async reset() {
    this.progress = await this.#ask("reset");
  }

  /** Give its memory back, and that of its network. */
  async free() {
    await (await this.#present)?.free();
    this.#present = null;
    await this.#engine.ask("free", { handle: this.#handle });
  }
}
