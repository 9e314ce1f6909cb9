/** What is lost of a score where squares of no echo lie, a few squares at a time. */

import { Fault } from "./fault.js";

/**
 * @typedef {import("./plan.js").Plan} Plan
 * @typedef {import("./looking.js").Box} Box
 * @typedef {object} Square
 * @property {number} [size] Pixels along a side.
 * @property {number} [stride] From one square to the next; the last ones touch the edge.
 * @property {AbortSignal} [signal] Stops between two slices.
 * @property {(done: number, all: number) => void} [onProgress] Squares that are done.
 */

const TOGETHER = 8; // boxes a slice, so that others who ask wait for a moment only

/**
 * Mean score lost over all squares that cover each pixel, as `stormlens.insight.occlusion`.
 * @param {Plan} plan
 * @param {(boxes: Box) => Float32Array | Promise<Float32Array>} ask Scores (boxes, classes).
 * @param {Box} box
 * @param {number} code
 * @param {Square} [square]
 * @returns {Promise<Float32Array>} (rows, columns) of the box.
 * @throws {Error} With a sentence, where the square does not fit or leaves gaps.
 * @throws {DOMException} The signal's own, where it stopped.
 */
export async function occlude(plan, ask, box, code, square = {}) {
  const { size = 16, stride = 8, signal, onProgress } = square;
  const [rows, columns, channels] = plan.shape;
  checkSquare(size, stride, rows, columns);
  const classes = plan.classes.length;
  const score = (await ask(box))[code];
  const span = plan.maximum - plan.minimum;
  const blank = box instanceof Uint8Array ? 0 : -plan.minimum / span;
  const corners = starts(rows, size, stride).flatMap((top) =>
    starts(columns, size, stride).map((left) => ({ top, left })),
  );
  const lost = new Float64Array(rows * columns);
  const covered = new Float64Array(rows * columns);
  for (let first = 0; first < corners.length; first += TOGETHER) {
    const some = corners.slice(first, first + TOGETHER);
    const length = some.length * box.length;
    const wiped = box instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length);
    for (const [i, corner] of some.entries()) {
      const copy = wiped.subarray(i * box.length, (i + 1) * box.length);
      copy.set(box);
      eachPixel(corner, size, columns, (pixel) =>
        copy.fill(blank, pixel * channels, (pixel + 1) * channels),
      );
    }
    const scores = await ask(wiped);
    signal?.throwIfAborted();
    for (const [i, corner] of some.entries()) {
      const loss = score - scores[i * classes + code];
      eachPixel(corner, size, columns, (pixel) => {
        lost[pixel] += loss;
        covered[pixel] += 1;
      });
    }
    onProgress?.(first + some.length, corners.length);
  }
  return Float32Array.from(lost, (total, pixel) => total / covered[pixel]);
}

/**
 * @param {{top: number, left: number}} corner
 * @param {number} size
 * @param {number} columns
 * @param {(pixel: number) => void} visit
 */
function eachPixel({ top, left }, size, columns, visit) {
  for (let row = top; row < top + size; ++row) {
    for (let column = left; column < left + size; ++column) visit(row * columns + column);
  }
}

/** @param {number} pixels @param {number} size @param {number} stride */
function starts(pixels, size, stride) {
  const found = [];
  for (let start = 0; start + size <= pixels; start += stride) found.push(start);
  if (found[found.length - 1] !== pixels - size) found.push(pixels - size);
  return found;
}

/** @param {number} size @param {number} stride @param {number} rows @param {number} columns */
function checkSquare(size, stride, rows, columns) {
  const most = Math.min(rows, columns);
  if (!Number.isInteger(size) || size < 1 || size > most) {
    throw new Fault("network.square", { size, most });
  }
  if (!Number.isInteger(stride) || stride < 1 || stride > size) {
    throw new Fault("network.gaps", { stride, size });
  }
}
