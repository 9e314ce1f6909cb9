/** Two sliders for a setting that holds the lowest and the highest of a range. */

import { el, replace } from "../base/dom.js";
import { t } from "../base/strings.js";

/** @typedef {import("../base/component.js").Component} Component */

/**
 * @param {Component} component
 * @param {string} name Of a setting of kind numbers and length 2.
 * @returns {import("../base/controls.js").Control}
 */
export function rangePair(component, name) {
  const { low, high, step } = component.schema[name];
  const label = component.t(`label.${name}`);
  const bounds = { min: low, max: high, step };
  const ends = ["lowest", "highest"].map((end, i) => {
    const words = component.t(end, { label });
    const range = el("input", { type: "range", "aria-label": words, ...bounds });
    const number = el("input", {
      type: "number",
      class: "number",
      "aria-label": t("control.type", { label: words }),
      ...bounds,
    });
    const set = (/** @type {number} */ value) => {
      // The one that is moved pushes the other on.
      const [first, last] = component.numbers(name);
      const pair = i === 0 ? [value, Math.max(value, last)] : [Math.min(first, value), value];
      component.set({ [name]: pair });
    };
    range.addEventListener("input", () => set(range.valueAsNumber));
    number.addEventListener("change", () => {
      set(number.valueAsNumber);
      show();
    });
    return { range, number, element: el("div", { class: "slider" }, range, number) };
  });
  const show = () => {
    ends.forEach(({ range, number }, i) => {
      const value = component.numbers(name)[i];
      range.value = String(value);
      if (!number.matches(":focus")) number.value = value.toFixed(2);
    });
  };
  const element = el("div", { class: "pair", role: "group", "aria-label": label });
  replace(element, el("span", {}, label), ...ends.map((end) => end.element));
  return { element, show };
}
