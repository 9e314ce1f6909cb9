/** What the pages need of a browser: checked in one place, with one sentence. */

import { t } from "./strings.js";

// The smallest module with an instruction of 128 bits: i8x16.splat of 0.
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15,
  11,
]);

/** Whether it is there, by the name that people look it up by. */
const THERE = {
  adoptedStyleSheets: () => "adoptedStyleSheets" in Document.prototype,
  DecompressionStream: () => typeof DecompressionStream === "function",
  ResizeObserver: () => typeof ResizeObserver === "function",
  "WebAssembly SIMD": () => typeof WebAssembly === "object" && WebAssembly.validate(SIMD),
};

/** What there may be less of: the pages work, in plainer looks. */
const LOOKS = {
  "container queries": () => CSS.supports("container-type", "inline-size"),
  "light-dark()": () => CSS.supports("color", "light-dark(#000, #fff)"),
};

/** @typedef {keyof typeof THERE} Need */

/** @param {Need} need */
export function has(need) {
  return THERE[need]();
}

/**
 * Why a component cannot be shown in this browser.
 * @param {readonly Need[]} needs
 * @returns {string} A sentence; none where nothing is missing.
 */
export function lacking(needs) {
  return lackWords("browser.lacks", needs.filter((need) => !has(need)));
}

/** Why a component looks plainer in this browser. @returns {string} As `lacking`. */
export function plainer() {
  const missing = Object.entries(LOOKS).filter(([, there]) => !there());
  return lackWords("browser.plainer", missing.map(([name]) => name));
}

/** @param {string} key @param {readonly string[]} missing */
function lackWords(key, missing) {
  if (missing.length === 0) return "";
  return t(key, { what: missing.join(", "), versions: t("browser.versions") });
}

/** Something that the pages need is missing; a sentence says what. */
export class Lack extends Error {
  /** @param {string} what */
  constructor(what) {
    super(lackWords("browser.lacks", [what]));
  }
}
