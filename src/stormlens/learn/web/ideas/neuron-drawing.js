/**
 * A neuron as the chapter draws it: inputs, weights on arrows, a body of sum and function, an
 * answer. Inputs, weights and bias can be dragged, and moved by arrow keys.
 */

import { replace, setAttributes, svg } from "../base/dom.js";
import { fixed, inFull } from "../base/picture.js";
import { ACTIVATIONS } from "./concepts.js";
import { answerWords } from "./neuron-words.js";

/** @typedef {import("../base/component.js").Component} Component */
/** @typedef {readonly [x: number, y: number]} Point */

const WIDTH = 460;
const HEIGHT = 272;
const INPUT_RADIUS = 32;
/** @type {Record<string, Point>} */
const INPUTS = { x1: [36, 66], x2: [36, 230] };
/** @type {Point} */
const BIAS = [233, 30];
const BODY = { left: 194, top: 94, width: 144, height: 108 };
const MIDDLE = BODY.left + BODY.width / 2;
const ACROSS = BODY.top + BODY.height / 2;
/** @type {Point} */
const ANSWER = [422, ACROSS];
/** What the small curve in the body shows: z from -6 to 6. */
const SMALL = { z: 6, width: 50, height: 36, x: MIDDLE + 9, y: ACROSS + 28 };
/** Pixels of the page to drag for one step of a setting. */
const DRAG = 4;

/** Where each weight's arrow begins and ends, and where its label stands, clear of the arrow. */
const ARROWS = Object.entries({ w1: "x1", w2: "x2" }).map(([name, input]) => {
  const [x, y] = INPUTS[input];
  const side = Math.sign(y - ACROSS);
  const to = /** @type {Point} */ ([BODY.left, ACROSS + 20 * side]);
  const from = toward([x, y], to, INPUT_RADIUS + 2);
  return { name, from, to, label: /** @type {Point} */ ([133, y + 10 * side]) };
});

/** The drawing. */
export class NeuronDrawing {
  element = svg("svg", { class: "drawing", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group" });
  #component;
  /** @type {Map<string, SVGPathElement>} */
  #arrows = new Map();
  /** @type {Map<string, {group: SVGGElement, value: SVGTextElement}>} */
  #handles = new Map();
  #sum = words(MIDDLE - 35, ACROSS + 24, "value");
  #answer = words(ANSWER[0], ANSWER[1] + 17, "value");
  #answerCircle = svg("circle", { class: "node", cx: ANSWER[0], cy: ANSWER[1], r: 34 });
  #curve = svg("path", { class: "small-curve" });
  #point = svg("circle", { class: "small-point", r: 4.5 });

  /** @param {Component} component */
  constructor(component) {
    this.#component = component;
    const { left, top, width, height } = BODY;
    this.element.append(
      ...[...ARROWS.map(({ name }) => name), "bias"].map((name) => this.#arrow(name)),
      svg("path", {
        class: "out",
        d: arrowPath([left + width, ACROSS], [ANSWER[0] - 36, ACROSS], 3),
      }),
      svg("rect", { class: "node", x: left, y: top, width, height, rx: height / 2 }),
      svg("path", { class: "divide", d: `M${MIDDLE} ${top}v${height}` }),
      words(MIDDLE - 35, ACROSS - 6, "symbol", "Σ"),
      this.#sum,
      words(MIDDLE + 34, ACROSS - 22, "name", "f"),
      this.#curve,
      this.#point,
      this.#answerCircle,
      words(ANSWER[0], ANSWER[1] - 9, "name", "a"),
      this.#answer,
      ...Object.entries(INPUTS).map(([name, place]) => this.#round(name, place, INPUT_RADIUS)),
      ...ARROWS.map(({ name, label }) => this.#pill(name, label)),
      this.#pill("bias", BIAS),
    );
  }

  /** @param {{z: number, a: number}} outputs */
  show({ z, a }) {
    const { settings } = this.#component;
    for (const [name, { group, value }] of this.#handles) {
      const number = this.#component.number(name);
      replace(value, inFull(number, 1, 2)); // there is no room for more
      group.setAttribute("aria-valuenow", String(number));
      group.setAttribute("aria-valuetext", inFull(number, 1));
    }
    for (const { name, from, to } of ARROWS) this.#aim(name, from, to);
    this.#aim("bias", [BIAS[0], BIAS[1] + 15], [BIAS[0], BODY.top - 1]);
    replace(this.#sum, fixed(z, 2));
    replace(this.#answer, shortest(a));
    this.#answerCircle.style.setProperty("--warmth", `${Math.min(Math.max(a, 0) * 12, 48)}%`);
    this.#answerCircle.style.setProperty("--cold", `${Math.min(Math.max(-a, 0) * 12, 48)}%`);
    this.#drawCurve(z, String(settings.activation));
    this.element.setAttribute("aria-label", this.#words(z, a));
  }

  /** @param {number} z @param {number} a */
  #words(z, a) {
    const { x1, x2, w1, w2, bias, activation } = this.#component.settings;
    const numbers = Object.entries({ x1, x2, w1, w2, bias }).map(([name, value]) => [
      name,
      inFull(Number(value), 1),
    ]);
    return this.#component.t("drawing", {
      ...Object.fromEntries(numbers),
      z: fixed(z, 2),
      a: answerWords(a),
      activation: this.#component.t(`activation.${activation}`),
    });
  }

  /** @param {number} z @param {string} name */
  #drawCurve(z, name) {
    const { of } = ACTIVATIONS[name];
    // Those that are bounded fill the height with 1, the others with the largest z shown.
    const most = Math.abs(of(50)) > 1 ? SMALL.z : 1;
    const at = (/** @type {number} */ sum) => {
      const [x, y] = [(sum / SMALL.z + 1) / 2, (of(sum) / most + 1) / 2];
      return [SMALL.x + x * SMALL.width, SMALL.y - y * SMALL.height].map((n) => n.toFixed(1));
    };
    const sums = Array.from({ length: 25 }, (_, i) => (i / 12 - 1) * SMALL.z);
    this.#curve.setAttribute("d", `M${sums.map((sum) => at(sum).join(" ")).join("L")}`);
    const [cx, cy] = at(Math.min(Math.max(z, -SMALL.z), SMALL.z));
    setAttributes(this.#point, { cx, cy });
  }

  /** @param {string} name */
  #arrow(name) {
    const arrow = svg("path", {});
    this.#arrows.set(name, arrow);
    return arrow;
  }

  /**
   * The thicker an arrow, the larger its weight; its colour is the sign.
   * @param {string} name @param {Point} from @param {Point} to
   */
  #aim(name, from, to) {
    const weight = this.#component.number(name);
    setAttributes(/** @type {SVGPathElement} */ (this.#arrows.get(name)), {
      d: arrowPath(from, to, 1.5 + 3 * Math.abs(weight)),
      class: weight > 0 ? "positive" : weight < 0 ? "negative" : "zero",
    });
  }

  /** @param {string} name @param {Point} place @param {number} r */
  #round(name, [x, y], r) {
    const value = words(x, y + 17, "value");
    return this.#handle(name, value, [
      svg("circle", { class: "node", cx: x, cy: y, r }),
      words(x, y - 7, "name", this.#component.t(`symbol.${name}`)),
      value,
    ]);
  }

  /** @param {string} name @param {Point} place */
  #pill(name, [x, y]) {
    const value = words(x + 14, y + 6, "value");
    return this.#handle(name, value, [
      svg("rect", { class: "node", x: x - 41, y: y - 16, width: 82, height: 32, rx: 16 }),
      words(x - 22, y + 6, "name", this.#component.t(`symbol.${name}`)),
      value,
    ]);
  }

  /**
   * Something to drag to the right or up for more, to the left or down for less.
   * @param {string} name
   * @param {SVGTextElement} value
   * @param {SVGElement[]} shapes
   */
  #handle(name, value, shapes) {
    const component = this.#component;
    const { low = 0, high = 1, step = 0.1 } = component.schema[name];
    const group = svg(
      "g",
      {
        class: "handle",
        "data-name": name,
        tabindex: 0,
        role: "slider",
        "aria-label": component.t(`label.${name}`),
        "aria-valuemin": low,
        "aria-valuemax": high,
      },
      svg("title", {}, component.t("drag")),
      ...shapes,
    );
    const move = (/** @type {number} */ from, /** @type {number} */ steps) =>
      component.set({ [name]: Number((from + Math.round(steps) * step).toFixed(6)) });
    /** @type {{value: number, x: number, y: number} | undefined} */
    let grabbed;
    group.addEventListener("pointerdown", (event) => {
      group.setPointerCapture(event.pointerId);
      grabbed = { value: component.number(name), x: event.clientX, y: event.clientY };
    });
    // A finger on it moves it and does not scroll; inside a drawing, `touch-action` says nothing.
    group.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    group.addEventListener("pointermove", (event) => {
      if (!grabbed) return;
      move(grabbed.value, (event.clientX - grabbed.x - (event.clientY - grabbed.y)) / DRAG);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      group.addEventListener(end, () => (grabbed = undefined));
    }
    group.addEventListener("keydown", (event) => {
      const steps = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[event.key];
      const far = { PageUp: 10, PageDown: -10 }[event.key];
      const end = { Home: low, End: high }[event.key];
      if (steps === undefined && far === undefined && end === undefined) return;
      event.preventDefault();
      if (end !== undefined) component.set({ [name]: end });
      else move(component.number(name), far ?? (steps ?? 0) * (event.shiftKey ? 10 : 1));
    });
    this.#handles.set(name, { group, value });
    return group;
  }
}

/** @param {number} x @param {number} y @param {string} name @param {string} [text] */
function words(x, y, name, text) {
  return svg("text", { class: name, x, y, "text-anchor": "middle" }, text);
}

/** A number that fits into a circle. @param {number} value */
function shortest(value) {
  const size = Math.abs(value);
  if (size > 0 && size < 0.0005) return "≈ 0";
  return fixed(value, size > 0 && size < 1 ? 3 : 2);
}

/** @param {Point} from @param {Point} to @param {number} share @returns {Point} */
function between([x, y], [toX, toY], share) {
  return [x + (toX - x) * share, y + (toY - y) * share];
}

/** @param {Point} from @param {Point} to @param {number} far @returns {Point} */
function toward(from, to, far) {
  return between(from, to, far / Math.hypot(to[0] - from[0], to[1] - from[1]));
}

/**
 * An arrow as one filled shape: its shaft tapers from nothing at `from` to `width`.
 * @param {Point} from @param {Point} to @param {number} width
 * @returns {string}
 */
function arrowPath(from, to, width) {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
  const [ux, uy] = [(to[0] - from[0]) / length, (to[1] - from[1]) / length];
  const head = 7 + width;
  const at = (/** @type {number} */ along, /** @type {number} */ aside) =>
    [from[0] + ux * along - uy * aside, from[1] + uy * along + ux * aside]
      .map((n) => n.toFixed(1))
      .join(" ");
  const [half, wide] = [width / 2, width / 2 + 4.5];
  return (
    `M${at(0, half)}L${at(length - head, half)}L${at(length - head, wide)}L${at(length, 0)}` +
    `L${at(length - head, -wide)}L${at(length - head, -half)}L${at(0, -half)}Z`
  );
}
