/**
 * Storms, as packs hold them: a catalogue of splits, each in parts that are fetched when asked for.
 *
 * What a part holds is written at `encode` in stormlens.learn._pack.
 */

import { resource } from "../base/resources.js";
import { splitWords, t } from "../base/strings.js";

const FOLDER = "storms/";
const CATALOGUE = "storms.json";
const FORMAT = 1;
const CONTEXTS = 165;
const HEAD = 16;
const MOST_BYTES = 1 << 28;
const MOST_EXPECTED = 40;
const PATIENCE = 12; // ms of work before the page may draw again
const BUCKETS = bucketTable();

/**
 * @typedef {object} Part
 * @property {string} file
 * @property {number} first The number of its first box in the split.
 * @property {number} count
 * @property {number} bytes About, where it is yet to be made.
 *
 * @typedef {object} Split
 * @property {number} count
 * @property {number} step dBZ of a level: 1 is exact.
 * @property {number[] | null} modes Codes; null of storms without labels.
 * @property {Part[]} parts
 *
 * @typedef {object} StormSet Boxes that follow each other in a split.
 * @property {Uint8Array} images Whole dBZ, box after box, row 0 in the south.
 * @property {Uint8Array | null} modes
 * @property {number} first
 * @property {number} count
 * @property {number} rows
 * @property {number} columns
 * @property {number} step
 *
 * @typedef {object} Decoded
 * @property {Uint8Array} images
 * @property {number} count
 * @property {number} rows
 * @property {number} columns
 * @property {number} step
 */

/** The storms that these pages have. */
export class Storms {
  /** @type {Map<string, Promise<Decoded>>} */
  #parts = new Map();
  #read;

  /**
   * @param {any} catalogue
   * @param {(path: string) => Promise<ArrayBuffer>} read
   */
  constructor(catalogue, read) {
    this.#read = read;
    /** @type {boolean} */
    this.simulated = catalogue.simulated;
    /** @type {string} */
    this.source = catalogue.source;
    /** Of the values: "dBZ", or "1" where they are none. @type {string} */
    this.units = catalogue.units;
    /** @type {number} */
    this.rows = catalogue.rows;
    /** @type {number} */
    this.columns = catalogue.columns;
    /** @type {number} */
    this.pixelKm = catalogue.pixel_km;
    /** Names by code. @type {string[]} */
    this.classes = catalogue.classes;
    /** How many there are where these come from. @type {number} */
    this.boxes = catalogue.boxes;
    /** @type {Readonly<Record<string, Split>>} */
    this.splits = catalogue.splits;
  }

  /** What was rounded or left out, in sentences, or "". */
  get note() {
    const { few: _, ...splits } = this.splits;
    const count = Object.values(splits).reduce((sum, split) => sum + split.count, 0);
    const step = Math.max(...Object.values(splits).map((split) => split.step));
    const rounded = step > 1 ? [t("storms.rounded", { step })] : [];
    const left = count < this.boxes ? [t("storms.left-out", { all: this.boxes, count })] : [];
    return [...rounded, ...left].join(" ");
  }

  /**
   * Read the catalogue.
   * @param {(path: string) => Promise<ArrayBuffer>} [read] How to get a file of the pages.
   * @returns {Promise<Storms>}
   * @throws {Error} With a sentence.
   */
  static async open(read = resource) {
    const bytes = await read(FOLDER + CATALOGUE);
    let catalogue;
    try {
      catalogue = JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      throw damaged(CATALOGUE);
    }
    if (catalogue?.format !== FORMAT) throw damaged(CATALOGUE);
    return new Storms(catalogue, read);
  }

  /**
   * Boxes of a split; a part is fetched and decoded once.
   * @param {string} name "few", "train", "validation" or "test".
   * @param {object} [options]
   * @param {number} [options.from] Number of the first.
   * @param {number} [options.count] How many; by default all that follow.
   * @param {AbortSignal} [options.signal] Stops between parts.
   * @param {(done: number, all: number) => void} [options.onProgress] Boxes that are there.
   * @returns {Promise<StormSet>}
   * @throws {Error} With a sentence, where there is no such split, a part cannot be had or is
   *   damaged.
   */
  async split(name, { from = 0, count, signal, onProgress } = {}) {
    const split = this.splits[name];
    if (!split) throw new Error(t("storms.no-split", { name: splitWords(name) }));
    const first = Math.min(Math.max(from, 0), split.count);
    const end = Math.min(first + (count ?? split.count), split.count);
    const size = this.rows * this.columns;
    const images = new Uint8Array((end - first) * size);
    onProgress?.(0, end - first);
    for (const part of split.parts) {
      const low = Math.max(first, part.first);
      const high = Math.min(end, part.first + part.count);
      if (low >= high) continue;
      const block = await this.#part(part, split.step);
      signal?.throwIfAborted();
      const wanted = block.images.subarray((low - part.first) * size, (high - part.first) * size);
      images.set(wanted, (low - first) * size);
      onProgress?.(high - first, end - first);
    }
    const modes = split.modes ? Uint8Array.from(split.modes.slice(first, end)) : null;
    const { rows, columns } = this;
    return { images, modes, first, count: end - first, rows, columns, step: split.step };
  }

  /**
   * One box of a set, as a view of it.
   * @param {StormSet} set
   * @param {number} number Within the set.
   * @returns {Uint8Array}
   */
  image(set, number) {
    const size = set.rows * set.columns;
    return set.images.subarray(number * size, (number + 1) * size);
  }

  /** Let go of all decoded parts; what is asked for again is fetched again. */
  forget() {
    this.#parts.clear();
  }

  /** @param {Part} part @param {number} step @returns {Promise<Decoded>} */
  #part(part, step) {
    const known = this.#parts.get(part.file);
    if (known) return known;
    const found = this.#fetched(part, step);
    this.#parts.set(part.file, found);
    found.catch(() => this.#parts.delete(part.file)); // so that it can be tried again
    return found;
  }

  /** @param {Part} part @param {number} step */
  async #fetched(part, step) {
    const bytes = await this.#read(FOLDER + part.file);
    const block = await decode(bytes, part.file);
    const isAsTold =
      block.count === part.count &&
      block.rows === this.rows &&
      block.columns === this.columns &&
      block.step === step;
    if (!isAsTold) throw damaged(part.file);
    return block;
  }
}

/**
 * Boxes of a part.
 * @param {ArrayBuffer | Uint8Array} bytes
 * @param {string} name The part's, for sentences.
 * @returns {Promise<Decoded>}
 * @throws {Error} With a sentence, where it is no part or damaged.
 */
export async function decode(bytes, name) {
  const content = await inflated(bytes, name);
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const start = HEAD + 4 * CONTEXTS;
  const magic = String.fromCharCode(...content.subarray(0, 4));
  if (content.length < start || magic !== "SLSP" || view.getUint16(4, true) !== FORMAT) {
    throw damaged(name);
  }
  const step = view.getUint16(6, true);
  const count = view.getUint32(8, true);
  const rows = view.getUint16(12, true);
  const columns = view.getUint16(14, true);
  const starts = new Uint32Array(CONTEXTS + 1).fill(start);
  for (let i = 0; i < CONTEXTS; i++) starts[i + 1] = starts[i] + view.getUint32(HEAD + 4 * i, true);
  const end = starts[CONTEXTS];
  if (end !== content.length || count * rows * columns !== end - start) throw damaged(name);
  const places = starts.slice(0, CONTEXTS);
  const images = new Uint8Array(count * rows * columns);
  let since = performance.now();
  for (let i = 0; i < count; i++) {
    fill(images.subarray(i * rows * columns, (i + 1) * rows * columns), columns, content, places);
    if (performance.now() - since > PATIENCE) {
      await new Promise((resolve) => setTimeout(resolve));
      since = performance.now();
    }
  }
  // Each context's levels are used up, or some were read that are another's.
  if (places.some((place, i) => place !== starts[i + 1])) throw damaged(name);
  if (step !== 1) for (let i = 0; i < images.length; i++) images[i] *= step;
  return { images, count, rows, columns, step };
}

/**
 * Fill a box with levels.
 * @param {Uint8Array} box
 * @param {number} columns
 * @param {Uint8Array} levels Levels by context.
 * @param {Uint32Array} places Where the next of each context lies; they move on.
 */
function fill(box, columns, levels, places) {
  // The row before, with a zero at either end: what lies beyond the box.
  const above = new Uint8Array(columns + 2);
  for (let start = 0; start < box.length; start += columns) {
    let left = 0;
    let between = 0;
    let over = above[1];
    for (let column = 0; column < columns; column++) {
      const beyond = above[column + 2];
      let expected = 0;
      let context = 0;
      if ((left | between | over | beyond) !== 0) {
        expected = (9 * left + 6 * over - 3 * between + 4 * beyond) >> 4;
        if (expected < 0) expected = 0;
        const unrest =
          Math.abs(left - between) + Math.abs(between - over) + Math.abs(over - beyond);
        const capped = expected < MOST_EXPECTED ? expected : MOST_EXPECTED;
        context = 1 + 4 * capped + BUCKETS[unrest];
      }
      left = (levels[places[context]++] + expected) & 255;
      box[start + column] = left;
      between = over;
      over = beyond;
    }
    above.set(box.subarray(start, start + columns), 1);
  }
}

/** The bucket of how much neighbours differ among themselves, 0 to 3 for 0 to 765. */
function bucketTable() {
  const edges = [1, 2, 3, 4, 6, 8, 11, 15, 22, 40];
  const table = new Uint8Array(3 * 255 + 1);
  for (let unrest = 0; unrest < table.length; unrest++) {
    const passed = edges.filter((edge) => edge <= unrest).length;
    table[unrest] = Math.min(Math.floor(passed / 3), 3);
  }
  return table;
}

/**
 * What a zlib stream holds, at most so much that no page runs out of memory.
 * @param {ArrayBuffer | Uint8Array} bytes
 * @param {string} name
 * @returns {Promise<Uint8Array>}
 */
async function inflated(bytes, name) {
  const packed = /** @type {BlobPart} */ (bytes);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  /** @type {Uint8Array[]} */
  const pieces = [];
  let size = 0;
  try {
    for (const reader = stream.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (size > MOST_BYTES) {
        await reader.cancel();
        throw damaged(name);
      }
      pieces.push(value);
    }
  } catch {
    throw damaged(name);
  }
  const whole = new Uint8Array(size);
  let place = 0;
  for (const piece of pieces) {
    whole.set(piece, place);
    place += piece.length;
  }
  return whole;
}

/** @param {string} name @returns {Error} */
function damaged(name) {
  return new Error(t("storms.damaged", { name }));
}
