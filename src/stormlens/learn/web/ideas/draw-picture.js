/** One draw as a picture, with the place of the storm report and of the centre on it. */

import { el, replace, svg } from "../base/dom.js";
import { Picture } from "../base/picture.js";

/** @typedef {import("./augment.js").Shape} Shape */

export const DRAW_CSS = `
.marks { pointer-events: none; }
.marks .under { stroke: #000; stroke-width: 4px; fill: none; }
.marks .over { stroke: #fff; stroke-width: 1.75px; fill: none; }
.chip { position: absolute; left: 0; bottom: 0; padding: .1em .4em; font-size: .8125em;
  line-height: 1.35; font-weight: 600; background: var(--paper); border-top-right-radius: .3rem;
  pointer-events: none; }
.chip:empty { display: none; }
`;

/** A storm with marks. */
export class DrawPicture {
  #picture = new Picture();
  #marks = svg("svg", { class: "marks", "aria-hidden": "true" });
  #chip = el("span", { class: "chip", "aria-hidden": "true" });
  #bytes = new Uint8ClampedArray();

  constructor() {
    this.element = this.#picture.element;
    this.element.append(this.#marks, this.#chip);
  }

  /**
   * @param {ArrayLike<number>} values dBZ; whole ones are shown, the nearest.
   * @param {Shape} shape
   */
  draw(values, { rows, columns }) {
    if (this.#bytes.length !== values.length) this.#bytes = new Uint8ClampedArray(values.length);
    this.#bytes.set(values);
    this.#picture.draw({ values: this.#bytes, rows, columns });
  }

  /**
   * Mark the centre with a ring, and the report with a cross and the way that it went.
   * @param {{row: number, column: number}} report
   * @param {Shape} shape
   * @param {string} label What stands in the corner.
   * @param {string} words What a screen reader says.
   */
  mark({ row, column }, { rows, columns }, label, words) {
    const [x, y] = [column + 0.5, rows - row - 0.5];
    const [cx, cy] = [columns / 2, rows / 2];
    const reach = rows / 22;
    const cross = `M${x - reach} ${y}H${x + reach}M${x} ${y - reach}V${y + reach}`;
    const isAway = Math.hypot(x - cx, y - cy) > 2 * reach;
    const both = (/** @type {"path" | "circle" | "line"} */ tag, /** @type {object} */ form) =>
      ["under", "over"].map((name) =>
        svg(tag, { class: name, "vector-effect": "non-scaling-stroke", ...form }),
      );
    this.#marks.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
    this.#picture.words = words;
    this.#chip.textContent = label;
    replace(
      this.#marks,
      ...both("circle", { cx, cy, r: reach * 1.35 }),
      ...(isAway ? both("line", { x1: cx, y1: cy, x2: x, y2: y }) : []),
      ...both("path", { d: cross }),
    );
  }
}
