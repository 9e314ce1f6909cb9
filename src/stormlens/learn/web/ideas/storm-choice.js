/** The few storms that an idea is shown on. */

import { simulatedBadge } from "../base/controls.js";
import { el } from "../base/dom.js";
import { Storms } from "../data/storms.js";
import { StormStrip, stormWords } from "./storm-strip.js";

/**
 * @typedef {import("../base/component.js").Component} Component
 * @typedef {import("./concepts.js").Grid} Grid
 * @typedef {import("../data/storms.js").StormSet} StormSet
 */

/** The first storms of a pack, of which the setting `storm` of a component chooses one. */
export class FewStorms {
  #component;
  #storms;
  #set;
  #strip;
  #heading = el("span", { class: "name" });

  /** @param {Component} component @param {Storms} storms @param {StormSet} set */
  constructor(component, storms, set) {
    this.#component = component;
    this.#storms = storms;
    this.#set = set;
    this.#strip = new StormStrip(storms, set, (storm) => component.set({ storm }));
    /** The storm's number and mode, and where it comes from. */
    this.heading = el("div", { class: "row" }, this.#heading, storms.simulated && simulatedBadge());
  }

  /** Small pictures to choose from. */
  get strip() {
    return this.#strip.element;
  }

  /** @param {Component} component @returns {Promise<FewStorms>} @throws {Error} A sentence. */
  static async open(component) {
    const storms = await Storms.open();
    return new FewStorms(component, storms, await storms.split("few"));
  }

  /** The storm that is chosen; the last where a link asks for one that is not there. */
  get #number() {
    return Math.min(this.#component.number("storm"), this.#set.count - 1);
  }

  /** @returns {Grid & {values: Uint8Array}} */
  get box() {
    const { rows, columns } = this.#set;
    return { values: this.#storms.image(this.#set, this.#number), rows, columns };
  }

  /** Its storm mode, or "" where there is none. */
  get mode() {
    const code = this.#set.modes?.[this.#number];
    return code === undefined ? "" : this.#storms.classes[code];
  }

  get words() {
    return stormWords(this.#storms, this.#set.modes?.[this.#number], this.#number);
  }

  /** Show which is chosen. */
  show() {
    this.#strip.choose(this.#number);
    if (this.#heading.textContent !== this.words) this.#heading.textContent = this.words;
  }
}
