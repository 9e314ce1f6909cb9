/**
 * The compiled kernels and their memory, plain or shared with helpers in other workers.
 */

import { Fault } from "./fault.js";

const PAGE = 65536;
const FIRST_PAGES = 64;
const MOST_PAGES = [32768, 16384, 8192]; // of shared memory, tried in turn
const STACK = 1 << 18; // bytes of a helper's stack

/** @typedef {Record<string, (...numbers: number[]) => number>} Code What the module exports. */

/** A module with its memory. */
export class Machine {
  /**
   * @param {WebAssembly.Module} module
   * @param {WebAssembly.Instance} instance
   * @param {WebAssembly.Memory} memory
   */
  constructor(module, instance, memory) {
    this.module = module;
    this.memory = memory;
    this.exports = instance.exports;
    this.code = /** @type {Code} */ (/** @type {unknown} */ (instance.exports));
  }

  /**
   * Compile the module with plain memory.
   * @param {BufferSource} bytes
   */
  static async start(bytes) {
    const { module, instance } = await WebAssembly.instantiate(bytes);
    const memory = /** @type {WebAssembly.Memory} */ (instance.exports.memory);
    return new Machine(module, instance, memory).#begin();
  }

  /**
   * Compile the module whose memory helpers share.
   * @param {BufferSource} bytes
   */
  static async startShared(bytes) {
    const module = await WebAssembly.compile(bytes);
    const memory = sharedMemory();
    const instance = await WebAssembly.instantiate(module, { env: { memory } });
    return new Machine(module, instance, memory).#begin();
  }

  #begin() {
    this.code._initialize();
    return this;
  }

  /** A stack for a helper: where it begins, growing down. */
  stackForHelper() {
    return this.allocate(STACK) + STACK;
  }

  /**
   * Memory, at the beginning of a line of the cache.
   * @param {number} bytes
   * @returns {number} Where it is.
   */
  allocate(bytes) {
    const pointer = bytes < 2 ** 31 ? this.code.allocate(bytes) >>> 0 : 0;
    if (pointer === 0) {
      throw new Fault("network.memory", { megabytes: Math.ceil(bytes / 2 ** 20) });
    }
    return pointer;
  }

  /** @param {number} pointer */
  release(pointer) {
    this.code.release(pointer);
  }

  /** Bytes given out. */
  get inUse() {
    return this.code.memory_in_use() >>> 0;
  }

  /** @param {number} pointer @param {number} count */
  floats(pointer, count) {
    return new Float32Array(this.memory.buffer, pointer, count);
  }

  /** @param {number} pointer @param {number} count */
  bytes(pointer, count) {
    return new Uint8Array(this.memory.buffer, pointer, count);
  }

  /** @param {number} pointer @param {number} count */
  wholes(pointer, count) {
    return new Int32Array(this.memory.buffer, pointer, count);
  }
}

/** Allocations that are freed all at once. */
export class Arena {
  /** @type {number[]} */
  #pointers = [];

  /** @param {Machine} machine */
  constructor(machine) {
    this.machine = machine;
  }

  /** @param {number} count @returns {number} */
  bytes(count) {
    const pointer = this.machine.allocate(count);
    this.#pointers.push(pointer);
    return pointer;
  }

  /** @param {number} count @returns {number} */
  floats(count) {
    return this.bytes(4 * count);
  }

  /** Floats of 0. @param {number} count @returns {number} */
  zeros(count) {
    const pointer = this.floats(count);
    this.machine.floats(pointer, count).fill(0);
    return pointer;
  }

  /** @param {ArrayLike<number>} values @returns {number} */
  copyOf(values) {
    const pointer = this.floats(values.length);
    this.machine.floats(pointer, values.length).set(values);
    return pointer;
  }

  /** @param {ArrayLike<number>} values @returns {number} */
  copyOfWholes(values) {
    const pointer = this.bytes(4 * values.length);
    this.machine.wholes(pointer, values.length).set(values);
    return pointer;
  }

  free() {
    for (const pointer of this.#pointers.splice(0)) this.machine.release(pointer);
  }
}

/**
 * Do tasks of another worker's machine, for ever.
 * @param {WebAssembly.Module} module
 * @param {WebAssembly.Memory} memory
 * @param {number} stack Where its stack begins.
 * @param {number} index Which helper it is, from 1.
 */
export function help(module, memory, stack, index) {
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  const { __stack_pointer: pointer, help: wait } = /** @type {any} */ (instance.exports);
  pointer.value = stack;
  wait(index);
}

/** @returns {WebAssembly.Memory} As much as this browser gives. */
function sharedMemory() {
  for (const maximum of MOST_PAGES) {
    try {
      return new WebAssembly.Memory({ initial: FIRST_PAGES, maximum, shared: true });
    } catch {
      continue;
    }
  }
  const least = (MOST_PAGES[MOST_PAGES.length - 1] * PAGE) / 2 ** 20;
  throw new Fault("network.shared", { megabytes: least });
}
