/** How one number of a network was computed, drawn with the numbers themselves. */

import { readableOn } from "../base/colours.js";
import { el } from "../base/dom.js";
import { Picture, shortNumber } from "../base/picture.js";
import { t } from "../base/strings.js";
import * as arithmetic from "./arithmetic.js";
import { colourOf, scaleBetween } from "./pixels.js";

/**
 * @typedef {import("./arithmetic.js").Pass} Pass
 * @typedef {import("./arithmetic.js").Cell} Cell
 * @typedef {import("../base/dom.js").Child} Child
 * @typedef {object} Setting What the drawing needs beside the pass.
 * @property {Pass} pass
 * @property {number} step
 * @property {Cell} cell
 * @property {boolean} dark
 * @property {(step: number) => string} nameOf Of a step, as its column is called.
 * @property {(step: number) => import("./pixels.js").Scale} scale Of what a step gave; -1 the box.
 * @property {(step: number, cell: Cell) => void} go Choose another number.
 */

const CHANNELS = 3;
const PRODUCTS = 6;
const READABLE = 5; // cells of a window's side that have room for a number

/**
 * The parts of a number's sum, and the sum.
 * @param {Setting} setting
 * @returns {{parts: Child[], words: string}} Pictures, and what they say.
 */
export function drawSum(setting) {
  const { pass, step, cell } = setting;
  const { kind } = pass.plan.steps[step];
  const draw = DRAWINGS[kind] ?? drawOther;
  const parts = draw(setting);
  const value = pass.maps[step][arithmetic.indexOf(pass.plan.steps[step].shape, cell)];
  return {
    parts,
    words: t("inside.sum.words", { name: setting.nameOf(step), value: number(value) }),
  };
}

/** @type {Readonly<Record<string, (setting: Setting) => Child[]>>} */
const DRAWINGS = {
  convolution: drawConvolution,
  dense: drawDense,
  highest: drawPool,
  mean: drawPool,
  add: drawAdd,
  scale: drawScale,
  normalise: drawNormalise,
  neighbours: drawNeighbours,
  "global mean": drawGlobal,
  "global highest": drawGlobal,
  "global both": drawGlobal,
};

/** A number with its sign before it, as in a sum. @param {number} value */
export function number(value) {
  if (value !== 0 && Math.abs(value) < 5e-5) return value < 0 ? "\u22120.0000" : "0.0000";
  return (
    Math.abs(value) >= 1000 ? shortNumber(value) : value.toFixed(Math.abs(value) >= 10 ? 2 : 4)
  ).replace("-", "\u2212");
}

/** @param {number} value */
function added(value) {
  return value < 0 ? `\u2212 ${number(-value)}` : `+ ${number(value)}`;
}

// ------------------------------------------------------------------ convolution

/** @param {Setting} setting */
function drawConvolution(setting) {
  const { pass, step, cell } = setting;
  const parts = arithmetic.partsOf(pass, step, cell);
  const bias = arithmetic.biasOf(pass, step, cell.channel);
  const ranked = [...parts].sort((one, other) => Math.abs(other.sum) - Math.abs(one.sum));
  const shown = ranked.slice(0, CHANNELS);
  const rest = ranked.slice(CHANNELS).reduce((sum, part) => sum + part.sum, 0);
  const total = parts.reduce((sum, part) => sum + part.sum, bias);
  const heaviest = Math.max(...shown.flatMap(({ weights }) => [...weights].map(Math.abs)));
  const largest = Math.max(
    ...shown.flatMap(({ values, weights }) => [...values].map((v, i) => Math.abs(v * weights[i]))),
  );
  const signed = (/** @type {number} */ most) =>
    scaleBetween(-(most || 1), most || 1, setting.dark);
  return [
    el(
      "div",
      { class: "products" },
      ...shown.map((part) => drawPart(setting, part, signed(heaviest), signed(largest))),
    ),
    el(
      "p",
      { class: "sum" },
      ...shown.map(({ sum }, i) =>
        i === 0 ? number(sum) : el("span", { class: "part" }, added(sum)),
      ),
      ranked.length > CHANNELS &&
        el(
          "span",
          { class: "part" },
          `${added(rest)} `,
          el("small", {}, t("inside.rest", { count: ranked.length - CHANNELS })),
        ),
      el("span", { class: "part" }, `${added(bias)} `, el("small", {}, t("inside.bias"))),
      el("span", { class: "part" }, `= ${number(total)}`),
    ),
    ...drawActivation(setting, total),
  ];
}

/**
 * One channel: its map with the window, the window's values, the kernel, the products.
 * @param {Setting} setting
 * @param {import("./arithmetic.js").Part} part
 * @param {import("./pixels.js").Scale} weights
 * @param {import("./pixels.js").Scale} products
 */
function drawPart(setting, part, weights, products) {
  const { pass, step, cell, go } = setting;
  const current = pass.plan.steps[step];
  const [rows, columns] = current.window;
  const source = step - 1 - silentBefore(pass.plan, step);
  const multiplied = part.values.map((value, i) => value * part.weights[i]);
  const size = arithmetic.sides(current.input);
  const picture = new Picture({ class: "source" });
  picture.draw(
    {
      values: arithmetic.givenTo(pass, step),
      rows: size.rows,
      columns: size.columns,
      first: part.channel,
      apart: size.channels,
    },
    colourOf(setting.scale(source)),
  );
  picture.frame([{ ...arithmetic.windowOf(current, cell) }]);
  const name =
    source < 0
      ? t("inside.storm")
      : t("inside.map", { name: setting.nameOf(source), map: part.channel });
  picture.words = name;
  const middle = {
    row: clamp(cell.row * current.strides[0] - current.padding[0] + (rows >> 1), size.rows),
    column: clamp(cell.column * current.strides[1] - current.padding[2] + (columns >> 1), size.columns),
    channel: part.channel,
  };
  return el(
    "div",
    { class: "product" },
    el(
      "div",
      { class: "from" },
      picture.element,
      el("button", { type: "button", class: "link", onclick: () => go(source, middle) }, name),
    ),
    grid(part.values, rows, columns, setting.scale(source), t("inside.window")),
    el("span", { class: "sign", "aria-hidden": "true" }, "×"),
    grid(part.weights, rows, columns, weights, t("inside.kernel")),
    el("span", { class: "sign", "aria-hidden": "true" }, "="),
    grid(multiplied, rows, columns, products, t("inside.products")),
    el("span", { class: "total" }, el("small", {}, t("inside.adds")), number(part.sum)),
  );
}

/**
 * How many steps before one are not shown.
 * @param {import("../network/plan.js").Plan} plan
 * @param {number} step
 */
export function silentBefore(plan, step) {
  let count = 0;
  while (["keep", "flatten"].includes(plan.steps[step - 1 - count]?.kind)) count += 1;
  return count;
}

/** @param {number} value @param {number} count */
function clamp(value, count) {
  return Math.min(Math.max(value, 0), count - 1);
}

/**
 * Numbers in coloured squares, the south below.
 * @param {ArrayLike<number>} values
 * @param {number} rows
 * @param {number} columns
 * @param {import("./pixels.js").Scale} scale
 * @param {string} label
 * @param {number} [marked] One to be framed.
 */
function grid(values, rows, columns, scale, label, marked = -1) {
  const colour = colourOf(scale);
  const cells = [];
  for (let row = rows - 1; row >= 0; --row) {
    for (let column = 0; column < columns; ++column) {
      const at = row * columns + column;
      const [red, green, blue, opacity] = colour(values[at]);
      const cell = el(
        "span",
        { class: at === marked ? "marked" : null },
        Math.max(rows, columns) <= READABLE && short(values[at]),
      );
      if (opacity > 0) {
        cell.style.background = `rgb(${red} ${green} ${blue})`;
        cell.style.color = readableOn([red, green, blue]);
      }
      cells.push(cell);
    }
  }
  const numbers = Array.from(values, (value) => short(value)).join(", ");
  const box = el(
    "div",
    { class: "grid", role: "img", "aria-label": t("inside.grid", { label, numbers }) },
    ...cells,
  );
  box.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
  box.style.setProperty("--cells", String(columns));
  return el("figure", {}, box, el("figcaption", {}, label));
}

/** A number in a small square. @param {number} value */
function short(value) {
  if (value === 0) return "0";
  if (Math.abs(value) < 0.005) return ".00";
  const digits = Math.abs(value) >= 10 ? 1 : 2;
  return value
    .toFixed(digits)
    .replace("-", "\u2212")
    .replace(/^(\u2212?)0\./, "$1.");
}

// ------------------------------------------------------------------ activation and check

/**
 * @param {Setting} setting
 * @param {number} total
 * @returns {Child[]}
 */
function drawActivation(setting, total) {
  const { pass, step, cell } = setting;
  const current = pass.plan.steps[step];
  const engine = pass.maps[step][arithmetic.indexOf(current.shape, cell)];
  if (current.activation === "softmax") return drawSoftmax(setting);
  const [value] = arithmetic.activated(current, [total]);
  const name = t(`inside.activation.${current.activation}`);
  return [
    current.activation !== "linear" &&
      el("p", { class: "sum" }, `${name}(${number(total)}) = `, el("b", {}, number(value))),
    check(value, engine),
  ];
}

/**
 * Whether the numbers add up to the layer's own output.
 * @param {number} value
 * @param {number} engine
 */
function check(value, engine) {
  const agree = Math.abs(value - engine) <= 1e-4 * Math.max(1, Math.abs(engine));
  return el(
    "p",
    { class: `check ${agree ? "agrees" : "differs"}`, "data-sum": value, "data-engine": engine },
    t(agree ? "inside.agrees" : "inside.differs", { value: number(engine) }),
  );
}

/** @param {Setting} setting @returns {Child[]} */
function drawSoftmax({ pass, step, cell }) {
  const current = pass.plan.steps[step];
  const sums = arithmetic.sumsAt(pass, step, cell);
  const values = arithmetic.activated(current, sums);
  const powers = sums.map(Math.exp);
  const all = powers.reduce((sum, power) => sum + power, 0);
  return [
    el(
      "p",
      { class: "sum" },
      t("inside.softmax", {
        score: number(sums[cell.channel]),
        power: shortNumber(powers[cell.channel]),
        all: shortNumber(all),
      }),
      " ",
      el("b", {}, number(values[cell.channel])),
    ),
    check(values[cell.channel], pass.maps[step][arithmetic.indexOf(current.shape, cell)]),
  ];
}

// ------------------------------------------------------------------ dense

/** @param {Setting} setting */
function drawDense(setting) {
  const { pass, step, cell, go } = setting;
  const products = arithmetic.productsOf(pass, step, cell.channel);
  const bias = arithmetic.biasOf(pass, step, cell.channel);
  const ranked = [...products].sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
  const shown = ranked.slice(0, PRODUCTS);
  const rest = ranked.slice(PRODUCTS).reduce((sum, { product }) => sum + product, 0);
  const total = products.reduce((sum, { product }) => sum + product, bias);
  const most = Math.abs(shown[0]?.product ?? 0) || 1;
  const line = (
    /** @type {Child} */ name,
    /** @type {string} */ how,
    /** @type {number} */ product,
  ) => {
    const bar = el("span", { class: `amount ${product < 0 ? "against" : "for"}` });
    bar.style.width = `${(50 * Math.min(Math.abs(product) / most, 1)).toFixed(1)}%`;
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, name),
      el("td", { class: "how" }, how),
      el("td", {}, number(product)),
      el("td", { class: "track", "aria-hidden": "true" }, bar),
    );
  };
  return [
    el(
      "table",
      { class: "contributions" },
      el(
        "tbody",
        {},
        ...shown.map(({ input, value, weight, product }) => {
          const origin = inputOrigin(setting, input);
          const name = el(
            "button",
            { type: "button", class: "link", onclick: () => go(origin.step, origin.cell) },
            origin.name,
          );
          return line(name, `${number(value)} × ${number(weight)}`, product);
        }),
        ranked.length > PRODUCTS &&
          line(t("inside.rest.values", { count: ranked.length - PRODUCTS }), "", rest),
        line(t("inside.bias"), "", bias),
      ),
    ),
    el("p", { class: "sum" }, t("inside.total"), ` ${number(total)}`),
    ...drawActivation(setting, total),
  ];
}

/**
 * Where an input of a dense layer is from: a step, its cell, and what it is called.
 * @param {Setting} setting
 * @param {number} input
 * @returns {{step: number, cell: Cell, name: string}}
 */
function inputOrigin({ pass, step, nameOf }, input) {
  const { plan } = pass;
  const source = step - 1 - silentBefore(plan, step);
  const shape = source < 0 ? plan.shape : plan.steps[source].shape;
  const cell = arithmetic.cellOf(shape, input);
  const name = source < 0 ? t("inside.storm") : nameOf(source);
  if (shape.length === 3) {
    return { step: source, cell, name: t("inside.origin.cell", { name, ...cell }) };
  }
  const current = plan.steps[source];
  if (current?.kind.startsWith("global")) {
    const { channel, mean } = arithmetic.globalOf(current, input);
    return {
      step: source,
      cell,
      name: t(mean ? "inside.origin.mean" : "inside.origin.most", { map: channel }),
    };
  }
  return { step: source, cell, name: t("inside.origin.unit", { name, unit: input }) };
}

// ------------------------------------------------------------------ the others

/** @param {Setting} setting */
function drawPool(setting) {
  const { pass, step, cell, go } = setting;
  const current = pass.plan.steps[step];
  const cells = arithmetic.pooledAt(pass, step, cell);
  const rows = new Set(cells.map(({ row }) => row)).size;
  const values = cells.map(({ value }) => value);
  const source = step - 1 - silentBefore(pass.plan, step);
  const best = values.indexOf(Math.max(...values));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const highest = current.kind === "highest";
  const value = highest ? values[best] : mean;
  const { row, column } = cells[best];
  return [
    el(
      "div",
      { class: "products" },
      grid(
        values,
        rows,
        values.length / rows,
        setting.scale(source),
        t("inside.window"),
        highest ? best : -1,
      ),
    ),
    el(
      "p",
      { class: "sum" },
      highest
        ? t("inside.pool.highest", { count: values.length })
        : t("inside.pool.mean", { count: values.length }),
      " ",
      el("b", {}, number(value)),
    ),
    highest &&
      el(
        "button",
        {
          type: "button",
          class: "link",
          onclick: () => go(source, { row, column, channel: cell.channel }),
        },
        t("inside.pool.from", { row, column, name: setting.nameOf(source) }),
      ),
    check(value, pass.maps[step][arithmetic.indexOf(current.shape, cell)]),
  ];
}

/** @param {Setting} setting */
function drawAdd(setting) {
  const { pass, step, cell, go } = setting;
  const { plan } = pass;
  const kept = arithmetic.keptFor(plan, step);
  const at = arithmetic.indexOf(plan.steps[step].shape, cell);
  const [own, before] = [arithmetic.givenTo(pass, step)[at], pass.maps[kept][at]];
  const origin = kept - 1;
  const link = (/** @type {number} */ from) =>
    el(
      "button",
      { type: "button", class: "link", onclick: () => go(from, cell) },
      setting.nameOf(from),
    );
  return [
    el("p", { class: "sum" }, number(own), " ", link(step - 1), ` ${added(before)} `, link(origin)),
    el("p", { class: "sum" }, `= ${number(own + before)}`),
    el("p", { class: "muted small" }, t("inside.add.why")),
    check(own + before, pass.maps[step][at]),
  ];
}

/**
 * An activation of its own, or anything that works on a number alone.
 * @param {Setting} setting
 * @returns {Child[]}
 */
function drawOther(setting) {
  const { pass, step, cell } = setting;
  const current = pass.plan.steps[step];
  const before = arithmetic.sumsAt(pass, step, cell)[cell.channel];
  const folded = pass.plan.steps[step - 1]?.kind === "add";
  const earlier = folded ? drawAdd({ ...setting, step: step - 1 }).slice(0, -1) : [];
  return [
    ...earlier,
    current.activation !== "softmax" &&
      !folded &&
      el("p", { class: "sum" }, t("inside.given", { value: number(before) })),
    ...drawActivation(setting, before),
  ];
}

/** @param {Setting} setting */
function drawScale(setting) {
  const { pass, step, cell } = setting;
  const current = pass.plan.steps[step];
  const at = arithmetic.indexOf(current.shape, cell);
  const factor = pass.weights.get(current.kernel ?? "")?.[cell.channel] ?? NaN;
  const offset = arithmetic.biasOf(pass, step, cell.channel);
  const own = arithmetic.givenTo(pass, step)[at];
  const value = own * factor + offset;
  return [
    el(
      "p",
      { class: "sum" },
      `${number(own)} × ${number(factor)} ${added(offset)} = `,
      el("b", {}, number(value)),
    ),
    check(value, pass.maps[step][at]),
  ];
}

/** @param {Setting} setting */
function drawNormalise(setting) {
  const { pass, step, cell } = setting;
  const current = pass.plan.steps[step];
  const at = arithmetic.indexOf(current.shape, cell);
  const value = arithmetic.sumsAt(pass, step, cell)[cell.channel];
  return [
    el(
      "p",
      { class: "sum" },
      t("inside.normalise", {
        own: number(arithmetic.givenTo(pass, step)[at]),
        count: arithmetic.sides(current.shape).channels,
      }),
      " ",
      el("b", {}, number(value)),
    ),
    check(value, pass.maps[step][at]),
  ];
}

/** @param {Setting} setting */
function drawNeighbours(setting) {
  const { pass, step, cell } = setting;
  const current = pass.plan.steps[step];
  const at = arithmetic.indexOf(current.shape, cell);
  const own = arithmetic.givenTo(pass, step)[at];
  const value = arithmetic.sumsAt(pass, step, cell)[cell.channel];
  const [k, alpha, beta] = current.constants;
  return [
    el(
      "p",
      { class: "sum" },
      t("inside.neighbours", { own: number(own), count: current.window[0], k, alpha, beta }),
      " ",
      el("b", {}, number(value)),
    ),
    check(value, pass.maps[step][at]),
  ];
}

/** @param {Setting} setting */
function drawGlobal(setting) {
  const { pass, step, cell, go } = setting;
  const current = pass.plan.steps[step];
  const { channel, mean } = arithmetic.globalOf(current, cell.channel);
  const source = step - 1 - silentBefore(pass.plan, step);
  const { rows, columns, channels } = arithmetic.sides(current.input);
  const given = arithmetic.givenTo(pass, step);
  const best = arithmetic.strongest(given, current.input, channel, (v) => v);
  const value = arithmetic.sumsAt(pass, step, cell)[cell.channel];
  const picture = new Picture({ class: "source wide" });
  picture.draw(
    { values: given, rows, columns, first: channel, apart: channels },
    colourOf(setting.scale(source)),
  );
  const name = t("inside.map", { name: setting.nameOf(source), map: channel });
  picture.words = name;
  if (!mean) picture.frame([{ ...best, rows: 1, columns: 1 }]);
  return [
    el(
      "div",
      { class: "from" },
      picture.element,
      el(
        "button",
        { type: "button", class: "link", onclick: () => go(source, { ...best, channel }) },
        name,
      ),
    ),
    el(
      "p",
      { class: "sum" },
      t(mean ? "inside.global.mean" : "inside.global.most", { count: rows * columns }),
      " ",
      el("b", {}, number(value)),
    ),
    check(value, pass.maps[step][cell.channel]),
  ];
}
