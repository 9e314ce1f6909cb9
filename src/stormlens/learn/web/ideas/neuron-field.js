/** What a neuron answers to every pair of inputs, with the present pair as a point to drag. */

import { ofSigned } from "../base/colours.js";
import { el, replace, setAttributes, svg } from "../base/dom.js";
import { colourBar, fixed, inFull, Picture } from "../base/picture.js";
import { ACTIVATIONS } from "./concepts.js";
import { answerWords } from "./neuron-words.js";

/** @typedef {import("../base/component.js").Component} Component */

/** Inputs go from -5 to 5 by 0.1, a pixel for each pair; around them is room for the point. */
const MOST = 5;
const STEP = 0.1;
const ROOM = 4;
const COUNT = 101 + 2 * ROOM;
const EDGE = (COUNT * STEP) / 2;

/** The square of all inputs. */
export class NeuronField {
  element = el("div", { class: "field" });
  #component;
  #picture;
  #bar = el("div", {});
  #line = svg("g", {});
  #point = svg(
    "g",
    {},
    svg("circle", { class: "point-halo", r: 0.34 }),
    svg("circle", { class: "point", r: 0.24 }),
  );
  #answers = new Float64Array(COUNT * COUNT);
  #shownMost = NaN;

  /** @param {Component} component */
  constructor(component) {
    this.#component = component;
    this.#picture = new Picture({
      drag: true,
      pick: ({ row, column }, how) => {
        if (how !== "hover") component.set({ x1: tenth(column), x2: tenth(row) });
      },
    });
    const box = `${-EDGE} ${-EDGE} ${2 * EDGE} ${2 * EDGE}`;
    this.#picture.element.append(
      svg("svg", { "aria-hidden": "true", viewBox: box }, this.#line, this.#point),
    );
    const ends = (/** @type {string} */ name) => [
      el("span", {}, fixed(-MOST, 0)),
      el("span", {}, component.t(`symbol.${name}`)),
      el("span", {}, fixed(MOST, 0)),
    ];
    this.element.append(
      el("div", { class: "up", "aria-hidden": "true" }, ...ends("x2").reverse()),
      this.#picture.element,
      el("div", { class: "along", "aria-hidden": "true" }, ...ends("x1")),
      this.#bar,
    );
  }

  /** Answer to every pair of inputs, where weights, bias or activation changed. */
  draw() {
    const component = this.#component;
    const [w1, w2, bias] = ["w1", "w2", "bias"].map((name) => component.number(name));
    const { of } = ACTIVATIONS[component.text("activation")];
    const answers = this.#answers;
    let [least, most] = [0, 0];
    for (let row = 0, to = 0; row < COUNT; ++row) {
      const fromUp = w2 * inputAt(row) + bias;
      for (let column = 0; column < COUNT; ++column, ++to) {
        const a = of(w1 * inputAt(column) + fromUp);
        answers[to] = a;
        if (a > most) most = a;
        if (a < least) least = a;
      }
    }
    const reach = Math.max(most, -least);
    const colours = ofSigned(reach);
    this.#picture.draw({ values: answers, rows: COUNT, columns: COUNT }, colours);
    if (reach !== this.#shownMost) {
      this.#shownMost = reach;
      replace(this.#bar, colourBar(colours, -reach, reach, ""));
    }
    this.#drawLine(w1, w2, bias);
  }

  /** Put the point where the inputs are. @param {{z: number, a: number}} outputs */
  mark({ z, a }) {
    const [x1, x2] = ["x1", "x2"].map((name) => this.#component.number(name));
    this.#picture.place = { row: pixelOf(x2), column: pixelOf(x1) };
    this.#point.setAttribute("transform", `translate(${x1} ${-x2})`);
    this.#picture.words = this.#component.t("field.words", {
      x1: inFull(x1, 1),
      x2: inFull(x2, 1),
      z: fixed(z, 2),
      a: answerWords(a),
    });
  }

  /**
   * Where the sum is 0: a straight line, or nothing where no weight counts.
   * @param {number} w1 @param {number} w2 @param {number} bias
   */
  #drawLine(w1, w2, bias) {
    const size = Math.hypot(w1, w2);
    replace(this.#line);
    if (size === 0) return;
    const [x, y] = [(-bias * w1) / size ** 2, (-bias * w2) / size ** 2];
    const [dx, dy] = [(-w2 / size) * 4 * MOST, (w1 / size) * 4 * MOST];
    for (const name of ["halo", "line"]) {
      const line = svg("line", { class: name, "vector-effect": "non-scaling-stroke" });
      setAttributes(line, { x1: x - dx, y1: -(y - dy), x2: x + dx, y2: -(y + dy) });
      this.#line.append(line);
    }
  }
}

/** @param {number} pixel */
function inputAt(pixel) {
  return (pixel - (COUNT - 1) / 2) * STEP;
}

/** @param {number} input */
function pixelOf(input) {
  return Math.round(input / STEP) + (COUNT - 1) / 2;
}

/** An input without what is left of binary fractions. @param {number} pixel */
function tenth(pixel) {
  return Number(inputAt(pixel).toFixed(1));
}
