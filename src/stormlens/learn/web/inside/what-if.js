/** What if: echo painted into the storm, or wiped out, and the answer beside it. */

import { button, flag, slider } from "../base/controls.js";
import { el, replace } from "../base/dom.js";
import { colourBar, dbzWords, Picture } from "../base/picture.js";
import { ofReflectivity } from "../base/colours.js";
import { t } from "../base/strings.js";
import { Answer, answerWords } from "./answer.js";
import { History, stroke } from "./brush.js";

/**
 * @typedef {import("../base/component.js").Component} Component
 * @typedef {{row: number, column: number}} Place
 * @typedef {object} Painted
 * @property {Uint8Array} box
 * @property {readonly [number, number]} shape
 * @property {readonly string[]} classes
 * @property {ArrayLike<number>} now
 * @property {ArrayLike<number>} before
 * @property {number} truth
 * @property {boolean} changed Whether anything is painted.
 */

export class WhatIf {
  #component;
  #changed;
  #picture;
  #answer = new Answer();
  #said = el("p", { class: "where", role: "status" });
  #controls;
  #history = new History();
  #undo;
  #reset;
  /** @type {Painted | undefined} */
  #view;
  /** Where the brush was last. @type {Place | null} */
  #last = null;
  #down = false;

  /**
   * @param {Component} component With settings brush, size and erase.
   * @param {object} tell
   * @param {() => void} tell.changed The box has other pixels.
   * @param {() => void} tell.reset The storm as it was is asked for.
   */
  constructor(component, { changed, reset }) {
    this.#component = component;
    this.#changed = changed;
    this.#picture = new Picture({
      class: "large",
      drag: true,
      pick: (place, how) => this.#pick(place, how),
    });
    this.#picture.element.addEventListener("pointerup", () => this.#lift());
    this.#picture.element.addEventListener("pointercancel", () => this.#lift());
    this.#picture.element.addEventListener("mouseleave", () => this.#picture.frame([]));
    this.#controls = [
      slider(component, "brush", { unit: "dBZ" }),
      slider(component, "size", { unit: t("inside.pixels") }),
      flag(component, "erase"),
    ];
    this.#undo = button(t("inside.undo"), () => this.#back());
    this.#reset = button(t("inside.reset"), reset);
    this.element = el(
      "div",
      { class: "what-if pair" },
      el("div", {}, this.#picture.element, colourBar(ofReflectivity, 0, 80, "dBZ"), this.#said),
      el(
        "div",
        {},
        el("p", {}, t("inside.paint.lead")),
        ...this.#controls.map(({ element }) => element),
        el("div", { class: "row" }, this.#undo, this.#reset),
        el("h3", {}, t("inside.paint.answer")),
        this.#answer.element,
        el("p", { class: "muted small" }, t("inside.paint.link")),
      ),
    );
  }

  /** @param {readonly string[]} classes */
  build(classes) {
    this.#answer.build(classes);
  }

  /** Another storm: until it is shown there is nothing to paint on. */
  forget() {
    this.#view = undefined;
    this.#history.clear();
    this.#lift();
  }

  /** @param {Painted} view */
  show(view) {
    this.#view = view;
    for (const control of this.#controls) control.show();
    this.#draw();
    this.#answer.show(view.now, view.changed ? view.before : null, view.truth);
    this.#undo.disabled = this.#history.length === 0;
    this.#reset.disabled = !view.changed;
    this.#picture.words = t("inside.paint.words", {
      answer: answerWords(view.classes, view.now),
    });
  }

  #draw() {
    if (!this.#view) return;
    const [rows, columns] = this.#view.shape;
    this.#picture.draw({ values: this.#view.box, rows, columns });
  }

  /** @param {Place} place @param {"press" | "move" | "hover" | "key"} how */
  #pick(place, how) {
    const view = this.#view;
    if (!view) return;
    const size = this.#component.number("size");
    this.#picture.frame([brushFrame(place, size, view.shape)]);
    const dbz = view.box[place.row * view.shape[1] + place.column];
    replace(this.#said, t("picture.pixel", { ...place, value: dbzWords(dbz) }));
    if (how === "hover" || how === "key") return;
    if (how === "press" || !this.#down) {
      this.#history.remember(view.box);
      this.#down = true;
      this.#last = place;
    }
    const brush = {
      size,
      dbz: this.#component.flag("erase") ? 0 : this.#component.number("brush"),
    };
    const painted = stroke(view.box, view.shape, this.#last ?? place, place, brush);
    this.#last = place;
    if (!painted) return;
    this.#draw();
    this.#changed();
  }

  #lift() {
    this.#down = false;
    this.#last = null;
  }

  #back() {
    const before = this.#history.undo();
    if (!before || !this.#view) return;
    this.#view.box.set(before);
    this.#draw();
    this.#changed();
  }
}

/** @param {Place} place @param {number} size @param {readonly [number, number]} shape */
function brushFrame({ row, column }, size, [rows, columns]) {
  const half = Math.floor((size - 1) / 2);
  const [south, west] = [Math.max(row - half, 0), Math.max(column - half, 0)];
  return {
    row: south,
    column: west,
    rows: Math.min(row - half + size, rows) - south,
    columns: Math.min(column - half + size, columns) - west,
    class: "frame brush",
  };
}
