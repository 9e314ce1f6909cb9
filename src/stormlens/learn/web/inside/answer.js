/** Probabilities as bars, as they are and, where echo was painted, as they were. */

import { MODES } from "../base/colours.js";
import { el, replace } from "../base/dom.js";
import { modeWords, t } from "../base/strings.js";

/** @param {number} probability */
export function percent(probability) {
  const shown = 100 * probability;
  if (shown > 0 && shown < 0.1) return "<0.1\u00a0%";
  if (shown < 100 && shown > 99.9) return ">99.9\u00a0%";
  return `${shown.toFixed(shown < 10 || shown > 99 ? 1 : 0)}\u00a0%`;
}

export class Answer {
  element = el("div", { class: "answer", role: "group" });
  /** @type {{row: HTMLElement, fill: HTMLElement, ghost: HTMLElement, number: HTMLElement}[]} */
  #bars = [];
  /** @type {readonly string[]} */
  #classes = [];

  /**
   * @param {readonly string[]} classes
   * @param {(k: number) => void} [choose]
   */
  build(classes, choose) {
    this.#classes = classes;
    this.#bars = classes.map((name, k) => {
      const fill = el("span", { class: "fill" });
      const ghost = el("span", { class: "ghost" });
      const number = el("span", { class: "percent" });
      fill.style.setProperty("--mode", MODES[name] ?? "var(--blue)");
      const inside = [
        el("span", { class: "name" }, modeWords(name)),
        number,
        el("span", { class: "track", "aria-hidden": "true" }, fill, ghost),
      ];
      const row = choose
        ? el("button", { type: "button", "data-class": k, onclick: () => choose(k) }, ...inside)
        : el("div", { "data-class": k }, ...inside);
      row.classList.add("class");
      return { row, fill, ghost, number };
    });
    replace(this.element, ...this.#bars.map(({ row }) => row));
  }

  /**
   * @param {ArrayLike<number>} now
   * @param {ArrayLike<number> | null} before Of the storm without paint.
   * @param {number} [truth] The storm's own mode.
   */
  show(now, before, truth = -1) {
    const best = answerOf(now);
    this.#bars.forEach(({ row, fill, ghost, number }, k) => {
      fill.style.width = `${100 * now[k]}%`;
      replace(number, percent(now[k]));
      row.classList.toggle("best", k === best);
      row.classList.toggle("truth", k === truth);
      ghost.hidden = before === null;
      if (before) ghost.style.left = `${100 * before[k]}%`;
    });
    this.element.setAttribute("aria-label", answerWords(this.#classes, now));
  }

  /** Mark the class whose score is looked into. @param {number} k */
  mark(k) {
    this.#bars.forEach(({ row }, i) => row.classList.toggle("chosen", i === k));
  }
}

/** The class of the highest probability. @param {ArrayLike<number>} probabilities */
export function answerOf(probabilities) {
  let best = 0;
  for (let k = 1; k < probabilities.length; ++k)
    if (probabilities[k] > probabilities[best]) best = k;
  return best;
}

/** @param {readonly string[]} classes @param {ArrayLike<number>} probabilities */
export function answerWords(classes, probabilities) {
  const best = answerOf(probabilities);
  return t("inside.answer.words", {
    mode: modeWords(classes[best]),
    percent: percent(probabilities[best]),
  });
}
