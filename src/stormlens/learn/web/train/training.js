/**
 * One training: its run in the engine, and what is kept of it. Only the history is kept, so memory
 * stays as it is over any number of epochs.
 */

import { answersOf, confusionOf } from "./reading.js";

/** @typedef {import("./choices.js").Choice} Choice */
/** @typedef {import("./reading.js").Epoch} Epoch */
/** @typedef {import("../network/plan.js").Plan} Plan */
/** @typedef {import("../network/client.js").Engine} Engine */
/** @typedef {import("../network/client.js").Run} Run */
/** @typedef {import("../ideas/augment.js").Augmentation} Augmentation */

/**
 * @typedef {{images: Uint8Array, modes: Uint8Array}} Labelled
 * @typedef {object} Running The epoch that runs.
 * @property {number} step
 * @property {number} steps
 * @property {number} loss Mean of its steps.
 * @property {number} accuracy
 *
 * @typedef {object} Looked What one storm does in the network as it is.
 * @property {Float32Array} kernel Of the first convolution: rows, columns, channels, filters.
 * @property {Float32Array[]} maps Of each step.
 * @property {Float32Array} probabilities
 *
 * @typedef {{at: number, what: string}} Change Of a setting, at an epoch and its part.
 */

export class Training {
  /** @type {Epoch[]} */
  history = [];
  /** @type {Running | undefined} */
  running;
  /** Before the first epoch, the network as it was drawn. @type {Epoch | undefined} */
  start;
  /** Of the validation boxes, as of the last epoch. @type {Float32Array} */
  probabilities = new Float32Array(0);
  /** @type {Uint8Array} */
  answers = new Uint8Array(0);
  /** @type {number[][]} */
  confusion = [];
  /** The first kernel before the first step. @type {Float32Array} */
  firstKernel = new Float32Array(0);
  /** @type {Change[]} */
  changes = [];
  /** Boxes learnt from, and the seconds that took. */
  boxes = 0;
  seconds = 0;

  /**
   * @param {Run} run
   * @param {Plan} plan
   * @param {Choice} choice
   * @param {number} count Boxes that it learns from in an epoch.
   * @param {Uint8Array} truth Modes of the validation boxes.
   */
  constructor(run, plan, choice, count, truth) {
    this.run = run;
    this.count = count;
    this.plan = plan;
    this.choice = choice;
    this.truth = truth;
  }

  /**
   * A network with first weights, and what it answers before it has learnt anything.
   * @param {Engine} engine
   * @param {Plan} plan
   * @param {Choice} choice
   * @param {{train: Labelled, validation: Labelled, augmentation: Augmentation | undefined}} given
   */
  static async begin(engine, plan, choice, { train, validation, augmentation }) {
    const run = await engine.train({
      plan,
      train,
      validation,
      settings: {
        learningRate: choice.rate,
        batchSize: choice.batch,
        augmentation,
        seed: choice.seed,
      },
    });
    const training = new Training(run, plan, choice, train.modes.length, validation.modes);
    training.firstKernel = await training.#kernel();
    await training.#validateFirst();
    return training;
  }

  /** Epochs done, with the part of the one that runs. */
  get place() {
    return this.history.length + (this.running ? this.running.step / this.running.steps : 0);
  }

  /** Whether some of the network is switched off while it learns. */
  get drops() {
    return this.plan.layers.some(({ rate = 0 }) => rate > 0);
  }

  get hasBegun() {
    return this.history.length > 0 || this.running !== undefined;
  }

  /** Whether going on makes no sense: weights that are no numbers stay so. */
  get isLost() {
    const loss = this.running?.loss ?? this.history.at(-1)?.loss ?? 0;
    return !Number.isFinite(loss);
  }

  /** Learn from one batch, and validate where it was the last of its epoch. */
  async step() {
    const began = performance.now();
    const before = this.running?.step ?? 0;
    const { step, steps, loss, accuracy } = await this.run.step();
    this.running = { step, steps, loss, accuracy };
    const boxesAt = (/** @type {number} */ at) => Math.min(at * this.choice.batch, this.count);
    this.boxes += boxesAt(step) - boxesAt(before);
    this.seconds += (performance.now() - began) / 1000;
    if (step >= steps) await this.#finish(this.running);
  }

  /** @param {Running} whole */
  async #finish({ loss, accuracy }) {
    const scored = await this.run.validate();
    this.history.push({
      epoch: this.history.length + 1,
      loss,
      accuracy,
      valLoss: scored.loss,
      valAccuracy: scored.accuracy,
    });
    this.running = undefined;
    this.#take(scored.probabilities);
  }

  async #validateFirst() {
    const { loss, accuracy, probabilities } = await this.run.validate();
    this.start = { epoch: 0, loss: NaN, accuracy: NaN, valLoss: loss, valAccuracy: accuracy };
    this.#take(probabilities);
  }

  /** @param {Float32Array} probabilities */
  #take(probabilities) {
    const classes = this.plan.classes.length;
    this.probabilities = probabilities;
    this.answers = answersOf(probabilities, classes);
    this.confusion = confusionOf(this.truth, this.answers, classes);
  }

  /**
   * Go on with another learning rate or augmentation.
   * @param {Choice} choice
   * @param {Augmentation | undefined} augmentation
   * @param {string} what In a word, for the charts.
   */
  async change(choice, augmentation, what) {
    this.choice = choice;
    await this.run.change({ learningRate: choice.rate, augmentation });
    if (this.hasBegun) this.changes.push({ at: this.place, what });
  }

  /**
   * What one storm does in the network as it is.
   * @param {Uint8Array} box
   * @returns {Promise<Looked>}
   */
  async look(box) {
    const network = await this.run.network();
    const [kernel, { maps }] = await Promise.all([this.#kernel(), network.maps(box)]);
    return { kernel, maps, probabilities: maps[maps.length - 1] };
  }

  async #kernel() {
    const name = /** @type {string} */ (this.plan.tensors[0].name);
    const weights = await this.run.weights([name]);
    return /** @type {Float32Array} */ (weights.get(name));
  }

  /** @returns {Promise<void>} */
  free() {
    return this.run.free();
  }
}
