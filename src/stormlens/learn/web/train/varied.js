/** One storm as augmentation shows it to the network, a few times. */

import { Random } from "../base/random.js";
import { el } from "../base/dom.js";
import { Picture } from "../base/picture.js";
import { t } from "../base/strings.js";
import { augmented, drawn } from "../ideas/augment.js";
import { AUGMENTATIONS } from "./choices.js";

/** @typedef {import("./insides.js").ShownStorm} ShownStorm */

const TIMES = 4;

export class Varied {
  #pictures = Array.from({ length: TIMES }, () => new Picture());
  #drawnFor = "";

  constructor() {
    for (const picture of this.#pictures) picture.element.setAttribute("role", "presentation");
    this.element = el(
      "div",
      { class: "varied", role: "img", "aria-label": t("train.varied") },
      ...this.#pictures.map((picture) => picture.element),
    );
  }

  /**
   * @param {ShownStorm} storm
   * @param {string} name Of the augmentation.
   * @param {number} seed
   */
  draw(storm, name, seed) {
    const ranges = AUGMENTATIONS[name];
    this.element.hidden = ranges === undefined;
    const drawnFor = `${name} ${seed} ${storm.number}`;
    if (ranges === undefined || drawnFor === this.#drawnFor) return;
    this.#drawnFor = drawnFor;
    const random = new Random(seed);
    for (const picture of this.#pictures) {
      const values = augmented(storm.box, ranges, drawn(ranges, random, storm), storm);
      picture.draw({ ...storm, values });
    }
  }
}
