/** A window that walks over a storm: pixels times weights, and the picture that all sums make. */

import { ofReflectivity, ofSigned, readableOn } from "../base/colours.js";
import { Component, understood } from "../base/component.js";
import { button, flag, segments, slider } from "../base/controls.js";
import { el, replace, svg } from "../base/dom.js";
import { colourBar, Picture, shortNumber } from "../base/picture.js";
import { sheetOf } from "../base/style.js";
import { convolutionStep } from "./concepts.js";
import { FewStorms } from "./storm-choice.js";
import { STRIP_CSS } from "./storm-strip.js";
import {
  answersOf,
  answersToNorth,
  CLASSICAL,
  isSame,
  kernelOf,
  nameOf,
  OWN,
  respond,
  upsideDown,
  usualSize,
  walkedAfter,
} from "./walking.js";

/**
 * @typedef {import("../base/picture.js").Place} Place
 * @typedef {import("../base/component.js").Settings} Settings
 * @typedef {import("./concepts.js").Step} Step
 * @typedef {readonly number[]} Colour
 */

const STRONG = 200;
const NEAR = 8; // pixels around the window that its second frame takes in
const PLACES = ["nw", "n", "ne", "w", "middle", "e", "sw", "s", "se"];
const BLANK = /** @type {const} */ ([0, 0, 0, 0]);
const WHITE = /** @type {const} */ ([255, 255, 255, 255]);

const CSS = `
.kernels { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: .3rem;
  margin: 0 0 .9rem; max-width: 62rem; }
.kernels span { border-radius: .5rem; padding: .35rem .1rem .25rem; font-size: min(.82em, 3.3cqi);
  line-height: 1.15; gap: .25rem; text-align: center; height: 100%; align-content: start; }
.kernels svg { width: 1.9rem; height: 1.9rem; display: block;
  border: 1px solid var(--strong-rule); }
.stage { display: grid; gap: 1rem .75rem; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
  grid-template-areas: "storm response" "sum sum"; align-items: end; }
.storm { grid-area: storm; } .response { grid-area: response; }
figure { margin: 0; min-width: 0; }
.caption { min-height: 2.75rem; margin-bottom: .35rem; display: flex; flex-wrap: wrap;
  align-items: center; gap: .3rem .5rem; font-weight: 650; line-height: 1.2; }
.caption .row { gap: .3rem .5rem; min-width: 0; }
.caption .name { margin-right: auto; }
.picture .near { stroke: none; }
.picture .near .line { stroke-width: 1.5px; stroke-dasharray: 4 3; }
.picture .near .halo { stroke-width: 3px; opacity: .55; }
.response .picture { background: var(--panel); }
.sum { display: grid; gap: .6rem .15rem; align-items: center; max-width: 26rem; width: 100%;
  margin: 0 auto; grid-template-columns: 1.3rem minmax(0, 1fr) 1.3rem minmax(0, 1fr);
  grid-template-areas: ". pixels times weights" "equals products sigma total"; }
.pixels { grid-area: pixels; } .times { grid-area: times; } .weights { grid-area: weights; }
.equals { grid-area: equals; } .products { grid-area: products; } .sigma { grid-area: sigma; }
.total { grid-area: total; text-align: center; }
.total output { display: block; font-size: min(2em, 9.5cqi); font-weight: 700; line-height: 1.2;
  border-radius: .4rem; border: 1px solid var(--strong-rule); padding: .25rem .2rem; }
.sign { text-align: center; font-size: 1.3em; color: var(--muted); padding-top: 1.3rem; }
.nine { container-type: inline-size; align-self: end; }
.nine figcaption, .total .what { font-size: .875em; color: var(--muted); text-align: center;
  min-height: 1.3rem; line-height: 1.3rem; }
.grid { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 2px; padding: 2px;
  background: var(--rule); border-radius: .3rem; }
.grid > * { aspect-ratio: 1; min-width: 0; display: grid; place-items: center; overflow: hidden;
  font-size: min(1em, 13.5cqi); line-height: 1; border-radius: .15rem; }
.grid .long { font-size: min(.8em, 8cqi); }
.grid input { width: 100%; padding: 0; text-align: center; border: 2px solid transparent;
  appearance: textfield; -moz-appearance: textfield; }
.grid input:hover { border-color: var(--accent); }
.grid input::-webkit-inner-spin-button, .grid input::-webkit-outer-spin-button {
  appearance: none; -webkit-appearance: none; margin: 0; }
.below { margin-top: 1rem; }
.below .panel { height: 100%; margin: 0; }
.middle { grid-area: sum; min-width: 0; }
.middle .panel { margin-top: 1rem; }
.answers { margin: 0; padding: 0; list-style: none; display: grid; gap: .35rem; }
.answers li { display: grid; grid-template-columns: 2.2rem minmax(0, 1fr) auto; gap: .6rem;
  align-items: center; }
.answers i { height: 1.6rem; border: 1px solid var(--strong-rule); border-radius: .2rem; }
.answers .even i { background: #999; }
.answers .east i { background: linear-gradient(to right, #222, #eee); }
.answers .north i { background: linear-gradient(to top, #222, #eee); }
.answers strong { min-width: 3.2em; text-align: right; }
@container (min-width: 40rem) {
  .kernels { grid-template-columns: repeat(10, minmax(0, 1fr)); }
  .kernels span { font-size: min(.82em, 1.75cqi); }
  .sum { max-width: 52rem;
    grid-template-columns: minmax(0, 1fr) 1.3rem minmax(0, 1fr) 1.3rem minmax(0, 1fr) 1.5rem
      minmax(0, 1fr);
    grid-template-areas: "pixels times weights equals products sigma total"; }
}
@container (min-width: 62rem) {
  .stage { grid-template-columns: minmax(0, 1fr) 20em minmax(0, 1fr);
    grid-template-areas: "storm sum response"; gap: 1rem 1.25rem; align-items: start; }
  .sum { margin-top: 1.75rem;
    grid-template-columns: 1.3rem minmax(0, 1fr) 1.3rem minmax(0, 1fr);
    grid-template-areas: ". pixels times weights" "equals products sigma total"; }
}
`;

/** @param {Colour} colour */
function css([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}

/** @param {number} dbz */
function ofPixel(dbz) {
  return dbz > 0 ? ofReflectivity(dbz) : WHITE;
}

/** Nine weights as a small picture. @param {readonly number[]} weights */
function kernelIcon(weights) {
  const colourOf = ofSigned(Math.max(...weights.map(Math.abs)));
  return svg(
    "svg",
    { viewBox: "0 0 3 3", "aria-hidden": "true" },
    ...weights.map((weight, i) =>
      svg("rect", {
        x: i % 3,
        y: Math.floor(i / 3),
        width: 1,
        height: 1,
        fill: css(colourOf(weight)),
      }),
    ),
  );
}

/** Nine cells of one row after the other, the northern first. */
class Nine {
  /**
   * @param {string} name
   * @param {HTMLElement[]} cells
   * @param {{role: string}} grid
   */
  constructor(name, cells, { role }) {
    this.cells = cells;
    this.caption = el("figcaption", {});
    this.grid = el("div", { class: "grid", role }, ...cells);
    this.element = el("figure", { class: `nine ${name}` }, this.caption, this.grid);
  }

  /**
   * @param {readonly number[]} values
   * @param {(value: number) => Colour} colourOf
   */
  colour(values, colourOf) {
    this.cells.forEach((cell, i) => {
      const colour = colourOf(values[i]);
      cell.style.background = css(colour);
      cell.style.color = readableOn(colour);
      cell.classList.toggle("long", shortNumber(values[i]).length > 4);
    });
  }

  /** @param {readonly number[]} values */
  write(values) {
    this.cells.forEach((cell, i) => replace(cell, shortNumber(values[i])));
  }
}

/** @param {string} name */
function nineNumbers(name) {
  return new Nine(
    name,
    PLACES.map(() => el("span", {})),
    { role: "img" },
  );
}

export class ConvolutionWalker extends Component {
  static tag = "stormlens-convolution-walker";
  static slug = "convolution-walker";
  /** @type {Settings} */
  static settings = {
    storm: { kind: "whole", default: 13, low: 0, high: 9999 },
    row: { kind: "whole", default: 70, low: 0, high: 133 },
    column: { kind: "whole", default: 73, low: 0, high: 133 },
    kernel_name: { kind: "choice", default: "edge", choices: [...Object.keys(CLASSICAL), OWN] },
    weights: { kind: "numbers", default: CLASSICAL.edge, length: 9, low: -1000, high: 1000 },
    turned: { kind: "flag", default: false },
  };
  static outputs = ["pixels", "lying", "products", "total"];
  /** @type {readonly import("../base/needs.js").Need[]} */
  static needs = ["DecompressionStream", ...Component.needs];
  static tasks = ["edge", "north", "identity"];

  /** @type {FewStorms | undefined} */
  #storms;
  #box = /** @type {import("./concepts.js").Grid} */ ({ values: [], rows: 0, columns: 0 });
  /** The response in a grid as large as the box, so that places lie alike; NaN at the rim. */
  #response = new Float32Array();
  #most = 1;
  #isSame = false;

  #map = new Picture({ class: "map", drag: true, pick: (place) => this.#pick(place) });
  #sums = new Picture({ class: "sums", drag: true, pick: (place) => this.#pick(place) });
  #bar = el("div", {});
  #pixels = nineNumbers("pixels");
  #products = nineNumbers("products");
  /** @type {HTMLInputElement[]} */
  #entries = PLACES.map((place, i) =>
    el("input", {
      type: "number",
      step: "any",
      "aria-label": this.t("weight", { place: this.t(`place.${place}`) }),
      oninput: () => this.#typed(i),
      onchange: () => this.redraw("weights"),
    }),
  );
  #weights = new Nine("weights", this.#entries, { role: "group" });
  #total = el("output", {});
  #where = el("p", { class: "muted small" });
  #sense = el("p", { class: "small" });
  #answers = {
    even: el("strong", {}),
    east: el("strong", {}),
    north: el("strong", {}),
  };
  /** @type {{show: () => void}[]} */
  #controls = [];
  #ownIcon = el("div", {});
  #walk = button("", () => this.#startOrStop(), { kind: "main" });
  /** @type {{from: Place, began: number, frame: number} | undefined} */
  #walking;

  styles() {
    return [sheetOf(CSS + STRIP_CSS)];
  }

  /**
   * Name and weights of a kernel tell of each other: the one that is given brings the other.
   * @param {Record<string, unknown>} values
   * @param {{silent?: boolean}} [options]
   */
  set(values, options) {
    super.set(values, options);
    const weights = understood(values.weights, this.schema.weights);
    const name = understood(values.kernel_name, this.schema.kernel_name);
    if (weights !== undefined) {
      const found = name === OWN ? OWN : nameOf(/** @type {number[]} */ (weights));
      super.set({ kernel_name: found, ...(found !== OWN && { weights: CLASSICAL[found] }) });
    } else if (name !== undefined && name !== OWN) {
      super.set({ weights: CLASSICAL[String(name)] });
    }
  }

  /** @param {HTMLElement} main */
  async build(main) {
    const kernels = segments(this, "kernel_name", { names: (name) => this.t(`kernel.${name}`) });
    kernels.element.classList.add("kernels");
    for (const label of kernels.element.querySelectorAll("label")) {
      const name = label.querySelector("input")?.value ?? OWN;
      const icon = name === OWN ? this.#ownIcon : kernelIcon(CLASSICAL[name]);
      label.querySelector("span")?.prepend(icon);
    }
    const storms = await FewStorms.open(this);
    this.#storms = storms;
    const row = slider(this, "row");
    const column = slider(this, "column");
    const turned = flag(this, "turned");
    this.#controls = [kernels, storms, row, column, turned];
    replace(
      main,
      kernels.element,
      el(
        "div",
        { class: "stage" },
        el(
          "figure",
          { class: "storm" },
          el("figcaption", { class: "caption" }, storms.heading),
          this.#map.element,
          colourBar(ofReflectivity, 0, 80, "dBZ"),
        ),
        el("div", { class: "middle" }, this.#buildSum(), this.#buildAnswers()),
        el(
          "figure",
          { class: "response" },
          el(
            "figcaption",
            { class: "caption" },
            el("span", { class: "name" }, this.t("response")),
            this.#walk,
          ),
          this.#sums.element,
          this.#bar,
        ),
      ),
      storms.strip,
      el(
        "div",
        { class: "columns below" },
        el("div", { class: "panel" }, row.element, column.element),
        el("div", { class: "panel" }, turned.element, this.#sense),
      ),
    );
    this.#sayWalk();
  }

  #buildSum() {
    const sign = (/** @type {string} */ name, /** @type {string} */ text) =>
      el("span", { class: `sign ${name}`, "aria-hidden": "true" }, text);
    const what = el("div", { class: "what" }, this.t("sum"));
    return el(
      "div",
      { class: "sum", role: "group", "aria-label": this.t("arithmetic") },
      this.#pixels.element,
      sign("times", "\u00d7"),
      this.#weights.element,
      sign("equals", "="),
      this.#products.element,
      sign("sigma", "\u2192"),
      el("div", { class: "total" }, what, this.#total, this.#where),
    );
  }

  #buildAnswers() {
    return el(
      "div",
      { class: "panel" },
      el("h3", {}, this.t("answers")),
      el(
        "ul",
        { class: "answers" },
        ...Object.entries(this.#answers).map(([name, answer]) =>
          el("li", { class: name }, el("i", {}), el("span", {}, this.t(`answers.${name}`)), answer),
        ),
      ),
    );
  }

  /** @param {ReadonlySet<string>} changed */
  show(changed) {
    const respondsAnew = ["storm", "weights", "turned", "theme"].some((name) => changed.has(name));
    if (respondsAnew) this.#respond();
    for (const control of this.#controls) control.show();
    this.#step();
    if (!this.#walking) {
      this.checkTasks({
        edge: this.text("kernel_name") === "edge" && Number(this.outputs.total) > STRONG,
        north:
          this.text("kernel_name") === OWN &&
          answersToNorth(this.numbers("weights"), this.flag("turned")),
        identity: this.#isSame,
      });
    }
  }

  leave() {
    this.#stop();
  }

  /** Compute and draw all sums. */
  #respond() {
    if (this.#storms) this.#box = this.#storms.box;
    const { rows, columns } = this.#box;
    const response = respond(this.#box, this.numbers("weights"), this.flag("turned"));
    this.#most = usualSize(response.values);
    this.#isSame = isSame(response, this.#box);
    this.#response = new Float32Array(rows * columns).fill(NaN);
    for (let row = 0; row < response.rows; ++row) {
      const from = row * response.columns;
      const line = response.values.subarray(from, from + response.columns);
      this.#response.set(line, (row + 1) * columns + 1);
    }
    this.#map.draw(this.#box);
    this.#drawSums(this.#response);
    replace(this.#bar, colourBar(ofSigned(this.#most), -this.#most, this.#most, ""));
    this.#showKernel();
  }

  /** @param {Float32Array} values */
  #drawSums(values) {
    const { rows, columns } = this.#box;
    const signed = ofSigned(this.#most);
    const colourOf = (/** @type {number} */ v) => (Number.isNaN(v) ? BLANK : signed(v));
    this.#sums.draw({ values, rows, columns }, colourOf);
  }

  /** What follows from the kernel alone. */
  #showKernel() {
    const weights = this.numbers("weights");
    const turned = this.flag("turned");
    const answers = answersOf(weights, turned);
    for (const [name, strong] of Object.entries(this.#answers)) {
      replace(strong, shortNumber(tidy(answers[/** @type {keyof typeof answers} */ (name)])));
    }
    replace(this.#sense, this.t(turned ? "sense.turned" : "sense.straight"));
    replace(this.#weights.caption, this.t(turned ? "weights.turned" : "weights"));
    this.#weights.grid.setAttribute("aria-label", this.#weights.caption.textContent ?? "");
    replace(this.#ownIcon, kernelIcon(weights));
  }

  /** Work out one place. */
  #step() {
    const { row, column } = this.#place();
    const weights = this.numbers("weights");
    const turned = this.flag("turned");
    const step = convolutionStep(this.#box, kernelOf(weights), [row, column], { turned });
    const [pixels, lying, products] = [step.window, step.kernel, step.products].map((grid) =>
      upsideDown(grid.values),
    );
    const total = tidy(step.total);

    this.#pixels.write(pixels);
    this.#pixels.colour(pixels, ofPixel);
    replace(this.#pixels.caption, this.t("pixels"));
    this.#pixels.grid.setAttribute(
      "aria-label",
      this.t("pixels.words", { values: pixels.map(shortNumber).join(", ") }),
    );
    this.#weights.colour(lying, ofSigned(largest(lying)));
    this.#fillEntries(lying);
    this.#products.write(products);
    this.#products.colour(products, ofSigned(largest(products)));
    replace(this.#products.caption, this.t("products"));
    const said = this.t("products.words", { values: products.map(shortNumber).join(", ") });
    this.#products.grid.setAttribute("aria-label", said);
    const colour = ofSigned(this.#most)(total);
    replace(this.#total, shortNumber(total));
    this.#total.style.background = css(colour);
    this.#total.style.color = readableOn(colour);
    replace(this.#where, this.t("where", { row, column }));
    this.#mark(row, column, total);
    this.publish({ pixels, lying, products, total });
  }

  /** Row and column of the output pixel, in a box of any size. @returns {Place} */
  #place() {
    return {
      row: Math.min(this.number("row"), this.#box.rows - 3),
      column: Math.min(this.number("column"), this.#box.columns - 3),
    };
  }

  /** @param {number} row @param {number} column @param {number} total */
  #mark(row, column, total) {
    const [rows, columns] = [3 + 2 * NEAR, 3 + 2 * NEAR];
    const near = { row: row - NEAR, column: column - NEAR, rows, columns, class: "near" };
    this.#map.frame([near, { row, column, rows: 3, columns: 3 }]);
    this.#sums.frame([near, { row: row + 1, column: column + 1, rows: 1, columns: 1 }]);
    const values = { storm: this.#storms?.words, row, column, total: shortNumber(total) };
    this.#map.words = this.t("map.words", values);
    this.#sums.words = this.t("sums.words", values);
    const middle = { row: row + 1, column: column + 1 };
    this.#map.place = middle;
    this.#sums.place = middle;
  }

  /** @param {readonly number[]} lying */
  #fillEntries(lying) {
    const focused = this.shadowRoot?.activeElement;
    this.#entries.forEach((entry, i) => {
      const isTyped = entry === focused && Number(entry.value) === lying[i];
      if (!isTyped) entry.value = String(Number(lying[i].toPrecision(4)));
    });
  }

  /** @param {number} i Which entry, as they lie on the pixels. */
  #typed(i) {
    const typed = this.#entries[i].valueAsNumber;
    if (!Number.isFinite(typed)) return;
    const weights = [...this.numbers("weights")];
    weights[this.flag("turned") ? 8 - i : i] = typed;
    this.#stop();
    this.set({ weights, kernel_name: OWN });
  }

  /** Put the window's middle on a pixel of the box. @param {Place} place */
  #pick(place) {
    this.#stop();
    this.#goTo({ row: place.row - 1, column: place.column - 1 });
  }

  /** @param {Place} place */
  #goTo({ row, column }) {
    const inside = (/** @type {number} */ value, /** @type {number} */ size) =>
      Math.min(Math.max(value, 0), size - 3);
    this.set({ row: inside(row, this.#box.rows), column: inside(column, this.#box.columns) });
  }

  #startOrStop() {
    if (this.#walking) {
      this.#stop();
    } else if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.#oneOn();
    } else {
      this.#walking = { from: this.#place(), began: performance.now(), frame: 0 };
      this.#walkOn();
    }
    this.#sayWalk();
  }

  #sayWalk() {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    replace(this.#walk, this.t(this.#walking ? "walk.stop" : still ? "walk.step" : "walk"));
  }

  /** One place to the east, or to the west end of the next row to the south. */
  #oneOn() {
    const { row, column } = this.#place();
    const { rows, columns } = this.#box;
    if (column < columns - 3) this.#goTo({ row, column: column + 1 });
    else this.#goTo({ row: row > 0 ? row - 1 : rows - 3, column: 0 });
  }

  /** Go where the window is by now, and show the sums that it has made so far. */
  #walkOn() {
    const walking = this.#walking;
    if (!walking) return;
    const rows = this.#box.rows - 2;
    const columns = this.#box.columns - 2;
    const walked = walkedAfter((performance.now() - walking.began) / 1000, columns);
    if (walked.rows >= rows) {
      this.#stop();
      this.#goTo(walking.from);
      return;
    }
    const rowOf = (/** @type {number} */ done) => (walking.from.row - done + rows) % rows;
    const made = new Float32Array(this.#response.length).fill(NaN);
    for (let done = 0; done <= walked.rows; ++done) {
      const from = (rowOf(done) + 1) * this.#box.columns + 1;
      const length = done < walked.rows ? columns : walked.column + 1;
      made.set(this.#response.subarray(from, from + length), from);
    }
    this.#drawSums(made);
    this.#goTo({ row: rowOf(walked.rows), column: walked.column });
    walking.frame = requestAnimationFrame(() => this.#walkOn());
  }

  #stop() {
    if (!this.#walking) return;
    cancelAnimationFrame(this.#walking.frame);
    this.#walking = undefined;
    this.#drawSums(this.#response);
    this.#sayWalk();
  }
}

/** @param {readonly number[]} values @returns {number} */
function largest(values) {
  return Math.max(...values.map(Math.abs));
}

/** Without the dust of adding up ninths. @param {number} value */
function tidy(value) {
  return Math.abs(value) < 1e-9 ? 0 : value;
}
