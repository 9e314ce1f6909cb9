/**
 * What can be chosen for a training, and what the choices mean.
 *
 * A setting that is "own" is the network's own: what its recipe in stormlens says, and its source.
 */

import { AT_REST } from "../ideas/augment.js";
import { PRESETS } from "../ideas/presets.js";

/** @typedef {import("../base/component.js").Settings} Settings */
/** @typedef {import("../base/component.js").Values} Values */
/** @typedef {import("../ideas/augment.js").Augmentation} Augmentation */

/**
 * @typedef {Record<string, any> & {kind: string}} Block A layer as zoo.json lists it.
 * @typedef {object} Own
 * @property {number} rate
 * @property {string} activation Of its convolutions.
 * @property {string} drops Its dropout, in words.
 *
 * @typedef {object} Choice A training, decided.
 * @property {string} network
 * @property {number} storms How many of the training boxes, from the first.
 * @property {number} rate
 * @property {number} batch
 * @property {number | null} dropout null is the network's own.
 * @property {string | null} activation
 * @property {string} augmentation One of AUGMENTATIONS.
 * @property {number} epochs
 * @property {number} seed
 *
 * @typedef {"A" | "B"} Slot
 */

export const OWN = "own";

/** After which every training pauses at last. */
export const MOST_EPOCHS = 200;

/** Networks with what their recipes and sources say. @type {Readonly<Record<string, Own>>} */
export const NETWORKS = {
  "chapter-linear": { rate: 1e-4, activation: "linear", drops: "0" },
  "chapter-relu": { rate: 1e-4, activation: "relu", drops: "0.3" },
  "svrimg-3conv": { rate: 1e-3, activation: "relu", drops: "0.3, 0.6" },
  "storm-residual": { rate: 1.2e-3, activation: "relu", drops: "0.3" },
};

/**
 * Augmentations in the words of stormlens.augment.
 * @type {Readonly<Record<string, Augmentation | undefined>>}
 */
export const AUGMENTATIONS = {
  none: undefined,
  flips: { ...AT_REST, horizontal_flip: true, vertical_flip: true },
  chapter: PRESETS.chapter,
  archive: PRESETS["SVRIMG notebook"],
  shipped: {
    ...AT_REST,
    zoom_range: [0.8, 1],
    horizontal_flip: true,
    vertical_flip: true,
    fill_mode: "constant",
  },
};

const RATES = ["0.00001", "0.00003", "0.0001", "0.0003", "0.001", "0.003", "0.01", "0.03", "0.1"];
const DROPOUTS = ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8"];
const BATCHES = ["8", "16", "32", "64", "128"];
const STORMS = ["60", "150", "300", "600", "1331"];
const ACTIVATIONS = ["linear", "relu", "tanh", "sigmoid"];

/** What each of the two trainings has of its own. @type {Settings} */
const EACH = {
  network: { kind: "choice", default: "chapter-linear", choices: Object.keys(NETWORKS) },
  storms: { kind: "choice", default: "300", choices: STORMS },
  rate: { kind: "choice", default: OWN, choices: [OWN, ...RATES] },
  batch: { kind: "choice", default: "32", choices: BATCHES },
  dropout: { kind: "choice", default: OWN, choices: [OWN, ...DROPOUTS] },
  activation: { kind: "choice", default: OWN, choices: [OWN, ...ACTIVATIONS] },
  augmentation: { kind: "choice", default: "none", choices: Object.keys(AUGMENTATIONS) },
};

/** Names of the settings that each training has of its own. */
export const EACH_NAMES = Object.keys(EACH);

/** Those that take effect in a running training; all others begin it again. */
export const APPLIED_AT_ONCE = ["rate", "augmentation"];

/** All settings of the page. @type {Settings} */
export const SETTINGS = {
  ...EACH,
  ...Object.fromEntries(EACH_NAMES.map((name) => [named(name, "B"), EACH[name]])),
  // What the chapter asks first: the same network with and without a bend and dropout.
  network_b: { ...EACH.network, default: "chapter-relu" },
  compare: { kind: "flag", default: false },
  epochs: { kind: "whole", default: 20, low: 1, high: MOST_EPOCHS },
  seed: { kind: "whole", default: 0, low: 0, high: 9999 },
  look: { kind: "choice", default: "A", choices: ["A", "B"] },
  storm: { kind: "whole", default: 0, low: 0, high: 9999 },
  filter: { kind: "whole", default: 0, low: 0, high: 1023 },
  layer: { kind: "whole", default: 0, low: 0, high: 99 },
  kernels: { kind: "choice", default: "now", choices: ["now", "change"] },
  cell: { kind: "numbers", default: [], low: 0, high: 99 },
};

/**
 * The name of a setting of one of the trainings.
 * @param {string} name
 * @param {Slot} slot
 */
export function named(name, slot) {
  return slot === "A" ? name : `${name}_b`;
}

/**
 * What the settings say of one training.
 * @param {Readonly<Values>} settings
 * @param {Slot} slot
 * @returns {Choice}
 */
export function choiceOf(settings, slot) {
  const text = (/** @type {string} */ name) => String(settings[named(name, slot)]);
  const network = text("network");
  const own = NETWORKS[network];
  return {
    network,
    storms: Number(text("storms")),
    rate: text("rate") === OWN ? own.rate : Number(text("rate")),
    batch: Number(text("batch")),
    dropout: text("dropout") === OWN ? null : Number(text("dropout")),
    activation:
      text("activation") === OWN || text("activation") === own.activation
        ? null
        : text("activation"),
    augmentation: text("augmentation"),
    epochs: Number(settings.epochs),
    seed: Number(settings.seed),
  };
}

/**
 * A network's layers with another activation of its convolutions or another dropout.
 *
 * A rate counts for every dropout layer; where a network has none, one that switches off whole
 * channels goes behind its first convolution.
 * @param {readonly Block[]} blocks
 * @param {{dropout: number | null, activation: string | null}} changes
 * @returns {Block[]}
 */
export function changedBlocks(blocks, { dropout, activation }) {
  const bent = blocks.map((block) =>
    block.kind === "Conv2D" && activation ? { ...block, activation } : { ...block },
  );
  if (dropout === null) return bent;
  const rated = bent.map((block) => (isDropout(block) ? { ...block, rate: dropout } : block));
  if (rated.some(isDropout) || dropout === 0) return rated;
  const behind = rated.findIndex((block) => block.kind === "Conv2D") + 1;
  return [
    ...rated.slice(0, behind),
    { kind: "SpatialDropout2D", rate: dropout },
    ...rated.slice(behind),
  ];
}

/** @param {Block} block */
function isDropout(block) {
  return block.kind === "Dropout" || block.kind === "SpatialDropout2D";
}
