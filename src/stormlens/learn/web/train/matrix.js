/** The confusion matrix: which mode got which answer; a cell shows its storms. */

import { el, replace } from "../base/dom.js";
import { t } from "../base/strings.js";
import { focusable, moveByArrows } from "./tiles.js";

export class Matrix {
  /** @type {HTMLButtonElement[]} */
  #cells = [];
  #table = el("table", { class: "matrix" });
  #pick;
  #names;

  /**
   * @param {readonly string[]} names Of the classes.
   * @param {(truth: number, answer: number) => void} pick
   */
  constructor(names, pick) {
    this.#names = names;
    this.#pick = pick;
    this.element = this.#table;
    this.#make();
    moveByArrows(
      this.#table,
      () => this.#cells,
      () => names.length,
    );
    focusable(this.#cells, 0);
    this.draw(
      names.map(() => names.map(() => 0)),
      [],
    );
  }

  /**
   * @param {readonly (readonly number[])[]} counts
   * @param {readonly number[]} chosen Truth and answer of the chosen cell, or nothing.
   */
  draw(counts, chosen) {
    const n = this.#names.length;
    counts.forEach((row, truth) => {
      const all = row.reduce((sum, count) => sum + count, 0);
      row.forEach((count, answer) => {
        const cell = this.#cells[truth * n + answer];
        const share = all > 0 ? count / all : 0;
        cell.textContent = count > 0 ? String(count) : "·";
        cell.dataset.right = String(truth === answer);
        cell.style.setProperty("--share", `${Math.round(count > 0 ? 10 + 34 * share : 0)}%`);
        cell.setAttribute("aria-pressed", String(truth === chosen[0] && answer === chosen[1]));
        const words = {
          truth: this.#names[truth],
          answer: this.#names[answer],
          count,
          all,
        };
        cell.setAttribute("aria-label", t("train.cell", words));
      });
    });
  }

  #make() {
    const names = this.#names;
    const short = (/** @type {string} */ name) =>
      el("span", { title: name }, el("span", { class: "long" }, name), initial(name));
    this.#cells = names.flatMap((_, truth) =>
      names.map((__, answer) =>
        el("button", { type: "button", onclick: () => this.#pick(truth, answer) }),
      ),
    );
    replace(
      this.#table,
      el("caption", { class: "visually-hidden" }, t("train.matrix.caption")),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el(
            "th",
            { scope: "col" },
            el("span", { class: "small muted" }, t("train.matrix.corner")),
          ),
          ...names.map((name) => el("th", { scope: "col" }, short(name))),
        ),
      ),
      el(
        "tbody",
        {},
        ...names.map((name, truth) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, name),
            ...names.map((_, answer) => el("td", {}, this.#cells[truth * names.length + answer])),
          ),
        ),
      ),
    );
  }
}

/** The first letters of a name, for narrow columns. @param {string} name */
function initial(name) {
  return el("span", { class: "short", "aria-hidden": "true" }, name.slice(0, 4));
}
