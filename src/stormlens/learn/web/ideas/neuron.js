/** One neuron, drawn as the chapter draws it, with its activation's curve and where it fires. */

import { Component } from "../base/component.js";
import { button, segments, slider } from "../base/controls.js";
import { el, replace } from "../base/dom.js";
import { fixed, inFull, shortNumber } from "../base/picture.js";
import { sheetOf } from "../base/style.js";
import { ACTIVATIONS, aggregate } from "./concepts.js";
import { NeuronCurve } from "./neuron-curve.js";
import { NeuronDrawing } from "./neuron-drawing.js";
import { NeuronField } from "./neuron-field.js";
import { answerWords } from "./neuron-words.js";

/** @typedef {import("../base/component.js").Setting} Setting */

const INPUT = /** @type {const} */ ({ kind: "number", default: 1, low: -5, high: 5, step: 0.1 });
const WEIGHT = /** @type {const} */ ({ kind: "number", default: 1, low: -3, high: 3, step: 0.1 });
const NUMBERS = ["x1", "x2", "w1", "w2", "bias"];

const CSS = `
.neuron { display: grid; gap: 1rem 1.5rem; grid-template-columns: minmax(0, 1fr);
  grid-template-areas: "drawing" "controls" "curve" "field"; }
.picture-of { grid-area: drawing; }
.controls { grid-area: controls; }
.curve { grid-area: curve; }
.where { grid-area: field; }
@container (min-width: 46rem) {
  .neuron { grid-template-columns: minmax(0, 1.15fr) minmax(0, 1fr);
    grid-template-areas: "drawing controls" "curve field"; }
}
@container (min-width: 72rem) {
  .neuron { grid-template-columns: 16.5rem minmax(0, 1.2fr) minmax(0, .85fr);
    grid-template-rows: auto 1fr;
    grid-template-areas: "controls drawing curve" "controls drawing field"; }
}
.drawing { display: block; width: 100%; max-width: 44rem; margin: 0 auto; overflow: visible; }
.drawing .node { fill: var(--paper); stroke: var(--strong-rule); stroke-width: 2; }
.drawing .divide { stroke: var(--strong-rule); stroke-width: 1.5; stroke-dasharray: 4 4; }
.drawing .out { fill: var(--strong-rule); }
.drawing .positive { fill: var(--orange); }
.drawing .negative { fill: var(--blue); }
.drawing .zero { fill: var(--rule); }
.drawing text { fill: var(--ink); font-size: 15px; pointer-events: none; user-select: none; }
.drawing .value { font-weight: 700; font-size: 17px; }
.drawing .name { fill: var(--muted); font-style: italic; }
.drawing .symbol { font-size: 30px; font-weight: 600; }
.drawing circle.node:not(.handle *) { --warmth: 0%; --cold: 0%;
  fill: color-mix(in srgb, color-mix(in srgb, var(--paper), var(--orange) var(--warmth)),
    var(--blue) var(--cold)); }
.small-curve { fill: none; stroke: var(--blue); stroke-width: 2.5; stroke-linejoin: round; }
.small-point { fill: var(--orange); stroke: var(--paper); stroke-width: 1.5; }
.handle { cursor: grab; outline: none; }
.handle:active { cursor: grabbing; }
.handle:hover .node, .handle:focus .node { stroke: var(--accent); stroke-width: 3; }
.handle:focus-visible .node { stroke-width: 5; }
.sums { margin: .75rem auto 0; max-width: 44rem; display: grid; gap: .35rem; font-size: 1.05em; }
.sums p { margin: 0; max-width: none; }
.sums .term { white-space: nowrap; }
.sums .positive { color: var(--orange); }
.sums .negative { color: var(--blue); }
.legend { margin: .5rem auto 0; max-width: 44rem; }
@container (min-width: 19rem) and (max-width: 72rem) {
  .controls .slider { grid-template-columns: 5.5em minmax(0, 1fr) auto; margin: 0; }
  .controls .slider label { grid-column: auto; }
}
.curve .chart { max-width: 40rem; }
.marks .at-z { stroke: var(--orange); stroke-width: 2; stroke-dasharray: 6 5; }
.marks .tangent { stroke: var(--green); stroke-width: 3; stroke-linecap: round; }
.marks .point { fill: var(--orange); stroke: var(--paper); stroke-width: 2; }
.chart .mark { font-size: 15px; font-weight: 700; paint-order: stroke; stroke: var(--paper);
  stroke-width: 5px; stroke-linejoin: round; }
:host([theme="projector"]) .chart text { font-size: 16px; }
:host([theme="projector"]) .chart .mark { font-size: 18px; }
.field { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .15rem .35rem;
  max-width: 17rem; color: var(--muted); font-size: .875em; }
.field .up { display: flex; flex-direction: column; justify-content: space-between;
  text-align: right; }
.field .along { grid-column: 2; display: flex; justify-content: space-between; }
.field > :last-child { grid-column: 2; }
.field .point { fill: #111; }
.field .point-halo { fill: #fff; }
.field svg .halo { stroke: #fff; stroke-width: 5px; opacity: .8; }
.field svg .line { stroke: #111; stroke-width: 2px; stroke-dasharray: 6 5; }
`;

/** A neuron with two inputs: z = w1 x1 + w2 x2 + b, a = f(z). */
export class Neuron extends Component {
  static tag = "stormlens-neuron";
  static slug = "neuron";
  /** @type {Record<string, Setting>} */
  static settings = {
    x1: INPUT,
    x2: INPUT,
    w1: WEIGHT,
    w2: WEIGHT,
    bias: { ...WEIGHT, default: 0 },
    activation: { kind: "choice", default: "relu", choices: Object.keys(ACTIVATIONS) },
  };
  static outputs = ["z", "a"];
  static tasks = ["negative", "linear", "half"];

  /** @type {{element: Element, show: () => void}[]} */
  #controls = [];
  /** @type {NeuronDrawing | undefined} */
  #drawing;
  /** @type {NeuronCurve | undefined} */
  #curve;
  /** @type {NeuronField | undefined} */
  #field;
  #sum = el("p", {});
  #answer = el("p", { role: "status" });
  #slope = el("p", { class: "muted" });
  /** Numbers with which the sum was negative under ReLU. */
  #negative = "";

  styles() {
    return [sheetOf(CSS)];
  }

  /** @param {HTMLElement} main */
  build(main) {
    const activation = segments(this, "activation", { names: (n) => this.t(`activation.${n}`) });
    const sliders = NUMBERS.map((name) => slider(this, name));
    this.#controls = [activation, ...sliders];
    this.#drawing = new NeuronDrawing(this);
    this.#curve = new NeuronCurve(this);
    this.#field = new NeuronField(this);
    main.append(
      el(
        "div",
        { class: "neuron" },
        el(
          "div",
          { class: "picture-of" },
          this.#drawing.element,
          el("div", { class: "sums" }, this.#sum, this.#answer),
          el("p", { class: "legend small muted" }, this.t("legend")),
        ),
        el(
          "div",
          { class: "controls" },
          activation.element,
          ...sliders.map(({ element }) => element),
          button(this.t("reset"), () => this.reset()),
        ),
        el(
          "div",
          { class: "curve" },
          el("h3", {}, this.t("curve.title")),
          this.#curve.element,
          this.#slope,
        ),
        el(
          "div",
          { class: "where" },
          el("h3", {}, this.t("field.title")),
          this.#field.element,
          el("p", { class: "muted small" }, this.t("field.line")),
        ),
      ),
    );
  }

  /** @param {ReadonlySet<string>} changed */
  show(changed) {
    for (const control of this.#controls) control.show();
    const outputs = this.#compute();
    const other = changed.has("activation");
    if (other) this.#curve?.draw();
    if (other || ["w1", "w2", "bias"].some((name) => changed.has(name))) this.#field?.draw();
    this.#drawing?.show(outputs);
    this.#curve?.mark(outputs);
    this.#field?.mark(outputs);
    this.#write(outputs);
    this.publish({ z: outputs.z, a: outputs.a });
    this.#check(outputs);
  }

  #compute() {
    const [x1, x2, w1, w2, bias] = NUMBERS.map((name) => this.number(name));
    // Tenths are no binary fractions: what is left of them must not make a silent neuron fire.
    const z = Number(aggregate([w1, w2], [x1, x2], bias).toFixed(12));
    const { of, slope } = ACTIVATIONS[this.text("activation")];
    return { z, a: of(z), slope: slope(z) };
  }

  /** The sum worked out. @param {{z: number, a: number, slope: number}} outputs */
  #write({ z, a, slope }) {
    const [x1, x2, w1, w2, bias] = NUMBERS.map((name) => this.number(name));
    const name = this.t(`activation.${this.text("activation")}`);
    replace(
      this.#sum,
      `z = ${this.t("symbol.w1")}${this.t("symbol.x1")} + `,
      `${this.t("symbol.w2")}${this.t("symbol.x2")} + b = `,
      ...[term(w1, x1), " + ", term(w2, x2), " + ", term(bias)],
      " = ",
      el("strong", { class: "big" }, fixed(z, 2)),
    );
    replace(
      this.#answer,
      `a = f(z) = ${name}(${fixed(z, 2)}) = `,
      el("strong", { class: "big" }, answerWords(a)),
    );
    replace(this.#slope, this.t("curve.slope", { slope: shortNumber(slope) }));
  }

  /** @param {{z: number}} outputs */
  #check({ z }) {
    const numbers = NUMBERS.map((name) => this.number(name)).join();
    const activation = this.text("activation");
    if (activation === "relu" && z < 0) this.#negative = numbers;
    this.checkTasks({
      negative: this.#negative !== "",
      linear: activation === "linear" && this.#negative === numbers,
      half: activation === "sigmoid" && Math.abs(z) < 0.2,
    });
  }
}

/**
 * A weight in the colour of its arrow, times an input where it has one.
 * @param {number} weight
 * @param {...number} inputs
 */
function term(weight, ...inputs) {
  const sign = weight > 0 ? "positive" : weight < 0 ? "negative" : "";
  const rest = inputs.map((input) => `(${inFull(input, 1)})`);
  return el(
    "span",
    { class: "term" },
    el("span", { class: sign }, `(${inFull(weight, 1)})`),
    ...rest,
  );
}
