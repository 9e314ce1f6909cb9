/** The chapter's questions, each with the settings that let one look for the answer. */

import { button } from "../base/controls.js";
import { el } from "../base/dom.js";
import { t } from "../base/strings.js";
import { OWN } from "./choices.js";

/** @typedef {import("../base/component.js").Component} Component */
/** @typedef {import("../base/component.js").Values} Values */

const AS_IT_IS = { rate: OWN, dropout: OWN, activation: OWN, augmentation: "none", batch: "32" };
const AS_IT_IS_B = {
  rate_b: OWN,
  dropout_b: OWN,
  activation_b: OWN,
  augmentation_b: "none",
  batch_b: "32",
};
const FIRST = { ...AS_IT_IS, network: "chapter-linear", storms: "300" };
const SECOND_B = { ...AS_IT_IS_B, network_b: "chapter-relu", storms_b: "300" };
const FIRST_B = { ...AS_IT_IS_B, network_b: "chapter-linear", storms_b: "300" };

/**
 * By name, in the order of the chapter.
 * @type {Readonly<Record<string, Values>>}
 */
export const QUESTIONS = {
  reading: { ...FIRST, compare: false, epochs: 20 },
  data: { ...FIRST, ...FIRST_B, compare: true, storms: "60", storms_b: "600", epochs: 15 },
  dropout: { ...FIRST, ...SECOND_B, compare: true, epochs: 20 },
  activation: { ...FIRST, ...FIRST_B, compare: true, activation_b: "relu", epochs: 15 },
  augmentation: { compare: false, augmentation: "chapter", rate: "0.00001", epochs: 60 },
  rate: { ...FIRST, ...FIRST_B, compare: true, rate: "0.00001", rate_b: "0.01", epochs: 10 },
  batch: { ...FIRST, ...FIRST_B, compare: true, batch: "8", batch_b: "128", epochs: 10 },
  complex: { ...FIRST, ...FIRST_B, compare: true, network_b: "svrimg-3conv", epochs: 20 },
};

/**
 * @param {Component} component
 * @returns {HTMLElement}
 */
export function questionList(component) {
  return el(
    "div",
    { class: "questions" },
    el("h3", {}, t("train.questions")),
    ...Object.entries(QUESTIONS).map(([name, settings]) =>
      el(
        "div",
        { class: "question" },
        el("p", {}, el("strong", {}, t(`train.question.${name}`))),
        el(
          "div",
          { class: "row" },
          button(t("train.question.set"), () => component.set(settings)),
          el("span", { class: "small muted" }, t(`train.question.${name}.set`)),
        ),
        el(
          "details",
          {},
          el("summary", {}, t("train.question.answer")),
          el("p", {}, t(`train.question.${name}.answer`)),
        ),
      ),
    ),
  );
}
