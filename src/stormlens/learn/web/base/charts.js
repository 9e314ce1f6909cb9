/** Charts in SVG: lines over an axis, and bars. */

import { replace, svg } from "./dom.js";
import { shortNumber } from "./picture.js";

/**
 * @typedef {object} Line
 * @property {string} name
 * @property {readonly (readonly [number, number])[]} points
 * @property {string} colour A CSS colour, as "var(--blue)".
 * @property {boolean} [dashed]
 * @property {boolean} [dots] A dot at each point.
 * @typedef {object} Look
 * @property {readonly [number, number]} x
 * @property {readonly [number, number]} y
 * @property {string} xLabel
 * @property {string} yLabel
 * @property {string} words What a screen reader says.
 */

const WIDTH = 420;
const HEIGHT = 270;
const LEFT = 52;
const BOTTOM = 42;
const TOP = 26;
const RIGHT = 12;

/** Lines over axes; `draw` again with new ones. */
export class LineChart {
  element = svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });

  /**
   * @param {readonly Line[]} lines
   * @param {Look} look
   * @param {...Element} marks Drawn last, in the chart's own units; see `place`.
   */
  draw(lines, look, ...marks) {
    this.element.setAttribute("aria-label", look.words);
    replace(
      this.element,
      ...axes(look),
      ...lines.flatMap((line) => drawn(line, look)),
      legend(lines),
      ...marks,
    );
  }

  /**
   * Where a point of the chart is, in the units of its viewBox.
   * @param {number} x
   * @param {number} y
   * @param {Look} look
   */
  static place(x, y, look) {
    return /** @type {const} */ ([along(x, look.x, LEFT, WIDTH - RIGHT), up(y, look)]);
  }
}

/**
 * Round numbers between two ends.
 * @param {number} low
 * @param {number} high
 * @param {number} [about] How many.
 * @returns {number[]}
 */
export function ticks(low, high, about = 5) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(span / about));
  const step = power * ([1, 2, 5, 10].find((m) => span / (m * power) <= about) ?? 10);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) {
    found.push(Number((i * step).toPrecision(10)));
  }
  return found;
}

/** @param {number} value @param {readonly [number, number]} ends @param {number} from @param {number} to */
function along(value, [low, high], from, to) {
  return from + ((value - low) / (high - low || 1)) * (to - from);
}

/** @param {number} value @param {Look} look */
function up(value, look) {
  return along(value, look.y, HEIGHT - BOTTOM, TOP);
}

/** @param {Look} look */
function axes(look) {
  const [left, right] = [LEFT, WIDTH - RIGHT];
  const [bottom, top] = [HEIGHT - BOTTOM, TOP];
  const anchor = (/** @type {string} */ where) => ({ "text-anchor": where });
  return [
    ...ticks(...look.y).flatMap((value) => {
      const y = up(value, look);
      return [
        svg("line", { class: "grid", x1: left, x2: right, y1: y, y2: y }),
        svg("text", { x: left - 6, y: y + 4, ...anchor("end") }, shortNumber(value)),
      ];
    }),
    ...ticks(...look.x).flatMap((value) => {
      const x = along(value, look.x, left, right);
      return [
        svg("line", { class: "grid", x1: x, x2: x, y1: bottom, y2: top }),
        svg("text", { x, y: bottom + 16, ...anchor("middle") }, shortNumber(value)),
      ];
    }),
    svg("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }),
    svg("line", { class: "axis", x1: left, x2: left, y1: bottom, y2: top }),
    svg("text", { x: (left + right) / 2, y: HEIGHT - 6, ...anchor("middle") }, look.xLabel),
    svg(
      "text",
      { transform: `translate(13 ${(top + bottom) / 2}) rotate(-90)`, ...anchor("middle") },
      look.yLabel,
    ),
  ];
}

/** @param {Line} line @param {Look} look */
function drawn(line, look) {
  const places = line.points
    .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
    .map(([x, y]) => LineChart.place(x, Math.min(Math.max(y, look.y[0]), look.y[1]), look));
  const path = svg("polyline", {
    points: places.map((place) => place.map((n) => n.toFixed(2)).join(",")).join(" "),
    fill: "none",
    stroke: line.colour,
    "stroke-width": 2.5,
    "stroke-linejoin": "round",
    "stroke-dasharray": line.dashed && "6 5",
  });
  const dots = line.dots
    ? places.map(([cx, cy]) => svg("circle", { cx, cy, r: 3.2, fill: line.colour }))
    : [];
  return [path, ...dots];
}

/** @param {readonly Line[]} lines */
function legend(lines) {
  const group = svg("g", {});
  let x = LEFT + 4;
  for (const line of lines.filter(({ name }) => name)) {
    group.append(
      svg("line", {
        x1: x,
        x2: x + 20,
        y1: 12,
        y2: 12,
        stroke: line.colour,
        "stroke-width": 2.5,
        "stroke-dasharray": line.dashed && "6 5",
      }),
      svg("text", { x: x + 25, y: 16 }, line.name),
    );
    x += 40 + line.name.length * 7;
  }
  return group;
}
