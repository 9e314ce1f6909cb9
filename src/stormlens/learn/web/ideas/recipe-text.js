/** Augmentation as a recipe holds it, and as Python says it: text to copy. */

import { t } from "../base/strings.js";
import { AT_REST } from "./augment.js";

/** @typedef {import("./augment.js").Augmentation} Augmentation */

/** What Keras does not know; a recipe names it only where it does something. */
const RADAR = ["offset_range", "scale_range", "cutoff_range", "dropout_range"];

/**
 * Settings and values in the order of a recipe.
 * @param {Augmentation} ranges
 * @returns {[string, string | boolean | number | readonly number[]][]}
 */
function entries(ranges) {
  const names = /** @type {(keyof Augmentation)[]} */ (Object.keys(AT_REST));
  return names
    .filter((name) => !RADAR.includes(name) || String(ranges[name]) !== String(AT_REST[name]))
    .map((name) => [name, ranges[name]]);
}

/** A number as Python writes a float. @param {number} value */
function float(value) {
  if (Number.isInteger(value)) return `${value}.0`;
  if (Math.abs(value) >= 1e-4) return String(value);
  return value.toExponential().replace(/e-(\d)$/, "e-0$1");
}

/**
 * The table of a recipe, as stormlens writes it.
 * @param {Augmentation} ranges
 * @returns {string}
 */
export function toToml(ranges) {
  const lines = entries(ranges).map(([name, value]) => {
    if (typeof value === "number") return `${name} = ${float(value)}`;
    if (Array.isArray(value)) return `${name} = [${value.map(float).join(", ")}]`;
    return `${name} = ${JSON.stringify(value)}`;
  });
  return `${["[augmentation]", ...lines].join("\n")}\n`;
}

/**
 * Python that makes nine such draws.
 * @param {Augmentation} ranges
 * @param {number} seed
 * @returns {string}
 */
export function toPython(ranges, seed) {
  const lines = toArguments(ranges).map((given) => `    ${given},\n`);
  const made = lines.length ? `Augmentation(\n${lines.join("")})` : "Augmentation()";
  return [
    "import jax",
    "import stormlens",
    "from stormlens.augment import Augmentation",
    "",
    `augmentation = ${made}`,
    'storms = stormlens.load("simulated", split="train", count=9)',
    'boxes = storms["reflectivity"].values',
    `draws = augmentation.apply(jax.random.key(${seed}), boxes)  # ${t("augmentation-studio.python.unit")}`,
    "",
  ].join("\n");
}

/**
 * What `stormlens.augment.Augmentation` is given, each as `name=value`; what is at rest is left out.
 * @param {Augmentation} ranges
 * @returns {string[]}
 */
export function toArguments(ranges) {
  return entries(ranges)
    .filter(
      ([name, value]) =>
        String(value) !== String(AT_REST[/** @type {keyof Augmentation} */ (name)]),
    )
    .map(([name, value]) => `${name}=${said(value)}`);
}

/** @param {string | boolean | number | readonly number[]} value */
function said(value) {
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return float(value);
  return Array.isArray(value) ? `(${value.map(float).join(", ")})` : JSON.stringify(value);
}
