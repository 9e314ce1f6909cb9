/** When the tasks of the page are done. */

import { overfits, overfitsSince, read } from "./reading.js";

/** @typedef {import("./choices.js").Choice} Choice */
/** @typedef {import("./reading.js").Epoch} Epoch */

/** Validation accuracy to reach. */
export const REACH = 0.85;

/** Epochs that a remedy has to last, and the validation accuracy that it must leave. */
const LAST = 8;
const LEAVE = 0.6;

const HIGH_RATE = 0.1;

/**
 * @typedef {object} Trained
 * @property {Choice} choice
 * @property {Epoch[]} history
 * @property {ArrayLike<number>} answers
 * @property {boolean} drops Whether dropout is at work.
 * @property {{classes: readonly string[]}} plan
 */

/**
 * @param {readonly Trained[]} trainings
 * @returns {Record<string, boolean>}
 */
export function doneTasks(trainings) {
  return {
    reach: trainings.some(({ history }) => history.some((epoch) => epoch.valAccuracy >= REACH)),
    overfit: trainings.some(({ history }) => overfitsSince(history) !== undefined),
    remedy: trainings.some(isRemedied),
    rate: trainings.some(showsHighRate),
  };
}

/**
 * With dropout or augmentation it learnt for a while, and does not overfit.
 * @param {Trained} training
 */
function isRemedied({ choice, history, drops }) {
  const last = history[history.length - 1];
  const helped = drops || choice.augmentation !== "none";
  const lasted = history.length >= LAST && last.valAccuracy >= LEAVE;
  return helped && lasted && !overfits(history);
}

/** @param {Trained} training */
function showsHighRate({ choice, history, answers, plan }) {
  if (choice.rate < HIGH_RATE || history.length === 0) return false;
  const { kind } = read(history, { classes: plan.classes.length, answers });
  return kind === "diverged" || kind === "one-mode" || kind === "slow";
}
