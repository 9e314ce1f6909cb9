/**
 * An array from an NPY file (numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
 */

import { t } from "../base/strings.js";

/**
 * @typedef {object} Npy
 * @property {number[]} shape
 * @property {Float64Array} values The last dimension runs fastest.
 * @property {string} kind Letter of NumPy's kind of number: u, i, f or b.
 */

const MAGIC = [0x93, 78, 85, 77, 80, 89];
const MOST_VALUES = 1 << 25;

/** @type {Readonly<Record<string, (view: DataView, at: number, little: boolean) => number>>} */
const READERS = {
  b1: (view, at) => view.getUint8(at),
  u1: (view, at) => view.getUint8(at),
  i1: (view, at) => view.getInt8(at),
  u2: (view, at, little) => view.getUint16(at, little),
  i2: (view, at, little) => view.getInt16(at, little),
  u4: (view, at, little) => view.getUint32(at, little),
  i4: (view, at, little) => view.getInt32(at, little),
  u8: (view, at, little) => Number(view.getBigUint64(at, little)),
  i8: (view, at, little) => Number(view.getBigInt64(at, little)),
  f2: (view, at, little) => half(view.getUint16(at, little)),
  f4: (view, at, little) => view.getFloat32(at, little),
  f8: (view, at, little) => view.getFloat64(at, little),
};

/**
 * Read a file whole.
 * @param {ArrayBuffer} content
 * @param {string} file What errors call it.
 * @returns {Npy}
 * @throws {Error} With a sentence, where it is no NPY file of numbers, or is cut short.
 */
export function readNpy(content, file) {
  const { descr, fortran, shape, begin } = headerOf(content, file);
  const kind = descr.slice(1);
  const read = Object.hasOwn(READERS, kind) ? READERS[kind] : undefined;
  if (!read) throw new Error(t("file.npy.kind", { file, kind: descr }));
  const size = Number(descr[2]);
  const count = shape.reduce((product, side) => product * side, 1);
  if (count > MOST_VALUES) throw new Error(t("file.npy.large", { file }));
  if (content.byteLength < begin + count * size) {
    throw new Error(
      t("file.npy.short", { file, found: content.byteLength - begin, due: count * size }),
    );
  }
  const view = new DataView(content, begin);
  const little = descr[0] !== ">";
  const values = new Float64Array(count);
  const order = fortran ? fortranOrder(shape) : undefined;
  for (let i = 0; i < count; ++i) values[order ? order[i] : i] = read(view, i * size, little);
  return { shape, values, kind: descr[1] };
}

/** @param {ArrayBuffer} content @param {string} file */
function headerOf(content, file) {
  const bytes = new Uint8Array(content);
  if (MAGIC.some((byte, i) => bytes[i] !== byte) || bytes.length < 12) {
    throw new Error(t("file.npy.none", { file }));
  }
  const view = new DataView(content);
  const isFirst = bytes[6] === 1;
  const begin = (isFirst ? 10 : 12) + (isFirst ? view.getUint16(8, true) : view.getUint32(8, true));
  const text =
    begin <= bytes.length && bytes[6] <= 3
      ? new TextDecoder().decode(bytes.subarray(isFirst ? 10 : 12, begin))
      : "";
  // One kind, or a list of them.
  const descr = /'descr':\s*(?:'([^']*)'|(\[.*?\])\s*,\s*')/s.exec(text)?.slice(1).find(Boolean);
  const fortran = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape':\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  if (descr === undefined || fortran === undefined || shape === undefined) {
    throw new Error(t("file.npy.header", { file }));
  }
  const sides = shape.split(",").filter((side) => side.trim() !== "");
  return { descr, fortran: fortran === "True", shape: sides.map(Number), begin };
}

/**
 * Where each value of an array whose first dimension runs fastest belongs.
 * @param {readonly number[]} shape
 */
function fortranOrder(shape) {
  const count = shape.reduce((product, side) => product * side, 1);
  const steps = shape.map((_, axis) =>
    shape.slice(axis + 1).reduce((product, n) => product * n, 1),
  );
  const order = new Uint32Array(count);
  const at = shape.map(() => 0);
  for (let i = 0, place = 0; i < count; ++i) {
    order[i] = place;
    for (let axis = 0; axis < shape.length; ++axis) {
      at[axis] += 1;
      place += steps[axis];
      if (at[axis] < shape[axis]) break;
      place -= steps[axis] * shape[axis];
      at[axis] = 0;
    }
  }
  return order;
}

/** A number of 16 bits (IEEE 754 binary16). @param {number} bits */
function half(bits) {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
