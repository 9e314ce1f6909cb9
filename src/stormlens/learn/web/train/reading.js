/**
 * What the curves of a training say, by rules of one sentence each.
 *
 * Whether a network overfits is decided as `stormlens.verification.gap` decides it, epoch by epoch;
 * the page says so once it was so for two epochs in a row, since 110 boxes make accuracies jump.
 */

/**
 * @typedef {object} Epoch
 * @property {number} epoch 1 for the first.
 * @property {number} loss Mean over the epoch as it ran.
 * @property {number} accuracy
 * @property {number} valLoss At its end.
 * @property {number} valAccuracy
 *
 * @typedef {object} Reading
 * @property {"nothing" | "diverged" | "one-mode" | "slow" | "overfitting" | "learning" | "settled"}
 *   kind
 * @property {number} [since] Number of the epoch from which on it was so.
 * @property {boolean} [risen] Whether the validation loss has risen, too.
 */

/** Accuracy difference that counts as a gap: 5 points. */
export const GAP = 0.05;

/** Validation loss over its lowest that counts as a rise, if it is at least 0.05 as well. */
const RISE = 1.1;
const RISE_AT_LEAST = 0.05;

/** Epochs in a row that it takes. */
const IN_A_ROW = 2;

/** A loss this many times that of knowing nothing is no longer learning. */
const LOST = 1.5;

/** Share of the loss that three epochs should at least have taken away, while it is still high. */
const MOVED = 0.05;
const PATIENCE = 3;

/** Share of the loss of knowing nothing above which a loss is still high. */
const HIGH = 0.6;

/** Share of the validation loss that three epochs still take away while it learns. */
const LEARNS = 0.02;

/**
 * Whether a training overfits at the end of an epoch.
 * @param {readonly Epoch[]} history Up to that epoch.
 */
export function overfits(history) {
  const last = history[history.length - 1];
  return last !== undefined && (last.accuracy - last.valAccuracy > GAP || hasRisen(history));
}

/**
 * Whether the validation loss has risen since it was lowest.
 * @param {readonly Epoch[]} history
 */
function hasRisen(history) {
  const lowest = Math.min(...history.map(({ valLoss }) => valLoss));
  const last = history[history.length - 1]?.valLoss ?? NaN;
  return last > RISE * lowest && last - lowest >= RISE_AT_LEAST;
}

/**
 * From which epoch on a training has overfitted until now.
 * @param {readonly Epoch[]} history
 * @returns {number | undefined}
 */
export function overfitsSince(history) {
  let first = history.length;
  while (first > 0 && overfits(history.slice(0, first))) first -= 1;
  return history.length - first >= IN_A_ROW ? history[first].epoch : undefined;
}

/**
 * What a training shows by now.
 * @param {readonly Epoch[]} history
 * @param {object} known
 * @param {number} known.classes
 * @param {ArrayLike<number>} [known.answers] The class answered to each validation box.
 * @param {number} [known.runningLoss] Mean of the epoch that runs.
 * @returns {Reading}
 */
export function read(history, { classes, answers, runningLoss }) {
  const blind = Math.log(classes);
  const last = history[history.length - 1];
  const loss = runningLoss ?? last?.loss;
  if (loss !== undefined && !(loss < LOST * blind)) return { kind: "diverged" };
  if (!last) return { kind: "nothing" };
  if (!Number.isFinite(last.valLoss)) return { kind: "diverged" };
  if (history.length >= IN_A_ROW && answers && isOneClass(answers)) return { kind: "one-mode" };
  const since = overfitsSince(history);
  if (since !== undefined) return { kind: "overfitting", since, risen: hasRisen(history) };
  if (history.length < PATIENCE) return { kind: "learning" };
  const early = history[history.length - PATIENCE];
  if (last.loss > (1 - MOVED) * early.loss && last.loss > HIGH * blind) return { kind: "slow" };
  const learns = last.valLoss < (1 - LEARNS) * early.valLoss;
  return { kind: learns ? "learning" : "settled" };
}

/** @param {ArrayLike<number>} answers */
function isOneClass(answers) {
  for (let i = 1; i < answers.length; ++i) if (answers[i] !== answers[0]) return false;
  return answers.length > 0;
}

/**
 * The most probable class of each box.
 * @param {ArrayLike<number>} probabilities Box after box.
 * @param {number} classes
 * @returns {Uint8Array}
 */
export function answersOf(probabilities, classes) {
  const answers = new Uint8Array(probabilities.length / classes);
  for (let i = 0; i < answers.length; ++i) {
    for (let k = 1; k < classes; ++k) {
      if (probabilities[i * classes + k] > probabilities[i * classes + answers[i]]) answers[i] = k;
    }
  }
  return answers;
}

/**
 * How many boxes of each class got each answer: one row a true class.
 * @param {ArrayLike<number>} truth
 * @param {ArrayLike<number>} answers
 * @param {number} classes
 * @returns {number[][]}
 */
export function confusionOf(truth, answers, classes) {
  const counts = Array.from({ length: classes }, () => new Array(classes).fill(0));
  for (let i = 0; i < answers.length; ++i) counts[truth[i]][answers[i]] += 1;
  return counts;
}
