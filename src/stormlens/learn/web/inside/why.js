/** Why this answer: what the score of a mode hangs on, drawn over the storm. */

import { choice, errorNote } from "../base/controls.js";
import { el, replace } from "../base/dom.js";
import { colourBar, Picture, shortNumber } from "../base/picture.js";
import { modeWords, t } from "../base/strings.js";
import { overBox } from "../network/plan.js";
import { colourOf, scaleBetween, warmScale } from "./pixels.js";

/**
 * @typedef {import("../network/plan.js").Plan} Plan
 * @typedef {object} Asked
 * @property {any} net The network at the engine.
 * @property {Plan} plan
 * @property {Uint8Array} box
 * @property {string} method "gradient", "grad-cam" or "occlusion".
 * @property {number} mode Whose score.
 * @property {boolean} dark
 */

export const METHODS = ["gradient", "grad-cam", "occlusion"];
const PATCH = { size: 16, stride: 8 };

export class Why {
  #picture = new Picture({ class: "large" });
  #bar = el("div");
  #words = el("p");
  #not = el("p", { class: "muted small" });
  #said = el("p", { class: "muted", role: "status" });
  #mode = el("select");
  /** What is shown or being computed. */
  #key = "";
  /** @type {Map<string, Float32Array>} */
  #known = new Map();
  /** @type {AbortController | undefined} */
  #running;
  #method;

  /** @param {import("../base/component.js").Component} component With settings method and mode. */
  constructor(component) {
    this.#method = choice(component, "method", { names: (name) => t(`inside.why.${name}`) });
    this.#mode.addEventListener("change", () => component.set({ mode: Number(this.#mode.value) }));
    const label = el("label", { class: "choice" }, t("inside.why.mode"), this.#mode);
    this.element = el(
      "div",
      { class: "why pair" },
      el("div", {}, this.#picture.element, this.#bar),
      el("div", {}, this.#method.element, label, this.#said, this.#words, this.#not),
    );
  }

  /** @param {readonly string[]} classes */
  build(classes) {
    replace(
      this.#mode,
      el("option", { value: -1 }, t("inside.why.answer")),
      ...classes.map((name, k) => el("option", { value: k }, modeWords(name))),
    );
    this.forget();
  }

  /** Another storm or another network. */
  forget() {
    this.#known.clear();
    this.#running?.abort();
    this.#key = "";
  }

  /**
   * @param {Asked} asked
   * @param {number} chosen The setting: -1 for the answer.
   */
  async show(asked, chosen) {
    this.#method.show();
    this.#mode.value = String(chosen);
    const mode = modeWords(asked.plan.classes[asked.mode]);
    replace(this.#words, t(`inside.why.${asked.method}.read`, { mode }));
    replace(this.#not, t(`inside.why.${asked.method}.not`));
    const key = `${asked.method} ${asked.mode}`;
    const known = this.#known.get(key);
    if (key === this.#key) return;
    this.#running?.abort();
    if (known) {
      this.#key = "";
      replace(this.#said);
      this.#draw(asked, known, mode);
      return;
    }
    this.#key = key;
    const running = new AbortController();
    this.#running = running;
    replace(this.#said, t("inside.why.busy"));
    this.#draw(asked, new Float32Array(asked.box.length), mode);
    try {
      const values = await compute(asked, running.signal, (done, all) => {
        if (!running.signal.aborted) replace(this.#said, t("inside.why.progress", { done, all }));
      });
      if (running.signal.aborted) return;
      this.#known.set(key, values);
      replace(this.#said);
      this.#draw(asked, values, mode);
    } catch (error) {
      if (!running.signal.aborted) replace(this.#said, errorNote(error));
    } finally {
      if (this.#running === running) this.#key = "";
    }
  }

  /** @param {Asked} asked @param {Float32Array} values @param {string} mode */
  #draw({ plan, box, method, dark }, values, mode) {
    const most = values.reduce((m, value) => Math.max(m, Math.abs(value)), 0);
    const scale = method === "grad-cam" ? warmScale(most, dark) : scaleBetween(-most, most, dark);
    const colour = colourOf(scale);
    const [rows, columns] = plan.shape;
    const over = (/** @type {number} */ at) => {
      // The echo is grey below, and the stronger a value is the more of its colour is on top.
      const share = most > 0 ? Math.min(1, (Math.abs(values[at]) / most) ** 0.6) : 0;
      const grey = dark ? 20 + box[at] * 1.6 : 255 - box[at] * 1.9;
      const own = colour(values[at]);
      return /** @type {const} */ ([
        grey + (own[0] - grey) * share,
        grey + (own[1] - grey) * share,
        grey + (own[2] - grey) * share,
        255,
      ]);
    };
    const places = Uint32Array.from({ length: box.length }, (_, at) => at);
    this.#picture.draw({ values: places, rows, columns }, over);
    const low = method === "grad-cam" ? 0 : -most;
    replace(this.#bar, most > 0 && colourBar(colour, low, most, t(`inside.why.${method}.unit`)));
    const best = values.reduce(
      (b, value, at) => (Math.abs(value) > Math.abs(values[b]) ? at : b),
      0,
    );
    this.#picture.words = t("inside.why.words", {
      method: t(`inside.why.${method}`),
      mode,
      row: Math.floor(best / columns),
      column: best % columns,
      value: shortNumber(values[best]),
    });
  }
}

/**
 * @param {Asked} asked
 * @param {AbortSignal} signal
 * @param {(done: number, all: number) => void} onProgress
 * @returns {Promise<Float32Array>} One value a pixel.
 */
async function compute({ net, plan, box, method, mode }, signal, onProgress) {
  if (method === "gradient") {
    const gradient = await net.gradient(box, mode);
    const span = plan.maximum - plan.minimum;
    return gradient.map((/** @type {number} */ value) => value / span);
  }
  if (method === "occlusion") return net.occlusion(box, mode, { ...PATCH, signal, onProgress });
  const step = lastConvolution(plan);
  return overBox(plan, step, await net.gradCam(box, mode, step));
}

/**
 * The last convolution that is a layer of its own, as stormlens.insight chooses it.
 * @param {Plan} plan
 */
export function lastConvolution(plan) {
  const convolutions = plan.steps.flatMap(({ kind }, i) => (kind === "convolution" ? [i] : []));
  const own = convolutions.filter((i) => plan.layers[plan.steps[i].layer].kind === "Conv2D");
  const found = own.at(-1) ?? convolutions.at(-1) ?? -1;
  if (found < 0) throw new Error(t("inside.why.no-convolution"));
  return found;
}
