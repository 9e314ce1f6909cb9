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

/** Pixels along the side of a tile, which is small on every page. */
const MOST_PIXELS = 70;

/**
 * Every so manieth pixel of a map that has more than a tile shows.
 * @param {MapOf} map
 * @param {number} [most] Along a side.
 * @returns {MapOf}
 */
export function thinned(map, most = MOST_PIXELS) {
  const { values, first = 0, apart = 1 } = map;
  const each = Math.ceil(Math.max(map.rows, map.columns) / most);
  if (each === 1) return map;
  const [rows, columns] = [Math.ceil(map.rows / each), Math.ceil(map.columns / each)];
  const few = new Float32Array(rows * columns);
  for (let row = 0; row < rows; ++row) {
    let from = first + row * each * map.columns * apart;
    for (let column = 0; column < columns; ++column, from += each * apart) {
      few[row * columns + column] = values[from];
    }
  }
  return { values: few, rows, columns };
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
      picture.draw(thinned(map), colourOf);
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
