/**
 * Storm boxes out of files that a person has: what `stormlens.datasets.read_images` takes and
 * refuses.
 *
 * The archive keeps dBZ as the palette indices of a PNG whose first row of pixels is the box's
 * southern edge; rows of NPY files begin in the south too. What the grey of a grey picture stands
 * for must be said.
 */

import { t } from "../base/strings.js";
import { readNpy } from "./npy.js";
import { readPng } from "./png.js";

/**
 * @typedef {object} Boxes
 * @property {Uint8Array} images Whole dBZ, box by box, row by row from the south.
 * @property {number} count
 * @property {number} inFile How many there are in the file, of which the first are taken.
 * @property {boolean} simulated Whether the file says so.
 * @typedef {object} Grey How grey becomes dBZ: `scale * grey + offset`, below 0 no echo.
 * @property {number} scale
 * @property {number} offset
 */

export const MOST_DBZ = 80;
const MOST_BOXES = 64;

/** A grey picture: the page asks what its grey is, and reads it again. */
export class GreyPicture extends Error {}

/**
 * Read the boxes of a file.
 * @param {ArrayBuffer} content
 * @param {string} file Its name.
 * @param {readonly [number, number]} shape Rows and columns that they must have.
 * @param {Grey} [grey] What the grey of a picture stands for; its first row is the north.
 * @returns {Promise<Boxes>}
 * @throws {Error} With a sentence, where it holds no such box.
 */
export async function readBoxes(content, file, shape, grey) {
  const suffix = /\.[^.]*$/.exec(file.toLowerCase())?.[0];
  if (suffix === ".png") return ofPng(content, file, shape, grey);
  if (suffix === ".npy") return ofNpy(content, file, shape);
  throw new Error(t("file.box.suffix", { file }));
}

/**
 * @param {ArrayBuffer} content
 * @param {string} file
 * @param {readonly [number, number]} shape
 * @param {Grey | undefined} grey
 */
async function ofPng(content, file, shape, grey) {
  const { rows, columns, bits, kind, samples, simulated } = await readPng(content, file);
  checkShape(file, [rows, columns], shape);
  if (kind === "grey" && bits >= 8) {
    if (!grey) throw new GreyPicture(file);
    const dbz = Float64Array.from(samples, (value) =>
      Math.max(grey.scale * value + grey.offset, 0),
    );
    const images = upsideDown(wholeDbz(dbz, file, shape), rows, columns);
    return { images, count: 1, inFile: 1, simulated };
  }
  if (kind !== "palette") {
    throw new Error(t("file.box.kind", { file, kind: t(`file.box.kind.${kind}`) }));
  }
  if (bits < 8) throw new Error(t("file.box.bits", { file, bits, most: 2 ** bits - 1 }));
  return { images: wholeDbz(samples, file, shape), count: 1, inFile: 1, simulated };
}

/**
 * @param {ArrayBuffer} content
 * @param {string} file
 * @param {readonly [number, number]} shape
 */
function ofNpy(content, file, shape) {
  const array = readNpy(content, file);
  const sides = [...array.shape];
  if (sides.length > 2 && sides.at(-1) === 1) sides.pop();
  if (sides.length === 2) sides.unshift(1);
  const [count, rows, columns] = sides;
  if (sides.length !== 3 || count < 1) {
    throw new Error(t("file.box.array", { file, shape: array.shape.join(", ") }));
  }
  checkShape(file, [rows, columns], shape);
  if (array.kind === "b") throw new Error(t("file.box.truth", { file }));
  const taken = Math.min(count, MOST_BOXES);
  const values = array.values.subarray(0, taken * rows * columns);
  return { images: wholeDbz(values, file, shape), count: taken, inFile: count, simulated: false };
}

/** @param {string} file @param {readonly number[]} found @param {readonly number[]} due */
function checkShape(file, found, due) {
  if (found[0] === due[0] && found[1] === due[1]) return;
  const words = (/** @type {readonly number[]} */ sides) => sides.join(" x ");
  throw new Error(t("file.box.shape", { file, found: words(found), due: words(due) }));
}

/**
 * Values as whole dBZ; fractions are cut off, as the archive does.
 * @param {Float64Array | Uint8Array | Uint16Array} values
 * @param {string} file
 * @param {readonly [number, number]} shape
 */
function wholeDbz(values, file, [rows, columns]) {
  const wrong = values.findIndex((value) => !(value >= 0 && value <= MOST_DBZ));
  if (wrong >= 0) {
    const value = values[wrong];
    const place = {
      image: Math.floor(wrong / (rows * columns)),
      row: Math.floor(wrong / columns) % rows,
      column: wrong % columns,
    };
    const reason = !Number.isFinite(value) ? "finite" : value < 0 ? "low" : "high";
    throw new Error(t(`file.box.${reason}`, { file, value, ...place }));
  }
  return Uint8Array.from(values);
}

/** @param {Uint8Array} image @param {number} rows @param {number} columns */
function upsideDown(image, rows, columns) {
  const turned = new Uint8Array(image.length);
  for (let row = 0; row < rows; ++row) {
    const from = (rows - 1 - row) * columns;
    turned.set(image.subarray(from, from + columns), row * columns);
  }
  return turned;
}
