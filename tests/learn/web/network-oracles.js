/** What the tests of the network share: the module, numbers that Python wrote, and hashed ones. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { planOfZoo } from "../../../src/stormlens/learn/web/network/plan.js";
import { firstWeights } from "../../../src/stormlens/learn/web/network/tensors.js";
import { Machine } from "../../../src/stormlens/learn/web/network/wasm.js";

export const PACKAGE = fileURLToPath(new URL("../../../src/stormlens/", import.meta.url));
export const NETWORK = join(PACKAGE, "learn", "web", "network");
export const CLASSES = ["Cellular", "QLCS", "Tropical", "Other", "Noise", "Missing"];
export const zoo = JSON.parse(readFileSync(join(NETWORK, "zoo.json"), "utf-8"));

const folder = process.env.STORMLENS_ORACLES;

/** Why a test is skipped; false where it is not. */
export const skip = folder === undefined && "STORMLENS_ORACLES names no folder of oracles";

/** @param {string} name @returns {any} */
export function oracle(name) {
  return JSON.parse(readFileSync(join(folder ?? "", `network-${name}.json`), "utf-8"));
}

export function startMachine() {
  return Machine.start(readFileSync(join(NETWORK, "stormlens.wasm")));
}

/**
 * As `hashed` of tests/learn/oracles/network.py.
 * @param {number} count
 * @param {number} seed
 * @param {number} [scale]
 */
export function hashed(count, seed, scale = 1) {
  const values = new Float32Array(count);
  const factor = Math.fround(scale);
  for (let i = 0; i < count; ++i) {
    let mixed = (Math.imul(i, 0x9e3779b1) + seed * 7919) | 0;
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    mixed ^= mixed >>> 16;
    values[i] = Math.fround((mixed >>> 0) / 2 ** 31 - 1) * factor;
  }
  return values;
}

/** @param {number} side @param {string[]} [classes] */
export function facts(side, classes = CLASSES) {
  /** @type {[number, number, number]} */
  const shape = [side, side, 1];
  return { shape, classes, minimum: 0, maximum: 80 };
}

/**
 * A network of the zoo with hashed weights, as the oracles have it.
 * @param {string} name
 * @param {number} side
 */
export function hashedNetwork(name, side) {
  const plan = planOfZoo(zoo, name, facts(side));
  const weights = new Map(
    plan.tensors.map(({ name: tensor, shape }, i) => {
      const size = shape.reduce((product, n) => product * n, 1);
      const [inputs, outputs] = shape.slice(-2);
      const around = shape.slice(0, -2).reduce((product, n) => product * n, 1);
      const scale = shape.length > 1 ? (6 / (around * (inputs + outputs))) ** 0.5 : 0.1;
      return [tensor, hashed(size, i, scale)];
    }),
  );
  return { plan, weights };
}

/**
 * The same where a training begins: but for each layer's first kernel, all is zero.
 * @param {string} name
 * @param {number} side
 */
export function firstNetwork(name, side) {
  const { plan, weights } = hashedNetwork(name, side);
  const drawn = firstWeights(plan, 0);
  for (const [tensor, values] of weights) {
    if (drawn.get(tensor)?.every((value) => value === 0)) values.fill(0);
  }
  return { plan, weights };
}

/**
 * The largest difference of two lists.
 * @param {ArrayLike<number>} some
 * @param {ArrayLike<number>} others
 */
export function apart(some, others) {
  if (some.length !== others.length) return Infinity;
  let most = 0;
  for (let i = 0; i < some.length; ++i) {
    const difference = Math.abs(some[i] - others[i]);
    if (!(difference <= most)) most = difference;
  }
  return most;
}
