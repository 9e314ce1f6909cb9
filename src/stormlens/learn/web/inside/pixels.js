/** Maps as pixels, fast enough for a hundred of them a frame, and the colours of each layer. */

import { REFLECTIVITY, rgb } from "../base/colours.js";

/**
 * @typedef {import("../base/picture.js").MapOf} MapOf
 * @typedef {object} Scale How values become colours.
 * @property {number} low
 * @property {number} high
 * @property {Uint32Array} table 256 colours from low to high, each as a canvas keeps it.
 */

const LEVELS = 256;

/** From nothing, in the colour of the page, to the strongest. */
const RISING = {
  light: ["#ffffff", "#d9ebf6", "#98cbe8", "#4b9ccb", "#10619b", "#082a52"],
  dark: ["#0c1116", "#12364f", "#1c648f", "#449fd0", "#a0d7f4", "#ffffff"],
};
/** Below 0, 0 and above it. */
const SIGNED = {
  light: ["#053061", "#2a71b2", "#84bcd9", "#f7f7f7", "#f5aa89", "#c53e3d", "#67001f"],
  dark: ["#b5e0fb", "#4ba0d3", "#1f5379", "#10151b", "#7d3a1c", "#e07a3a", "#ffd2a8"],
};

/** Weak values are easier to tell apart than strong ones: most maps are weak nearly everywhere. */
const LIFT = 0.6;

/**
 * @param {readonly string[]} palette
 * @param {(share: number) => number} lift Of the way from end to end.
 * @returns {Uint32Array}
 */
function tableOf(palette, lift) {
  const stops = palette.map(rgb);
  return Uint32Array.from({ length: LEVELS }, (_, i) => {
    const place = lift(i / (LEVELS - 1)) * (stops.length - 1);
    const low = Math.min(Math.floor(place), stops.length - 2);
    const [red, green, blue] = stops[low].map((part, c) =>
      Math.round(part + (stops[low + 1][c] - part) * (place - low)),
    );
    return packed(red, green, blue, 255);
  });
}

/** @param {number} share */
function fromMiddle(share) {
  const away = 2 * share - 1;
  return (1 + Math.sign(away) * Math.abs(away) ** LIFT) / 2;
}

/** @param {number} red @param {number} green @param {number} blue @param {number} opacity */
function packed(red, green, blue, opacity) {
  return ((opacity << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

const TABLES = {
  rising: {
    light: tableOf(RISING.light, (share) => share ** LIFT),
    dark: tableOf(RISING.dark, (share) => share ** LIFT),
  },
  warm: {
    light: tableOf(
      ["#ffffff", "#ffd199", "#f4873f", "#c23b0f", "#6b1503"],
      (share) => share ** LIFT,
    ),
    dark: tableOf(
      ["#0c1116", "#5c2410", "#c2521b", "#ffa04d", "#fff0d0"],
      (share) => share ** LIFT,
    ),
  },
  signed: { light: tableOf(SIGNED.light, fromMiddle), dark: tableOf(SIGNED.dark, fromMiddle) },
};

/** dBZ from 0 to 80; no echo is left clear. @type {Scale} */
export const DBZ = {
  low: 0,
  high: 80,
  table: Uint32Array.from({ length: LEVELS }, (_, i) => {
    const dbz = (i * 80) / (LEVELS - 1);
    if (dbz < 0.5) return 0;
    const [red, green, blue] = rgb(REFLECTIVITY[Math.round(dbz)]);
    return packed(red, green, blue, 255);
  }),
};

/** The same on the colour of the page. */
const DBZ_ON = {
  light: { ...DBZ, table: on(RISING.light[0], DBZ.table) },
  dark: { ...DBZ, table: on(RISING.dark[0], DBZ.table) },
};

/** @param {string} paper @param {Uint32Array} table */
function on(paper, table) {
  const [red, green, blue] = rgb(paper);
  return table.map((colour) => colour || packed(red, green, blue, 255));
}

/** dBZ from 0 to 80; no echo has the colour of the page. @param {boolean} dark @returns {Scale} */
export function dbzOn(dark) {
  return DBZ_ON[dark ? "dark" : "light"];
}

/**
 * One scale for all maps of a layer: from 0 to the highest value, or, where one is below 0, as far
 * below it as above.
 * @param {Float32Array} values Of the layer.
 * @param {boolean} dark
 * @returns {Scale}
 */
export function scaleOf(values, dark) {
  let low = 0;
  let high = 0;
  for (let i = 0; i < values.length; ++i) {
    const value = values[i];
    if (value > high) high = value;
    else if (value < low) low = value;
  }
  return scaleBetween(low, high, dark);
}

/** From nothing to a warm colour. @param {number} high @param {boolean} dark @returns {Scale} */
export function warmScale(high, dark) {
  return { low: 0, high: high || 1, table: TABLES.warm[dark ? "dark" : "light"] };
}

/** @param {number} low @param {number} high @param {boolean} dark @returns {Scale} */
export function scaleBetween(low, high, dark) {
  const tint = dark ? "dark" : "light";
  if (low >= 0) return { low: 0, high: high || 1, table: TABLES.rising[tint] };
  const most = Math.max(-low, high);
  return { low: -most, high: most, table: TABLES.signed[tint] };
}

/** The colours of a table as pictures take them. @type {WeakMap<Uint32Array, Colour[]>} */
const apart = new WeakMap();

/** @typedef {readonly [number, number, number, number]} Colour Red, green, blue and opacity. */

/** @param {Uint32Array} table */
function partsOf(table) {
  let parts = apart.get(table);
  if (!parts) {
    parts = Array.from(
      table,
      (colour) =>
        /** @type {const} */ ([colour & 255, (colour >> 8) & 255, (colour >> 16) & 255, colour >>> 24]),
    );
    apart.set(table, parts);
  }
  return parts;
}

/**
 * The colour of a value, as pictures take it.
 * @param {Scale} scale
 * @returns {import("../base/colours.js").ColourOf}
 */
export function colourOf({ low, high, table }) {
  const factor = (LEVELS - 1) / (high - low);
  const colours = partsOf(table);
  return (value) => {
    const level = ((value - low) * factor + 0.5) | 0;
    return colours[level < 0 ? 0 : level > 255 ? 255 : level];
  };
}

/** Images of one size, to be filled again. @type {Map<string, ImageData>} */
const images = new Map();

/**
 * Draw a map, row 0 at the bottom.
 * @param {HTMLCanvasElement} canvas
 * @param {MapOf} map
 * @param {Scale} scale
 */
export function paintMap(canvas, { values, rows, columns, first = 0, apart = 1 }, scale) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  if (canvas.width !== columns || canvas.height !== rows) {
    canvas.width = columns;
    canvas.height = rows;
  }
  const size = `${rows} ${columns}`;
  let image = images.get(size);
  if (!image) images.set(size, (image = context.createImageData(columns, rows)));
  const pixels = new Uint32Array(image.data.buffer);
  const { low, table } = scale;
  const factor = (LEVELS - 1) / (scale.high - low);
  let at = first;
  for (let row = rows - 1; row >= 0; --row) {
    const end = (row + 1) * columns;
    for (let to = row * columns; to < end; ++to, at += apart) {
      const level = ((values[at] - low) * factor + 0.5) | 0;
      pixels[to] = table[level < 0 ? 0 : level > 255 ? 255 : level];
    }
  }
  context.putImageData(image, 0, 0);
}
