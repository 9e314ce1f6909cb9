/** The whole network from left to right: a column of maps for each step, and lines between them. */

import { el, replace, setAttributes, svg } from "../base/dom.js";
import { shortNumber } from "../base/picture.js";
import { t } from "../base/strings.js";
import { indexOf, sides } from "./arithmetic.js";
import { columnOf, columnsOf } from "./columns.js";
import { dbzOn, scaleOf } from "./pixels.js";
import { Sheet } from "./sheet.js";

/**
 * @typedef {import("./arithmetic.js").Pass} Pass
 * @typedef {import("./columns.js").Column} Column
 * @typedef {import("./pixels.js").Scale} Scale
 * @typedef {object} Line Between a map of one step and a map of another.
 * @property {number} from Step.
 * @property {number} fromMap
 * @property {number} to
 * @property {number} toMap
 * @property {number} weight From -1 to 1: how thick, and which colour.
 * @typedef {object} Tile
 * @property {number} map
 * @property {number} own The map that stands here unless another is called for.
 * @property {HTMLButtonElement} button
 * @property {HTMLElement} mark Where a pixel is.
 * @property {HTMLElement} field What the chosen pixel sees, on the storm.
 * @typedef {object} Drawn A column with its elements.
 * @property {Column} column
 * @property {HTMLElement} element
 * @property {Sheet} sheet What its maps are drawn on.
 * @property {Tile[]} tiles
 * @property {HTMLElement} scale
 * @property {HTMLElement} more
 */

/** Maps of a column that are shown. */
export const SHOWN = 8;
/** Values in a row of a strip. */
const STRIP = 8;

export class Overview {
  #svg = svg("svg", { class: "lines", "aria-hidden": "true" });
  #flow = el("div", { class: "flow" });
  element = el("div", { class: "overview", tabindex: -1 }, this.#flow);
  /** @type {Drawn[]} */
  #drawn = [];
  /** @type {readonly Column[]} */
  columns = [];
  /** What is shown. @type {{pass: Pass, box: Uint8Array, dark: boolean} | undefined} */
  #shown;
  /** Scales of the layers as they were drawn, by step. @type {Map<number, Scale>} */
  scales = new Map();
  #choose;
  /** @type {Line[]} */
  #lines = [];
  /** Where elements are, until the page is laid out anew. @type {Map<Element, DOMRect>} */
  #places = new Map();
  /** Whether they lie below each other, as on a phone. */
  #below = false;

  /** @param {(step: number, map: number) => void} choose */
  constructor(choose) {
    this.#choose = choose;
    this.element.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.moved()).observe(this.element);
  }

  /**
   * Make the columns of another network.
   * @param {import("../network/plan.js").Plan} plan
   * @param {ReadonlyMap<number, readonly number[]>} maps Those worth showing, by step.
   * @param {HTMLElement} answer What stands in the last column.
   */
  build(plan, maps, answer) {
    this.columns = columnsOf(plan);
    this.#shown = undefined;
    this.#drawn = this.columns.map((column, i) => {
      const last = i === this.columns.length - 1;
      return this.#column(column, maps.get(column.step) ?? [0], last ? answer : undefined);
    });
    replace(this.#flow, this.#svg, ...this.#drawn.map(({ element }) => element));
    const flat = this.columns.filter((column) => column.flat).length - 1;
    const full = this.columns.length - 1 - flat;
    this.#flow.style.setProperty("--columns", String(full + 0.7 * flat));
    this.#flow.style.setProperty("--gaps", String(this.columns.length - 1));
    this.#places.clear();
    this.#focusable(0, 0);
  }

  /**
   * @param {Column} column
   * @param {readonly number[]} maps
   * @param {HTMLElement} [answer]
   * @returns {Drawn}
   */
  #column(column, maps, answer) {
    const tiles = answer
      ? []
      : maps.slice(0, column.flat ? 1 : SHOWN).map((m) => this.#tile(column, m));
    const sheet = new Sheet();
    const scale = el("p", { class: "scale" });
    const more = el("span", { class: "of" });
    const size = column.flat ? String(column.channels) : sizeWords(column);
    const element = el(
      "div",
      {
        class: `column ${answer ? "last" : column.flat ? "flat" : ""}`.trim(),
        role: "group",
        "aria-label": `${column.name}, ${column.about}`,
        "data-step": column.step,
      },
      el(
        "div",
        { class: "head", title: column.about },
        el("strong", {}, column.name),
        el("span", { class: "size" }, size),
      ),
      el("div", { class: "tiles" }, ...(answer ? [answer] : tilesOn(sheet, tiles))),
      el("div", { class: "foot" }, scale, more),
    );
    if (!column.flat && column.channels > tiles.length) {
      replace(more, t("inside.of", { shown: tiles.length, all: column.channels }));
    }
    return { column, element, sheet, tiles, scale, more };
  }

  /** @param {Column} column @param {number} map @returns {Tile} */
  #tile(column, map) {
    const mark = el("span", { class: "mark", hidden: true });
    const field = el("span", { class: "field", hidden: true });
    const button = el(
      "button",
      { type: "button", class: "tile", tabindex: -1, "aria-pressed": "false" },
      mark,
      field,
    );
    /** @type {Tile} */
    const tile = { map, own: map, button, mark, field };
    this.#name(column, tile);
    button.addEventListener("click", (event) => {
      const chosen = column.flat ? this.#unitAt(column, button, event) : tile.map;
      this.#choose(column.step, chosen);
    });
    return tile;
  }

  /** @param {Column} column @param {Tile} tile */
  #name(column, { button, map }) {
    const words = column.step < 0 ? "inside.storm" : column.flat ? "inside.strip" : "inside.tile";
    button.setAttribute("aria-label", t(words, { map, name: column.name }));
  }

  /** @param {Column} column @param {HTMLElement} button @param {MouseEvent} event */
  #unitAt(column, button, event) {
    if (event.detail === 0) return 0;
    const box = button.getBoundingClientRect();
    const across = Math.min(
      Math.floor(((event.clientX - box.left) / box.width) * STRIP),
      STRIP - 1,
    );
    const rows = stripRows(column.channels);
    const down = Math.min(Math.floor(((event.clientY - box.top) / box.height) * rows), rows - 1);
    return Math.min(Math.max(down * STRIP + across, 0), column.channels - 1);
  }

  /**
   * Draw all maps of a storm.
   * @param {Pass} pass
   * @param {Uint8Array} box In dBZ.
   * @param {boolean} dark
   */
  draw(pass, box, dark) {
    this.#shown = { pass, box, dark };
    this.scales.clear();
    for (const { column, tiles, scale } of this.#drawn) {
      if (column.step < 0) {
        replace(scale, t("inside.scale.dbz"));
        continue;
      }
      const colours = scaleOf(pass.maps[column.step], dark);
      this.scales.set(column.step, colours);
      if (tiles.length > 0) replace(scale, scaleWords(colours));
    }
    this.#measure();
    for (const drawn of this.#drawn) this.#paint(drawn);
  }

  /** @param {Drawn} drawn @param {readonly Tile[]} [tiles] Those that changed. */
  #paint({ column, sheet, tiles: all }, tiles = all) {
    if (!this.#shown || all.length === 0) return;
    const { pass, box, dark } = this.#shown;
    const { rows, columns, channels } = column;
    const scale = this.scales.get(column.step) ?? dbzOn(dark);
    const values = column.step < 0 ? box : pass.maps[column.step];
    const strip = column.flat ? stripOf(values) : undefined;
    sheet.draw(
      tiles.map((tile) => ({
        tile: all.indexOf(tile),
        map: strip ?? { values, rows, columns, first: tile.map, apart: channels },
        scale,
        sharp: column.flat,
      })),
    );
  }

  /**
   * Mark what is chosen; a map that is not shown takes the last place of its column.
   * @param {number} step
   * @param {number} map
   * @param {{row: number, column: number} | null} pixel
   */
  select(step, map, pixel) {
    this.#drawn.forEach((drawn) => {
      const { column, element, tiles } = drawn;
      const here = column.step === step;
      element.classList.toggle("chosen", here);
      if (here) this.#callFor(drawn, map);
      for (const tile of tiles) {
        const chosen = here && (column.flat || tile.map === map);
        tile.button.setAttribute("aria-pressed", String(chosen));
        const at = column.flat
          ? {
              row: stripRows(column.channels) - 1 - Math.floor(map / STRIP),
              column: map % STRIP,
            }
          : pixel;
        tile.mark.classList.remove("on");
        tile.mark.hidden = !(chosen && at);
        if (chosen && at) place(tile.mark, at, column);
      }
    });
    const at = this.#drawn.findIndex(({ column }) => column.step === step);
    const tile = this.#drawn[at]?.tiles.findIndex((each) => each.map === map) ?? -1;
    if (at >= 0) this.#focusable(at, Math.max(tile, 0));
  }

  /**
   * Show a map in the last place of its column, if it has no place; or give the place back.
   * @param {Drawn} drawn
   * @param {number} map -1 for none.
   */
  #callFor(drawn, map) {
    const { column, tiles } = drawn;
    const last = tiles[tiles.length - 1];
    if (!last || column.flat || column.step < 0) return;
    const known = map < 0 || tiles.some((tile) => tile.own === map);
    const wanted = known ? last.own : map;
    if (wanted === last.map) return;
    last.map = wanted;
    this.#name(column, last);
    this.#paint(drawn, [last]);
  }

  /**
   * Mark where the chosen number goes on, and what it sees of the storm.
   * @param {readonly {step: number, cell: import("./arithmetic.js").Cell}[]} way
   * @param {import("./arithmetic.js").Region | null} field
   */
  trace(way, field) {
    for (const drawn of this.#drawn) {
      const { column, tiles } = drawn;
      const here = way.find(({ step }) => step === column.step);
      const chosen = tiles.some(({ button }) => button.getAttribute("aria-pressed") === "true");
      if (!chosen) this.#callFor(drawn, here?.cell.channel ?? -1);
      for (const tile of tiles) {
        if (tile.mark.classList.contains("on")) {
          tile.mark.classList.remove("on");
          tile.mark.hidden = true;
        }
        if (here && !column.flat && tile.map === here.cell.channel && tile.mark.hidden) {
          tile.mark.classList.add("on");
          tile.mark.hidden = false;
          place(tile.mark, here.cell, column);
        }
      }
      if (column.step < 0) showField(tiles[0], field, column);
    }
  }

  /** Lines in place of those before. @param {Line[]} lines */
  set lines(lines) {
    this.#lines = lines;
    this.#connect();
  }

  /** The element of a step's column. @param {number} step */
  columnElement(step) {
    return this.#drawn.find(({ column }) => column.step === columnOf(this.columns, step).step)
      ?.element;
  }

  /** The page was laid out anew. */
  moved() {
    this.#places.clear();
    for (const drawn of this.#measure()) this.#paint(drawn);
    this.#connect();
  }

  /**
   * All places at once: looked up one by one between changes, each would lay out the page.
   * @returns {Drawn[]} Columns whose maps have other places on their canvas.
   */
  #measure() {
    if (this.#places.size > 0 || this.#drawn.length === 0) return [];
    const from = this.#flow.getBoundingClientRect();
    const boxOf = (/** @type {Element} */ element) => {
      const { x, y, width, height } = element.getBoundingClientRect();
      const box = new DOMRect(x - from.x, y - from.y, width, height);
      this.#places.set(element, box);
      return box;
    };
    const moved = this.#drawn.filter(({ column, element, sheet, tiles }) => {
      boxOf(element);
      element.querySelectorAll("[data-class]").forEach(boxOf);
      if (tiles.length === 0) return false;
      const around = /** @type {Element} */ (sheet.canvas.parentElement);
      const boxes = tiles.map(({ button }) => boxOf(button));
      return sheet.arrange(boxOf(around), boxes, column.columns);
    });
    setAttributes(this.#svg, { width: from.width, height: from.height });
    const [one, other] = this.#drawn.map(({ element }) => this.#places.get(element));
    this.#below = !!one && !!other && other.top > one.bottom - 1;
    return moved;
  }

  #connect() {
    const paths = this.#lines.flatMap((line) => {
      const [from, to] = [this.#spot(line.from, line.fromMap), this.#spot(line.to, line.toMap)];
      const [one, other] = [from && this.#places.get(from), to && this.#places.get(to)];
      if (!one || !other) return [];
      const width = 1 + 4 * Math.abs(line.weight);
      return [
        svg("path", {
          class: line.weight < 0 ? "against" : "for",
          d: curve(one, other, this.#below),
          "stroke-width": width.toFixed(1),
        }),
      ];
    });
    replace(this.#svg, ...paths);
  }

  /**
   * Where a line to a map ends: its tile, or the foot of its column.
   * @param {number} step
   * @param {number} map
   */
  #spot(step, map) {
    const drawn = this.#drawn.find(({ column }) => column.step === step);
    if (!drawn) return undefined;
    if (drawn.tiles.length === 0) {
      return drawn.element.querySelector(`[data-class="${map}"]`) ?? drawn.element;
    }
    if (drawn.column.flat) return drawn.tiles[0].button;
    return drawn.tiles.find((tile) => tile.map === map)?.button;
  }

  /** One stop of the tabulator for all maps. @param {number} column @param {number} tile */
  #focusable(column, tile) {
    this.#drawn.forEach(({ tiles }, i) =>
      tiles.forEach(({ button }, j) => {
        button.tabIndex = i === column && j === tile ? 0 : -1;
      }),
    );
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const [right, down] = {
      ArrowRight: [1, 0],
      ArrowLeft: [-1, 0],
      ArrowDown: [0, 1],
      ArrowUp: [0, -1],
    }[event.key] ?? [0, 0];
    const i = this.#drawn.findIndex(({ tiles }) => tiles.some((t) => t.button === event.target));
    if ((!right && !down) || i < 0) return;
    event.preventDefault();
    const j = this.#drawn[i].tiles.findIndex((tile) => tile.button === event.target);
    const [along, across] = this.#below ? [down, right] : [right, down];
    let column = i + along;
    while (this.#drawn[column] && this.#drawn[column].tiles.length === 0) column += along;
    const target = this.#drawn[column] ?? this.#drawn[i];
    const tile = Math.min(Math.max(j + across, 0), target.tiles.length - 1);
    const { button } = target.tiles[tile];
    this.#focusable(this.#drawn.indexOf(target), tile);
    button.focus();
  }
}

/** @param {Column} column */
function sizeWords({ rows, columns, channels }) {
  const side = rows === columns ? `${rows}\u00b2` : `${rows}×${columns}`;
  return channels > 1 ? `${side}×${channels}` : side;
}

/** @param {Scale} scale */
function scaleWords({ low, high }) {
  return low < 0 ? `\u00b1${round(high)}` : t("inside.scale", { low: "0", high: round(high) });
}

/** @param {number} value */
function round(value) {
  return shortNumber(Number(value.toPrecision(2)));
}

/** Buttons, and under them what they show. @param {Sheet} sheet @param {readonly Tile[]} tiles */
function tilesOn(sheet, tiles) {
  return [...tiles.map(({ button }) => button), sheet.canvas];
}

/** Rows of a strip of values without places. @param {number} values */
function stripRows(values) {
  return Math.ceil(values / STRIP);
}

/**
 * Values without places, the first at the top left.
 * @param {ArrayLike<number>} values
 * @returns {import("../base/picture.js").MapOf}
 */
function stripOf(values) {
  const rows = stripRows(values.length);
  const filled = new Float32Array(rows * STRIP).fill(NaN);
  // Pictures begin in the south, and values at the top.
  for (let i = 0; i < values.length; ++i) {
    filled[(rows - 1 - Math.floor(i / STRIP)) * STRIP + (i % STRIP)] = values[i];
  }
  return { values: filled, rows, columns: STRIP };
}

/**
 * @param {HTMLElement} mark
 * @param {{row: number, column: number}} at
 * @param {Column} of
 */
function place(mark, { row, column }, { flat, rows, columns, channels }) {
  const [high, wide] = flat ? [stripRows(channels), STRIP] : [rows, columns];
  mark.style.left = `${(100 * (column + 0.5)) / wide}%`;
  mark.style.top = `${100 - (100 * (row + 0.5)) / high}%`;
}

/**
 * @param {Tile} tile
 * @param {import("./arithmetic.js").Region | null} field
 * @param {Column} column
 */
function showField({ field: frame }, field, { rows, columns }) {
  frame.hidden = !field;
  if (!field) return;
  frame.style.left = `${(100 * field.column) / columns}%`;
  frame.style.width = `${(100 * field.columns) / columns}%`;
  frame.style.top = `${(100 * (rows - field.row - field.rows)) / rows}%`;
  frame.style.height = `${(100 * field.rows) / rows}%`;
}

/**
 * @param {DOMRect} one
 * @param {DOMRect} other
 * @param {boolean} below
 */
function curve(one, other, below) {
  if (below) {
    const [x, y] = [one.left + one.width / 2, one.bottom];
    const [u, v] = [other.left + other.width / 2, other.top];
    const half = (y + v) / 2;
    return `M${x} ${y}C${x} ${half} ${u} ${half} ${u} ${v}`;
  }
  const [x, y] = [one.right, one.top + one.height / 2];
  const [u, v] = [other.left, other.top + other.height / 2];
  const half = (x + u) / 2;
  return `M${x} ${y}C${half} ${y} ${half} ${v} ${u} ${v}`;
}

/**
 * The value of a map at a cell.
 * @param {Pass} pass
 * @param {number} step
 * @param {import("./arithmetic.js").Cell} cell
 */
export function valueAt(pass, step, cell) {
  if (step < 0) return pass.image[indexOf(pass.plan.shape, cell)];
  return pass.maps[step][indexOf(pass.plan.steps[step].shape, cell)];
}

/**
 * Rows, columns and channels of what a step gives; -1 is the box.
 * @param {import("../network/plan.js").Plan} plan
 * @param {number} step
 */
export function shapeOf(plan, step) {
  return sides(step < 0 ? plan.shape : plan.steps[step].shape);
}
