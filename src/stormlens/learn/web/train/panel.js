/** What to train on what, and how: the settings of one training, or of two side by side. */

import { choice, flag, simulatedBadge, slider } from "../base/controls.js";
import { el, replace, svg } from "../base/dom.js";
import { t, wholeWords } from "../base/strings.js";
import { choiceOf, named, NETWORKS, OWN } from "./choices.js";
import { Varied } from "./varied.js";

/** @typedef {import("../base/component.js").Component} Component */
/** @typedef {import("../base/controls.js").Control} Control */
/** @typedef {import("../data/storms.js").Storms} Storms */
/** @typedef {import("./choices.js").Slot} Slot */
/** @typedef {import("./choices.js").Block} Block */
/** @typedef {import("./insides.js").ShownStorm} ShownStorm */
/** @typedef {import("../network/plan.js").Plan} Plan */

/** Settings below the networks, in the order of the chapter's remedies. */
const ROWS = ["storms", "dropout", "activation", "augmentation", "rate", "batch"];

let groups = 0;

/**
 * Layers in a few words, as they follow each other.
 * @param {readonly Block[]} blocks
 * @param {number} classes
 * @returns {string}
 */
export function layerWords(blocks, classes) {
  const words = blocks
    .filter(({ kind }) => kind !== "Flatten")
    .map((block) =>
      t(`train.block.${block.kind}`, {
        ...block,
        units: block.units === "classes" ? classes : block.units,
      }),
    );
  return words.join(" → ");
}

const HIGH = 34;
const GAP = 3;

/**
 * A network as a row of blocks: each as high as its maps, and wider the more of them there are.
 * Dense layers are lines.
 * @param {Plan} plan
 * @param {string} words
 * @returns {SVGElement}
 */
export function silhouette({ shape, layers }, words) {
  const kinds = layers.filter(({ kind, steps }) => steps[1] > steps[0] && kind !== "Flatten");
  let x = 0;
  const blocks = [{ kind: "Input", shape }, ...kinds].map((layer) => {
    const isMap = layer.shape.length === 3;
    const height = isMap
      ? Math.max(4, (HIGH * layer.shape[0]) / shape[0])
      : Math.min(HIGH, 6 + layer.shape[0] / 6);
    const width = isMap ? 3 + layer.shape[2] / 9 : 3;
    const rect = svg("rect", {
      x,
      y: (HIGH - height) / 2,
      width,
      height,
      class: isMap ? layer.kind : "values",
    });
    x += width + GAP;
    return rect;
  });
  const around = `0 0 ${Math.max(x - GAP, 150)} ${HIGH}`;
  const look = { class: "silhouette", viewBox: around, role: "img", "aria-label": words };
  return svg("svg", { ...look, preserveAspectRatio: "xMinYMid" }, ...blocks);
}

export class Panel {
  #component;
  /** @type {Control[]} */
  #controls = [];
  /** @type {{slot: Slot, network: string, input: HTMLInputElement, label: HTMLElement}[]} */
  #radios = [];
  /** @type {HTMLElement[]} */
  #ofB = [];
  #summary = el("span", { class: "summary" });
  #cards = el("div", { class: "cards" });
  /** @type {Readonly<Record<Slot, Varied>>} */
  #varied = { A: new Varied(), B: new Varied() };
  #note = el("p", { class: "small muted note-of-storms" });
  /** Storms to learn from that there are. */
  #count = Infinity;

  /** @param {Component} component */
  constructor(component) {
    this.#component = component;
    const compare = flag(component, "compare");
    this.#controls.push(compare);
    this.element = el(
      "details",
      { class: "panel settings" },
      el("summary", {}, el("strong", {}, t("train.settings")), " ", this.#summary),
      compare.element,
      el("h3", {}, t("train.network")),
      this.#cards,
      ...ROWS.map((name) => this.#row(name)),
      this.#plain(slider(component, "epochs")),
      this.#plain(slider(component, "seed")),
      el("p", { class: "small muted" }, t("train.settings.help")),
    );
  }

  /**
   * Say what networks there are.
   * @param {readonly {name: string, blocks: readonly Block[], plan: Plan}[]} networks
   * @param {Storms} storms
   */
  networks(networks, { classes, note, simulated, splits }) {
    this.#count = splits.train.count;
    groups += 1;
    replace(this.#note, simulated && simulatedBadge(), " ", note);
    replace(
      this.#cards,
      ...networks.map(({ name, blocks, plan }) => {
        const parameters = wholeWords(parametersOf(plan));
        return el(
          "div",
          { class: "card" },
          this.#radio("A", name, el("strong", {}, name)),
          this.#radio("B", name, t("train.slot.B")),
          silhouette(plan, layerWords(blocks, classes.length)),
          el("p", { class: "small muted" }, t("train.parameters", { parameters })),
        );
      }),
    );
    this.show();
  }

  /** Take the settings as they are. */
  show() {
    const { settings } = this.#component;
    const compare = this.#component.flag("compare");
    for (const control of this.#controls) control.show();
    for (const { slot, network, input } of this.#radios) {
      input.checked = settings[named("network", slot)] === network;
    }
    for (const element of this.#ofB) element.hidden = !compare;
    this.element.classList.toggle("comparing", compare);
    const { network, storms, rate } = choiceOf(settings, "A");
    const more = compare ? t("train.summary.compare") : "";
    const count = Math.min(storms, this.#count);
    this.#summary.textContent = t("train.summary", { network, storms: count, rate, more });
  }

  /** Show what augmentation does to a storm. @param {ShownStorm} storm */
  drawVaried(storm) {
    const seed = this.#component.number("seed");
    for (const slot of /** @type {const} */ (["A", "B"])) {
      if (slot === "B" && !this.#component.flag("compare")) continue;
      this.#varied[slot].draw(storm, this.#component.text(named("augmentation", slot)), seed);
    }
  }

  /** @param {Slot} slot @param {string} network @param {Node | string} label */
  #radio(slot, network, label) {
    const component = this.#component;
    const input = el("input", {
      type: "radio",
      name: `network-${slot}-${groups}`,
      "aria-label": slot === "A" ? network : t("train.network.B", { network }),
      onchange: () => component.set(withOwn(network, slot)),
    });
    const element = el("label", { class: `pick ${slot}` }, input, label);
    this.#radios.push({ slot, network, input, label: element });
    if (slot === "B") this.#ofB.push(element);
    return element;
  }

  /** @param {string} name */
  #row(name) {
    const one = (/** @type {Slot} */ slot) => {
      const setting = named(name, slot);
      const label = slot === "A" ? t(`train.label.${name}`) : t("train.slot.B");
      const names = (/** @type {string} */ value) => optionWords(name, value);
      const control = choice(this.#component, setting, { label, names });
      const select = /** @type {HTMLSelectElement} */ (control.element.querySelector("select"));
      if (slot === "B")
        select.setAttribute("aria-label", t("train.label.B", { label: t(`train.label.${name}`) }));
      control.element.classList.add("slot", slot);
      this.#controls.push({
        element: control.element,
        show: () => {
          control.show();
          const own = ownWords(name, this.#component.text(named("network", slot)));
          if (own) select.options[0].textContent = own;
          if (name === "storms") limit(select, this.#count);
        },
      });
      return control.element;
    };
    const b = one("B");
    const a = one("A");
    this.#ofB.push(b);
    if (name === "augmentation") {
      this.#ofB.push(this.#varied.B.element);
      return el("div", { class: "setting" }, a, b, this.#varied.A.element, this.#varied.B.element);
    }
    return el("div", { class: "setting" }, a, b, name === "storms" && this.#note);
  }

  /** @param {Control} control */
  #plain(control) {
    this.#controls.push(control);
    return control.element;
  }
}

/** How many weights a network learns. @param {Plan} plan */
export function parametersOf({ tensors }) {
  return tensors
    .map(({ shape }) => shape.reduce((product, side) => product * side, 1))
    .reduce((sum, count) => sum + count, 0);
}

/**
 * Another network comes with its own rate, dropout and activation.
 * @param {string} network
 * @param {Slot} slot
 */
function withOwn(network, slot) {
  return {
    [named("network", slot)]: network,
    [named("rate", slot)]: OWN,
    [named("dropout", slot)]: OWN,
    [named("activation", slot)]: OWN,
  };
}

/**
 * Of the choices that ask for all storms there are, or more, show one.
 * @param {HTMLSelectElement} select
 * @param {number} count
 */
function limit(select, count) {
  let shown = false;
  for (const option of select.options) {
    if (Number(option.value) < count) continue;
    option.textContent = t("train.storms.all", { count });
    option.hidden = shown && !option.selected;
    shown = true;
  }
}

/** @param {string} name @param {string} network */
function ownWords(name, network) {
  const { rate, activation, drops } = NETWORKS[network];
  const value = { rate: String(rate), activation, dropout: drops }[name];
  return value === undefined ? "" : t("train.own", { value });
}

/** @param {string} name @param {string} value */
function optionWords(name, value) {
  if (name === "augmentation") return t(`train.augmentation.${value}`);
  if (name === "storms") return t("train.storms.count", { count: value });
  return value;
}
