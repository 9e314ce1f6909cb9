/** Many small pictures in a grid, one of them chosen: kernels, maps, storms. */

import { ofReflectivity } from "../base/colours.js";
import { el, replace } from "../base/dom.js";
import { Picture } from "../base/picture.js";

/** @typedef {import("../base/picture.js").MapOf} MapOf */
/** @typedef {import("../base/colours.js").ColourOf} ColourOf */

/**
 * Arrows move among items that are one stop of the Tab key.
 * @param {HTMLElement} holder
 * @param {() => readonly HTMLElement[]} items In reading order.
 * @param {() => number} columns As they stand now.
 */
export function moveByArrows(holder, items, columns) {
  holder.addEventListener("keydown", (event) => {
    const all = items();
    const here = all.indexOf(/** @type {HTMLElement} */ (event.target));
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(), ArrowUp: -columns() }[
      event.key
    ];
    if (here < 0 || by === undefined) return;
    event.preventDefault();
    const next = all[here + by];
    if (!next) return;
    focusable(all, here + by);
    next.focus();
  });
}

/**
 * Let the Tab key reach one of many.
 * @param {readonly HTMLElement[]} items
 * @param {number} which
 */
export function focusable(items, which) {
  items.forEach((item, i) => {
    item.tabIndex = i === which ? 0 : -1;
  });
}

export class Tiles {
  /** @type {{button: HTMLButtonElement, picture: Picture}[]} */
  #tiles = [];
  #chosen = -1;
  #pick;

  /**
   * @param {string} label What they are.
   * @param {(number: number) => void} pick
   * @param {string} [look] A class.
   */
  constructor(label, pick, look = "") {
    this.#pick = pick;
    this.element = el("div", { class: `tiles ${look}`.trim(), role: "group", "aria-label": label });
    moveByArrows(
      this.element,
      () => this.#tiles.map(({ button }) => button),
      () => getComputedStyle(this.element).gridTemplateColumns.split(" ").length,
    );
  }

  /**
   * @param {readonly MapOf[]} maps
   * @param {ColourOf} colourOf
   * @param {(number: number) => string} words What a screen reader says of one.
   */
  draw(maps, colourOf = ofReflectivity, words = String) {
    if (this.#tiles.length !== maps.length) this.#make(maps.length);
    maps.forEach((map, i) => {
      const { button, picture } = this.#tiles[i];
      picture.draw(map, colourOf);
      button.setAttribute("aria-label", words(i));
    });
  }

  /** @param {number} number */
  choose(number) {
    this.#chosen = number;
    this.#tiles.forEach(({ button }, i) => {
      button.setAttribute("aria-pressed", String(i === number));
    });
    const stop = number >= 0 && number < this.#tiles.length ? number : 0;
    focusable(
      this.#tiles.map(({ button }) => button),
      stop,
    );
  }

  /** @param {number} count */
  #make(count) {
    this.#tiles = Array.from({ length: count }, (_, number) => {
      const picture = new Picture();
      picture.element.setAttribute("role", "presentation");
      const button = el("button", { type: "button", onclick: () => this.#pick(number) });
      button.append(picture.element);
      return { button, picture };
    });
    replace(this.element, ...this.#tiles.map(({ button }) => button));
    this.choose(this.#chosen);
  }
}
