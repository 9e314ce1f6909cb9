/** The bar that is always in reach: play, step, epoch, reset, and how far it is. */

import { button, simulatedBadge } from "../base/controls.js";
import { el, replace } from "../base/dom.js";
import { t, wholeWords } from "../base/strings.js";
import { percent } from "./curves.js";

/** @typedef {import("./player.js").Player} Player */
/** @typedef {import("./choices.js").Slot} Slot */
/** @typedef {import("./training.js").Training} Training */

export class PlayBar {
  #play;
  #step;
  #epoch;
  #reset;
  #far = el("span", { class: "far" });
  #speed = el("span", { class: "muted" });
  #done = el("span", {});
  #figures = el("div", { class: "figures" });

  /** @param {{play: () => void, step: () => void, epoch: () => void, reset: () => void}} act */
  constructor(act) {
    this.#play = button(t("train.play"), act.play, { kind: "main" });
    this.#play.classList.add("play");
    this.#step = button(t("train.step"), act.step);
    this.#epoch = button(t("train.one-epoch"), act.epoch);
    this.#reset = button(t("train.reset"), act.reset);
    for (const one of [this.#play, this.#step, this.#epoch, this.#reset]) one.disabled = true;
    this.element = el(
      "div",
      { class: "playbar", role: "toolbar", "aria-label": t("train.bar") },
      el("div", { class: "row" }, this.#play, this.#step, this.#epoch, this.#reset),
      el(
        "div",
        {},
        this.#far,
        " ",
        this.#speed,
        el("span", { class: "track", "aria-hidden": "true" }, this.#done),
      ),
      this.#figures,
    );
  }

  /**
   * @param {Player} player
   * @param {readonly [Slot, Training][]} trainings
   * @param {{epochs: number, busy: string, simulated: boolean}} state `busy` says what is being
   *   loaded or prepared, if anything.
   */
  show(player, trainings, { epochs, busy, simulated }) {
    const playing = player.state !== "paused";
    const ready = trainings.length > 0 && !busy;
    const more = ready && player.isDone;
    this.#play.textContent = t(playing ? "train.pause" : more ? "train.play.more" : "train.play");
    this.#play.disabled = !ready || !(playing || player.canPlay);
    for (const one of [this.#step, this.#epoch]) {
      one.disabled = !ready || playing || player.isStuck;
    }
    this.#reset.disabled = !ready;
    const [, first] = trainings[0] ?? [];
    const running = first?.running;
    replace(
      this.#far,
      busy ||
        t(running ? "train.far.running" : "train.far", {
          epoch: (first?.history.length ?? 0) + (running ? 1 : 0),
          epochs,
          ...running,
        }),
    );
    const rate = trainings
      .map(([, { boxes, seconds }]) => (seconds > 0 ? boxes / seconds : 0))
      .reduce((sum, each) => sum + each, 0);
    replace(
      this.#speed,
      rate > 0 && t("train.speed", { rate: wholeWords(rate) }),
    );
    this.#done.style.width = `${Math.min(100, (100 * (first?.place ?? 0)) / epochs)}%`;
    replace(
      this.#figures,
      ...trainings.map(([slot, training]) => figures(slot, training, trainings.length > 1)),
      simulated && simulatedBadge(),
    );
  }
}

/** @param {Slot} slot @param {Training} training @param {boolean} named */
function figures(slot, { history, running, start }, named) {
  const last = history[history.length - 1];
  const accuracy = running?.accuracy ?? last?.accuracy;
  const validation = (last ?? start)?.valAccuracy;
  return el(
    "span",
    {},
    named && el("span", { class: `dot ${slot}` }),
    named && `${slot} `,
    t("train.line.training"),
    " ",
    el("b", {}, accuracy === undefined ? "–" : percent(accuracy)),
    ", ",
    t("train.line.validation"),
    " ",
    el("b", {}, validation === undefined ? "–" : percent(validation)),
  );
}
