/** Storms to choose from, with what the network says of each, as it becomes known. */

import { MODES } from "../base/colours.js";
import { el, replace } from "../base/dom.js";
import { modeWords, t } from "../base/strings.js";
import { answerOf, percent } from "./answer.js";
import { DBZ, paintMap } from "./pixels.js";

/**
 * @typedef {object} Shelf Storms of one kind.
 * @property {string} name
 * @property {Uint8Array} images
 * @property {ArrayLike<number> | null} modes Codes of the network's classes; -1 of another.
 * @property {number} count
 * @property {number} rows
 * @property {number} columns
 * @property {readonly string[]} classes Of the network.
 */

export const ORDERS = ["file", "wrong", "unsure"];

/**
 * Numbers of storms in the order asked for.
 * @param {object} asked
 * @param {number} asked.count
 * @param {ArrayLike<number> | null} asked.modes Of each; null where nobody knows.
 * @param {number} asked.mode Only those of it; all where -1.
 * @param {string} asked.order
 * @param {readonly (ArrayLike<number> | undefined)[]} asked.answers Probabilities, where known.
 * @returns {number[]}
 */
export function ordered({ count, modes, mode, order, answers }) {
  const numbers = Array.from({ length: count }, (_, i) => i).filter(
    (i) => mode < 0 || modes?.[i] === mode,
  );
  if (order === "file") return numbers;
  const badness = (/** @type {number} */ i) => {
    const answer = answers[i];
    if (!answer) return -1;
    if (order === "wrong") return modes && modes[i] >= 0 ? 1 - answer[modes[i]] : 0;
    return entropy(answer);
  };
  return numbers.sort((one, other) => badness(other) - badness(one) || one - other);
}

/** How unsure an answer is, in nats. @param {ArrayLike<number>} answer */
export function entropy(answer) {
  let sum = 0;
  for (let k = 0; k < answer.length; ++k) if (answer[k] > 0) sum -= answer[k] * Math.log(answer[k]);
  return sum;
}

export class Thumbnails {
  #list = el("div", { class: "strip", role: "listbox", "aria-label": t("inside.storms.list") });
  #said = el("p", { class: "muted small", role: "status" });
  element = el("div", { class: "shelf" }, this.#list, this.#said);
  #choose;
  /** @type {{button: HTMLElement, number: number}[]} */
  #made = [];
  /** @type {Shelf | undefined} */
  #shelf;
  #order = "";

  /** @param {(number: number) => void} choose */
  constructor(choose) {
    this.#choose = choose;
    this.#list.addEventListener("keydown", (event) => this.#key(event));
  }

  /**
   * @param {Shelf} shelf
   * @param {readonly number[]} numbers Which, in order.
   * @param {number} chosen
   * @param {readonly (ArrayLike<number> | undefined)[]} answers
   */
  show(shelf, numbers, chosen, answers) {
    const order = `${shelf.name} ${numbers.join(" ")}`;
    if (order !== this.#order || shelf !== this.#shelf) this.#make(shelf, numbers);
    this.#order = order;
    this.#shelf = shelf;
    for (const { button, number } of this.#made) {
      const answer = answers[number];
      const truth = shelf.modes?.[number];
      const wrong = answer !== undefined && (truth ?? -1) >= 0 && answerOf(answer) !== truth;
      button.classList.toggle("wrong", wrong);
      const words = thumbWords(shelf, number, answer);
      button.setAttribute("aria-label", words);
      button.title = words;
    }
    this.select(chosen);
  }

  /** @param {number} chosen */
  select(chosen) {
    const here = this.#made.some(({ number }) => number === chosen);
    this.#made.forEach(({ button, number }, i) => {
      const selected = number === chosen;
      const focusable = here ? selected : i === 0;
      if (button.getAttribute("aria-selected") !== String(selected)) {
        button.setAttribute("aria-selected", String(selected));
      }
      if (button.tabIndex !== (focusable ? 0 : -1)) button.tabIndex = focusable ? 0 : -1;
      if (selected) this.#bringIntoView(button);
    });
  }

  /** Within the strip alone: the page stays where it is. @param {HTMLElement} button */
  #bringIntoView(button) {
    const list = this.#list;
    const { offsetLeft: left, offsetWidth: width } = button;
    const [low, high] = [left - list.offsetLeft, left - list.offsetLeft + width];
    if (low < list.scrollLeft) list.scrollLeft = low - width;
    else if (high > list.scrollLeft + list.clientWidth) {
      list.scrollLeft = high + width - list.clientWidth;
    }
  }

  /** @param {string} words */
  set said(words) {
    replace(this.#said, words);
  }

  /** @param {Shelf} shelf @param {readonly number[]} numbers */
  #make(shelf, numbers) {
    const { rows, columns } = shelf;
    this.#made = numbers.map((number) => {
      const canvas = el("canvas", { "aria-hidden": "true" });
      const size = rows * columns;
      const values = shelf.images.subarray(number * size, (number + 1) * size);
      paintMap(canvas, { values, rows, columns }, DBZ);
      const truth = shelf.modes?.[number];
      const button = el(
        "button",
        { type: "button", role: "option", class: "storm", onclick: () => this.#choose(number) },
        canvas,
      );
      if (truth !== undefined && truth >= 0) {
        button.style.setProperty("--mode", MODES[shelf.classes[truth]] ?? "var(--strong-rule)");
      }
      return { button, number };
    });
    replace(this.#list, ...this.#made.map(({ button }) => button));
    this.#list.scrollLeft = 0;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const ends = { Home: -Infinity, End: Infinity };
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, ...ends }[event.key];
    const at = this.#made.findIndex(({ button }) => button === event.target);
    if (!by || at < 0) return;
    event.preventDefault();
    const next = this.#made[Math.min(Math.max(at + by, 0), this.#made.length - 1)];
    next.button.focus();
    this.#choose(next.number);
  }
}

/** @param {Shelf} shelf @param {number} number @param {ArrayLike<number> | undefined} answer */
function thumbWords(shelf, number, answer) {
  const truth = shelf.modes?.[number];
  const parts = [t("inside.storms.one", { number })];
  if (truth !== undefined && truth >= 0)
    parts.push(t("inside.storms.truth", { mode: modeWords(shelf.classes[truth]) }));
  if (answer) {
    const best = answerOf(answer);
    parts.push(
      t("inside.storms.answer", {
        mode: modeWords(shelf.classes[best] ?? ""),
        percent: percent(answer[best]),
      }),
    );
  }
  return parts.join(", ");
}
