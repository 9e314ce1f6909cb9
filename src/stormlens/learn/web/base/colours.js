/**
 * Colours of reflectivity, of values with a sign, and of storm modes: those of every picture of
 * Stormlens (a test holds them to `stormlens.plots`).
 */

/** HomeyerRainbow of cmweather, one for each dBZ from 0 to 80; no echo has none. */
export const REFLECTIVITY = [
  "#006cc6", "#0071c4", "#0076c2", "#007ac0", "#007fbe", "#0486bc", "#0b8ab9", "#138fb7", "#1a94b4",
  "#2198b1", "#2b9fae", "#32a3ab", "#3aa8a8", "#42aca5", "#49b1a2", "#53b79e", "#5bbc9b", "#63c098",
  "#6bc595", "#73c992", "#7dcf8e", "#85d38b", "#8dd788", "#95dc85", "#9ee083", "#a9e580", "#b1ea7d",
  "#b9ee7b", "#c1f278", "#c9f575", "#d1f770", "#d7f86b", "#ddfa67", "#e3fb63", "#e8fd5f", "#eaf854",
  "#e9f24a", "#e9ed40", "#e8e737", "#e7e12d", "#e6da20", "#e5d417", "#e4ce0f", "#e3c806", "#e2c200",
  "#e1ba00", "#e0b400", "#dfad00", "#dfa700", "#dea100", "#dc9900", "#db9200", "#da8c00", "#d98600",
  "#d87f00", "#d77600", "#d67000", "#d56900", "#d36300", "#d25c00", "#d05300", "#cf4d00", "#cd4600",
  "#cc3f00", "#ca3800", "#c82f00", "#c62800", "#c52100", "#c31b00", "#c11400", "#bf0b00", "#bd0400",
  "#ba0000", "#b80000", "#b60000", "#b30000", "#b10000", "#ae0000", "#ac0000", "#a90000", "#a70000",
];

/** Matplotlib's RdBu, from the lowest value to the highest, 0 in the middle. */
export const SIGNED = [
  "#053061", "#0e4179", "#175290", "#1f63a8", "#2a71b2", "#3480b9", "#3f8ec0", "#529dc8", "#6bacd1",
  "#84bcd9", "#9bc9e0", "#aed3e6", "#c2ddec", "#d4e6f1", "#e0ecf3", "#ecf2f5", "#f7f6f6", "#f9eee7",
  "#fbe5d8", "#fddcc9", "#fbccb4", "#f8bb9e", "#f5aa89", "#ee9677", "#e48066", "#db6b55", "#d05548",
  "#c53e3d", "#ba2832", "#ab162a", "#930e26", "#7c0722", "#67001f",
];

/** @type {Readonly<Record<string, string>>} */
export const MODES = {
  Cellular: "#d55e00",
  QLCS: "#0072b2",
  Tropical: "#009e73",
  Other: "#cc79a7",
  Noise: "#e69f00",
  Missing: "#7a7a7a",
};

/**
 * A colour as red, green and blue, 0 to 255.
 * @param {string} hex
 * @returns {[number, number, number]}
 */
export function rgb(hex) {
  const whole = parseInt(hex.slice(1), 16);
  return [whole >> 16, (whole >> 8) & 255, whole & 255];
}

/**
 * @typedef {(value: number) => readonly [number, number, number, number]} ColourOf Red, green, blue
 *   and opacity, 0 to 255.
 */

const CLEAR = /** @type {const} */ ([0, 0, 0, 0]);

/** @param {readonly string[]} palette */
function opaque(palette) {
  return palette.map((hex) => /** @type {const} */ ([...rgb(hex), 255]));
}

const REFLECTIVITY_RGB = opaque(REFLECTIVITY);
const SIGNED_RGB = opaque(interpolated(SIGNED, 255));

/** Of dBZ; nothing where there is no echo. @type {ColourOf} */
export function ofReflectivity(dbz) {
  if (!(dbz > 0)) return CLEAR;
  return REFLECTIVITY_RGB[Math.min(Math.round(dbz), REFLECTIVITY.length - 1)];
}

/**
 * Of values from -most to most: blue below 0, red above, white at 0.
 * @param {number} most
 * @returns {ColourOf}
 */
export function ofSigned(most) {
  const last = SIGNED_RGB.length - 1;
  return (value) => {
    const place = most > 0 ? (value / most + 1) / 2 : 0.5;
    return SIGNED_RGB[Math.round(Math.min(Math.max(place, 0), 1) * last)];
  };
}

/**
 * Of values from 0 to most, dark to bright (grey), as the chapter draws maps.
 * @param {number} low
 * @param {number} high
 * @returns {ColourOf}
 */
export function ofGrey(low, high) {
  const span = high - low || 1;
  return (value) => {
    const grey = Math.round(255 * Math.min(Math.max((value - low) / span, 0), 1));
    return [grey, grey, grey, 255];
  };
}

/**
 * White or black, whichever has more contrast on a colour (WCAG 2.2); it is 4.5 or more.
 * @param {readonly number[]} on
 * @returns {string}
 */
export function readableOn([red, green, blue]) {
  const light = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  return 1.05 / (light + 0.05) > (light + 0.05) / 0.05 ? "#ffffff" : "#000000";
}

/** How much light a part of a colour gives, 0 to 1. @param {number} part 0 to 255. */
function linear(part) {
  const share = part / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

/**
 * More colours between those of a palette.
 * @param {readonly string[]} palette
 * @param {number} count
 * @returns {string[]}
 */
function interpolated(palette, count) {
  const colours = palette.map(rgb);
  return Array.from({ length: count }, (_, i) => {
    const place = (i * (colours.length - 1)) / (count - 1);
    const low = Math.min(Math.floor(place), colours.length - 2);
    const mixed = colours[low].map((part, c) => {
      const value = part + (colours[low + 1][c] - part) * (place - low);
      return Math.round(value).toString(16).padStart(2, "0");
    });
    return `#${mixed.join("")}`;
  });
}
