/**
 * What all components share: settings with bounds, an open shadow root, drawing once a frame.
 *
 * A component is a custom element. Its settings can be given as attributes (`w1="2"`,
 * `zoom-range="0.8,1.2"`), by `set`, or by its own controls; whatever they are changed by, `show`
 * is called at most once a frame with the names of those that changed.
 */

import { el } from "./dom.js";
import { errorNote, TaskList } from "./controls.js";
import { has, lacking, plainer } from "./needs.js";
import { t } from "./strings.js";
import { sheet } from "./style.js";

/**
 * @typedef {number | boolean | string | number[]} Value
 * @typedef {Record<string, Value>} Values
 * @typedef {object} Setting
 * @property {"number" | "whole" | "flag" | "choice" | "text" | "numbers"} kind
 * @property {Value} default
 * @property {number} [low] Of a number, a whole one, or each of several.
 * @property {number} [high]
 * @property {number} [step] What a slider moves by.
 * @property {readonly string[]} [choices]
 * @property {number} [length] Of "numbers", where it is always the same.
 * @typedef {Record<string, Setting>} Settings
 */

/** Where there are no elements, as in Node, components can still be asked for their settings. */
const Base = globalThis.HTMLElement ?? class {};

/** A component; a page's own is a class of its own, with settings, `build` and `show`. */
export class Component extends Base {
  static tag = "";
  /** Name in addresses, in strings and on the command line. */
  static slug = "";
  /** @type {Settings} */
  static settings = {};
  /** @type {readonly string[]} Names of what follows from the settings. */
  static outputs = [];
  /** @type {readonly string[]} Names of the tasks; their words are `<slug>.task.<name>`. */
  static tasks = [];
  /** @type {readonly import("./needs.js").Need[]} What it cannot do without, as no component can. */
  static needs = ["adoptedStyleSheets"];

  static get observedAttributes() {
    return ["theme", ...Object.keys(this.settings).map(attributeName)];
  }

  /** Define the element, once a page. */
  static define() {
    if (!customElements.get(this.tag)) {
      customElements.define(this.tag, /** @type {CustomElementConstructor} */ (this));
    }
  }

  /** @type {Values} */
  #values = {};
  /** @type {Values} */
  #outputs = {};
  /** @type {Set<string>} */
  #changed = new Set();
  #frame = 0;
  #built = false;
  /** Whether it can be shown: what is needed was there, and nothing failed. */
  #ready = false;
  /** Whether it waits, while another page is shown. */
  #rests = false;
  #fromInside = true;
  /** @type {TaskList | undefined} */
  #tasks;
  /** Redraws where the system turns light or dark. */
  #recolour = () => this.redraw("theme");
  #main = el("div", { class: "body" });

  constructor() {
    super();
    for (const [name, setting] of Object.entries(this.schema)) {
      this.#values[name] = copied(setting.default);
    }
    const root = this.attachShadow({ mode: "open" });
    if (has("adoptedStyleSheets")) root.adoptedStyleSheets = [sheet(), ...this.styles()];
  }

  /** @returns {Settings} */
  get schema() {
    return /** @type {typeof Component} */ (this.constructor).settings;
  }

  get slug() {
    return /** @type {typeof Component} */ (this.constructor).slug;
  }

  /** Style sheets of this component alone. @returns {CSSStyleSheet[]} */
  styles() {
    return [];
  }

  /** The settings as they are; change them by `set`. @returns {Readonly<Values>} */
  get settings() {
    return this.#values;
  }

  /** What followed from them when they were last shown. @returns {Readonly<Values>} */
  get outputs() {
    return this.#outputs;
  }

  /** Those settings that are not at their defaults. @returns {Values} */
  get changedSettings() {
    return Object.fromEntries(
      Object.entries(this.schema)
        .filter(([name, setting]) => !alike(this.#values[name], setting.default))
        .map(([name]) => [name, copied(this.#values[name])]),
    );
  }

  /** @param {string} name @returns {number} */
  number(name) {
    return /** @type {number} */ (this.#values[name]);
  }

  /** @param {string} name @returns {string} */
  text(name) {
    return String(this.#values[name]);
  }

  /** @param {string} name @returns {boolean} */
  flag(name) {
    return this.#values[name] === true;
  }

  /** @param {string} name @returns {readonly number[]} */
  numbers(name) {
    return /** @type {number[]} */ (this.#values[name]);
  }

  /**
   * Change settings; numbers beyond their bounds go to the nearest, what is of another kind is
   * passed over.
   * @param {Record<string, unknown>} values
   * @param {{silent?: boolean}} [options] `silent` where somebody from outside, as a notebook,
   *   has them already, so no event is sent.
   */
  set(values, { silent = false } = {}) {
    for (const [name, given] of Object.entries(values)) {
      if (!Object.hasOwn(this.schema, name)) continue;
      const setting = this.schema[name];
      const value = understood(given, setting);
      if (value === undefined || alike(value, this.#values[name])) continue;
      this.#values[name] = value;
      this.#changed.add(name);
      if (!silent) this.#fromInside = true;
    }
    if (this.#changed.size > 0) this.#ask();
  }

  /** Show again, as if these settings had changed. @param {...string} names */
  redraw(...names) {
    for (const name of names) this.#changed.add(name);
    this.#changed.add("");
    this.#ask();
  }

  /** Back to the defaults. */
  reset() {
    this.set(Object.fromEntries(Object.entries(this.schema).map(([n, s]) => [n, s.default])));
  }

  /**
   * Say what followed from the settings.
   * @param {Values} values
   */
  publish(values) {
    const news = Object.entries(values).filter(([n, v]) => !alike(v, this.#outputs[n]));
    if (news.length === 0) return;
    Object.assign(this.#outputs, values);
    this.#tell("stormlens-outputs", this.#outputs);
  }

  /**
   * Tick off tasks that are done; one that was done stays so.
   * @param {Record<string, boolean>} done
   */
  checkTasks(done) {
    this.#tasks?.check(done);
  }

  /** Words of this component. @param {string} key @param {Record<string, unknown>} [values] */
  t(key, values) {
    return t(`${this.slug}.${key}`, values);
  }

  /**
   * Make what is shown, once.
   * @param {HTMLElement} main Where it goes.
   * @returns {void | Promise<void>} An Error thrown becomes a sentence in its place.
   */
  build(main) {
    void main;
  }

  /**
   * Draw what follows from the settings.
   * @param {ReadonlySet<string>} changed Names; "theme" where colours changed; all at first.
   */
  show(changed) {
    void changed;
  }

  /**
   * Another page is shown; where something would be lost, wait for the reader's return.
   * @returns {boolean} Whether it waits: then leaving the page does not end it.
   */
  rest() {
    this.#rests = this.pause();
    return this.#rests;
  }

  /** Let nothing run on. @returns {boolean} Whether something would be lost with the component. */
  pause() {
    return false;
  }

  /** Let go of workers and timers; the element left the page. */
  leave() {}

  connectedCallback() {
    this.#rests = false;
    darkness().addEventListener("change", this.#recolour);
    if (!this.#built) void this.#start();
  }

  disconnectedCallback() {
    darkness().removeEventListener("change", this.#recolour);
    queueMicrotask(() => {
      if (!this.isConnected && !this.#rests) this.leave();
    });
  }

  /** @param {string} attribute @param {string | null} _before @param {string | null} value */
  attributeChangedCallback(attribute, _before, value) {
    if (attribute === "theme") {
      if (this.#built) this.redraw("theme");
      return;
    }
    const name = Object.keys(this.schema).find((key) => attributeName(key) === attribute);
    if (name && value !== null) this.set({ [name]: value }, { silent: true });
  }

  async #start() {
    this.#built = true;
    const root = /** @type {ShadowRoot} */ (this.shadowRoot);
    const { slug, tasks, needs } = /** @type {typeof Component} */ (this.constructor);
    const [lacks, looks] = [lacking(needs), plainer()];
    this.#tasks = new TaskList(tasks.map((name) => [name, t(`${slug}.task.${name}`)]));
    root.append(
      el(
        "section",
        { class: "component", "aria-label": this.t("title") },
        el("h2", {}, this.t("title")),
        el("p", { class: "lead" }, this.t("lead")),
        looks && el("p", { class: "note plain" }, looks),
        tasks.length > 0 && this.#tasks.element,
        this.#main,
      ),
    );
    if (lacks) {
      this.fail(lacks);
      return;
    }
    try {
      await this.build(this.#main);
    } catch (error) {
      this.fail(error);
      return;
    }
    this.#ready = true;
    this.redraw(...Object.keys(this.schema));
  }

  /** Say in place of the component why it cannot be shown. @param {unknown} error */
  fail(error) {
    this.#main.replaceChildren(errorNote(error));
  }

  #ask() {
    if (!this.#ready || this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      const changed = this.#changed;
      this.#changed = new Set();
      const announces = this.#fromInside && [...changed].some((name) => name in this.schema);
      this.#fromInside = false;
      try {
        this.show(changed);
      } catch (error) {
        this.fail(error);
        throw error;
      }
      if (announces) this.#tell("stormlens-settings", this.#values);
    });
  }

  /** @param {string} type @param {Values} values */
  #tell(type, values) {
    const detail = Object.fromEntries(Object.entries(values).map(([n, v]) => [n, copied(v)]));
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true, detail }));
  }
}

/** @type {MediaQueryList | undefined} */
let dark;

/** Whether the system is dark: one for all, or a component that left could not be let go of. */
function darkness() {
  dark ??= matchMedia("(prefers-color-scheme: dark)");
  return dark;
}

/** `zoomRange` as an attribute: `zoom-range`. @param {string} name */
export function attributeName(name) {
  return name.replaceAll("_", "-").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/**
 * A setting as text, for an address or an attribute.
 * @param {Value} value
 * @returns {string}
 */
export function asText(value) {
  if (Array.isArray(value)) return value.map(shortest).join(",");
  return typeof value === "number" ? shortest(value) : String(value);
}

/** 0.30000000000000004 as 0.3. @param {number} value */
function shortest(value) {
  return String(Number(value.toPrecision(12)));
}

/**
 * A value from anywhere as one of a setting, or undefined.
 * @param {unknown} given
 * @param {Setting} setting
 * @returns {Value | undefined}
 */
export function understood(given, setting) {
  switch (setting.kind) {
    case "flag":
      if (typeof given === "boolean") return given;
      if (given === "true" || given === "" || given === "1") return true;
      return given === "false" || given === "0" ? false : undefined;
    case "choice": {
      const choices = setting.choices ?? [];
      return choices.find((choice) => choice === given);
    }
    case "text":
      return typeof given === "string" ? given : undefined;
    case "numbers": {
      const parts = typeof given === "string" ? given.split(",").filter(Boolean) : given;
      if (!Array.isArray(parts)) return undefined;
      const numbers = parts.map((part) => bounded(part, setting));
      if (numbers.some((n) => n === undefined)) return undefined;
      if (setting.length !== undefined && numbers.length !== setting.length) return undefined;
      return /** @type {number[]} */ (numbers);
    }
    default:
      return bounded(given, setting);
  }
}

/** @param {unknown} given @param {Setting} setting @returns {number | undefined} */
function bounded(given, setting) {
  const number = typeof given === "string" && given.trim() !== "" ? Number(given) : given;
  if (typeof number !== "number" || !Number.isFinite(number)) return undefined;
  const whole = setting.kind === "whole" ? Math.round(number) : number;
  return Math.min(Math.max(whole, setting.low ?? -Infinity), setting.high ?? Infinity);
}

/** @param {unknown} one @param {unknown} other */
function alike(one, other) {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((value, i) => Object.is(value, other[i]));
  }
  return Object.is(one, other);
}

/** @param {Value} value @returns {Value} */
function copied(value) {
  return Array.isArray(value) ? [...value] : value;
}
