/**
 * Sentences on an augmentation's effect on a storm: what no storm would do, and what nobody sees.
 *
 * The twin of `stormlens.learn._augmentation_advice`, which tests hold it to, word by word. A label
 * holds for the storm around its report, which lies at the centre of the box, so what moves the
 * report is given in km. Storm modes differ by size, elongation and the place of their stratiform
 * rain, so a change of these is mentioned if it leaves the range of real storms.
 */

import { t } from "../base/strings.js";

/**
 * @typedef {import("./augment.js").Augmentation} Augmentation
 * @typedef {import("./augment.js").Shape} Shape
 * @typedef {object} Advice
 * @property {boolean} warning Whether it spoils what the label says, or is good to know only.
 * @property {string} subject What it is about, in a word or two.
 * @property {string} text The sentence.
 */

export const PIXEL_KM = 3.75;

const MOST_ROTATION = 55; // degrees, as in the notebook of the archive's authors
const ZOOM = [0.8, 1.25]; // a fifth smaller, a quarter larger
const MOST_ELONGATION = 1.3;
const CELL_KM = 30;
const [HIGH_CUTOFF, LARGE_DROPOUT] = [35, 0.5]; // above these storms vanish

/**
 * All that a user should know of some settings, warnings first.
 * @param {Augmentation} augmentation
 * @param {number} beyond Share of the pixels that lie beyond the edge in the images drawn.
 * @param {Shape} shape
 * @returns {Advice[]}
 */
export function advice(augmentation, beyond, shape) {
  const found = [
    ...ofShifts(augmentation, shape),
    ...ofRotation(augmentation),
    ...ofFlips(augmentation),
    ...ofZoom(augmentation),
    ...ofShear(augmentation),
    ...ofFilling(augmentation, beyond),
    ...notes(augmentation).map((text) => ({ warning: false, subject: say("subject.small"), text })),
  ];
  return [...found.filter((one) => one.warning), ...found.filter((one) => !one.warning)];
}

/**
 * How far the storm report can move from the centre at most.
 *
 * A map takes output pixels to input ones, so the report moves by the shift as zoom and shear undo
 * it: with columns x and rows y, (tx + ty tan s) / zx and ty / (zy cos s).
 * @param {Augmentation} augmentation
 * @param {Shape} shape
 * @returns {[x: number, y: number]} km to the east or west, and to the north or south.
 */
export function reportReach(augmentation, { rows, columns }) {
  const smallest = augmentation.zoom_range[0];
  const slant = (augmentation.shear_range * Math.PI) / 180;
  const tx = augmentation.width_shift_range * columns * PIXEL_KM;
  const ty = augmentation.height_shift_range * rows * PIXEL_KM;
  return [(tx + ty * Math.tan(slant)) / smallest, ty / (smallest * Math.cos(slant))];
}

/**
 * How many times as long as wide a round cell can become: a shear by s has singular values whose
 * ratio is sqrt((1 + sin s) / (1 - sin s)); zooms drawn apart multiply it by high / low at most.
 * @param {Augmentation} augmentation
 * @returns {number} 1 for what stays round.
 */
export function elongation(augmentation) {
  const [low, high] = augmentation.zoom_range;
  const sine = Math.sin((augmentation.shear_range * Math.PI) / 180);
  return (high / low) * Math.sqrt((1 + sine) / (1 - sine));
}

/** @param {string} key @param {Record<string, unknown>} [values] */
function say(key, values) {
  return t(`augmentation-studio.advice.${key}`, values);
}

/**
 * @param {string} name
 * @param {Record<string, unknown>} [values]
 * @returns {Advice}
 */
function warning(name, values) {
  return { warning: true, subject: say(`subject.${name}`), text: say(name, values) };
}

/** @param {Augmentation} augmentation @param {Shape} shape @returns {Advice[]} */
function ofShifts(augmentation, shape) {
  const [x, y] = reportReach(augmentation, shape);
  if (!x && !y) return [];
  const which = x && y ? "both" : x ? "x" : "y";
  const km = { x: fixed(x, 0), y: fixed(y, 0), both: fixed(Math.hypot(x, y), 0) };
  return [warning(`shift.${which}`, km)];
}

/** @param {Augmentation} augmentation @returns {Advice[]} */
function ofRotation({ rotation_range: turn }) {
  if (turn <= MOST_ROTATION) return [];
  return [warning("rotation", { turn: general(turn), most: general(MOST_ROTATION) })];
}

/** @param {Augmentation} augmentation @returns {Advice[]} */
function ofFlips(augmentation) {
  return [
    ...(augmentation.vertical_flip ? [warning("vertical-flip")] : []),
    ...(augmentation.horizontal_flip ? [warning("horizontal-flip")] : []),
  ];
}

/** @param {Augmentation} augmentation @returns {Advice[]} */
function ofZoom({ zoom_range: [low, high] }) {
  if (low >= ZOOM[0] && high <= ZOOM[1]) return [];
  const values = { small: fixed(CELL_KM / high, 0), large: fixed(CELL_KM / low, 0) };
  return [warning("zoom", { pixel: general(PIXEL_KM), cell: CELL_KM, ...values })];
}

/** @param {Augmentation} augmentation @returns {Advice[]} */
function ofShear(augmentation) {
  const ratio = elongation(augmentation);
  return ratio <= MOST_ELONGATION ? [] : [warning("stretching", { ratio: fixed(ratio, 1) })];
}

/** @param {Augmentation} augmentation @param {number} beyond @returns {Advice[]} */
function ofFilling({ fill_mode: mode, cval }, beyond) {
  const unused = { warning: false, subject: say("subject.cval"), text: say("cval") };
  const yet = mode !== "constant" && cval ? [unused] : [];
  if (!beyond) return yet;
  const share = beyond < 0.01 ? say("fill.little") : fixed(100 * beyond, 0);
  const isEcho = mode === "constant" && cval > 0;
  const what = say(`fill.${isEcho ? "echo" : mode}`, { cval: general(cval) });
  const subject = say("subject.fill", { mode });
  return [{ warning: mode !== "reflect", subject, text: say("fill", { share, what }) }, ...yet];
}

/** What a user may not expect of these settings. @param {Augmentation} augmentation */
function notes(augmentation) {
  const small = /** @type {const} */ (["rotation_range", "shear_range"])
    .filter((name) => augmentation[name] > 0 && augmentation[name] < 1)
    .map((name) => say("small", { name, value: general(augmentation[name]) }));
  const { cutoff_range: cutoff, dropout_range: dropout } = augmentation;
  if (cutoff > HIGH_CUTOFF) {
    small.push(say("cutoff", { value: general(cutoff), most: general(HIGH_CUTOFF) }));
  }
  if (dropout > LARGE_DROPOUT) {
    small.push(say("dropout", { value: general(dropout), most: general(LARGE_DROPOUT) }));
  }
  return small;
}

/**
 * With so many digits behind the point, as Python's format does it: the even one of two that are
 * as near.
 * @param {number} value
 * @param {number} digits
 * @returns {string}
 */
export function fixed(value, digits) {
  // Half of the last digit, exactly, only where twice the number in powers of two is whole and odd.
  const halves = value * 2 ** (digits + 1);
  const isTie = Number.isInteger(halves) && Math.abs(halves % 2) === 1;
  if (!isTie) return value.toFixed(digits);
  const power = 10 ** digits;
  const low = Math.floor(value * power);
  return ((low % 2 === 0 ? low : low + 1) / power).toFixed(digits);
}

/**
 * With the six digits that count, as Python's format "g".
 * @param {number} value
 * @returns {string}
 */
export function general(value) {
  if (value === 0) return "0";
  const exponent = Number(value.toExponential(5).split("e")[1]);
  if (exponent < -4 || exponent > 5) {
    const [digits, power] = value.toExponential(5).split("e");
    const padded = String(Math.abs(Number(power))).padStart(2, "0");
    return `${Number(digits)}e${Number(power) < 0 ? "-" : "+"}${padded}`;
  }
  return String(Number(fixed(value, 5 - exponent)));
}
