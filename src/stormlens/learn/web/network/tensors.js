/** A network's weights in the machine's memory, and in a training their moving averages. */

import { Fault } from "./fault.js";
import { Random } from "../base/random.js";
import { Arena } from "./wasm.js";
import { checkWeights, sizeOf } from "./plan.js";
import { seedOf } from "./seeds.js";

/**
 * @typedef {object} Place Of one tensor in memory.
 * @property {number} pointer
 * @property {number} size Its values.
 * @property {number} mean Of its gradient; 0 without training.
 * @property {number} square Of the squared gradient.
 */

export class Tensors {
  /** @type {Map<string, Place>} */
  #byName = new Map();
  #arena;

  /**
   * @param {import("./wasm.js").Machine} machine
   * @param {import("./plan.js").Plan} plan
   * @param {Map<string, Float32Array>} weights
   * @param {boolean} [training]
   * @throws {Error} With a sentence, if the weights are not those of the plan.
   */
  constructor(machine, plan, weights, training = false) {
    checkWeights(plan, weights);
    this.machine = machine;
    this.#arena = new Arena(machine);
    try {
      for (const { name, shape } of plan.tensors) {
        const size = sizeOf(shape);
        const pointer = this.#arena.copyOf(/** @type {Float32Array} */ (weights.get(name)));
        const zeros = () => (training ? this.#arena.zeros(size) : 0);
        const [mean, square] = [zeros(), zeros()];
        this.#byName.set(name, { pointer, size, mean, square });
      }
    } catch (error) {
      this.#arena.free();
      throw error;
    }
  }

  /** @param {string | null} name @returns {Place} */
  of(name) {
    const found = this.#byName.get(name ?? "");
    if (found === undefined) throw new Fault("network.no-weights", { name });
    return found;
  }

  /**
   * Their values now.
   * @param {readonly string[]} [names] Names of those to read; by default all.
   * @returns {Map<string, Float32Array>}
   */
  read(names = [...this.#byName.keys()]) {
    return new Map(
      names.map((name) => {
        const { pointer, size } = this.of(name);
        return [name, this.machine.floats(pointer, size).slice()];
      }),
    );
  }

  /** Write other values, and reset the moments. @param {Map<string, Float32Array>} weights */
  write(weights) {
    for (const [name, { pointer, size, mean, square }] of this.#byName) {
      this.machine.floats(pointer, size).set(/** @type {Float32Array} */ (weights.get(name)));
      for (const moments of [mean, square]) {
        if (moments !== 0) this.machine.floats(moments, size).fill(0);
      }
    }
  }

  free() {
    this.#arena.free();
    this.#byName.clear();
  }
}

/**
 * First weights, as `stormlens.models.build` draws them: each layer's first kernel by Glorot and
 * Bengio's uniform rule (2010), all others 0.
 * @param {import("./plan.js").Plan} plan
 * @param {number} seed
 * @returns {Map<string, Float32Array>}
 */
export function firstWeights(plan, seed) {
  const kernels = plan.layers.map(({ steps: [first, last] }) =>
    plan.steps.slice(first, last).find((step) => step.kernel !== null),
  );
  const drawn = new Set(kernels.map((step) => step?.kernel));
  return new Map(
    plan.tensors.map(({ name, shape }, number) => {
      const values = new Float32Array(sizeOf(shape));
      if (drawn.has(name)) fillUniform(values, shape, new Random(seedOf(seed, number)));
      return [name, values];
    }),
  );
}

/** @param {Float32Array} values @param {number[]} shape @param {Random} random */
function fillUniform(values, shape, random) {
  const [inputs, outputs] = shape.slice(-2);
  const limit = Math.sqrt(6 / (sizeOf(shape.slice(0, -2)) * (inputs + outputs)));
  for (let i = 0; i < values.length; ++i) values[i] = random.between(-limit, limit);
}
