/**
 * Trained networks: those that the pages come with, and those out of a person's own files, as a
 * run folder has them.
 */

import { jsonResource, resource } from "../base/resources.js";
import { t } from "../base/strings.js";
import { checkWeights, planOfClassifier, planOfNetwork } from "../network/plan.js";
import { readSafetensors } from "./safetensors.js";

/**
 * @typedef {object} Entry Of networks.json.
 * @property {string} id
 * @property {string} title
 * @property {string} folder
 *
 * @typedef {object} OpenNetwork
 * @property {string} id
 * @property {string} title
 * @property {import("../network/plan.js").Plan} plan
 * @property {Map<string, Float32Array>} weights
 * @property {boolean | undefined} simulated Whether simulated storms trained it, if that is known.
 * @property {string} source What it was trained on, or "".
 * @property {number} temperature 1 where the classifier has none.
 * @property {number} orientations How many turned copies `stormlens classify` asks.
 */

export const CARD = "classifier.json";
export const WEIGHTS = "weights.safetensors";
export const STEPS = "network.json";

/**
 * Networks that the pages come with, the first of them the default.
 * @returns {Promise<Entry[]>}
 */
export async function listNetworks() {
  const list = await jsonResource("networks/networks.json");
  if (!Array.isArray(list) || list.length === 0) {
    throw new Error(t("file.damaged", { file: "networks.json", reason: t("file.json") }));
  }
  return list;
}

/**
 * Fetch a network that the pages come with.
 * @param {Entry} entry
 * @returns {Promise<OpenNetwork>}
 * @throws {Error} With a sentence.
 */
export async function openNetwork(entry) {
  const file = (/** @type {string} */ name) => resource(`${entry.folder}/${name}`);
  const [card, weights] = await Promise.all([file(CARD), file(WEIGHTS)]);
  const files = new Map([
    [CARD, card],
    [WEIGHTS, weights],
  ]);
  if (readJson(card, CARD)?.architecture === null) files.set(STEPS, await file(STEPS));
  return networkOfFiles(files, entry);
}

/** Whether a file is part of a network, and not a box. @param {string} name */
export function isNetworkFile(name) {
  return /\.(json|safetensors|keras|h5|hdf5|pb|pt|onnx)$/i.test(name);
}

/**
 * Put a network together.
 * @param {ReadonlyMap<string, ArrayBuffer>} files By name.
 * @param {{id: string, title: string}} names
 * @returns {Promise<OpenNetwork>}
 * @throws {Error} With a sentence, where a file is missing, damaged, foreign or of another time.
 */
export async function networkOfFiles(files, { id, title }) {
  const model = [...files.keys()].find((name) => /\.(keras|h5|hdf5|pb|pt|onnx)$/i.test(name));
  if (model) throw new Error(t("file.network.model", { file: model }));
  const card = files.get(CARD);
  if (!card) throw new Error(t("file.network.no-card", { files: [...files.keys()].join(", ") }));
  const weights = files.get(WEIGHTS);
  if (!weights) throw new Error(t("file.network.no-weights"));
  const said = readJson(card, CARD);
  if (said?.format !== 1) throw new Error(t("file.network.format", { file: CARD }));
  const steps = files.get(STEPS);
  if (said.architecture === null && !steps) throw new Error(t("file.network.no-steps"));
  const tensors = readSafetensors(weights, WEIGHTS);
  const plan = steps
    ? planOfNetwork(readJson(steps, STEPS), tensors.shapes)
    : planOfClassifier(await jsonResource("network/zoo.json"), said);
  if (plan.shape[2] !== 1) throw new Error(t("file.network.channels"));
  const due = said.provenance?.sha256;
  const found = await sha256(weights);
  if (typeof due === "string" && !steps && found !== undefined && found !== due) {
    throw new Error(t("file.network.other-time", { file: WEIGHTS, card: CARD }));
  }
  checkWeights(plan, tensors.weights);
  const { training_simulated: simulated, data_source: source } = said.provenance ?? {};
  return {
    ...{ id, title },
    plan,
    weights: tensors.weights,
    simulated: typeof simulated === "boolean" ? simulated : undefined,
    source: typeof source === "string" ? source : "",
    temperature: temperatureOf(said),
    orientations: Number.isInteger(said.orientations) ? said.orientations : 1,
  };
}

/** @param {any} card */
function temperatureOf(card) {
  const given = card.confidence?.temperature;
  return Number.isFinite(given) && given > 0 ? given : 1;
}

/** @param {ArrayBuffer} content @param {string} file */
function readJson(content, file) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
  } catch {
    throw new Error(t("file.damaged", { file, reason: t("file.json") }));
  }
}

/**
 * Hexadecimal; undefined where a page may not compute it, as without https.
 * @param {ArrayBuffer} content
 */
async function sha256(content) {
  const digest = await globalThis.crypto?.subtle?.digest("SHA-256", content);
  if (!digest) return undefined;
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
