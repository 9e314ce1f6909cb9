/** Operations one after the other, the memory between them, and the way there and back. */

import { Add, Dense, Keep } from "./operations.js";
import { Room } from "./wasm.js";

/**
 * @typedef {import("./operations.js").Operation} Operation
 * @typedef {import("./operations.js").Pass} Pass
 */

export class Chain {
  /** @type {number[]} Where each operation's values lie. */
  values = [];
  #room;
  #scaled = 0;
  /** @type {number[]} Two places that gradients go to and from. */
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
    this.#room = new Room(machine);
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
    let heedsZeros = true;
    if (!first.takesBytes) this.#scaled = this.#room.floats(capacity * first.inputs);
    for (const [i, operation] of operations.entries()) {
      operation.prepare(capacity, training);
      largest = Math.max(largest, operation.outputs);
      // An alias at the very beginning has no place of its own to point at.
      const isAlias = operation.isAlias && i > 0;
      this.values.push(
        isAlias ? this.values[i - 1] : this.#room.floats(capacity * operation.outputs),
      );
      if (operation instanceof Keep) this.#kept = this.values[i];
      if (operation instanceof Add) operation.kept = this.#kept;
      if (operation instanceof Dense) operation.all = heedsZeros;
      if (!operation.isAlias) heedsZeros = operation.heedsZeros;
    }
    if (gradients) {
      this.#gradients = [
        this.#room.floats(capacity * largest),
        this.#room.floats(capacity * largest),
      ];
    }
  }

  #kept = 0;

  /**
   * Images through all operations.
   * @param {number} images Where they are.
   * @param {Pass} pass
   * @returns {number} Where what the last one gives is.
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

  /** Where a gradient is put before `backward`: of what operation `last` gives. */
  get start() {
    return this.#gradients[0];
  }

  /**
   * The way back of the images that went forward last, from the gradient that was put at `start`.
   * @param {Pass} pass
   * @param {number} last The operation whose outputs' gradient it is.
   * @param {number} [until] Stop where the gradient of this operation's outputs is known; -1 for
   *   that of the images, -2 where only weights are of interest.
   * @returns {number} Where the gradient is.
   */
  backward(pass, last, until = -2) {
    let at = 0;
    for (let i = last; i > until && i >= 0; --i) {
      const wanted = i > 0 || until === -1;
      const gradient = this.#gradients[at];
      const other = wanted ? this.#gradients[1 - at] : 0;
      const input = i === 0 ? this.#images : this.values[i - 1];
      const way = { input, output: this.values[i], gradient, to: other };
      if (this.operations[i].backward(way, pass) !== gradient) at = 1 - at;
    }
    return this.#gradients[at];
  }

  free() {
    for (const operation of this.operations) operation.free();
    this.#room.free();
    this.values = [];
  }
}
