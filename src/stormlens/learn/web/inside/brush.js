/** Echo painted into a box, or wiped out of it. */

/**
 * Paint a stroke from one place to another, in place.
 * @param {Uint8Array} box Whole dBZ.
 * @param {readonly [number, number]} shape Rows and columns.
 * @param {{row: number, column: number}} from
 * @param {{row: number, column: number}} to
 * @param {{size: number, dbz: number}} brush Pixels across, and what is painted; 0 wipes out.
 * @returns {boolean} Whether a pixel changed.
 */
export function stroke(box, shape, from, to, { size, dbz }) {
  const steps = Math.max(Math.abs(to.row - from.row), Math.abs(to.column - from.column), 1);
  let changed = false;
  for (let i = 0; i <= steps; ++i) {
    const row = from.row + ((to.row - from.row) * i) / steps;
    const column = from.column + ((to.column - from.column) * i) / steps;
    changed = dab(box, shape, row, column, size / 2, dbz) || changed;
  }
  return changed;
}

/**
 * @param {Uint8Array} box
 * @param {readonly [number, number]} shape
 * @param {number} row Middle.
 * @param {number} column
 * @param {number} radius
 * @param {number} dbz
 */
function dab(box, [rows, columns], row, column, radius, dbz) {
  let changed = false;
  const [south, north] = [Math.ceil(row - radius), Math.floor(row + radius)];
  const [west, east] = [Math.ceil(column - radius), Math.floor(column + radius)];
  for (let r = Math.max(south, 0); r <= Math.min(north, rows - 1); ++r) {
    for (let c = Math.max(west, 0); c <= Math.min(east, columns - 1); ++c) {
      if ((r - row) ** 2 + (c - column) ** 2 > radius ** 2) continue;
      const at = r * columns + c;
      changed ||= box[at] !== dbz;
      box[at] = dbz;
    }
  }
  return changed;
}

/** Boxes as they were before each stroke, the last ones alone. */
export class History {
  /** @type {Uint8Array[]} */
  #before = [];
  #most;

  /** @param {number} [most] Strokes that are remembered. */
  constructor(most = 30) {
    this.#most = most;
  }

  get length() {
    return this.#before.length;
  }

  /** @param {Uint8Array} box As it is before a stroke. */
  remember(box) {
    this.#before.push(box.slice());
    if (this.#before.length > this.#most) this.#before.shift();
  }

  /** @returns {Uint8Array | undefined} The box before the last stroke. */
  undo() {
    return this.#before.pop();
  }

  clear() {
    this.#before = [];
  }
}
