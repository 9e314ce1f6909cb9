/**
 * Samples of a PNG exactly as the file holds them (PNG specification, third edition).
 *
 * A browser's own decoder turns them into colours, by gamma and profile; palette indices, in which
 * the archive keeps dBZ, it does not give at all.
 */

import { t } from "../base/strings.js";

/**
 * @typedef {object} Png
 * @property {number} rows
 * @property {number} columns
 * @property {number} bits Of a sample.
 * @property {"grey" | "colour" | "palette" | "grey with opacity" | "colour with opacity"} kind
 * @property {number} channels
 * @property {Uint8Array | Uint16Array} samples Row by row from the first in the file.
 * @property {Uint8Array} palette Red, green and blue of each index; empty where there is none.
 * @property {boolean} simulated Whether a text in it says so, as those of Stormlens do.
 */

/**
 * @typedef {object} Pass Pixels that come together; all of them, unless interlaced.
 * @property {number} top Row of the first, and `left` its column.
 * @property {number} left
 * @property {number} down From row to row.
 * @property {number} right
 * @property {number} rows
 * @property {number} columns
 */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const LONGEST_SIDE = 4096;

/** @type {Readonly<Record<number, {kind: Png["kind"], channels: number, bits: number[]}>>} */
const KINDS = {
  0: { kind: "grey", channels: 1, bits: [1, 2, 4, 8, 16] },
  2: { kind: "colour", channels: 3, bits: [8, 16] },
  3: { kind: "palette", channels: 1, bits: [1, 2, 4, 8] },
  4: { kind: "grey with opacity", channels: 2, bits: [8, 16] },
  6: { kind: "colour with opacity", channels: 4, bits: [8, 16] },
};

/** Passes of Adam7: first row and column, and the steps from pixel to pixel. */
const PASSES = [
  [0, 0, 8, 8],
  [0, 4, 8, 8],
  [4, 0, 8, 4],
  [0, 2, 4, 4],
  [2, 0, 4, 2],
  [0, 1, 2, 2],
  [1, 0, 2, 1],
];
const WHOLE = [[0, 0, 1, 1]];

/**
 * Read a file whole.
 * @param {ArrayBuffer} content
 * @param {string} file What errors call it.
 * @returns {Promise<Png>}
 * @throws {Error} With a sentence, where it is no PNG, is damaged, or is too large.
 */
export async function readPng(content, file) {
  const bytes = new Uint8Array(content);
  if (SIGNATURE.some((byte, i) => bytes[i] !== byte)) throw new Error(t("file.png.none", { file }));
  const { chunks, texts } = chunksOf(bytes, file);
  const header = headerOf(chunks.IHDR?.[0], file);
  const { rows, columns, bits, channels, interlaced } = header;
  const passes = (interlaced ? PASSES : WHOLE)
    .map(([top, left, down, right]) => ({
      ...{ top, left, down, right },
      rows: Math.max(0, Math.ceil((rows - top) / down)),
      columns: Math.max(0, Math.ceil((columns - left) / right)),
    }))
    .filter((pass) => pass.rows > 0 && pass.columns > 0);
  const width = (/** @type {number} */ wide) => Math.ceil((wide * channels * bits) / 8);
  const length = passes.reduce((sum, pass) => sum + pass.rows * (1 + width(pass.columns)), 0);
  const packed = await inflate(chunks.IDAT ?? [], length).catch(() => null);
  if (!packed) throw damaged(file);
  const Samples = bits === 16 ? Uint16Array : Uint8Array;
  const samples = new Samples(rows * columns * channels);
  let at = 0;
  for (const pass of passes) {
    const across = width(pass.columns);
    const lines = packed.subarray(at, at + pass.rows * (1 + across));
    at += lines.length;
    unfilter(lines, across, Math.max(1, (channels * bits) >> 3), file);
    place(lines, pass, header, samples);
  }
  return {
    ...{ rows, columns, bits, channels, samples, kind: header.kind },
    palette: chunks.PLTE?.[0] ?? new Uint8Array(),
    simulated: texts.some((text) => text.startsWith("Comment\0SIMULATED")),
  };
}

/**
 * Contents of chunks by kind, and texts that stand before the image.
 * @param {Uint8Array} bytes
 * @param {string} file
 */
function chunksOf(bytes, file) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** @type {Record<string, Uint8Array[]>} */
  const chunks = {};
  const texts = [];
  let at = SIGNATURE.length;
  while (!chunks.IEND) {
    const length = at + 12 <= bytes.length ? view.getUint32(at) : Infinity;
    if (at + 12 + length > bytes.length) throw new Error(t("file.png.short", { file }));
    const kind = latin(bytes.subarray(at + 4, at + 8));
    const content = bytes.subarray(at + 8, at + 8 + length);
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length)) {
      throw damaged(file);
    }
    (chunks[kind] ??= []).push(content);
    if (kind === "tEXt" && !chunks.IDAT) texts.push(latin(content.subarray(0, 64)));
    at += 12 + length;
  }
  return { chunks, texts };
}

/** @param {Uint8Array} bytes */
function latin(bytes) {
  return String.fromCharCode(...bytes);
}

/** @param {Uint8Array | undefined} chunk @param {string} file */
function headerOf(chunk, file) {
  if (chunk?.length !== 13) throw damaged(file);
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  const [columns, rows] = [view.getUint32(0), view.getUint32(4)];
  const [bits, colour, compression, filter, interlace] = chunk.subarray(8);
  const known = KINDS[colour];
  if (!known?.bits.includes(bits) || compression || filter || interlace > 1 || !rows || !columns) {
    throw damaged(file);
  }
  if (Math.max(rows, columns) > LONGEST_SIDE) {
    throw new Error(t("file.png.large", { file, rows, columns, most: LONGEST_SIDE }));
  }
  const { kind, channels } = known;
  return { rows, columns, bits, kind, channels, interlaced: interlace === 1 };
}

/**
 * Undo the filter of each line, in place (chapter 9).
 * @param {Uint8Array} lines Each behind its filter.
 * @param {number} across Bytes of a line.
 * @param {number} apart Bytes from a pixel to the next.
 * @param {string} file
 */
function unfilter(lines, across, apart, file) {
  for (let line = 0; line < lines.length; line += 1 + across) {
    const kind = lines[line];
    if (kind > 4) throw damaged(file);
    for (let i = 1; i <= across; ++i) {
      const left = i > apart ? lines[line + i - apart] : 0;
      const up = line > 0 ? lines[line + i - 1 - across] : 0;
      const corner = line > 0 && i > apart ? lines[line + i - 1 - across - apart] : 0;
      lines[line + i] += predicted(kind, left, up, corner);
    }
  }
}

/** @param {number} kind @param {number} left @param {number} up @param {number} corner */
function predicted(kind, left, up, corner) {
  switch (kind) {
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) >> 1;
    case 4: {
      const guess = left + up - corner;
      const [a, b, c] = [left, up, corner].map((near) => Math.abs(guess - near));
      if (a <= b && a <= c) return left;
      return b <= c ? up : corner;
    }
    default:
      return 0;
  }
}

/**
 * Put the samples of a pass where they belong.
 * @param {Uint8Array} lines
 * @param {Pass} pass
 * @param {{columns: number, channels: number, bits: number}} header
 * @param {Uint8Array | Uint16Array} samples
 */
function place(lines, pass, { columns, channels, bits }, samples) {
  const across = lines.length / pass.rows;
  const mask = 2 ** bits - 1;
  for (let row = 0; row < pass.rows; ++row) {
    const line = row * across + 1;
    const to = (pass.top + row * pass.down) * columns + pass.left;
    for (let i = 0; i < pass.columns * channels; ++i) {
      const column = Math.floor(i / channels);
      const bit = i * bits;
      const first = lines[line + (bit >> 3)];
      const sample =
        bits === 16
          ? (first << 8) | lines[line + (bit >> 3) + 1]
          : (first >> (8 - bits - (bit & 7))) & mask;
      samples[(to + column * pass.right) * channels + (i % channels)] = sample;
    }
  }
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let left = byte;
  for (let bit = 0; bit < 8; ++bit) left = left & 1 ? 0xedb88320 ^ (left >>> 1) : left >>> 1;
  return left;
});

/** @param {Uint8Array} bytes */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** @param {string} file */
function damaged(file) {
  return new Error(t("file.damaged", { file, reason: t("file.png.damaged") }));
}

/**
 * Bytes out of a zlib stream, of a length that is known before.
 * @param {readonly Uint8Array[]} parts Of the stream.
 * @param {number} length What must come out.
 * @returns {Promise<Uint8Array>}
 * @throws {Error} Where the stream is damaged, or more or less comes out.
 */
async function inflate(parts, length) {
  const blob = new Blob(/** @type {BlobPart[]} */ ([...parts]));
  const reader = blob.stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const bytes = new Uint8Array(length);
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (at + value.length > length) {
      await reader.cancel();
      throw new Error("longer");
    }
    bytes.set(value, at);
    at += value.length;
  }
  if (at < length) throw new Error("shorter");
  return bytes;
}
