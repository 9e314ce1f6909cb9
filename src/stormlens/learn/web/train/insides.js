/** A network from the inside while it learns: kernels, one storm's feature maps, its answer. */

import { MODES, ofGrey, ofSigned, readableOn } from "../base/colours.js";
import { segments } from "../base/controls.js";
import { el, replace } from "../base/dom.js";
import { colourBar, Picture } from "../base/picture.js";
import { modeWords, t } from "../base/strings.js";
import { percent } from "./curves.js";
import { Tiles } from "./tiles.js";

/** @typedef {import("../base/component.js").Component} Component */
/** @typedef {import("../base/picture.js").MapOf} MapOf */
/** @typedef {import("../network/plan.js").Plan} Plan */
/** @typedef {import("./training.js").Training} Training */
/** @typedef {import("./training.js").Looked} Looked */

/** Maps of a layer that are shown. */
const MOST_MAPS = 32;

/**
 * @typedef {object} ShownLayer
 * @property {string} kind Keras's class.
 * @property {number} number Of its kind, from 1.
 * @property {number} step Whose maps they are.
 * @property {readonly number[]} shape
 */

/**
 * @typedef {object} ShownStorm
 * @property {Uint8Array} box
 * @property {number} truth Its mode.
 * @property {number} number In the validation split.
 * @property {number} rows
 * @property {number} columns
 */

/**
 * The layers of a network that give maps.
 * @param {Plan} plan
 * @returns {ShownLayer[]}
 */
export function layersWithMaps(plan) {
  /** @type {ShownLayer[]} */
  const found = [];
  for (const { kind, shape, steps } of plan.layers) {
    if (shape.length !== 3 || steps[1] === steps[0]) continue;
    const number = found.filter((layer) => layer.kind === kind).length + 1;
    found.push({ kind, number, step: steps[1] - 1, shape });
  }
  return found;
}

/**
 * Kernels of the first convolution, as maps.
 * @param {Plan} plan
 * @param {ArrayLike<number>} values Rows, columns, channels, filters.
 * @returns {MapOf[]}
 */
export function kernelMaps(plan, values) {
  const [rows, columns, channels, filters] = plan.tensors[0].shape;
  return Array.from({ length: filters }, (_, first) => ({
    values,
    rows,
    columns,
    first,
    apart: channels * filters,
  }));
}

/**
 * Channels of a layer's output, as maps; the first of them, where there are many.
 * @param {ShownLayer} layer
 * @param {ArrayLike<number>} values
 * @returns {MapOf[]}
 */
export function channelMaps({ shape: [rows, columns, channels] }, values) {
  return Array.from({ length: Math.min(channels, MOST_MAPS) }, (_, first) => ({
    values,
    rows,
    columns,
    first,
    apart: channels,
  }));
}

/** The largest absolute value. @param {ArrayLike<number>} values */
function mostOf(values) {
  let most = 0;
  for (let i = 0; i < values.length; ++i) most = Math.max(most, Math.abs(values[i]));
  return most;
}

/** Share of a layer's values that colours reach as they are; the few beyond have the end's. */
const USUAL = 0.998;
const BINS = 512;

/**
 * A value that all but a few are within, 0 left out: one pixel must not make all others pale.
 * @param {ArrayLike<number>} values
 * @returns {number}
 */
export function usualMost(values) {
  const most = mostOf(values);
  if (!(most > 0) || !Number.isFinite(most)) return 1;
  const counts = new Uint32Array(BINS);
  let all = 0;
  for (let i = 0; i < values.length; ++i) {
    if (values[i] === 0) continue;
    counts[Math.min(BINS - 1, Math.floor((Math.abs(values[i]) / most) * BINS))] += 1;
    all += 1;
  }
  let within = 0;
  const bin = counts.findIndex((count) => (within += count) >= USUAL * all);
  return (most * (bin + 1)) / BINS;
}

/** Colours of maps: with a sign where some are below 0. @param {ArrayLike<number>} values */
function coloursOf(values) {
  const most = usualMost(values);
  if (hasNegative(values)) return { of: ofSigned(most), low: -most, high: most };
  return { of: ofGrey(0, most), low: 0, high: most };
}

/** @param {ArrayLike<number>} values */
function hasNegative(values) {
  for (let i = 0; i < values.length; ++i) if (values[i] < 0) return true;
  return false;
}

export class Insides {
  #component;
  #storm = new Picture();
  #stormWords = el("p", { class: "storm-words", "aria-live": "off" });
  #answer = el("div", { class: "answer", role: "img" });
  #kernels;
  #kernelKind;
  #kernel = el("div", { class: "detail" });
  #maps;
  #layer = el("select", {});
  #map = new Picture();
  #mapBar = el("div", {});
  #mapWords = el("p", { class: "small muted" });
  /** @type {Plan | undefined} */
  #plan;

  /**
   * @param {Component} component
   * @param {(by: number) => void} stepStorm To the next storm, or the one before.
   */
  constructor(component, stepStorm) {
    this.#component = component;
    this.#storm.words = t("loading");
    this.#map.words = t("loading");
    this.#answer.setAttribute("aria-label", t("loading"));
    const choose = (/** @type {number} */ filter) => component.set({ filter });
    this.#kernels = new Tiles(t("train.kernels"), choose, "kernels");
    this.#kernelKind = segments(component, "kernels", {
      label: t("train.kernels.show"),
      names: (kind) => t(`train.kernels.${kind}`),
    });
    this.#maps = new Tiles(t("train.maps"), choose, "maps");
    this.#layer.setAttribute("aria-label", t("train.layer"));
    this.#layer.addEventListener("change", () =>
      component.set({ layer: Number(this.#layer.value) }),
    );
    this.element = el(
      "div",
      { class: "insides" },
      el(
        "div",
        { class: "storm-and-answer" },
        el("div", {}, el("h3", {}, t("train.storm")), this.#storm.element, chooser(stepStorm)),
        el("div", {}, el("h3", {}, t("train.answer")), this.#answer),
        this.#stormWords,
      ),
      el("h3", {}, t("train.kernels")),
      el("p", { class: "small muted" }, t("train.kernels.help")),
      this.#kernelKind.element,
      el("div", { class: "tiles-and-detail" }, this.#kernels.element, this.#kernel),
      el("div", { class: "row" }, el("h3", {}, t("train.maps")), this.#layer),
      this.#mapWords,
      el(
        "div",
        { class: "tiles-and-detail" },
        this.#maps.element,
        el("div", { class: "detail" }, this.#map.element, this.#mapBar),
      ),
    );
  }

  /**
   * @param {Training} training
   * @param {Looked} looked
   * @param {ShownStorm} storm
   */
  draw(training, looked, storm) {
    this.#takePlan(training.plan);
    this.#drawStorm(training.plan, looked, storm);
    this.#drawKernels(training, looked);
    this.#drawMaps(training.plan, looked);
  }

  /** @param {Plan} plan */
  #takePlan(plan) {
    if (plan === this.#plan) return;
    this.#plan = plan;
    replace(
      this.#layer,
      ...layersWithMaps(plan).map(({ kind, number, shape }, i) =>
        el(
          "option",
          { value: i },
          t(`train.layer.${kind}`, { number, rows: shape[0], columns: shape[1], maps: shape[2] }),
        ),
      ),
    );
  }

  /** @param {Plan} plan @param {Looked} looked @param {ShownStorm} storm */
  #drawStorm({ classes }, { probabilities }, { box, truth, number, rows, columns }) {
    this.#storm.draw({ values: box, rows, columns });
    const answer = probabilities.indexOf(Math.max(...probabilities));
    const words = {
      number,
      truth: modeWords(classes[truth]),
      answer: modeWords(classes[answer] ?? "–"),
      sure: percent(probabilities[answer] ?? NaN),
    };
    this.#storm.words = t("train.storm.words", words);
    const right = answer === truth;
    replace(this.#stormWords, t(right ? "train.answer.right" : "train.answer.wrong", words));
    this.#answer.setAttribute(
      "aria-label",
      classes.map((name, k) => `${modeWords(name)} ${percent(probabilities[k])}`).join(", "),
    );
    replace(
      this.#answer,
      ...classes.flatMap((name, k) => {
        const isTruth = k === truth;
        return [
          el("span", { class: isTruth ? "name truth" : "name" }, modeWords(name), isTruth && " ✓"),
          el(
            "span",
            { class: "track" },
            el("span", {
              class: "fill",
              style: bar(probabilities[k], MODES[name] ?? "var(--blue)"),
            }),
          ),
          el("span", { class: "share" }, percent(probabilities[k])),
        ];
      }),
    );
  }

  /** @param {Training} training @param {Looked} looked */
  #drawKernels({ plan, firstKernel }, { kernel }) {
    const asChange = this.#component.text("kernels") === "change";
    const shown = asChange ? kernel.map((weight, i) => weight - firstKernel[i]) : kernel;
    const most = mostOf(shown);
    const maps = kernelMaps(plan, shown);
    const name = (/** @type {number} */ i) => t("train.kernel.name", { number: i + 1 });
    this.#kernelKind.show();
    this.#kernels.draw(maps, ofSigned(most), name);
    const chosen = this.#component.number("filter");
    this.#kernels.choose(chosen < maps.length ? chosen : -1);
    replace(
      this.#kernel,
      chosen < maps.length && kernelTable(maps[chosen], most, chosen, asChange),
    );
  }

  /** @param {Plan} plan @param {Looked} looked */
  #drawMaps(plan, { maps }) {
    const layers = layersWithMaps(plan);
    const which = Math.min(this.#component.number("layer"), layers.length - 1);
    const layer = layers[which];
    this.#layer.value = String(which);
    const values = maps[layer.step];
    const colours = coloursOf(values);
    const shown = channelMaps(layer, values);
    const name = (/** @type {number} */ i) => t("train.map.name", { number: i + 1 });
    this.#maps.draw(shown, colours.of, name);
    const chosen = this.#component.number("filter");
    const drawn = shown[chosen < shown.length ? chosen : 0];
    this.#maps.choose(chosen < shown.length ? chosen : 0);
    this.#map.draw(drawn, colours.of);
    this.#map.words = t("train.map.large", { number: 1 + (drawn.first ?? 0) });
    replace(this.#mapBar, colourBar(colours.of, colours.low, colours.high, ""));
    const all = layer.shape[2];
    const few = t("train.maps.few", { shown: shown.length, all });
    replace(this.#mapWords, t("train.maps.help"), " ", all > shown.length && few);
  }
}

/** @param {number} share @param {string} colour */
function bar(share, colour) {
  return `width: ${(100 * share).toFixed(2)}%; background: ${colour}`;
}

/** @param {number} weight @param {number} digits */
function weightWords(weight, digits) {
  const words = weight.toFixed(digits);
  return Number(words) === 0 ? "0" : words.replace("-", "\u2212");
}

/** @param {(by: number) => void} go */
function chooser(go) {
  const step = (
    /** @type {string} */ mark,
    /** @type {string} */ words,
    /** @type {number} */ by,
  ) => el("button", { type: "button", "aria-label": t(words), onclick: () => go(by) }, mark);
  return el(
    "div",
    { class: "row chooser" },
    step("‹", "train.storm.before", -1),
    step("›", "train.storm.next", 1),
  );
}

/**
 * A kernel's weights as numbers, north up as its picture.
 * @param {MapOf} map
 * @param {number} most
 * @param {number} number
 * @param {boolean} asChange
 */
function kernelTable({ values, rows, columns, first = 0, apart = 1 }, most, number, asChange) {
  const colourOf = ofSigned(most);
  const cell = (/** @type {number} */ row, /** @type {number} */ column) => {
    const weight = values[first + (row * columns + column) * apart];
    const [red, green, blue] = colourOf(weight);
    const ink = readableOn([red, green, blue]);
    const style = `background: rgb(${red} ${green} ${blue}); color: ${ink}`;
    return el("td", { style }, weightWords(weight, asChange ? 4 : 3));
  };
  const down = Array.from({ length: rows }, (_, i) => rows - 1 - i);
  const across = Array.from({ length: columns }, (_, i) => i);
  return el(
    "table",
    { class: "weights" },
    el("caption", {}, t("train.kernel.name", { number: number + 1 })),
    ...down.map((row) => el("tr", {}, ...across.map((column) => cell(row, column)))),
  );
}
