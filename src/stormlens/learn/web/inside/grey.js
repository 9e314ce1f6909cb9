/** What the grey of a picture stands for is asked, not guessed. */

import { button } from "../base/controls.js";
import { el, replace } from "../base/dom.js";
import { t } from "../base/strings.js";

/** @typedef {import("../data/box.js").Grey} Grey */

export class GreyQuestion {
  element = el("div", { class: "note grey", hidden: true });

  /**
   * @param {string} file
   * @param {(grey: Grey) => void} answer
   */
  ask(file, answer) {
    const number = (/** @type {string} */ key, /** @type {number} */ value) =>
      el("input", { type: "number", class: "number", step: "any", value, "aria-label": t(key) });
    const [scale, offset] = [number("inside.grey.scale", 1), number("inside.grey.offset", 0)];
    const read = () => answer({ scale: scale.valueAsNumber, offset: offset.valueAsNumber });
    replace(
      this.element,
      el("span", {}, t("inside.grey", { file })),
      el("span", {}, "dBZ = ", scale, ` × ${t("inside.grey.value")} + `, offset),
      button(t("inside.grey.read"), read),
    );
    this.element.hidden = false;
    scale.focus();
  }

  hide() {
    this.element.hidden = true;
  }
}
