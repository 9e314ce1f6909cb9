/**
 * Weights from a safetensors file: eight bytes of a header's length, the header in JSON, and the
 * numbers one after the other (huggingface.co/docs/safetensors, "Format").
 *
 * Stormlens writes 32-bit floats without gaps; anything else is refused.
 */

import { t } from "../base/strings.js";

/**
 * @typedef {object} Tensors
 * @property {Map<string, Float32Array>} weights By name, in the order in which they lie.
 * @property {Map<string, number[]>} shapes
 */

const LONGEST_HEADER = 1 << 20;

/**
 * Read a file whole.
 * @param {ArrayBuffer} content
 * @param {string} file What errors call it.
 * @returns {Tensors}
 * @throws {Error} With a sentence, where it is damaged or holds other numbers.
 */
export function readSafetensors(content, file) {
  const { entries, begin } = readHeader(content, file);
  const weights = new Map();
  const shapes = new Map();
  let at = 0;
  for (const { name, shape, from, to } of entries) {
    const count = shape.reduce((product, side) => product * side, 1);
    if (from !== at || to - from !== 4 * count || begin + to > content.byteLength) {
      throw damaged(file, t("file.tensors.place", { name }));
    }
    const values = floats(content, begin + from, count);
    if (!values.every(Number.isFinite)) throw damaged(file, t("file.tensors.finite", { name }));
    weights.set(name, values);
    shapes.set(name, shape);
    at = to;
  }
  if (begin + at !== content.byteLength) throw damaged(file, t("file.tensors.length"));
  return { weights, shapes };
}

/**
 * @param {ArrayBuffer} content
 * @param {string} file
 * @returns {{entries: {name: string, shape: number[], from: number, to: number}[], begin: number}}
 *   Entries in the order in which they lie.
 */
function readHeader(content, file) {
  if (content.byteLength < 8) throw damaged(file, t("file.tensors.header"));
  const length = Number(new DataView(content).getBigUint64(0, true));
  if (length > LONGEST_HEADER || 8 + length > content.byteLength) {
    throw damaged(file, t("file.tensors.header"));
  }
  /** @type {unknown} */
  let header;
  try {
    const bytes = new Uint8Array(content, 8, length);
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw damaged(file, t("file.tensors.header"));
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw damaged(file, t("file.tensors.header"));
  }
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, entry]) => understood(name, entry, file));
  entries.sort((one, other) => one.from - other.from || one.to - other.to);
  return { entries, begin: 8 + length };
}

/**
 * @param {string} name
 * @param {any} entry
 * @param {string} file
 */
function understood(name, entry, file) {
  const { dtype, shape, data_offsets: offsets } = entry ?? {};
  if (!areCounts(shape) || !areCounts(offsets) || offsets.length !== 2) {
    throw damaged(file, t("file.tensors.place", { name }));
  }
  if (dtype !== "F32") throw new Error(t("file.tensors.kind", { file, name, kind: String(dtype) }));
  return { name, shape, from: offsets[0], to: offsets[1] };
}

/** @param {unknown} value @returns {value is number[]} */
function areCounts(value) {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/**
 * Little-endian floats, copied, for they need not lie at a multiple of four bytes.
 * @param {ArrayBuffer} content
 * @param {number} at
 * @param {number} count
 */
function floats(content, at, count) {
  return new Float32Array(content.slice(at, at + 4 * count));
}

/** @param {string} file @param {string} reason */
function damaged(file, reason) {
  return new Error(t("file.damaged", { file, reason }));
}
