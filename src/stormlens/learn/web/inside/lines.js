/** What a chosen number is tied to: lines from what it is made of, and places worth a look. */

import * as arithmetic from "./arithmetic.js";
import { strengthsOf, worthwhile } from "./columns.js";
import { SHOWN } from "./overview.js";
import { silentBefore } from "./sums.js";

/**
 * @typedef {import("./arithmetic.js").Cell} Cell
 * @typedef {import("./arithmetic.js").Pass} Pass
 * @typedef {import("./thumbnails.js").Shelf} Shelf
 */

/** Storms whose maps say which of them are worth a place. */
const RANKED_BY = 6;

/**
 * Maps of each step that respond most over a few storms: always the same ones, whatever the storm.
 * @param {import("../network/client.js").Network} net
 * @param {{plan: import("../network/plan.js").Plan}} network
 * @param {Shelf} shelf
 * @returns {Promise<Map<number, number[]>>}
 */
export async function worthShowing(net, { plan }, shelf) {
  const size = shelf.rows * shelf.columns;
  const apart = Math.max(1, Math.floor(shelf.count / RANKED_BY));
  /** @type {Float64Array[]} */
  const sums = plan.steps.map(({ shape }) => new Float64Array(arithmetic.sides(shape).channels));
  for (let i = 0, number = 0; i < RANKED_BY && number < shelf.count; ++i, number += apart) {
    const { maps } = await net.maps(shelf.images.slice(number * size, (number + 1) * size));
    maps.forEach((/** @type {Float32Array} */ map, /** @type {number} */ step) => {
      strengthsOf(map, sums[step].length).forEach((strength, c) => {
        sums[step][c] += strength;
      });
    });
  }
  return new Map(sums.map((of, step) => [step, worthwhile([...of], SHOWN)]));
}

/**
 * Lines from the maps that a number is made of, as thick as what each adds.
 * @param {Pass} pass
 * @param {number} step
 * @param {Cell} cell
 * @returns {import("./overview.js").Line[]}
 */
export function linesInto(pass, step, cell) {
  if (step < 0) return [];
  const { plan } = pass;
  const current = plan.steps[step];
  const toMap = cell.channel;
  const from = step - 1 - silentBefore(plan, step);
  if (current.kind === "convolution") {
    const parts = arithmetic.partsOf(pass, step, cell);
    const most = Math.max(...parts.map(({ sum }) => Math.abs(sum))) || 1;
    return parts.map(({ channel, sum }) => ({
      ...{ from, fromMap: channel, to: step, toMap, weight: sum / most },
    }));
  }
  if (current.kind === "activation" && plan.steps[step - 1]?.kind === "add") {
    const kept = arithmetic.keptFor(plan, step - 1) - 1;
    return [step - 2, kept].map((each) => ({
      from: each,
      fromMap: toMap,
      to: step,
      toMap,
      weight: 1,
    }));
  }
  const fromMap = current.kind.startsWith("global")
    ? arithmetic.globalOf(current, cell.channel).channel
    : current.kind === "dense"
      ? 0
      : toMap;
  return [{ from, fromMap, to: step, toMap, weight: 1 }];
}

/**
 * Whether a pool kept the strongest number of the whole layer before it here.
 * @param {Pass} pass
 * @param {number} step
 * @param {Cell} cell
 */
export function isStrongestPooled(pass, step, cell) {
  const current = pass.plan.steps[step];
  if (current?.kind !== "highest") return false;
  const given = arithmetic.givenTo(pass, step);
  const most = given.reduce((best, value) => Math.max(best, value), -Infinity);
  return most > 0 && pass.maps[step][arithmetic.indexOf(current.shape, cell)] === most;
}
