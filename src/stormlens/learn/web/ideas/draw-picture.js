/** One draw as a picture, with the place of the storm report and of the centre on it. */

import { el, svg } from "../base/dom.js";
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
  /** The same lines twice, dark ones under light ones. */
  #lines = ["under", "over"].map((name) =>
    svg("path", { class: name, "vector-effect": "non-scaling-stroke" }),
  );

  constructor() {
    this.element = this.#picture.element;
    this.#marks.append(...this.#lines);
    this.element.append(this.#marks, this.#chip);
  }

  /**
   * @param {ArrayLike<number>} values dBZ; whole ones are shown, the nearest.
   * @param {Shape} shape
   */
  draw(values, { rows, columns }) {
    this.#picture.draw({ values, rows, columns, whole: true });
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
    const r = reach * 1.35;
    const half = `a${r} ${r} 0 1 1`;
    const ring = `M${cx - r} ${cy}${half} ${2 * r} 0${half} ${-2 * r} 0`;
    const isAway = Math.hypot(x - cx, y - cy) > 2 * reach;
    const way = isAway ? `M${cx} ${cy}L${x} ${y}` : "";
    const cross = `M${x - reach} ${y}H${x + reach}M${x} ${y - reach}V${y + reach}`;
    this.#marks.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
    for (const line of this.#lines) line.setAttribute("d", ring + way + cross);
    this.#picture.words = words;
    this.#chip.textContent = label;
  }
}
