/** Small pictures of storms by mode, to choose one of them. */

import { MODES, ofReflectivity } from "../base/colours.js";
import { el } from "../base/dom.js";
import { Picture } from "../base/picture.js";
import { modeWords, t } from "../base/strings.js";

/**
 * @typedef {import("../data/storms.js").Storms} Storms
 * @typedef {import("../data/storms.js").StormSet} StormSet
 */

export const STRIP_CSS = `
.strip { display: flex; gap: .9rem; margin: .6rem 0 0; padding: .2rem .2rem .5rem; border: 0;
  min-width: 0; overflow-x: auto; }
.strip .mode { flex: none; }
.strip .mode > span { display: block; font-size: .85em; color: var(--muted);
  margin-bottom: .15rem; }
.strip .mode > span::before { content: ""; display: inline-block; width: .65em; height: .65em;
  border-radius: 50%; background: var(--mode); margin-right: .35em; }
.strip .mode > div { display: flex; gap: .3rem; }
.strip label { position: relative; width: 3.25rem; flex: none; }
.strip input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0;
  cursor: pointer; z-index: 1; }
.strip .picture canvas { image-rendering: auto; }
.strip input:checked + .picture { outline: 3px solid var(--accent); outline-offset: 1px; }
.strip input:focus-visible + .picture { outline: 3px solid var(--orange); outline-offset: 1px; }
`;

let strips = 0;

/** The strip. */
export class StormStrip {
  element = el("fieldset", { class: "strip", "aria-label": t("storm.choose") });
  /** @type {HTMLInputElement[]} By number of the storm. */
  #inputs = [];
  /** @type {number | undefined} */
  #chosen;

  /**
   * @param {Storms} storms
   * @param {StormSet} set
   * @param {(number: number) => void} pick
   */
  constructor(storms, set, pick) {
    strips += 1;
    const modes = storms.classes.map((_, code) => code);
    const groups = set.modes ? modes : [undefined];
    for (const code of groups) {
      const numbers = Array.from({ length: set.count }, (_, i) => i).filter(
        (i) => code === undefined || set.modes?.[i] === code,
      );
      if (numbers.length === 0) continue;
      const name = code === undefined ? t("storm.all") : modeWords(storms.classes[code]);
      this.element.append(
        el(
          "div",
          { class: "mode", style: code !== undefined && `--mode: ${colourOf(storms, code)}` },
          el("span", {}, name),
          el("div", {}, ...numbers.map((i) => this.#thumbnail(storms, set, i, pick))),
        ),
      );
    }
  }

  /** Mark the storm that is shown, if it is one of these. @param {number | undefined} number */
  choose(number) {
    if (number === this.#chosen) return; // to measure places is slow with each move of a slider
    this.#chosen = number;
    this.#inputs.forEach((input, i) => (input.checked = i === number));
    if (number !== undefined) this.#reveal(this.#inputs[number]);
  }

  /** Scroll the strip, and nothing but the strip. @param {HTMLElement} thumbnail */
  #reveal(thumbnail) {
    const [strip, shown] = [this.element, thumbnail].map((e) => e.getBoundingClientRect());
    if (shown.left >= strip.left && shown.right <= strip.right) return;
    this.element.scrollLeft += shown.left - strip.left - (strip.width - shown.width) / 2;
  }

  /**
   * @param {Storms} storms @param {StormSet} set @param {number} number
   * @param {(number: number) => void} pick
   */
  #thumbnail(storms, set, number, pick) {
    const picture = new Picture();
    const { rows, columns } = set;
    picture.draw({ values: storms.image(set, number), rows, columns }, ofReflectivity);
    picture.element.removeAttribute("role");
    const input = el("input", {
      type: "radio",
      name: `strip-${strips}`,
      "aria-label": stormWords(storms, set.modes?.[number], number),
      onchange: () => pick(number),
    });
    this.#inputs[number] = input;
    return el("label", {}, input, picture.element);
  }
}

/**
 * A storm by its number and mode.
 * @param {Storms} storms @param {number | undefined} code @param {number} number
 */
export function stormWords(storms, code, number) {
  if (code === undefined) return t("storm.number", { number });
  return t("storm.of-mode", { number, mode: modeWords(storms.classes[code]) });
}

/** @param {Storms} storms @param {number} code */
function colourOf(storms, code) {
  return MODES[storms.classes[code]] ?? "var(--strong-rule)";
}
