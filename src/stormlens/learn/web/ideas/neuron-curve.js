/** The curve of an activation over every sum that the neuron's sliders allow. */

import { LineChart } from "../base/charts.js";
import { replace, svg } from "../base/dom.js";
import { fixed, shortNumber } from "../base/picture.js";
import { ACTIVATIONS } from "./concepts.js";
import { answerWords } from "./neuron-words.js";

/** @typedef {import("../base/component.js").Component} Component */

/** The largest sum that the sliders allow is 33. */
const REACH = 35;
const STEP = 0.25;
/** @type {Record<string, readonly [number, number]>} */
const ANSWERS = {
  linear: [-REACH, REACH],
  relu: [-5, REACH],
  leaky_relu: [-5, REACH],
  sigmoid: [-0.1, 1.1],
  tanh: [-1.2, 1.2],
  gelu: [-5, REACH],
};

/** The chart, with the present sum, answer and slope on it. */
export class NeuronCurve {
  #chart = new LineChart();
  #marks = svg("g", { class: "marks" });
  #component;
  /** @type {import("../base/charts.js").Look} */
  #look;

  /** @param {Component} component */
  constructor(component) {
    this.#component = component;
    this.#look = {
      x: [-REACH, REACH],
      y: ANSWERS.linear,
      xLabel: component.t("curve.x"),
      yLabel: component.t("curve.y"),
      words: "",
    };
  }

  get element() {
    return this.#chart.element;
  }

  /** Draw the curve itself, where another activation was chosen. */
  draw() {
    const name = this.#component.text("activation");
    const { of } = ACTIVATIONS[name];
    const points = Array.from({ length: (2 * REACH) / STEP + 1 }, (_, i) => {
      const z = i * STEP - REACH;
      return /** @type {const} */ ([z, of(z)]);
    });
    this.#look = { ...this.#look, y: ANSWERS[name] };
    this.#chart.draw([{ name: "", points, colour: "var(--blue)" }], this.#look, this.#marks);
  }

  /** Put the marks where the neuron is. @param {{z: number, a: number, slope: number}} outputs */
  mark({ z, a, slope }) {
    const look = this.#look;
    const [x, y] = LineChart.place(z, a, look);
    const [, bottom] = LineChart.place(z, look.y[0], look);
    const [, top] = LineChart.place(z, look.y[1], look);
    // Words stand on the side where there is room: towards z = 0.
    const side = z > 0 ? -1 : 1;
    const beside = { "text-anchor": z > 0 ? "end" : "start", class: "mark" };
    const low = y > (top + bottom) / 2;
    replace(
      this.#marks,
      svg("line", { class: "at-z", x1: x, x2: x, y1: bottom, y2: top }),
      svg("path", { class: "tangent", d: this.#tangent(z, a, slope) }),
      svg("circle", { class: "point", cx: x, cy: y, r: 7 }),
      svg(
        "text",
        { x: x + 11 * side, y: low ? y - 14 : y + 24, ...beside },
        `a = ${answerWords(a)}`,
      ),
      svg(
        "text",
        { x: x + 6 * side, y: low ? top + 12 : bottom - 8, ...beside },
        `z = ${fixed(z, 2)}`,
      ),
    );
    this.element.setAttribute(
      "aria-label",
      this.#component.t("curve.words", {
        activation: this.#component.t(`activation.${this.#component.text("activation")}`),
        z: fixed(z, 2),
        a: answerWords(a),
        slope: shortNumber(slope),
      }),
    );
  }

  /**
   * The straight line that touches the curve at the point, no longer than 80 units of the drawing
   * and not beyond its sides.
   * @param {number} z @param {number} a @param {number} slope
   */
  #tangent(z, a, slope) {
    const [x, y] = LineChart.place(z, a, this.#look);
    const [x1, y1] = LineChart.place(z + 1, a + slope, this.#look);
    const far = 40 / Math.hypot(x1 - x, y1 - y);
    const ends = [Math.max(-far, -REACH - z), Math.min(far, REACH - z)];
    return `M${ends.map((end) => `${x + (x1 - x) * end} ${y + (y1 - y) * end}`).join("L")}`;
  }
}
