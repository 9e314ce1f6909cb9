/** The few storms that the ideas are shown on, and a list to choose one of them. */

import { simulatedBadge } from "../base/controls.js";
import { el, replace } from "../base/dom.js";
import { t } from "../base/strings.js";
import { Storms } from "../data/storms.js";

/**
 * @typedef {import("../base/component.js").Component} Component
 * @typedef {import("./concepts.js").Grid} Grid
 * @typedef {import("../data/storms.js").StormSet} StormSet
 */

/** The first storms of a pack. */
export class FewStorms {
  #storms;
  #set;

  /** @param {Storms} storms @param {StormSet} set */
  constructor(storms, set) {
    this.#storms = storms;
    this.#set = set;
    this.count = set.count;
    this.rows = set.rows;
    this.columns = set.columns;
    this.simulated = storms.simulated;
    this.pixelKm = storms.pixelKm;
  }

  /** @returns {Promise<FewStorms>} @throws {Error} With a sentence. */
  static async open() {
    const storms = await Storms.open();
    return new FewStorms(storms, await storms.split("few"));
  }

  /** The number of a storm that is there, for one that a link asks for. @param {number} asked */
  nearest(asked) {
    return Math.min(Math.max(asked, 0), this.count - 1);
  }

  /** @param {number} number @returns {Grid & {values: Uint8Array}} */
  box(number) {
    const { rows, columns } = this;
    return { values: this.#storms.image(this.#set, number), rows, columns };
  }

  /** The storm mode, or "" where there is none. @param {number} number */
  mode(number) {
    const code = this.#set.modes?.[number];
    return code === undefined ? "" : this.#storms.classes[code];
  }

  /** @param {number} number */
  words(number) {
    const mode = this.mode(number);
    return mode ? t("storm.of-mode", { number, mode }) : t("storm.number", { number });
  }
}

/**
 * A list of the storms, for a setting `storm`, and where they come from.
 * @param {Component} component
 * @param {FewStorms} storms
 * @returns {import("../base/controls.js").Control}
 */
export function stormChoice(component, storms) {
  const select = el("select", {
    "aria-label": t("storm.choose"),
    onchange: () => component.set({ storm: Number(select.value) }),
  });
  replace(
    select,
    ...Array.from({ length: storms.count }, (_, number) =>
      el("option", { value: number }, storms.words(number)),
    ),
  );
  return {
    element: el("div", { class: "row" }, select, storms.simulated && simulatedBadge()),
    show: () => {
      select.value = String(storms.nearest(component.number("storm")));
    },
  };
}
