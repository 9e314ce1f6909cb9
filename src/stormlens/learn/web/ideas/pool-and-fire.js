/** Patches of a storm, pooled to their strongest echo, and a neuron that fires at some of them. */

import { ofReflectivity } from "../base/colours.js";
import { Component } from "../base/component.js";
import { button, errorNote, flag, simulatedBadge, slider } from "../base/controls.js";
import { el, replace } from "../base/dom.js";
import { colourBar, inFull, Picture, shortNumber } from "../base/picture.js";
import { splitWords } from "../base/strings.js";
import { sheetOf } from "../base/style.js";
import { Storms } from "../data/storms.js";
import { cut, PATCH_PLACES } from "./concepts.js";
import { CARD_CSS, PatchCard } from "./patch-card.js";
import {
  centred,
  firesAbove,
  highestAround,
  KEPT,
  moved,
  patchAt,
  placesOf,
  respond,
} from "./patches.js";
import { STRIP_CSS, StormStrip, stormWords } from "./storm-strip.js";

/**
 * @typedef {import("../base/component.js").Setting} Setting
 * @typedef {import("../base/component.js").Values} Values
 * @typedef {import("../base/controls.js").Control} Control
 * @typedef {import("./concepts.js").Grid} Grid
 * @typedef {import("./concepts.js").Place} Place
 * @typedef {import("./concepts.js").PatchResponse} PatchResponse
 */

const FEW = "few";
const NEURON = ["threshold", "weight", "bias"];
/** Where convection is commonly said to begin, dBZ. */
const CONVECTION = 40;
/** What the bars show at least. */
const BARS = { low: -50, high: 80 };
/** The chapter reads its patches, of this size, from this storm of the training split. */
const CHAPTER = { split: "train", storm: 56, size: 5 };

/** Of a place without echo whose patch would fire all the same. */
const FIRING = /** @type {const} */ ([255, 138, 31, 60]);

const CSS = `
.stage { display: grid; gap: 1rem 1.5rem; grid-template-columns: minmax(0, 1fr);
  align-items: start; }
.storm, .cards-and-neuron { min-width: 0; }
.storm .heading { display: flex; flex-wrap: wrap; gap: .25rem .6rem; align-items: center;
  min-height: 2rem; }
.storm h3 { margin: 0; }
.map, .map-bar { max-width: 31rem; }
.map .fires .line { stroke: #ff8a1f; }
.map .fires text { fill: #ffb168; }
.map .chosen .line { stroke-width: 3px; }
.map .chosen .halo { stroke-width: 6px; opacity: 1; }
.said { font-size: 1.15em; font-weight: 650; margin: 0 0 .2rem; }
.formula { margin: 0 0 .5rem; }
.sliders { display: grid; gap: 0 1.5rem; grid-template-columns: minmax(0, 1fr); }
.sliders .slider { margin: 0; }
.cards { display: grid; gap: .4rem; grid-template-columns: minmax(0, 1fr); margin: .75rem 0; }
@container (min-width: 19rem) {
  .sliders .slider { grid-template-columns: 5.2em minmax(0, 1fr) auto; }
  .sliders .slider label { grid-column: auto; }
  .sliders .slider .value { min-width: 7.2em; }
  .cards { grid-template-columns: repeat(3, minmax(0, 1fr)); }
}
@container (min-width: 46rem) { .cards { gap: .75rem; } }
@container (min-width: 62rem) {
  .stage { grid-template-columns: minmax(0, .8fr) minmax(0, 1fr); }
  .sliders { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .sliders .slider { grid-template-columns: minmax(0, 1fr) auto; }
  .sliders .slider label { grid-column: 1 / -1; }
}
${STRIP_CSS}
${CARD_CSS}
`;

let pages = 0;

/** Max pooling of three patches, and a ReLU neuron behind it. */
export class PoolAndFire extends Component {
  static tag = "stormlens-pool-and-fire";
  static slug = "pool-and-fire";
  /** @type {Record<string, Setting>} */
  static settings = {
    threshold: { kind: "number", default: 40, low: 0, high: 70, step: 1 },
    weight: { kind: "number", default: 1, low: 0.1, high: 3, step: 0.1 },
    bias: { kind: "number", default: 0, low: -20, high: 20, step: 1 },
    size: { kind: "whole", default: 5, low: 3, high: 15, step: 1 },
    split: { kind: "choice", default: FEW, choices: [FEW, "train", "validation", "test"] },
    storm: { kind: "whole", default: 1, low: 0, high: 999999 },
    places: { kind: "numbers", default: [], low: 0, high: 4095 },
    patch: { kind: "whole", default: 1, low: 1, high: KEPT },
    everywhere: { kind: "flag", default: false },
  };
  static outputs = ["patches", "pooled", "z", "a"];
  /** @type {readonly import("../base/needs.js").Need[]} */
  static needs = ["DecompressionStream", ...Component.needs];
  static tasks = ["silent", "alone", "nothing"];

  /** @type {Storms | undefined} */
  #storms;
  /** @type {StormStrip | undefined} */
  #strip;
  #unit = "";
  /** @type {Control[]} */
  #controls = [];
  /** @type {PatchCard[]} */
  #cards = [];
  #map = new Picture({ class: "map", drag: true, pick: (place, how) => this.#pick(place, how) });
  #heading = el("h3", {});
  #problem = el("div", {});
  #note = el("p", { class: "muted small" });
  #said = el("p", { class: "said", role: "status" });
  #formula = el("p", { class: "formula muted" });
  /** @type {Grid} */
  #box = { values: [], rows: 0, columns: 0 };
  /** Of which storm the box is, as "few 3". */
  #shown = "";
  /** @type {Float64Array} */
  #highest = new Float64Array();
  /** @type {Place[]} */
  #places = [];
  /** From the finger to the patch that it holds. @type {Place} */
  #grip = [0, 0];

  styles() {
    return [sheetOf(CSS)];
  }

  /** @param {HTMLElement} main */
  async build(main) {
    const storms = await Storms.open();
    const few = await storms.split(FEW);
    this.#storms = storms;
    this.#unit = storms.units === "1" ? "" : storms.units;
    this.#strip = new StormStrip(storms, few, (storm) =>
      this.#choose({ split: FEW, storm, places: [] }),
    );
    this.#controls = [
      slider(this, "threshold", { unit: this.#unit }),
      slider(this, "weight"),
      slider(this, "bias"),
      slider(this, "size", { unit: this.t("pixels") }),
      flag(this, "everywhere"),
    ];
    pages += 1;
    this.#cards = Array.from(
      { length: KEPT },
      (_, i) => new PatchCard(i + 1, `patch-${pages}`, () => this.set({ patch: i + 1 })),
    );
    const [threshold, weight, bias, size, everywhere] = this.#controls;
    main.append(
      el(
        "div",
        { class: "stage" },
        el(
          "div",
          { class: "storm" },
          el("div", { class: "heading" }, this.#heading, storms.simulated && simulatedBadge()),
          this.#problem,
          this.#map.element,
          this.#note,
          el("div", { class: "map-bar" }, colourBar(ofReflectivity, 0, 80, this.#unit)),
          this.#strip.element,
          el(
            "div",
            { class: "row" },
            everywhere.element,
            "train" in storms.splits &&
              button(this.t("chapter"), () =>
                this.#choose({ ...CHAPTER, places: Object.values(PATCH_PLACES).flat() }),
              ),
          ),
        ),
        el(
          "div",
          { class: "cards-and-neuron" },
          this.#said,
          this.#formula,
          el(
            "div",
            { class: "sliders" },
            ...[threshold, weight, bias, size].map(({ element }) => element),
          ),
          el("div", { class: "cards" }, ...this.#cards.map(({ element }) => element)),
        ),
      ),
    );
    this.#map.element.addEventListener("keydown", ({ key }) => {
      if (/^[123]$/.test(key)) this.set({ patch: Number(key) });
    });
    await this.#load();
  }

  /** @param {ReadonlySet<string>} changed */
  show(changed) {
    for (const control of this.#controls) control.show();
    if (this.#shown !== this.#asked()) {
      void this.#load().catch((error) => this.fail(error));
      return;
    }
    const has = (/** @type {string[]} */ ...names) => names.some((name) => changed.has(name));
    const fresh = has("", "storm", "split");
    const size = this.number("size");
    if (fresh || has("size")) this.#highest = highestAround(this.#box, size);
    if (fresh || has("size", "places")) this.#showPatches(size);
    this.#respond(size, fresh || has("everywhere", "size"));
  }

  /** Another storm; what was wrong with the last one is over. @param {Values} values */
  #choose(values) {
    replace(this.#problem);
    this.set(values);
  }

  #asked() {
    return `${this.text("split")} ${this.number("storm")}`;
  }

  /** Get the storm that is asked for, and show it. */
  async #load() {
    const storms = this.#storms;
    if (!storms) return;
    const asked = this.#asked();
    try {
      const [name, number] = [this.text("split"), this.number("storm")];
      const from = Math.min(number, (storms.splits[name]?.count ?? 1) - 1);
      const set = await storms.split(name, { from, count: 1 });
      if (asked !== this.#asked()) return;
      const { rows, columns } = set;
      this.#box = { values: storms.image(set, 0), rows, columns };
      const words = stormWords(storms, set.modes?.[0], from);
      const split = splitWords(name);
      replace(this.#heading, name === FEW ? words : this.t("of-split", { name: split, words }));
      replace(this.#note, set.step > 1 && storms.note);
      this.#strip?.choose(name === FEW ? from : undefined);
      this.#shown = asked;
      this.redraw();
    } catch (error) {
      if (asked === this.#asked()) this.#showAnother(error);
    }
  }

  /** A storm that is there, and why not the one that was asked for. @param {unknown} error */
  #showAnother(error) {
    if (this.text("split") === FEW) throw error;
    replace(this.#problem, errorNote(error));
    this.set({ split: FEW, storm: this.schema.storm.default, places: [] });
    this.redraw();
  }

  /** @param {number} size */
  #showPatches(size) {
    this.#places = placesOf(this.numbers("places"), this.#box, size);
    this.#cards.forEach((card, i) => {
      const place = this.#places[i];
      card.element.hidden = !place;
      if (place) card.draw(cut(this.#box, place, size), this.#unit);
    });
  }

  /** @param {number} size @param {boolean} drawn Whether the storm itself is drawn anew. */
  #respond(size, drawn) {
    const [threshold, weight, bias] = NEURON.map((name) => this.number(name));
    const neuron = { threshold, weight, bias };
    const responses = respond(this.#box, this.#places, size, neuron);
    const chosen = Math.min(this.number("patch"), this.#places.length) - 1;
    const needed = firesAbove(neuron);
    if (drawn || this.flag("everywhere")) this.#drawStorm(needed);
    this.#map.frame(
      this.#places.map(([row, column], i) => ({
        row,
        column,
        rows: size,
        columns: size,
        label: String(i + 1),
        class: `frame ${responses[i].a > 0 ? "fires" : ""} ${i === chosen ? "chosen" : ""}`,
      })),
    );
    this.#standAt(this.#places[chosen], size);
    const scale = {
      low: Math.min(BARS.low, ...responses.map(({ z }) => z)),
      high: Math.max(BARS.high, ...responses.map(({ z }) => z)),
      needed,
    };
    responses.forEach((response, i) => {
      this.#cards[i].chosen = i === chosen;
      this.#cards[i].answer(response, neuron, scale);
    });
    this.#say(responses, neuron, chosen);
    this.publish({
      patches: this.#places.flat(),
      pooled: responses.map(({ pooled }) => pooled),
      z: responses.map(({ z }) => z),
      a: responses.map(({ a }) => a),
    });
    this.#check(responses, weight);
  }

  /**
   * The storm; where wanted, faint where the patch around a pixel would not fire.
   * @param {number} needed
   */
  #drawStorm(needed) {
    if (!this.flag("everywhere")) {
      this.#map.draw(this.#box);
      return;
    }
    const { values, rows, columns } = this.#box;
    const highest = this.#highest;
    const pixels = { values: highest.map((_, i) => i), rows, columns };
    this.#map.draw(pixels, (i) => {
      const [red, green, blue, opacity] = ofReflectivity(values[i]);
      if (highest[i] > needed) return opacity ? [red, green, blue, opacity] : FIRING;
      return [red, green, blue, opacity / 5];
    });
  }

  /** Where arrow keys go on from: a patch's middle. @param {Place} place @param {number} size */
  #standAt([row, column], size) {
    const half = Math.floor(size / 2);
    this.#map.place = { row: row + half, column: column + half };
  }

  /**
   * @param {PatchResponse[]} responses
   * @param {import("./patches.js").PatchNeuron} neuron
   * @param {number} chosen
   */
  #say(responses, neuron, chosen) {
    const firing = responses.flatMap(({ a }, i) => (a > 0 ? [i + 1] : []));
    const count = ["none", "one"][firing.length] ?? "many";
    const said = this.t(`said.${count}`, { patches: firing.join(", ") });
    replace(this.#said, said);
    replace(
      this.#formula,
      this.t("formula", {
        weight: inFull(neuron.weight, 1),
        bias: inFull(neuron.bias, 0),
        threshold: inFull(neuron.threshold, 0),
        needed: `${shortNumber(firesAbove(neuron))} ${this.#unit}`.trim(),
      }),
    );
    const [row, column] = this.#places[chosen];
    this.#map.words = this.t("map.words", {
      storm: this.#heading.textContent,
      number: chosen + 1,
      row,
      column,
      said,
    });
  }

  /** @param {PatchResponse[]} responses @param {number} weight */
  #check(responses, weight) {
    const firing = responses.filter(({ a }) => a > 0);
    const strongest = Math.max(...responses.map(({ pooled }) => pooled));
    const isAlone =
      responses.length === KEPT && firing.length === 1 && firing[0].pooled === strongest;
    this.checkTasks({
      silent: strongest > 0 && firing.length === 0,
      alone: weight >= 2 && isAlone && strongest >= CONVECTION,
      nothing: firing.some(({ pooled }) => pooled === 0),
    });
  }

  /**
   * A press on a patch takes hold of it, one elsewhere brings the chosen patch there.
   * @param {{row: number, column: number}} at
   * @param {"press" | "move" | "hover" | "key"} how
   */
  #pick({ row, column }, how) {
    if (how === "hover" || this.#places.length === 0) return;
    const size = this.number("size");
    let which = Math.min(this.number("patch"), this.#places.length) - 1;
    if (how === "press") {
      const hit = patchAt(this.#places, size, [row, column]);
      which = hit ?? which;
      const [top, left] = hit === undefined ? centred([row, column], size) : this.#places[hit];
      this.#grip = [top - row, left - column];
    }
    /** @type {Place} */
    const to =
      how === "key" ? centred([row, column], size) : [row + this.#grip[0], column + this.#grip[1]];
    const places = moved(this.#places, which, to, this.#box, size);
    const same = places.join() === this.#places.flat().join();
    // At the edge a patch stays where it is, and so do the arrow keys.
    this.#standAt([places[2 * which], places[2 * which + 1]], size);
    this.set(same ? { patch: which + 1 } : { patch: which + 1, places });
  }
}
