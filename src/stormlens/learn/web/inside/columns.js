/** What stands in a row in the picture of a network: a column for each step that a reader sees. */

import { t } from "../base/strings.js";
import { sides } from "./arithmetic.js";

/**
 * @typedef {import("../network/plan.js").Plan} Plan
 * @typedef {object} Column
 * @property {number} step Of the plan; -1 is the storm.
 * @property {string} name
 * @property {string} about What it does, in a few words.
 * @property {number} rows
 * @property {number} columns
 * @property {number} channels
 * @property {boolean} flat Whether it is a row of values without places.
 * @property {readonly number[]} [folded] Steps of the same layer just before, shown with it.
 */

/** Steps that change nothing that is to be seen. */
const SILENT = ["keep", "flatten"];

/**
 * Columns of a network, the storm first.
 * @param {Plan} plan
 * @returns {Column[]}
 */
export function columnsOf(plan) {
  /** @type {Column[]} */
  const columns = [
    {
      step: -1,
      name: t("inside.storm"),
      about: t("inside.about.storm"),
      ...sides(plan.shape),
      flat: false,
    },
  ];
  /** @type {Record<string, number>} */
  const counts = {};
  /** @type {Record<number, number>} */
  const residuals = {};
  plan.steps.forEach((step, i) => {
    if (SILENT.includes(step.kind) || isFolded(plan, i)) return;
    const kind = plan.layers[step.layer].kind;
    const shown =
      step.kind === "activation" && plan.steps[i - 1]?.kind === "add" ? "add" : step.kind;
    let name = t(`inside.step.${shown}`, { activation: t(`inside.activation.${step.activation}`) });
    if (kind === "Residual") {
      residuals[step.layer] ??= Object.keys(residuals).length + 1;
      if (shown === "convolution") name += ` ${i - plan.layers[step.layer].steps[0]}`;
      name = t("inside.residual", { number: residuals[step.layer], name: name.toLowerCase() });
    } else if (i < plan.steps.length - 1) {
      counts[shown] = (counts[shown] ?? 0) + 1;
      name = numbered(plan, step.kind) ? `${name} ${counts[shown]}` : name;
    } else {
      name = t("inside.answer");
    }
    columns.push({
      step: i,
      name,
      about: aboutOf(step, shown),
      ...sides(step.shape),
      flat: step.shape.length === 1,
      folded: isFolded(plan, i - 1) ? [i - 1] : [],
    });
  });
  return columns;
}

/**
 * Whether a step of a layer is shown with the activation that follows in the same layer.
 * @param {Plan} plan
 * @param {number} i
 */
function isFolded(plan, i) {
  const [step, next] = [plan.steps[i], plan.steps[i + 1]];
  return step?.kind === "add" && next?.kind === "activation" && next.layer === step.layer;
}

/** @param {Plan} plan @param {string} kind */
function numbered(plan, kind) {
  return plan.steps.filter((step) => step.kind === kind).length > 1;
}

/** @param {import("../network/plan.js").Step} step @param {string} shown */
function aboutOf(step, shown) {
  const activation = step.activation === "linear" ? "" : t(`inside.activation.${step.activation}`);
  const window = step.window.join(" × ");
  const words = t(`inside.about.${shown}`, { window, activation });
  return activation && shown !== "activation" && shown !== "add"
    ? t("inside.about.activated", { words, activation })
    : words;
}

/** The column that shows a step. @param {readonly Column[]} columns @param {number} step */
export function columnOf(columns, step) {
  return (
    columns.find((column) => column.step === step || column.folded?.includes(step)) ??
    columns.find((column) => column.step > step) ??
    columns[columns.length - 1]
  );
}

/**
 * Maps that are worth a place: those that respond most, in their own order.
 * @param {readonly number[]} strengths Of each map.
 * @param {number} most How many.
 * @returns {number[]}
 */
export function worthwhile(strengths, most) {
  return strengths
    .map((strength, map) => ({ strength, map }))
    .sort((one, other) => other.strength - one.strength || one.map - other.map)
    .slice(0, most)
    .map(({ map }) => map)
    .sort((one, other) => one - other);
}

/**
 * How strongly each map of a layer responds: the spread of its values.
 * @param {Float32Array} values
 * @param {number} channels
 * @returns {Float64Array}
 */
export function strengthsOf(values, channels) {
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  for (let at = 0, c = 0; at < values.length; ++at, c = c + 1 === channels ? 0 : c + 1) {
    sums[c] += values[at];
    squares[c] += values[at] * values[at];
  }
  const places = values.length / channels;
  return squares.map((square, c) =>
    Math.sqrt(Math.max(square / places - (sums[c] / places) ** 2, 0)),
  );
}
