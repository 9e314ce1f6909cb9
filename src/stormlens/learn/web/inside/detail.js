/** The chosen map large, and one number of it: how it was computed and what hangs on it. */

import { el, replace } from "../base/dom.js";
import { button } from "../base/controls.js";
import { colourBar, Picture } from "../base/picture.js";
import { modeWords, t } from "../base/strings.js";
import { answerOf, percent } from "./answer.js";
import * as arithmetic from "./arithmetic.js";
import { columnOf } from "./columns.js";
import { shapeOf, valueAt } from "./overview.js";
import { colourOf, DBZ, scaleOf } from "./pixels.js";
import { Sheet } from "./sheet.js";
import { drawSum, number } from "./sums.js";

/**
 * @typedef {import("./arithmetic.js").Pass} Pass
 * @typedef {import("./arithmetic.js").Cell} Cell
 * @typedef {import("./columns.js").Column} Column
 * @typedef {import("./pixels.js").Scale} Scale
 * @typedef {object} View
 * @property {Pass} pass
 * @property {Uint8Array} box
 * @property {readonly Column[]} columns
 * @property {ReadonlyMap<number, Scale>} scales Of layers, as the overview has them.
 * @property {number} step
 * @property {Cell} cell
 * @property {boolean} dark
 * @property {boolean} all Whether all maps of the layer are shown.
 * @property {number} temperature
 * @typedef {(step: number, cell: Cell, how: "link" | "press" | "hover" | "key") => void} Go
 */

/** Values in a row, where a step gives values without places. */
const ACROSS = 16;

export class Detail {
  #go;
  #title = el("h3");
  #about = el("p", { class: "muted small" });
  #picture;
  #bar = el("div");
  #where = el("p", { class: "where", role: "status" });
  #sumTitle = el("h3");
  #sum = el("div", { class: "sums", role: "group" });
  #next = el("div", { class: "next" });
  #follow = el("section", { class: "follow", "aria-label": t("inside.follow.title") });
  #every = el("div", { class: "every" });
  /** @type {View | undefined} */
  #view;
  #timer = 0;
  /** @type {(changes: arithmetic.Change[], of: {step: number, cell: Cell}) => void} */
  #followed;
  /** All maps of a layer. @type {HTMLButtonElement[]} */
  #tiles = [];
  #sheet = new Sheet();
  #everyOf = "";

  /**
   * @param {Go} go
   * @param {object} more
   * @param {(changes: arithmetic.Change[], of: {step: number, cell: Cell}) => void} more.followed
   *   What hangs on a number is known.
   * @param {() => void} more.toggle All maps of the layer, or none.
   */
  constructor(go, { followed, toggle }) {
    this.#go = go;
    this.#followed = followed;
    this.#picture = new Picture({
      class: "large",
      pick: (place, how) => this.#pick(place, how),
    });
    this.#picture.element.addEventListener("mouseleave", () => this.#unhover());
    new ResizeObserver(() => this.#placeEvery()).observe(this.#every);
    const move = (/** @type {number} */ by) => () => this.#step(by);
    const strongest = () => this.#strongest();
    const layer = () => this.#strongestOfLayer();
    this.all = button(t("inside.all"), toggle);
    this.element = el(
      "div",
      { class: "detail" },
      el(
        "section",
        { class: "map", "aria-label": t("inside.map.title") },
        el(
          "div",
          { class: "row head" },
          el(
            "button",
            { type: "button", class: "turn", "aria-label": t("inside.before"), onclick: move(-1) },
            "‹",
          ),
          this.#title,
          el(
            "button",
            { type: "button", class: "turn", "aria-label": t("inside.after"), onclick: move(1) },
            "›",
          ),
        ),
        this.#picture.element,
        this.#bar,
        this.#where,
        el(
          "div",
          { class: "row" },
          button(t("inside.strongest"), strongest),
          button(t("inside.strongest.layer"), layer),
          this.all,
        ),
        this.#about,
      ),
      el("section", { class: "made" }, this.#sumTitle, this.#sum, this.#next),
      this.#follow,
      this.#every,
    );
  }

  /** @param {View} view */
  show(view) {
    const moved = !this.#view || this.#view.step !== view.step;
    this.#view = view;
    const column = columnOf(view.columns, view.step);
    const size = shapeOf(view.pass.plan, view.step);
    const flat = column.flat;
    replace(
      this.#title,
      view.step < 0
        ? t("inside.storm")
        : flat
          ? column.name
          : t("inside.map", { name: column.name, map: view.cell.channel }),
    );
    replace(this.#about, column.about);
    this.#drawMap(view, size, flat, moved);
    this.#drawCell(view);
    this.#drawEvery(view, column);
  }

  /**
   * @param {View} view
   * @param {ReturnType<typeof shapeOf>} size
   * @param {boolean} flat
   * @param {boolean} moved
   */
  #drawMap(view, size, flat, moved) {
    const scale = this.#scale(view.step);
    const map = mapOf(view, size, flat);
    this.#picture.draw(map, colourOf(scale));
    if (view.step < 0) replace(this.#bar, colourBar(colourOf(DBZ), 0, 80, "dBZ"));
    else replace(this.#bar, colourBar(colourOf(scale), scale.low, scale.high, ""));
    if (moved) this.#picture.element.scrollLeft = 0;
  }

  /** @param {number} step @returns {Scale} */
  #scale(step) {
    const view = /** @type {View} */ (this.#view);
    if (step < 0) return DBZ;
    return view.scales.get(step) ?? scaleOf(view.pass.maps[step], view.dark);
  }

  /** The chosen number: where it is, how it came about, what hangs on it. @param {View} view */
  #drawCell(view) {
    const { step, cell, pass } = view;
    const size = shapeOf(pass.plan, step);
    const flat = columnOf(view.columns, step).flat;
    const value = valueAt(pass, step, cell);
    const at = flat ? flatPlace(size.channels, cell.channel) : cell;
    this.#picture.place = at;
    this.#picture.frame([{ ...at, rows: 1, columns: 1, class: "frame cell" }]);
    const words = this.#whereWords(view, flat, value);
    replace(this.#where, words);
    this.#picture.words = `${this.#title.textContent}. ${words}`;
    if (step < 0) {
      replace(this.#sumTitle, t("inside.sum.storm"));
      replace(
        this.#sum,
        el(
          "p",
          {},
          t("inside.scaled", {
            dbz: view.box[cell.row * size.columns + cell.column],
            low: pass.plan.minimum,
            span: pass.plan.maximum - pass.plan.minimum,
            value: number(value),
          }),
        ),
      );
    } else {
      replace(this.#sumTitle, t("inside.sum", { value: number(value) }));
      const { parts, words: said } = drawSum({
        pass,
        step,
        cell,
        dark: view.dark,
        nameOf: (of) => columnOf(view.columns, of).name,
        // The numbers of a window of the storm are scaled, and so are their colours.
        scale: (of) => (of < 0 ? { ...DBZ, low: 0, high: scaledHigh(pass) } : this.#scale(of)),
        go: (to, there) => this.#go(to, there, "link"),
      });
      this.#sum.setAttribute("aria-label", said);
      replace(this.#sum, ...parts);
    }
    this.#drawNext(view);
    // What hung on the number before keeps its room, or the page would jump there and back.
    this.#follow.setAttribute("aria-busy", "true");
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#drawFollow(view), 120);
  }

  /** @param {View} view @param {boolean} flat @param {number} value */
  #whereWords({ step, cell, box, pass }, flat, value) {
    if (flat) return t("inside.where.value", { unit: cell.channel, value: number(value) });
    const { columns } = shapeOf(pass.plan, step);
    const said = step < 0 ? `${box[cell.row * columns + cell.column]} dBZ` : number(value);
    return t("picture.pixel", { row: cell.row, column: cell.column, value: said });
  }

  /** The pool that takes the number. @param {View} view */
  #drawNext(view) {
    const { pass, step, cell } = view;
    const pool = step < 0 ? null : arithmetic.poolOf(pass, step, cell);
    if (!pool) {
      replace(this.#next);
      return;
    }
    const name = columnOf(view.columns, pool.step).name;
    if (pool.windows.length === 0) {
      replace(
        this.#next,
        el("h3", {}, t("inside.pool.title")),
        el("p", {}, t("inside.pool.none", { name })),
      );
      return;
    }
    const value = valueAt(pass, step, cell);
    const highest = pass.plan.steps[pool.step].kind === "highest";
    replace(
      this.#next,
      el("h3", {}, t("inside.pool.title")),
      ...pool.windows.slice(0, 2).flatMap((window) => {
        const key = !highest ? "shares" : window.wins ? "wins" : "loses";
        const there = { row: window.row, column: window.column, channel: cell.channel };
        return [
          el(
            "p",
            { class: `fate ${key}` },
            t(`inside.pool.${key}`, {
              name,
              value: number(value),
              other: number(window.value),
              count: window.cells.length,
            }),
          ),
          el(
            "div",
            {
              class: "window",
              role: "img",
              "aria-label": window.cells.map((c) => number(c.value)).join(", "),
            },
            ...cellsNorthFirst(window.cells).map((c) =>
              el("span", { class: cellClass(c, cell, window.value, highest) }, number(c.value)),
            ),
          ),
          button(t("inside.pool.follow", { name }), () => this.#go(pool.step, there, "link")),
        ];
      }),
    );
    for (const box of this.#next.querySelectorAll(".window")) {
      const wide = new Set(pool.windows[0].cells.map(({ column }) => column)).size;
      /** @type {HTMLElement} */ (box).style.gridTemplateColumns = `repeat(${wide}, auto)`;
    }
  }

  /** What hangs on the number, to the answer. @param {View} view */
  #drawFollow(view) {
    const { pass, step, cell, columns } = view;
    const last = pass.plan.steps.length - 1;
    this.#follow.removeAttribute("aria-busy");
    if (step === last) {
      replace(this.#follow);
      this.#followed([], view);
      return;
    }
    const found = arithmetic.without(pass, step, cell);
    const shown = found.changes.filter(({ step: s }) =>
      columns.some((column) => column.step === s),
    );
    const lines = [];
    for (const change of shown) {
      if (change.step === last) break;
      lines.push(this.#followLine(view, change));
      if (change.count === 0) break;
    }
    const { scores, probabilities } = found;
    const best = answerOf(probabilities.before);
    const most = mostMoved(scores.before, scores.after);
    const [was, is] = [probabilities.before, probabilities.after].map((p) =>
      arithmetic.tempered(p, view.temperature),
    );
    const score = (/** @type {number} */ k) =>
      el(
        "p",
        { class: "score" },
        el("span", {}, `${modeWords(pass.plan.classes[k])}:`),
        el("span", {}, t("inside.follow.score", { ...fromTo(scores, k) })),
        el("span", {}, `${percent(was[k])} → ${percent(is[k])}`),
      );
    replace(
      this.#follow,
      el("h3", {}, t("inside.follow.title")),
      el("p", { class: "muted small" }, t("inside.follow.lead")),
      score(best),
      most !== best && score(most),
      lines.length > 0 &&
        el(
          "table",
          {},
          el(
            "thead",
            {},
            el(
              "tr",
              {},
              ...["step", "count", "map", "change"].map((key) =>
                el("th", { scope: "col" }, t(`inside.follow.${key}`)),
              ),
            ),
          ),
          el("tbody", {}, ...lines),
        ),
    );
    this.#followed(
      shown.filter(({ count }) => count > 0),
      view,
    );
  }

  /** @param {View} view @param {arithmetic.Change} change */
  #followLine(view, { step, count, cell, before, after }) {
    const { name } = columnOf(view.columns, step);
    const go = () => this.#go(step, cell, "link");
    return el(
      "tr",
      {},
      el(
        "th",
        { scope: "row" },
        el("button", { type: "button", class: "link", onclick: go }, name),
      ),
      el("td", {}, count),
      el("td", {}, count > 0 && cell.channel),
      el("td", {}, count > 0 ? `${number(before)} → ${number(after)}` : t("inside.follow.none")),
    );
  }

  /** All maps of the layer, alike in scale. @param {View} view @param {Column} column */
  #drawEvery(view, column) {
    const shown = view.all && !column.flat && column.channels > 1;
    this.all.hidden = column.flat || column.channels === 1;
    replace(this.all, t(view.all ? "inside.all.hide" : "inside.all", { count: column.channels }));
    this.all.setAttribute("aria-expanded", String(view.all));
    if (!shown) {
      replace(this.#every);
      this.#everyOf = "";
      return;
    }
    const of = `${view.pass.plan.name} ${column.step}`;
    if (of !== this.#everyOf) {
      this.#everyOf = of;
      this.#tiles = Array.from({ length: column.channels }, (_, map) =>
        this.#tile(map, column.name),
      );
      replace(this.#every, ...this.#tiles, this.#sheet.canvas);
      this.#placeEvery();
    }
    this.#paintEvery();
    this.#tiles.forEach((tile, map) =>
      tile.setAttribute("aria-pressed", String(map === view.cell.channel)),
    );
  }

  /** @param {number} map @param {string} name Of the layer. */
  #tile(map, name) {
    return el(
      "button",
      {
        type: "button",
        class: "tile",
        "aria-label": t("inside.tile", { map, name }),
        onclick: () => this.#chooseMap(map),
      },
      el("span", { class: "nr", "aria-hidden": "true" }, map),
    );
  }

  #placeEvery() {
    if (!this.#everyOf) return;
    const view = /** @type {View} */ (this.#view);
    const boxes = this.#tiles.map((tile) => tile.getBoundingClientRect());
    const { columns } = shapeOf(view.pass.plan, columnOf(view.columns, view.step).step);
    if (this.#sheet.arrange(this.#every.getBoundingClientRect(), boxes, columns)) {
      this.#paintEvery();
    }
  }

  #paintEvery() {
    const view = /** @type {View} */ (this.#view);
    const { step } = columnOf(view.columns, view.step);
    const { rows, columns, channels } = shapeOf(view.pass.plan, step);
    const [values, scale] = [view.pass.maps[step], this.#scale(step)];
    this.#sheet.draw(
      this.#tiles.map((_, tile) => ({
        tile,
        map: { values, rows, columns, first: tile, apart: channels },
        scale,
      })),
    );
  }

  /** @param {number} map */
  #chooseMap(map) {
    const view = this.#view;
    if (!view) return;
    const shape = view.pass.plan.steps[view.step].shape;
    this.#go(view.step, arithmetic.strongest(view.pass.maps[view.step], shape, map), "link");
  }

  /**
   * @param {{row: number, column: number}} place
   * @param {"press" | "move" | "hover" | "key"} how
   */
  #pick(place, how) {
    const view = this.#view;
    if (!view) return;
    const size = shapeOf(view.pass.plan, view.step);
    const flat = columnOf(view.columns, view.step).flat;
    const unit = unitAt(size.channels, place);
    if (flat && unit >= size.channels) return;
    const cell = flat
      ? { row: 0, column: 0, channel: unit }
      : { ...place, channel: view.cell.channel };
    if (how === "hover") this.#drawCell({ ...view, cell });
    else this.#go(view.step, cell, how === "move" ? "press" : how);
  }

  #unhover() {
    if (this.#view) this.#drawCell(this.#view);
  }

  /** @param {number} by */
  #step(by) {
    const view = this.#view;
    if (!view || view.step < 0) return;
    const { channels } = shapeOf(view.pass.plan, view.step);
    const channel = (view.cell.channel + by + channels) % channels;
    this.#go(view.step, { ...view.cell, channel }, "link");
  }

  #strongest() {
    const view = this.#view;
    if (!view) return;
    const { pass, step, cell } = view;
    const given = step < 0 ? pass.image : pass.maps[step];
    const shape = step < 0 ? pass.plan.shape : pass.plan.steps[step].shape;
    const flat = shape.length === 1;
    const found = flat ? highestUnit(given) : arithmetic.strongest(given, shape, cell.channel);
    this.#go(step, found, "link");
  }

  #strongestOfLayer() {
    const view = this.#view;
    if (!view) return;
    const { pass, step } = view;
    const given = step < 0 ? pass.image : pass.maps[step];
    const shape = step < 0 ? pass.plan.shape : pass.plan.steps[step].shape;
    this.#go(step, arithmetic.cellOf(shape, indexOfStrongest(given)), "link");
  }
}

/** @param {Float32Array} values */
export function indexOfStrongest(values) {
  let best = 0;
  let most = Math.abs(values[0]);
  for (let i = 1; i < values.length; ++i) {
    const size = Math.abs(values[i]);
    if (size > most) [best, most] = [i, size];
  }
  return best;
}

/** @param {Float32Array} values @returns {Cell} */
function highestUnit(values) {
  return { row: 0, column: 0, channel: indexOfStrongest(values) };
}

/** What the scaled storm is at 80 dBZ. @param {Pass} pass */
function scaledHigh({ plan }) {
  return (80 - plan.minimum) / (plan.maximum - plan.minimum);
}

/** @param {View} view @param {ReturnType<typeof shapeOf>} size @param {boolean} flat */
function mapOf({ pass, step, cell, box }, { rows, columns, channels }, flat) {
  if (step < 0) return { values: box, rows, columns };
  const values = pass.maps[step];
  if (!flat) return { values, rows, columns, first: cell.channel, apart: channels };
  const wide = Math.min(ACROSS, channels);
  const high = Math.ceil(channels / wide);
  const filled = new Float32Array(high * wide).fill(NaN);
  values.forEach((value, unit) => {
    const at = flatPlace(channels, unit);
    filled[at.row * wide + at.column] = value;
  });
  return { values: filled, rows: high, columns: wide };
}

/**
 * Where a value without a place is drawn, the first at the top left.
 * @param {number} count
 * @param {number} unit
 */
function flatPlace(count, unit) {
  const wide = Math.min(ACROSS, count);
  return { row: Math.ceil(count / wide) - 1 - Math.floor(unit / wide), column: unit % wide };
}

/** @param {number} count @param {{row: number, column: number}} place */
function unitAt(count, { row, column }) {
  const wide = Math.min(ACROSS, count);
  return (Math.ceil(count / wide) - 1 - row) * wide + column;
}

/** @template {{row: number, column: number}} Place @param {readonly Place[]} cells */
function cellsNorthFirst(cells) {
  return [...cells].sort((one, other) => other.row - one.row || one.column - other.column);
}

/**
 * @param {{row: number, column: number, value: number}} at
 * @param {Cell} own
 * @param {number} best
 * @param {boolean} highest
 */
function cellClass(at, own, best, highest) {
  const isOwn = at.row === own.row && at.column === own.column;
  return `${isOwn ? "own" : ""} ${highest && at.value === best ? "best" : ""}`.trim();
}

/** @param {{before: Float64Array, after: Float64Array}} scores @param {number} k */
function fromTo({ before, after }, k) {
  return { before: number(before[k]), after: number(after[k]) };
}

/** @param {Float64Array} before @param {Float64Array} after */
function mostMoved(before, after) {
  let most = 0;
  before.forEach((score, k) => {
    if (Math.abs(after[k] - score) > Math.abs(after[most] - before[most])) most = k;
  });
  return most;
}
