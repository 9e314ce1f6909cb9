/** Accuracy and loss of one or two trainings, as they come. */

import { LineChart } from "../base/charts.js";
import { el, svg } from "../base/dom.js";
import { t } from "../base/strings.js";
import { overfitsSince } from "./reading.js";

/** @typedef {import("./training.js").Training} Training */
/** @typedef {import("./choices.js").Slot} Slot */
/** @typedef {import("../base/charts.js").Line} Line */
/** @typedef {import("../base/charts.js").Look} Look */
/** @typedef {readonly [number, number]} Point */

const COLOURS = /** @type {const} */ ({ A: "var(--blue)", B: "var(--orange)" });

/** What the sentences beside the charts follow. */
const RULES = ["overfitting", "diverged", "one-mode", "slow"];

/** Losses above it are drawn at the top edge. */
const MOST_LOSS = 4;

/**
 * @param {Training} training
 * @param {"accuracy" | "loss"} what
 * @returns {Point[]} As it ran, with the epoch that runs.
 */
export function trainingPoints({ history, running }, what) {
  /** @type {Point[]} */
  const points = history.map((epoch) => [epoch.epoch, epoch[what]]);
  if (running) points.push([history.length + running.step / running.steps, running[what]]);
  return points;
}

/**
 * @param {Training} training
 * @param {"valAccuracy" | "valLoss"} what
 * @returns {Point[]} From before the first epoch.
 */
export function validationPoints({ history, start }, what) {
  const all = start ? [start, ...history] : history;
  return all.map((epoch) => [epoch.epoch, epoch[what]]);
}

/**
 * Where the axis of epochs ends: it grows with the training, by steps that are easy to read.
 * @param {number} done
 */
export function lastEpoch(done) {
  return [5, 10, 20, 30, 50, 75, 100, 150, 200].find((end) => end >= done) ?? Math.ceil(done);
}

export class Curves {
  #accuracy = new LineChart();
  #loss = new LineChart();

  constructor() {
    this.element = el(
      "div",
      { class: "curves" },
      el("h3", {}, t("train.accuracy")),
      this.#accuracy.element,
      el("h3", {}, t("train.loss")),
      this.#loss.element,
      el("p", { class: "small muted" }, t("train.loss.help")),
      el(
        "details",
        { class: "small" },
        el("summary", {}, t("train.rules")),
        ...RULES.map((rule) => el("p", {}, t(`train.rules.${rule}`))),
      ),
    );
  }

  /**
   * @param {ReadonlyMap<Slot, Training>} trainings
   * @param {number} classes
   */
  draw(trainings, classes) {
    const all = [...trainings];
    const end = lastEpoch(Math.max(0, ...all.map(([, training]) => Math.ceil(training.place))));
    const name = (/** @type {Slot} */ slot, /** @type {string} */ of) =>
      all.length > 1 ? [slot, t(`train.short.${of}`)].join(" ") : t(`train.line.${of}`);
    const x = /** @type {Point} */ ([0, end]);
    const accuracies = all.flatMap(([slot, training]) => [
      line(name(slot, "training"), slot, scaled(trainingPoints(training, "accuracy")), false),
      line(name(slot, "validation"), slot, scaled(validationPoints(training, "valAccuracy")), true),
    ]);
    const losses = all.flatMap(([slot, training]) => [
      line(name(slot, "training"), slot, trainingPoints(training, "loss"), false),
      line(name(slot, "validation"), slot, validationPoints(training, "valLoss"), true),
    ]);
    const blind = Math.log(classes);
    const highest = Math.max(
      blind * 1.1,
      ...losses.flatMap(({ points }) => points.map(([, loss]) => (loss > 0 ? loss : 0))),
    );
    const xLabel = t("train.epoch");
    /** @type {Look} */
    const ofAccuracy = { x, y: [0, 100], xLabel, yLabel: "%", words: words(all, "accuracy") };
    /** @type {Look} */
    const ofLoss = {
      x,
      y: [0, Math.min(highest, MOST_LOSS)],
      xLabel,
      yLabel: t("train.loss"),
      words: words(all, "loss"),
    };
    this.#accuracy.draw(accuracies, ofAccuracy, ...marks(all, ofAccuracy));
    this.#loss.draw(losses, ofLoss, ...marks(all, ofLoss), blindLine(blind, ofLoss));
  }
}

/** @param {readonly Point[]} points @returns {Point[]} In per cent. */
function scaled(points) {
  return points.map(([x, y]) => [x, 100 * y]);
}

/**
 * @param {string} name
 * @param {Slot} slot
 * @param {Point[]} points
 * @param {boolean} dashed
 * @returns {Line}
 */
function line(name, slot, points, dashed) {
  return { name, points, colour: COLOURS[slot], dashed, dots: points.length <= 30 };
}

/** @param {number} blind @param {Look} look */
function blindLine(blind, look) {
  const [left, y] = LineChart.place(look.x[0], blind, look);
  const [right] = LineChart.place(look.x[1], blind, look);
  return svg(
    "g",
    { class: "blind" },
    svg("line", { x1: left, x2: right, y1: y, y2: y, class: "mark" }),
    svg(
      "text",
      { x: right - 4, y: y - 5, "text-anchor": "end" },
      t("train.blind", { loss: blind.toFixed(2) }),
    ),
  );
}

/**
 * Upright lines: where it began to overfit, where a setting was changed.
 * @param {readonly (readonly [Slot, Training])[]} all
 * @param {Look} look
 */
function marks(all, look) {
  return all.flatMap(([slot, training]) => {
    const since = overfitsSince(training.history);
    const found = training.changes.map(({ at, what }) => ({ at, what }));
    if (since !== undefined) found.push({ at: since, what: t("train.mark.overfits") });
    return found.map(({ at, what }) => {
      const [x, bottom] = LineChart.place(at, look.y[0], look);
      const [, top] = LineChart.place(at, look.y[1], look);
      const toTheLeft = at > (look.x[0] + look.x[1]) / 2;
      return svg(
        "g",
        {},
        svg("line", { x1: x, x2: x, y1: bottom, y2: top, class: "mark", stroke: COLOURS[slot] }),
        svg(
          "text",
          {
            x: toTheLeft ? x - 4 : x + 4,
            y: bottom - (slot === "A" ? 8 : 24),
            "text-anchor": toTheLeft ? "end" : "start",
          },
          all.length > 1 ? `${slot} ${what}` : what,
        ),
      );
    });
  });
}

/**
 * What a screen reader says of a chart.
 * @param {readonly (readonly [Slot, Training])[]} all
 * @param {"accuracy" | "loss"} what
 */
function words(all, what) {
  const shown = (/** @type {number} */ value) =>
    what === "accuracy" ? percent(value) : value.toFixed(3);
  const validation = what === "accuracy" ? "valAccuracy" : "valLoss";
  const each = all.map(([slot, { history, start }]) => {
    const last = history[history.length - 1];
    const values = {
      slot,
      epoch: last?.epoch ?? 0,
      training: last ? shown(last[what]) : "",
      validation: start ? shown((last ?? start)[validation]) : "",
    };
    return t(last ? "train.chart.words" : "train.chart.words.start", values);
  });
  return `${t(`train.${what}`)}. ${each.join(" ")}`;
}

/** @param {number} share */
export function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}
