/** A network that is trained: Adam on batches of boxes, as `stormlens.training` does it. */

import { Fault } from "./fault.js";
import { Random } from "../base/random.js";
import {
  affineMatrix,
  asSeen,
  AT_REST,
  drawn,
  FILL_MODES,
  isAtRest,
} from "../ideas/augment.js";
import { Chain } from "./chain.js";
import { joinedOperations } from "./arranging.js";
import { planWith } from "./plan.js";
import { seedOf } from "./seeds.js";
import { firstWeights, Tensors } from "./tensors.js";
import { Arena } from "./wasm.js";

/**
 * @typedef {import("../ideas/augment.js").Augmentation} Augmentation
 * @typedef {import("./plan.js").Plan} Plan
 *
 * @typedef {object} Split
 * @property {Uint8Array} images Raw values, box after box.
 * @property {ArrayLike<number>} modes A class of each.
 *
 * @typedef {object} Settings
 * @property {number} [learningRate] By default 1e-3.
 * @property {number} [batchSize] By default 32.
 * @property {number} [dropout] In place of the network's own rates.
 * @property {string} [activation] In place of the network's own.
 * @property {Partial<Augmentation>} [augmentation] By default none.
 * @property {number} [seed]
 *
 * @typedef {Settings & {learningRate: number, batchSize: number, seed: number}} Filled
 *
 * @typedef {object} Progress Sums of the epoch that runs.
 * @property {number} epoch From 1.
 * @property {number} step Steps done of it.
 * @property {number} steps Of an epoch.
 * @property {number} loss Mean over the boxes so far.
 * @property {number} accuracy
 *
 * @typedef {object} Scored
 * @property {number} loss
 * @property {number} accuracy
 * @property {number[][]} confusion Truth along the rows, answers along the columns.
 * @property {Float32Array} probabilities (boxes, classes)
 */

const DECAY_MEAN = Math.fround(0.9);
const DECAY_SQUARE = Math.fround(0.999);
const EPSILON = 1e-7;

// Random numbers come from (seed, epoch, step, one of these), so that the order of boxes, their
// augmentation and dropout never draw the same numbers, and any step can be drawn by itself.
const ORDER = 1;
const WARP = 2;
const DROPOUT = 3;

export class Training {
  #arena;
  #epoch = 1;
  #step = 0;
  #done = 0; // steps of all epochs
  #loss = 0;
  #correct = 0;
  #seen = 0;
  /** Address of augmented boxes; 0 while there is no augmentation. */
  warped = 0;
  #warpBuffer = 0;
  /** @type {Uint32Array} */
  #order = new Uint32Array(0);

  /**
   * @param {import("./wasm.js").Machine} machine
   * @param {object} given
   * @param {Plan} given.plan
   * @param {Map<string, Float32Array>} [given.weights] First weights; by default drawn from the
   *   seed.
   * @param {Split} given.train
   * @param {Split} [given.validation]
   * @param {Settings} [given.settings]
   * @param {(epoch: number) => Uint32Array} [given.orderOf] The boxes' order in an epoch; by
   *   default drawn from the seed.
   */
  constructor(machine, { plan, weights, train, validation, settings = {}, orderOf }) {
    const { learningRate = 1e-3, batchSize = 32, seed = 0, augmentation } = settings;
    this.machine = machine;
    this.size = plan.shape.reduce((product, side) => product * side, 1);
    checkSplit(plan, train, this.size, "train");
    if (validation) checkSplit(plan, validation, this.size, "validation");
    checkSettings(plan, settings, { learningRate, batchSize });
    const [minimum, maximum] = boundsOf(train.images);
    this.plan = { ...planWith(plan, settings), minimum, maximum };
    /** @type {Filled} */
    this.settings = { learningRate, batchSize, seed, augmentation };
    this.orderOf = orderOf ?? ((epoch) => this.#drawOrder(epoch));
    this.train = train;
    this.validation = validation;
    this.steps = Math.ceil(train.modes.length / batchSize);
    this.first = weights ?? firstWeights(plan, seed);
    this.#arena = new Arena(machine);
    this.tensors = new Tensors(machine, this.plan, this.first, true);
    try {
      this.chain = new Chain(
        machine,
        joinedOperations(machine, this.plan, this.tensors),
        batchSize,
        {
          training: true,
        },
      );
      this.adam = this.#arena.floats(6);
      this.images = this.#arena.bytes(batchSize * this.size);
      this.#prepareWarp();
      this.matrices = this.#arena.floats(6 * batchSize);
    } catch (error) {
      this.free();
      throw error;
    }
  }

  /** @returns {Progress} */
  get progress() {
    const seen = Math.max(this.#seen, 1);
    return {
      epoch: this.#epoch,
      step: this.#step,
      steps: this.steps,
      loss: this.#loss / seen,
      accuracy: this.#correct / seen,
    };
  }

  /**
   * One step: the forward and the backward pass of a batch. After an epoch's last step, the next
   * one begins a new epoch.
   * @returns {Progress} Its loss is NaN once steps were too large.
   */
  step() {
    if (this.#step === this.steps) this.#beginEpoch(this.#epoch + 1);
    if (this.#step === 0) this.#order = this.orderOf(this.#epoch);
    const { batchSize } = this.settings;
    const chosen = this.#order.subarray(this.#step * batchSize, (this.#step + 1) * batchSize);
    this.#step += 1;
    this.#done += 1;
    this.#writeAdam();
    const modes = Array.from(chosen, (i) => this.train.modes[i]);
    const random = this.#chance(DROPOUT);
    const pass = this.#pass(chosen.length, random);
    this.chain.forward(this.#prepare(chosen, pass), pass);
    this.#putLossGradient(modes);
    this.chain.backward(pass, this.chain.operations.length - 2);
    return this.progress;
  }

  /**
   * Change settings from the next step on; weights and moments stay.
   * @param {{learningRate: number, augmentation?: Partial<Augmentation>}} settings
   */
  change({ learningRate, augmentation }) {
    checkSettings(this.plan, {}, { learningRate, batchSize: this.settings.batchSize });
    this.settings = { ...this.settings, learningRate, augmentation };
    this.#prepareWarp();
  }

  #prepareWarp() {
    const { augmentation, batchSize } = this.settings;
    const warps = augmentation !== undefined && !isAtRest({ ...AT_REST, ...augmentation });
    if (warps && this.#warpBuffer === 0) {
      this.#warpBuffer = this.#arena.floats(batchSize * this.size);
    }
    this.warped = warps ? this.#warpBuffer : 0;
  }

  /** @param {number} epoch */
  #beginEpoch(epoch) {
    this.#epoch = epoch;
    this.#step = 0;
    this.#loss = this.#correct = this.#seen = 0;
  }

  /** @param {number} epoch */
  #drawOrder(epoch) {
    return new Random(seedOf(this.settings.seed, epoch, 0, ORDER)).order(this.train.modes.length);
  }

  /** @param {number} use */
  #chance(use) {
    return new Random(seedOf(this.settings.seed, this.#epoch, this.#step, use));
  }

  #writeAdam() {
    this.machine
      .floats(this.adam, 6)
      .set([
        ...[DECAY_MEAN, DECAY_SQUARE, EPSILON],
        ...[1 / (1 - DECAY_MEAN ** this.#done), 1 / (1 - DECAY_SQUARE ** this.#done)],
        this.settings.learningRate,
      ]);
  }

  /**
   * @param {number} count
   * @param {Random | null} random Null outside training.
   * @returns {import("./operations.js").Pass}
   */
  #pass(count, random) {
    const { minimum, maximum } = this.plan;
    const adam = random === null ? 0 : this.adam;
    const areBytes = random === null || this.warped === 0;
    return { count, areBytes, low: minimum, span: maximum - minimum, random, adam };
  }

  /**
   * Put a batch of boxes into memory, augmented where asked.
   * @param {Uint32Array} chosen
   * @param {import("./operations.js").Pass} pass
   * @returns {number} Where the images are.
   */
  #prepare(chosen, pass) {
    const { machine, size, train, images } = this;
    const place = machine.bytes(images, chosen.length * size);
    for (const [i, box] of chosen.entries()) {
      place.set(train.images.subarray(box * size, (box + 1) * size), i * size);
    }
    return pass.areBytes ? images : this.#warp(chosen.length, pass);
  }

  /** @param {number} count @param {import("./operations.js").Pass} pass */
  #warp(count, { low, span }) {
    const { machine, warped, matrices, images } = this;
    const ranges = { ...AT_REST, ...this.settings.augmentation };
    const [rows, columns] = this.plan.shape;
    const shape = { rows, columns };
    const random = this.#chance(WARP);
    const draws = Array.from({ length: count }, () => drawn(ranges, random, shape));
    const place = machine.floats(matrices, 6 * count);
    for (const [i, draw] of draws.entries()) place.set(affineMatrix(draw, shape), 6 * i);
    const fill = FILL_MODES.indexOf(ranges.fill_mode);
    machine.code.warp(count, rows, columns, images, matrices, fill, ranges.cval, warped);
    const values = machine.floats(warped, count * this.size);
    for (const [i, draw] of draws.entries()) {
      asSeen(values.subarray(i * this.size, (i + 1) * this.size), ranges, draw, shape);
    }
    machine.code.scaled_reals(warped, count * this.size, low, span);
    return warped;
  }

  /** Cross-entropy's gradient by the scores, from the probabilities. @param {number[]} modes */
  #putLossGradient(modes) {
    const { machine, chain } = this;
    const classes = this.plan.classes.length;
    const count = modes.length;
    const scores = machine.floats(chain.values[chain.values.length - 2], count * classes);
    const gradient = machine.floats(chain.start, count * classes);
    for (const [n, mode] of modes.entries()) {
      const { shares, loss, answer } = judge(scores.subarray(n * classes, (n + 1) * classes), mode);
      this.#loss += loss;
      this.#correct += answer === mode ? 1 : 0;
      for (const [k, share] of shares.entries()) {
        gradient[n * classes + k] = (share - (k === mode ? 1 : 0)) / count;
      }
    }
    this.#seen += count;
  }

  /**
   * Score the validation boxes with the weights as they are.
   * @returns {Scored}
   */
  validate() {
    const classes = this.plan.classes.length;
    const confusion = Array.from({ length: classes }, () => new Array(classes).fill(0));
    let [loss, correct] = [0, 0];
    const { images, modes } = this.validation ?? { images: new Uint8Array(0), modes: [] };
    const probabilities = new Float32Array(modes.length * classes);
    const { batchSize } = this.settings;
    for (let first = 0; first < modes.length; first += batchSize) {
      const count = Math.min(batchSize, modes.length - first);
      this.machine
        .bytes(this.images, count * this.size)
        .set(images.subarray(first * this.size, (first + count) * this.size));
      this.chain.forward(this.images, this.#pass(count, null));
      const place = this.chain.values[this.chain.values.length - 2];
      const scores = this.machine.floats(place, count * classes);
      for (let n = 0; n < count; ++n) {
        const mode = modes[first + n];
        const judged = judge(scores.subarray(n * classes, (n + 1) * classes), mode);
        loss += judged.loss;
        correct += judged.answer === mode ? 1 : 0;
        confusion[mode][judged.answer] += 1;
        probabilities.set(judged.shares, (first + n) * classes);
      }
    }
    const [meanLoss, accuracy] = [loss / modes.length, correct / modes.length];
    return { loss: meanLoss, accuracy, confusion, probabilities };
  }

  /** Begin again, from the first weights. */
  reset() {
    this.tensors.write(this.first);
    this.#done = 0;
    this.#beginEpoch(1);
  }

  free() {
    this.chain?.free();
    this.tensors.free();
    this.#arena.free();
  }
}

/**
 * Probabilities by scores, the loss, and the class with the highest score.
 * @param {Float32Array} scores
 * @param {number} mode The true class.
 */
function judge(scores, mode) {
  let answer = 0;
  for (let k = 1; k < scores.length; ++k) if (scores[k] > scores[answer]) answer = k;
  const powers = Array.from(scores, (score) => Math.exp(score - scores[answer]));
  const total = powers.reduce((sum, power) => sum + power, 0);
  const loss = Math.log(total) - (scores[mode] - scores[answer]);
  return { shares: powers.map((power) => power / total), loss, answer };
}

/** Lowest and highest value. @param {Uint8Array} images */
function boundsOf(images) {
  let [low, high] = [255, 0];
  for (const value of images) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** @param {Plan} plan @param {Split} split @param {number} size @param {string} name */
function checkSplit(plan, { images, modes }, size, name) {
  if (modes.length === 0 || images.length !== modes.length * size) {
    throw new Fault("network.split", {
      ...{ split: name, values: images.length, boxes: modes.length, network: plan.name, size },
    });
  }
  const wrong = Array.from(modes).find((mode) => !(mode >= 0 && mode < plan.classes.length));
  if (wrong !== undefined) {
    throw new Fault("network.label", { split: name, label: wrong, classes: plan.classes.length });
  }
  if (name !== "train") return;
  const [low, high] = boundsOf(images);
  if (low === high) {
    throw new Fault("network.constant", { split: name, value: low });
  }
}

/**
 * @param {Plan} plan
 * @param {Settings} settings
 * @param {{learningRate: number, batchSize: number}} filled
 */
function checkSettings(plan, { dropout }, { learningRate, batchSize }) {
  if (!(learningRate > 0 && learningRate <= 1)) {
    throw new Fault("network.rate", { learningRate });
  }
  if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > 1024) {
    throw new Fault("network.batch", { batchSize });
  }
  if (dropout !== undefined && !(dropout >= 0 && dropout < 1)) {
    throw new Fault("network.dropout", { dropout });
  }
  const last = plan.steps[plan.steps.length - 1];
  if (last.activation !== "softmax") {
    throw new Fault("network.softmax", { network: plan.name });
  }
  const frozen = plan.steps.find(({ kind }) => kind === "scale" || kind === "normalise");
  if (frozen !== undefined) {
    throw new Fault("network.normalises", { network: plan.name });
  }
}
