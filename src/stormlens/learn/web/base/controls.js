/** Sliders, choices, buttons and notes in the look of all components. */

import { el, replace } from "./dom.js";
import { inFull } from "./picture.js";
import { t } from "./strings.js";

/** @typedef {import("./component.js").Component} Component */

let controls = 0;

/** An id that no other control of the page has. */
function ownId() {
  controls += 1;
  return `control-${controls}`;
}

/**
 * @typedef {object} Control
 * @property {HTMLElement} element
 * @property {() => void} show Take the setting's present value.
 */

/**
 * A slider with its number beside it, which can be typed, for a setting of kind number or whole.
 * @param {Component} component
 * @param {string} name
 * @param {{label?: string, unit?: string, digits?: number}} [words]
 * @returns {Control}
 */
export function slider(component, name, { label, unit = "", digits } = {}) {
  const setting = component.schema[name];
  const { low = 0, high = 1, step = setting.kind === "whole" ? 1 : 0.1 } = setting;
  const shown = digits ?? Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const words = label ?? component.t(`label.${name}`);
  const id = ownId();
  const bounds = { min: low, max: high, step };
  const range = el("input", { type: "range", id, ...bounds });
  const number = el("input", {
    type: "number",
    class: "number",
    "aria-label": t("control.type", { label: words }),
    ...bounds,
  });
  const inDigits = () => inFull(component.number(name), shown).replace("\u2212", "-");
  range.addEventListener("input", () => component.set({ [name]: range.valueAsNumber }));
  number.addEventListener("change", () => {
    component.set({ [name]: number.valueAsNumber });
    number.value = inDigits(); // which is the nearest bound where more was typed
  });
  let there = NaN;
  const show = () => {
    const value = component.number(name);
    if (value === there && value === range.valueAsNumber) return;
    there = value;
    range.value = String(value);
    range.setAttribute("aria-valuetext", `${inDigits()} ${unit}`.trim());
    range.style.setProperty("--filled", `${(100 * (value - low)) / (high - low)}%`);
    if (number.matches(":focus")) there = NaN; // what is being typed stays for now
    else number.value = inDigits();
  };
  const element = el(
    "div",
    { class: "slider" },
    el("label", { for: id }, words),
    range,
    el("span", { class: "value" }, number, unit && el("span", { class: "unit" }, unit)),
  );
  return { element, show };
}

/**
 * A list to choose from, for a setting of kind choice.
 * @param {Component} component
 * @param {string} name
 * @param {{label?: string, names?: (choice: string) => string}} [words]
 * @returns {Control}
 */
export function choice(component, name, { label, names = spaced } = {}) {
  const id = ownId();
  const select = el(
    "select",
    { id, onchange: () => component.set({ [name]: select.value }) },
    ...(component.schema[name].choices ?? []).map((value) => el("option", { value }, names(value))),
  );
  return {
    element: el(
      "div",
      { class: "choice" },
      el("label", { for: id }, label ?? component.t(`label.${name}`)),
      select,
    ),
    show: () => {
      select.value = component.text(name);
    },
  };
}

/**
 * A few choices side by side, for a setting of kind choice.
 * @param {Component} component
 * @param {string} name
 * @param {{label?: string, names?: (choice: string) => string}} [words]
 * @returns {Control}
 */
export function segments(component, name, { label, names = spaced } = {}) {
  const group = ownId();
  const buttons = (component.schema[name].choices ?? []).map((value) => {
    const input = el("input", {
      type: "radio",
      name: group,
      value,
      onchange: () => component.set({ [name]: value }),
    });
    return { input, element: el("label", {}, input, el("span", {}, names(value))) };
  });
  return {
    element: el(
      "fieldset",
      { class: "segments" },
      el("legend", {}, label ?? component.t(`label.${name}`)),
      ...buttons.map(({ element }) => element),
    ),
    show: () => {
      for (const { input } of buttons) input.checked = input.value === component.text(name);
    },
  };
}

/**
 * A box to tick, for a setting of kind flag.
 * @param {Component} component
 * @param {string} name
 * @param {{label?: string}} [words]
 * @returns {Control}
 */
export function flag(component, name, { label } = {}) {
  const input = el("input", {
    type: "checkbox",
    onchange: () => component.set({ [name]: input.checked }),
  });
  return {
    element: el(
      "label",
      { class: "flag" },
      input,
      el("span", {}, label ?? component.t(`label.${name}`)),
    ),
    show: () => {
      input.checked = component.flag(name);
    },
  };
}

/**
 * A button.
 * @param {string} label
 * @param {() => void} press
 * @param {{kind?: "main" | "plain"}} [look]
 * @returns {HTMLButtonElement}
 */
export function button(label, press, { kind = "plain" } = {}) {
  return el("button", { type: "button", class: kind, onclick: press }, label);
}

/**
 * A sentence on why something cannot be shown.
 * @param {unknown} error
 * @returns {HTMLElement}
 */
export function errorNote(error) {
  const words = error instanceof Error ? error.message : String(error);
  return el("p", { class: "note error", role: "alert" }, words);
}

/** The word that says where data comes from. @returns {HTMLElement} */
export function simulatedBadge() {
  return el("span", { class: "badge", title: t("simulated.why") }, t("simulated"));
}

/** Text with a button that copies it. */
export class CopyText {
  #text = el("pre", { tabindex: 0, role: "group" });
  #button = button(t("copy"), () => void this.#copy());
  #said = el("span", { class: "muted", role: "status" });

  /** @param {string} label What it is. */
  constructor(label) {
    this.#text.setAttribute("aria-label", label);
    this.element = el(
      "div",
      { class: "copy" },
      el("div", { class: "row" }, el("strong", {}, label), this.#button, this.#said),
      this.#text,
    );
  }

  /** @param {string} text */
  set text(text) {
    this.#text.textContent = text;
    replace(this.#said);
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#text.textContent ?? "");
      replace(this.#said, t("copied"));
    } catch {
      // A page may be forbidden the clipboard, as in some notebooks: then select it.
      const range = document.createRange();
      range.selectNodeContents(this.#text);
      getSelection()?.removeAllRanges();
      getSelection()?.addRange(range);
      replace(this.#said, t("copy.by-hand"));
    }
  }
}

/** Tasks that notice when they are done. */
export class TaskList {
  /** @type {Map<string, {item: HTMLElement, done: boolean, words: string}>} */
  #tasks = new Map();
  #said = el("p", { class: "visually-hidden", role: "status" });
  #count = el("span", { class: "count" });

  /** @param {[name: string, words: string][]} tasks */
  constructor(tasks) {
    for (const [name, words] of tasks) {
      const item = el("li", { "data-task": name }, words);
      this.#tasks.set(name, { item, done: false, words });
    }
    this.element = el(
      "div",
      { class: "tasks" },
      el("h3", {}, t("tasks"), " ", this.#count),
      el("ol", {}, ...[...this.#tasks.values()].map(({ item }) => item)),
      this.#said,
    );
    this.#tell();
  }

  /** @param {Record<string, boolean>} done */
  check(done) {
    for (const [name, task] of this.#tasks) {
      if (!done[name] || task.done) continue;
      task.done = true;
      task.item.classList.add("done");
      task.item.setAttribute("aria-label", t("tasks.done", { task: task.words }));
      replace(this.#said, t("tasks.done", { task: task.words }));
    }
    this.#tell();
  }

  #tell() {
    const all = [...this.#tasks.values()];
    const done = all.filter((task) => task.done).length;
    replace(this.#count, t("tasks.count", { done, all: all.length }));
  }
}

/** leaky_relu as leaky relu. @param {string} name */
function spaced(name) {
  return name.replaceAll("_", " ");
}
