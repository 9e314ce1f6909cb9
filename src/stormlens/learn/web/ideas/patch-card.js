/** A patch large, its numbers and its maximum, and what a neuron makes of it. */

import { ofReflectivity, readableOn } from "../base/colours.js";
import { el, replace, setAttributes, svg } from "../base/dom.js";
import { inFull, Picture, shortNumber } from "../base/picture.js";
import { t } from "../base/strings.js";
import { poolArgmax } from "./concepts.js";

/**
 * @typedef {import("./concepts.js").Grid} Grid
 * @typedef {import("./concepts.js").PatchResponse} PatchResponse
 * @typedef {import("./patches.js").PatchNeuron} PatchNeuron
 */

/** Larger patches have no room for the number of each pixel. */
const MOST_NUMBERS = 7;
const BARS = /** @type {const} */ (["pooled", "z", "a"]);
/** On a phone the numbers of larger ones are too small to read, but for the maximum. */
const FEW_NUMBERS = 5;

export const CARD_CSS = `
.card { display: grid; gap: .35rem; padding: .3rem; border-radius: .6rem; align-content: start;
  background: var(--panel); border: 2px solid transparent; min-width: 0;
  grid-template-columns: minmax(0, 1fr); }
.card.chosen { border-color: var(--accent); }
.card > label { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem .45rem;
  min-height: 2.5rem; cursor: pointer; font-weight: 650; }
.card > label input { width: 1.2rem; height: 1.2rem; margin: 0; accent-color: var(--accent); }
.state { padding: .05em .6em; border-radius: 1rem; font-weight: 650;
  border: 1px solid var(--rule); color: var(--muted); background: var(--paper); }
.state.fires { background: var(--orange); border-color: var(--orange); color: var(--paper); }
.card .picture text { stroke: none; fill: var(--ink); font-weight: 500; }
.card .picture .highest { font-weight: 800; }
.card .picture .ring { fill: none; stroke: #000; stroke-width: 2px; }
.card .picture .ring-halo { fill: none; stroke: #fff; stroke-width: 4.5px; }
.card .picture .many { display: none; }
.bars { display: grid; gap: .25rem; font-size: .85em; }
.bars > div { display: grid; grid-template-columns: minmax(0, 1fr) auto; column-gap: .5rem; }
.bars span { color: var(--muted); }
.track { position: relative; height: 1rem; grid-column: 1 / -1; background: var(--paper);
  border-radius: .2rem; }
.track i { position: absolute; top: 0; bottom: 0; border-radius: .15rem;
  forced-color-adjust: none; }
.track .zero { width: 0; border-left: 2px solid var(--strong-rule); border-radius: 0; z-index: 1; }
.track .needed { width: 0; top: -.2rem; bottom: -.2rem; border-left: 3px dotted var(--ink);
  border-radius: 0; z-index: 2; }
.pooled .fill { background: var(--strong-rule); }
.z .fill { background: var(--blue); }
.a .fill { background: var(--orange); }
.card .worked { margin: 0; font-size: .85em; line-height: 1.35; }
@container (min-width: 46rem) {
  .card { padding: .6rem; }
  .card .state { margin-left: auto; }
  .card .picture .many { display: inline; }
}
`;

/** The card of one patch. */
export class PatchCard {
  #radio;
  #state = el("span", { class: "state" });
  #picture = new Picture();
  #numbers = svg("svg", { "aria-hidden": "true" });
  #worked = el("p", { class: "worked" });
  #needed = el("i", { class: "needed" });
  /** @type {Map<string, {fill: HTMLElement, zero: HTMLElement, value: HTMLElement}>} */
  #bars = new Map();
  #number;

  /**
   * @param {number} number From 1.
   * @param {string} group Of the radio buttons.
   * @param {() => void} choose
   */
  constructor(number, group, choose) {
    this.#number = number;
    this.#radio = el("input", { type: "radio", name: group, onchange: choose });
    this.#picture.element.append(this.#numbers);
    this.element = el(
      "div",
      { class: "card" },
      el("label", {}, this.#radio, t("pool-and-fire.patch", { number }), this.#state),
      this.#picture.element,
      el("div", { class: "bars" }, ...BARS.map((name) => this.#bar(name))),
      this.#worked,
    );
  }

  /** @param {boolean} chosen */
  set chosen(chosen) {
    this.#radio.checked = chosen;
    this.element.classList.toggle("chosen", chosen);
  }

  /** @param {Grid} patch @param {string} unit Of its values. */
  draw(patch, unit) {
    this.#picture.draw(patch, ofReflectivity);
    const { rows, columns, values } = patch;
    setAttributes(this.#numbers, { viewBox: `0 0 ${columns} ${rows}` });
    const [[row, column]] = poolArgmax(patch, rows).places;
    const argmax = row * columns + column;
    const [x, y] = [column, rows - 1 - row];
    const ring = { x: x + 0.03, y: y + 0.03, width: 0.94, height: 0.94, rx: 0.15 };
    const thin = { "vector-effect": "non-scaling-stroke" };
    const shown = rows <= MOST_NUMBERS ? Array.from(values, (_, i) => i) : [];
    replace(
      this.#numbers,
      svg("rect", { class: "ring-halo", ...ring, ...thin }),
      svg("rect", { class: "ring", ...ring, ...thin }),
      ...shown.map((i) => cellNumber(patch, i, i === argmax)),
    );
    this.#picture.words = t("pool-and-fire.patch.words", {
      number: this.#number,
      size: rows,
      most: `${values[argmax]} ${unit}`.trim(),
      row: row + 1,
      column: column + 1,
    });
  }

  /**
   * @param {PatchResponse} response
   * @param {PatchNeuron} neuron
   * @param {{low: number, high: number, needed: number}} scale
   */
  answer(response, neuron, { low, high, needed }) {
    const share = (/** @type {number} */ value) => (100 * (value - low)) / (high - low);
    for (const name of BARS) {
      const { fill, zero, value } = /** @type {any} */ (this.#bars.get(name));
      const number = response[name];
      zero.style.left = `${share(0)}%`;
      fill.style.left = `${share(Math.min(number, 0))}%`;
      fill.style.width = `${share(Math.max(number, 0)) - share(Math.min(number, 0))}%`;
      replace(value, shortNumber(number));
    }
    this.#needed.style.left = `${share(needed)}%`;
    this.#needed.hidden = needed < low || needed > high;
    const firing = response.a > 0;
    this.#state.classList.toggle("fires", firing);
    replace(this.#state, t(firing ? "pool-and-fire.fires" : "pool-and-fire.silent"));
    replace(
      this.#worked,
      t("pool-and-fire.worked", {
        weight: inFull(neuron.weight, 1),
        pooled: shortNumber(response.pooled),
        bias: signed(neuron.bias),
        threshold: shortNumber(neuron.threshold),
        z: shortNumber(response.z),
      }),
    );
  }

  /** @param {typeof BARS[number]} name */
  #bar(name) {
    const fill = el("i", { class: "fill" });
    const zero = el("i", { class: "zero" });
    const value = el("strong", {});
    this.#bars.set(name, { fill, zero, value });
    return el(
      "div",
      { class: name },
      el("span", {}, t(`pool-and-fire.bar.${name}`)),
      value,
      el("div", { class: "track" }, fill, zero, name === "pooled" && this.#needed),
    );
  }
}

/** @param {Grid} patch @param {number} i @param {boolean} highest */
function cellNumber({ values, rows, columns }, i, highest) {
  const kind = highest ? "highest" : rows > FEW_NUMBERS && "many";
  return svg(
    "text",
    {
      class: kind,
      x: (i % columns) + 0.5,
      y: rows - Math.floor(i / columns) - 0.5,
      dy: "0.35em",
      "font-size": 0.5,
      "text-anchor": "middle",
      style: values[i] > 0 && `fill: ${readableOn(ofReflectivity(values[i]))}`,
    },
    values[i],
  );
}

/** "+ 5" or "− 5". @param {number} value */
function signed(value) {
  return `${value < 0 ? "\u2212" : "+"} ${shortNumber(Math.abs(value))}`;
}
