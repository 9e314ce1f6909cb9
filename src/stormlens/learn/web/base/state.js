/** The address says what is shown: `#/neuron?w1=2&activation=tanh`. */

import { asText } from "./component.js";

/** @typedef {import("./component.js").Values} Values */

/**
 * What an address asks for.
 * @param {string} hash With its `#`.
 * @returns {{slug: string, values: Record<string, string>}}
 */
export function readAddress(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  return { slug: path, values: Object.fromEntries(new URLSearchParams(query)) };
}

/**
 * The address of a component with some settings.
 * @param {string} slug
 * @param {Values} values Those that are not at their defaults.
 * @returns {string} With its `#`.
 */
export function writeAddress(slug, values) {
  const query = new URLSearchParams(
    Object.entries(values).map(([name, value]) => [name, asText(value)]),
  );
  // Commas are allowed there, and easier to read than %2C.
  const text = query.toString().replaceAll("%2C", ",");
  return `#/${slug}${text && `?${text}`}`;
}
