/** Augmentation to play with: every range, nine draws, what to think of them, and text to copy. */

import { ofReflectivity } from "../base/colours.js";
import { Component, understood } from "../base/component.js";
import { button, choice, CopyText, flag, slider } from "../base/controls.js";
import { el, replace } from "../base/dom.js";
import { colourBar } from "../base/picture.js";
import { Random } from "../base/random.js";
import { sheetOf } from "../base/style.js";
import { advice, PIXEL_KM } from "./advice.js";
import {
  affineMatrix,
  AT_REST,
  augmented,
  beyondTheEdge,
  drawn,
  FILL_MODES,
  isAtRest,
  isMirrored,
  reportPlace,
} from "./augment.js";
import { DRAW_CSS, DrawPicture } from "./draw-picture.js";
import { PRESETS } from "./presets.js";
import { rangePair } from "./range-pair.js";
import { toPython, toToml } from "./recipe-text.js";
import { FewStorms } from "./storm-choice.js";
import { STRIP_CSS } from "./storm-strip.js";

/**
 * @typedef {import("../base/component.js").Settings} Settings
 * @typedef {import("./augment.js").Augmentation} Augmentation
 * @typedef {import("./augment.js").Draw} Draw
 * @typedef {import("./augment.js").Shape} Shape
 * @typedef {import("./advice.js").Advice} Advice
 * @typedef {{show: () => void, element: HTMLElement}} Control
 */

const DRAWS = 9;
const FAR_KM = 100;
const DIFFERENT = 0.01; // of the pixels, by a dBZ or more
const PAIRS = ["zoom_range", "scale_range"];
const RADAR = ["offset_range", "scale_range", "cutoff_range", "dropout_range"];

const CSS = `
.strip { margin: 0 0 .4rem; }
.studio { display: flex; flex-direction: column; gap: 1rem; }
.studio > * { min-width: 0; margin: 0; }
h3.name { margin: 0; }
.start { grid-area: start; display: grid; grid-template-columns: minmax(0, 7.4rem) minmax(0, 1fr); gap: .75rem;
  align-items: start; }
.start .row { margin-bottom: .3rem; }
.draws { grid-area: draws; background: var(--paper); padding-bottom: .4rem; }
.draws .head { display: flex; flex-wrap: wrap; gap: .3rem .75rem; align-items: center;
  margin-bottom: .4rem; }
.draws .head p { flex: 1 1 9rem; margin: 0; line-height: 1.25; }
.nine { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .35rem; }
.controls { grid-area: controls; }
.advice { grid-area: advice; }
.advice h3 { margin-bottom: .4rem; }
.advice p { font-size: .95em; line-height: 1.4; margin: .4rem 0; }
.presets { display: flex; flex-wrap: wrap; gap: .35rem; margin: .15rem 0 .2rem; }
.presets button { padding: .3em .7em; }
.presets button[aria-pressed="true"] { background: var(--accent); color: var(--on-accent);
  border-color: var(--accent); font-weight: 600; }
.group { margin-top: .75rem; padding-top: .6rem; border-top: 1px solid var(--rule); }
.group h3 { font-size: 1em; }
.group summary { font-weight: 650; cursor: pointer; min-height: 2.25rem; display: list-item;
  line-height: 2.25rem; }
.pair { margin: .15rem 0 .45rem; }
.pair .slider { margin: 0; }
.recipe { margin-top: 1rem; }
@media (min-height: 40rem) {
  .draws { position: sticky; top: var(--stormlens-top, 0px); z-index: 1; padding-top: .3rem; }
}
@container (min-width: 40rem) {
  .studio { display: grid; gap: 1rem 1.25rem; align-items: start;
    grid-template-columns: minmax(0, 1.4fr) minmax(0, 1fr); grid-template-rows: auto 1fr auto;
    grid-template-areas: "draws start" "draws advice" "controls controls"; }
  .start { display: block; }
  .start .about { margin-top: .4rem; }
  .controls { columns: 2; column-gap: 1.5rem; }
  .controls > * { break-inside: avoid; }
}
@container (min-width: 62rem) {
  .studio { grid-template-rows: auto 1fr;
    grid-template-columns: minmax(0, min(19em, 21rem)) minmax(0, 1.9fr) minmax(0, min(19em, 21rem));
    grid-template-areas: "controls draws start" "controls draws advice"; }
  .controls { columns: auto; }
}
`;

/** @type {Settings} */
const RANGES = {
  rotation_range: { kind: "number", default: 0, low: 0, high: 180, step: 0.1 },
  width_shift_range: { kind: "number", default: 0, low: 0, high: 0.5, step: 0.01 },
  height_shift_range: { kind: "number", default: 0, low: 0, high: 0.5, step: 0.01 },
  shear_range: { kind: "number", default: 0, low: 0, high: 45, step: 0.1 },
  zoom_range: { kind: "numbers", default: [1, 1], length: 2, low: 0.5, high: 2, step: 0.01 },
  horizontal_flip: { kind: "flag", default: false },
  vertical_flip: { kind: "flag", default: false },
  fill_mode: { kind: "choice", default: "reflect", choices: FILL_MODES },
  cval: { kind: "number", default: 0, low: 0, high: 80, step: 1 },
  offset_range: { kind: "number", default: 0, low: 0, high: 20, step: 0.5 },
  scale_range: { kind: "numbers", default: [1, 1], length: 2, low: 0.5, high: 2, step: 0.01 },
  cutoff_range: { kind: "number", default: 0, low: 0, high: 80, step: 1 },
  dropout_range: { kind: "number", default: 0, low: 0, high: 1, step: 0.01 },
};

/** The ranges begin as the chapter has them. @returns {Settings} */
function ofChapter() {
  const named = /** @type {Record<string, any>} */ (PRESETS.chapter);
  return Object.fromEntries(
    Object.entries(RANGES).map(([name, setting]) => [name, { ...setting, default: named[name] }]),
  );
}

export class AugmentationStudio extends Component {
  static tag = "stormlens-augmentation-studio";
  static slug = "augmentation-studio";
  /** @type {Settings} */
  static settings = {
    storm: { kind: "whole", default: 13, low: 0, high: 9999 },
    seed: { kind: "whole", default: 0, low: 0, high: 2 ** 31 - 1 },
    ...ofChapter(),
  };
  static outputs = ["places", "kilometres", "beyond", "warnings", "toml"];
  /** @type {readonly import("../base/needs.js").Need[]} */
  static needs = ["DecompressionStream", ...Component.needs];
  static tasks = ["sound", "far", "spiral"];

  /** @type {FewStorms | undefined} */
  #storms;
  #original = new DrawPicture();
  #pictures = Array.from({ length: DRAWS }, () => new DrawPicture());
  /** @type {Float32Array[]} */
  #images = [];
  /** @type {{show: () => void}[]} */
  #controls = [];
  /** @type {Map<string, HTMLButtonElement>} */
  #presets = new Map();
  /** The storm that was shown last, in words. */
  #shown = "";
  /** Whether nine spirals turned the right way already. */
  #turnedRight = false;
  #summary = el("p", { class: "small", role: "status" });
  #advice = el("div", {});
  #toml = new CopyText(this.t("toml"));
  #python = new CopyText(this.t("python"));

  styles() {
    return [sheetOf(CSS + STRIP_CSS + DRAW_CSS)];
  }

  /**
   * Ranges go from the lowest to the highest, whichever way they are given.
   * @param {Record<string, unknown>} values
   * @param {{silent?: boolean}} [options]
   */
  set(values, options) {
    const sorted = PAIRS.map((name) => {
      const pair = understood(values[name], this.schema[name]);
      return Array.isArray(pair) ? [name, pair.sort((a, b) => a - b)] : [name, values[name]];
    });
    super.set({ ...values, ...Object.fromEntries(sorted) }, options);
  }

  /** @param {HTMLElement} main */
  async build(main) {
    const storms = await FewStorms.open(this);
    this.#storms = storms;
    this.#controls.push(storms);
    const again = button(this.t("again"), () => this.set({ seed: this.number("seed") + 1 }), {
      kind: "main",
    });
    replace(
      main,
      storms.strip,
      el(
        "div",
        { class: "studio" },
        el(
          "div",
          { class: "start" },
          this.#original.element,
          el(
            "div",
            { class: "about" },
            storms.heading,
            el("p", { class: "muted small" }, this.t("marks")),
            colourBar(ofReflectivity, 0, 80, "dBZ"),
          ),
        ),
        el(
          "div",
          { class: "draws" },
          el("div", { class: "head" }, again, this.#summary),
          el("div", { class: "nine" }, ...this.#pictures.map((picture) => picture.element)),
        ),
        this.#buildControls(),
        el("div", { class: "advice" }, el("h3", {}, this.t("advice")), this.#advice),
      ),
      el("div", { class: "columns recipe" }, this.#toml.element, this.#python.element),
    );
  }

  #buildControls() {
    const keep = (/** @type {Control} */ control) => {
      this.#controls.push(control);
      return control.element;
    };
    const ranged = (/** @type {string} */ name, unit = "") => keep(slider(this, name, { unit }));
    const flips = ["horizontal_flip", "vertical_flip"].map((name) => keep(flag(this, name)));
    const radar = el(
      "details",
      { class: "group" },
      el("summary", {}, this.t("group.radar")),
      ranged("offset_range", "dBZ"),
      keep(rangePair(this, "scale_range")),
      ranged("cutoff_range", "dBZ"),
      ranged("dropout_range"),
    );
    // A link that sets one of these shows where.
    radar.open = RADAR.some((name) => name in this.changedSettings);
    return el(
      "div",
      { class: "controls panel" },
      el("span", {}, this.t("presets")),
      el("div", { class: "presets" }, ...Object.keys(PRESETS).map((name) => this.#preset(name))),
      el(
        "div",
        { class: "group" },
        el("h3", {}, this.t("group.move")),
        ranged("rotation_range", "°"),
        ranged("width_shift_range"),
        ranged("height_shift_range"),
        ranged("shear_range", "°"),
        keep(rangePair(this, "zoom_range")),
        el("div", {}, ...flips),
      ),
      el(
        "div",
        { class: "group" },
        el("h3", {}, this.t("group.edge")),
        keep(choice(this, "fill_mode", { names: (name) => this.t(`fill.${name}`) })),
        ranged("cval", "dBZ"),
      ),
      radar,
    );
  }

  /** @param {string} name */
  #preset(name) {
    const press = () => this.set({ .../** @type {Record<string, any>} */ (PRESETS[name]) });
    const made = button(this.t(`preset.${name}`), press);
    this.#presets.set(name, made);
    return made;
  }

  /** The ranges as they are set, without the dust of adding up steps. @returns {Augmentation} */
  get #ranges() {
    const tidy = (/** @type {number} */ value) => Number(value.toFixed(6));
    const values = Object.keys(AT_REST).map((name) => {
      const value = this.settings[name];
      if (typeof value === "number") return [name, tidy(value)];
      return [name, Array.isArray(value) ? value.map(tidy) : value];
    });
    return Object.fromEntries(values);
  }

  show() {
    const storms = /** @type {FewStorms} */ (this.#storms);
    const ranges = this.#ranges;
    const box = storms.box;
    const random = new Random(this.number("seed"));
    const draws = this.#pictures.map(() => drawn(ranges, random, box));
    const matrices = draws.map((draw) => affineMatrix(draw, box));
    const reports = matrices.map((matrix) => reportPlace(matrix, box));
    const beyond = beyondTheEdge(matrices, box);
    const found = advice(ranges, beyond, box);

    for (const control of this.#controls) control.show();
    this.#showOriginal(storms);
    // As numbers, not bytes, or each would be made one for each of the nine.
    const image = Float64Array.from(box.values);
    const away = reports.map((report, i) => {
      const [km, words] = this.#where(report, box);
      const picture = this.#pictures[i];
      this.#images[i] = augmented(image, ranges, draws[i], box, this.#room(i, image.length));
      picture.draw(this.#images[i], box);
      const turn = Math.round(draws[i].theta);
      const mirrored = this.t(isMirrored(matrices[i]) ? "mirrored" : "not-mirrored");
      const said = this.t("draw", { number: i + 1, turn, mirrored, where: words });
      picture.mark(report, box, km < 0.5 ? "" : words, said);
      return km;
    });
    this.#sayAdvice(found, isAtRest(ranges));
    this.#showText(ranges);
    const warnings = found.filter(({ warning }) => warning).length;
    this.publish({
      places: reports.flatMap(({ row, column }) => [row, column]),
      kilometres: away,
      beyond,
      warnings,
      toml: toToml(ranges),
    });
    const isSpiral = storms.mode === "Tropical";
    this.#turnedRight ||= isSpiral && !matrices.some(isMirrored);
    this.checkTasks({
      sound: warnings === 0 && this.#allDiffer(),
      far: Math.max(...away) > FAR_KM,
      spiral: this.#turnedRight && isSpiral && matrices.some(isMirrored),
    });
  }

  /** @param {FewStorms} storms */
  #showOriginal(storms) {
    const { values, rows, columns } = storms.box;
    if (this.#shown === storms.words) return;
    this.#shown = storms.words;
    const centre = { row: (rows - 1) / 2, column: (columns - 1) / 2 };
    this.#original.draw(values, { rows, columns });
    const words = this.t("original.words", { storm: storms.words });
    this.#original.mark(centre, { rows, columns }, this.t("original"), words);
  }

  /** Where a draw goes, made once. @param {number} i @param {number} size */
  #room(i, size) {
    const made = this.#images[i];
    return made?.length === size ? made : new Float32Array(size);
  }

  /**
   * How far the report lies from the centre, in km and in words.
   * @param {{row: number, column: number}} report
   * @param {Shape} shape
   * @returns {[km: number, words: string]}
   */
  #where({ row, column }, { rows, columns }) {
    const north = (row - (rows - 1) / 2) * PIXEL_KM;
    const east = (column - (columns - 1) / 2) * PIXEL_KM;
    const km = Math.hypot(north, east);
    if (km < 0.5) return [km, this.t("at-centre")];
    const eighth = Math.round(Math.atan2(north, east) / (Math.PI / 4));
    const direction = this.t(`direction.${(eighth + 8) % 8}`);
    const isInside = row > -0.5 && row < rows - 0.5 && column > -0.5 && column < columns - 0.5;
    return [km, this.t(isInside ? "away" : "outside", { km: Math.round(km), direction })];
  }

  /** Whether each of the nine differs visibly from each other. */
  #allDiffer() {
    return this.#images.every((image, i) =>
      this.#images.slice(i + 1).every((other) => differ(image, other)),
    );
  }

  /** @param {Advice[]} found @param {boolean} isResting */
  #sayAdvice(found, isResting) {
    const subjects = found.filter(({ warning }) => warning).map(({ subject }) => subject);
    const count = subjects.length;
    const key = count > 1 ? "warnings" : `warnings.${count}`;
    const counted = this.t(key, { count, subjects: subjects.join(", ") });
    const words = isResting ? this.t("advice.rest") : counted;
    // What is the same is not put there again, or screen readers would repeat it.
    if (this.#summary.textContent !== words) replace(this.#summary, words);
    const [subject, text] = [this.t("advice.subject.sound"), this.t("advice.sound")];
    const shown = count === 0 ? [{ warning: false, subject, text }, ...found] : found;
    if (isResting) replace(this.#advice, el("p", { class: "note plain" }, words));
    else replace(this.#advice, ...shown.map(sentence));
  }

  /** @param {Augmentation} ranges */
  #showText(ranges) {
    const toml = toToml(ranges);
    this.#toml.text = toml;
    this.#python.text = toPython(ranges, this.number("seed"));
    for (const [name, made] of this.#presets) {
      made.setAttribute("aria-pressed", String(toToml(PRESETS[name]) === toml));
    }
  }
}

/** @param {Advice} advice */
function sentence({ warning, subject, text }) {
  const name = subject.charAt(0).toUpperCase() + subject.slice(1);
  const look = warning ? "note" : "note plain";
  return el("p", { class: look }, el("strong", {}, `${name}.`), " ", text);
}

/** @param {Float32Array} one @param {Float32Array} other */
function differ(one, other) {
  const enough = DIFFERENT * one.length;
  let count = 0;
  for (let i = 0; i < one.length; ++i) {
    if (Math.abs(one[i] - other[i]) >= 1 && ++count > enough) return true;
  }
  return false;
}
