/**
 * Operations in a chain, the memory between them, and the forward and the backward pass.
 *
 * All memory is allocated once, for the largest batch: WebAssembly's memory grows but never
 * shrinks, so a step that allocated would keep its highest demand for good.
 */

import { Add, Dense, Keep } from "./operations.js";
import { Arena } from "./wasm.js";

/**
 * @typedef {import("./operations.js").Operation} Operation
 * @typedef {import("./operations.js").Pass} Pass
 */

export class Chain {
  /** @type {number[]} Where each operation's values lie. */
  values = [];
  #arena;
  #scaled = 0;
  /**
   * @type {number[]} Two buffers for gradients, as large as the largest layer: going back, each
   *   operation reads one and writes the other, since no gradient is needed after the next.
   */
  #gradients = [];
  #images = 0;

  /**
   * @param {import("./wasm.js").Machine} machine
   * @param {Operation[]} operations
   * @param {number} capacity Images at a time, at most.
   * @param {{training?: boolean, gradients?: boolean}} [uses]
   */
  constructor(machine, operations, capacity, { training = false, gradients = training } = {}) {
    this.machine = machine;
    this.operations = operations;
    this.capacity = capacity;
    this.#arena = new Arena(machine);
    operations[0].isFirst = true;
    try {
      this.#prepare(training, gradients);
    } catch (error) {
      this.free();
      throw error;
    }
  }

  /** @param {boolean} training @param {boolean} gradients */
  #prepare(training, gradients) {
    const { operations, capacity } = this;
    const [first] = operations;
    let largest = first.inputs;
    let needsZeros = true;
    if (!first.takesBytes) this.#scaled = this.#arena.floats(capacity * first.inputs);
    for (const [i, operation] of operations.entries()) {
      operation.prepare(capacity, training);
      largest = Math.max(largest, operation.outputs);
      // An alias (such as Flatten) shares its input's memory, which the chain lacks for the first.
      const isAlias = operation.isAlias && i > 0;
      this.values.push(
        isAlias ? this.values[i - 1] : this.#arena.floats(capacity * operation.outputs),
      );
      if (operation instanceof Keep) this.#kept = this.values[i];
      if (operation instanceof Add) operation.kept = this.#kept;
      // Behind ReLU the gradient of an input that is 0 is 0 whatever comes, so a dense layer may
      // skip it. An alias changes no value, so what holds before it holds behind it.
      if (operation instanceof Dense) operation.all = needsZeros;
      if (!operation.isAlias) needsZeros = operation.needsZeros;
    }
    if (gradients) {
      this.#gradients = [
        this.#arena.floats(capacity * largest),
        this.#arena.floats(capacity * largest),
      ];
    }
  }

  #kept = 0;

  /**
   * The forward pass of a batch.
   * @param {number} images Their address.
   * @param {Pass} pass
   * @returns {number} Address of the last operation's values.
   */
  forward(images, pass) {
    const { machine, operations, values } = this;
    const [first] = operations;
    this.#images = images;
    if (pass.areBytes && !first.takesBytes) {
      machine.code.scaled(images, pass.count * first.inputs, pass.low, pass.span, this.#scaled);
      this.#images = this.#scaled;
    }
    for (const [i, operation] of operations.entries()) {
      const input = i === 0 ? this.#images : values[i - 1];
      if (i === 0 && operation.isAlias) {
        const bytes = new Uint8Array(machine.memory.buffer);
        bytes.copyWithin(values[0], input, input + 4 * pass.count * operation.outputs);
      }
      operation.forward(input, values[i], pass);
    }
    return values[values.length - 1];
  }

  /** Where the caller puts the gradient of operation `last`'s outputs, before `backward`. */
  get start() {
    return this.#gradients[0];
  }

  /**
   * The backward pass of the last batch, from the gradient at `start`.
   * @param {Pass} pass
   * @param {number} last The operation whose outputs' gradient it is.
   * @param {number} [until] Stop when the gradient of this operation's outputs is known; -1 for
   *   that of the images, -2 if only weights are updated.
   * @returns {number} Address of the gradient.
   */
  backward(pass, last, until = -2) {
    let at = 0;
    for (let i = last; i > until && i >= 0; --i) {
      const wanted = i > 0 || until === -1;
      const gradient = this.#gradients[at];
      const other = wanted ? this.#gradients[1 - at] : 0;
      const input = i === 0 ? this.#images : this.values[i - 1];
      const way = { input, output: this.values[i], gradient, to: other };
      // An operation that changes its gradient in place returns the buffer that it read.
      if (this.operations[i].backward(way, pass) !== gradient) at = 1 - at;
    }
    return this.#gradients[at];
  }

  free() {
    for (const operation of this.operations) operation.free();
    this.#arena.free();
    this.values = [];
  }
}
