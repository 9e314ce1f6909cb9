/**
 * Square pictures of maps: a storm, a kernel, a feature map, with frames and a cursor over them.
 *
 * Row 0 of a map is the south, and pages draw it at the bottom. Pixels are square whatever the
 * width of the page.
 */

import { ofReflectivity } from "./colours.js";
import { el, replace, svg } from "./dom.js";
import { t } from "./strings.js";

/**
 * @typedef {import("./colours.js").ColourOf} ColourOf
 * @typedef {ArrayLike<number>} Numbers
 * @typedef {object} MapOf
 * @property {Numbers} values Row by row from the south.
 * @property {number} rows
 * @property {number} columns
 * @property {number} [first] Where its values begin, 0 unless said.
 * @property {number} [apart] From one value to the next, 1 unless said: a channel of a map with
 *   many.
 * @property {boolean} [whole] Whether each is shown as the nearest whole number, 0 to 255.
 * @typedef {object} Frame A rectangle of whole pixels.
 * @property {number} row Southernmost.
 * @property {number} column Westernmost.
 * @property {number} rows
 * @property {number} columns
 * @property {string} [label]
 * @property {string} [class]
 * @typedef {{row: number, column: number}} Place
 */

/** A map as a picture. */
export class Picture {
  /** @type {CanvasRenderingContext2D} */
  #context;
  #canvas = el("canvas", { "aria-hidden": "true" });
  #overlay = svg("svg", { "aria-hidden": "true", preserveAspectRatio: "none" });
  /** @type {MapOf | undefined} */
  #map;
  /** @type {Place} */
  #place = { row: 0, column: 0 };

  /**
   * @param {object} [options]
   * @param {string} [options.class]
   * @param {(place: Place, how: "press" | "move" | "hover" | "key") => void} [options.pick]
   *   Called with the pixel under finger, mouse or keyboard. A picture with it can be focused;
   *   arrows move by a pixel, with shift by ten, Enter and Space press.
   * @param {boolean} [options.drag] Whether a finger that moves picks, and does not scroll.
   */
  constructor({ class: name = "", pick, drag = false } = {}) {
    const context = this.#canvas.getContext("2d");
    if (!context) throw new Error(t("picture.none"));
    this.#context = context;
    this.element = el(
      "div",
      { class: `picture ${name}`.trim(), role: "img", "data-drag": drag && "" },
      this.#canvas,
      this.#overlay,
    );
    if (pick) this.#listen(pick, drag);
  }

  /** What a screen reader says; it changes with the picture. @param {string} words */
  set words(words) {
    this.element.setAttribute("aria-label", words);
  }

  /**
   * Draw a map.
   * @param {MapOf} map
   * @param {ColourOf} [colourOf]
   */
  draw(map, colourOf = ofReflectivity) {
    this.#map = map;
    const { rows, columns } = map;
    if (this.#canvas.width !== columns || this.#canvas.height !== rows) {
      this.#canvas.width = columns;
      this.#canvas.height = rows;
      this.element.style.aspectRatio = `${columns} / ${rows}`;
      this.#overlay.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
    }
    const image = imageOf(columns, rows);
    if (map.whole || isBytes(map.values)) fillWhole(image, map, coloursOfBytes(colourOf));
    else fill(image, map, colourOf);
    this.#context.putImageData(image, 0, 0);
  }

  /** Draw frames over it, in place of those before. @param {readonly Frame[]} frames */
  frame(frames) {
    const { rows, columns } = this.#map ?? { rows: 1, columns: 1 };
    replace(
      this.#overlay,
      ...frames.map(({ row, column, rows: high, columns: wide, class: name = "frame", label }) => {
        const y = rows - row - high;
        const around = { x: column, y, width: wide, height: high };
        const size = rows / 18;
        const room = (size * 0.7 * (label ?? "").length) / 2;
        return svg(
          "g",
          { class: name },
          svg("rect", { ...around, class: "halo", "vector-effect": "non-scaling-stroke" }),
          svg("rect", { ...around, class: "line", "vector-effect": "non-scaling-stroke" }),
          label &&
            svg(
              "text",
              {
                // Where a frame touches the edge, its label is not cut.
                x: Math.min(Math.max(column + wide / 2, room), columns - room),
                y: y > size ? y - size * 0.3 : y + high + size,
                "font-size": size,
                "text-anchor": "middle",
              },
              label,
            ),
        );
      }),
    );
  }

  /** Where the keyboard is, from where arrows go on. @param {Place} place */
  set place(place) {
    this.#place = { ...place };
  }

  /**
   * @param {(place: Place, how: "press" | "move" | "hover" | "key") => void} pick
   * @param {boolean} drag
   */
  #listen(pick, drag) {
    const { element } = this;
    element.tabIndex = 0;
    element.setAttribute("role", "application");
    const at = (/** @type {PointerEvent} */ event) => {
      const box = element.getBoundingClientRect();
      const { rows, columns } = this.#map ?? { rows: 1, columns: 1 };
      const across = (event.clientX - box.left - element.clientLeft) / element.clientWidth;
      const down = (event.clientY - box.top - element.clientTop) / element.clientHeight;
      this.#place = this.#inside(Math.floor((1 - down) * rows), Math.floor(across * columns));
      return this.#place;
    };
    element.addEventListener("pointerdown", (event) => {
      if (drag) element.setPointerCapture(event.pointerId);
      pick(at(event), "press");
    });
    element.addEventListener("pointermove", (event) => {
      if (event.buttons > 0 && drag) pick(at(event), "move");
      else if (event.buttons === 0 && event.pointerType === "mouse") pick(at(event), "hover");
    });
    element.addEventListener("keydown", (event) => {
      const far = event.shiftKey ? 10 : 1;
      const [up, right] =
        { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[
          event.key
        ] ?? [0, 0];
      const pressed = event.key === "Enter" || event.key === " ";
      if (!up && !right && !pressed) return;
      event.preventDefault();
      const { row, column } = this.#place;
      this.#place = this.#inside(row + up * far, column + right * far);
      pick(this.#place, pressed ? "press" : "key");
    });
  }

  /** @param {number} row @param {number} column @returns {Place} */
  #inside(row, column) {
    const { rows, columns } = this.#map ?? { rows: 1, columns: 1 };
    return {
      row: Math.min(Math.max(row, 0), rows - 1),
      column: Math.min(Math.max(column, 0), columns - 1),
    };
  }
}

/** What a map is filled into before it is shown. @type {ImageData | undefined} */
let common;

/**
 * The same for all pictures of a size that are drawn in turn.
 * @param {number} columns
 * @param {number} rows
 */
function imageOf(columns, rows) {
  if (common?.width !== columns || common.height !== rows) common = new ImageData(columns, rows);
  return common;
}

/** @param {ImageData} image @param {MapOf} map @param {ColourOf} colourOf */
function fill({ data }, { values, rows, columns, first = 0, apart = 1 }, colourOf) {
  for (let row = 0, at = first; row < rows; ++row) {
    let to = 4 * (rows - 1 - row) * columns;
    for (let column = 0; column < columns; ++column, at += apart, to += 4) {
      const colour = colourOf(values[at]);
      for (let part = 0; part < 4; ++part) data[to + part] = colour[part];
    }
  }
}

/** @param {ImageData} image @param {MapOf} map @param {Uint32Array} colours Of 0 to 255. */
function fillWhole({ data }, { values, rows, columns, first = 0, apart = 1 }, colours) {
  const pixels = new Uint32Array(data.buffer);
  for (let row = 0, at = first; row < rows; ++row) {
    let to = (rows - 1 - row) * columns;
    for (let column = 0; column < columns; ++column, at += apart, ++to) {
      pixels[to] = colours[(values[at] + 0.5) | 0];
    }
  }
}

/** @param {Numbers} values */
function isBytes(values) {
  return values instanceof Uint8Array || values instanceof Uint8ClampedArray;
}

/** @type {WeakMap<ColourOf, Uint32Array>} */
const known = new WeakMap();

/**
 * The 256 colours that bytes have, each as the canvas holds a pixel.
 * @param {ColourOf} colourOf
 * @returns {Uint32Array}
 */
function coloursOfBytes(colourOf) {
  let table = known.get(colourOf);
  if (!table) {
    table = new Uint32Array(256);
    const parts = new Uint8ClampedArray(table.buffer);
    for (let value = 0; value < 256; ++value) parts.set(colourOf(value), 4 * value);
    known.set(colourOf, table);
  }
  return table;
}

/**
 * A bar of colours with what its ends are.
 * @param {ColourOf} colourOf
 * @param {number} low
 * @param {number} high
 * @param {string} unit
 * @returns {HTMLElement}
 */
export function colourBar(colourOf, low, high, unit) {
  const steps = 128;
  const canvas = el("canvas", { width: steps, height: 1, "aria-hidden": "true" });
  const image = new ImageData(steps, 1);
  for (let i = 0; i < steps; ++i) {
    image.data.set(colourOf(low + ((high - low) * (i + 0.5)) / steps), 4 * i);
  }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  const ends = [low, high].map((value) => el("span", {}, shortNumber(value)));
  ends[1].append(unit && ` ${unit}`);
  return el("div", { class: "bar" }, ends[0], canvas, ends[1]);
}

/** dBZ in words. @param {number} dbz */
export function dbzWords(dbz) {
  return dbz > 0 ? `${shortNumber(dbz)} dBZ` : t("picture.no-echo");
}

/**
 * A number with as many digits as a reader wants: four that count.
 * @param {number} value
 * @returns {string}
 */
export function shortNumber(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2).replace("-", "\u2212");
  return String(Number(value.toPrecision(4))).replace("-", "\u2212");
}

/**
 * A number with as many decimals as wanted; never a minus before 0.
 * @param {number} value
 * @param {number} digits
 * @returns {string}
 */
export function fixed(value, digits) {
  return value.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "\u2212");
}

/**
 * A number with all decimals that it has, so that sums written with it add up.
 * @param {number} value
 * @param {number} least Decimals that it has at least.
 * @param {number} [most]
 * @returns {string}
 */
export function inFull(value, least, most = 4) {
  const [, decimals = ""] = String(Number(value.toFixed(most))).split(".");
  return fixed(value, Math.max(least, decimals.length));
}
