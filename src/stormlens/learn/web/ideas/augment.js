/**
 * Random turns, shifts, zooms and flips of storms, and what other radars would have shown of them.
 *
 * The twin of `stormlens.augment` and `stormlens.ops.warp` in Python, which tests hold it to, for
 * the studio and for training. Nothing here draws on a page. Row 0 of an image is the south.
 */

/**
 * @typedef {import("../base/random.js").Random} Random
 * @typedef {"reflect" | "nearest" | "constant" | "wrap"} FillMode
 * @typedef {object} Augmentation Ranges that transforms are drawn from, as a recipe names them.
 * @property {number} rotation_range Degrees either way.
 * @property {number} width_shift_range Of the width, either way.
 * @property {number} height_shift_range
 * @property {number} shear_range Degrees either way.
 * @property {readonly number[]} zoom_range Lowest and highest factor; under 1 enlarges.
 * @property {boolean} horizontal_flip
 * @property {boolean} vertical_flip
 * @property {FillMode} fill_mode
 * @property {number} cval dBZ beyond the edge, for "constant".
 * @property {number} offset_range dBZ either way.
 * @property {readonly number[]} scale_range
 * @property {number} cutoff_range dBZ from 0 on.
 * @property {number} dropout_range Share of the box.
 *
 * @typedef {{rows: number, columns: number}} Shape
 * @typedef {object} Transform
 * @property {number} theta Degrees.
 * @property {number} tx Pixels along the columns.
 * @property {number} ty Pixels along the rows.
 * @property {number} shear Degrees.
 * @property {number} zx Zoom along the columns.
 * @property {number} zy Zoom along the rows.
 * @property {boolean} flipHorizontal
 * @property {boolean} flipVertical
 * @typedef {{scale: number, offset: number, cutoff: number}} Echo
 * @typedef {object} Dropout What a radar that is off leaves unseen.
 * @property {number} share Of the box's area, 0 to 1.
 * @property {boolean} isDisc Or all beyond a straight line.
 * @property {number} row Centre of a disc.
 * @property {number} column
 * @property {number} angle Towards what lies beyond a line, degrees from columns to rows.
 * @typedef {Transform & Echo & Dropout} Draw
 */

/** @type {readonly FillMode[]} */
export const FILL_MODES = ["reflect", "nearest", "constant", "wrap"];

/** Nothing is changed. @type {Readonly<Augmentation>} */
export const AT_REST = {
  rotation_range: 0,
  width_shift_range: 0,
  height_shift_range: 0,
  shear_range: 0,
  zoom_range: [1, 1],
  horizontal_flip: false,
  vertical_flip: false,
  fill_mode: "reflect",
  cval: 0,
  offset_range: 0,
  scale_range: [1, 1],
  cutoff_range: 0,
  dropout_range: 0,
};

const MOST_DBZ = 80;

/**
 * Draw a transform. Each takes as many random numbers, so that a range that is widened moves its
 * own part of it alone.
 * @param {Augmentation} ranges
 * @param {Random} random
 * @param {Shape} shape
 * @returns {Draw}
 */
export function drawn(ranges, random, { rows, columns }) {
  const either = (/** @type {number} */ bound) => random.between(-bound, bound);
  const within = (/** @type {readonly number[]} */ [low, high]) => random.between(low, high);
  const theta = either(ranges.rotation_range);
  const tx = either(ranges.width_shift_range) * columns;
  const ty = either(ranges.height_shift_range) * rows;
  const shear = either(ranges.shear_range);
  const [zx, zy] = [within(ranges.zoom_range), within(ranges.zoom_range)];
  const [isEast, isNorth] = [random.unit() < 0.5, random.unit() < 0.5];
  const echo = {
    scale: within(ranges.scale_range),
    offset: either(ranges.offset_range),
    cutoff: random.between(0, ranges.cutoff_range),
  };
  const chance = random.unit();
  const share = random.between(0, ranges.dropout_range);
  return {
    ...{ theta, tx, ty, shear, zx, zy },
    flipHorizontal: isEast && ranges.horizontal_flip,
    flipVertical: isNorth && ranges.vertical_flip,
    ...echo,
    share: chance < 0.5 ? share : 0,
    isDisc: chance < 0.25,
    row: random.between(0, rows),
    column: random.between(0, columns),
    angle: random.between(0, 360),
  };
}

/**
 * An image as one draw shows it.
 * @param {ArrayLike<number>} image dBZ, row by row.
 * @param {Augmentation} ranges Those that it was drawn from.
 * @param {Draw} draw
 * @param {Shape} shape
 * @param {Float32Array} [to] Where it goes.
 * @returns {Float32Array}
 */
export function augmented(image, ranges, draw, shape, to = new Float32Array(image.length)) {
  if (isStill(ranges)) to.set(image);
  else warp(image, affineMatrix(draw, shape), shape, ranges.fill_mode, ranges.cval, to);
  asSeen(to, ranges, draw, shape);
  return to;
}

/**
 * Change an image as another radar or product would have it.
 * @param {Float32Array} values dBZ; changed.
 * @param {Augmentation} ranges Those that it was drawn from.
 * @param {Draw} draw
 * @param {Shape} shape
 */
export function asSeen(values, ranges, draw, shape) {
  const { scale_range: scale } = ranges;
  if (ranges.offset_range || ranges.cutoff_range || scale[0] !== 1 || scale[1] !== 1) {
    changeEcho(values, draw);
  }
  if (draw.share > 0) dropOut(values, draw, shape);
}

/**
 * Whether nothing moves or changes; what lies beyond the edge is then never seen.
 * @param {Augmentation} ranges
 */
export function isAtRest(ranges) {
  return /** @type {(keyof Augmentation)[]} */ (Object.keys(AT_REST)).every(
    (name) =>
      name === "fill_mode" || name === "cval" || String(ranges[name]) === String(AT_REST[name]),
  );
}

/** Whether no pixel moves. @param {Augmentation} ranges */
export function isStill(ranges) {
  const { rotation_range, width_shift_range, height_shift_range, shear_range, zoom_range } = ranges;
  return (
    !(rotation_range || width_shift_range || height_shift_range || shear_range) &&
    !(ranges.horizontal_flip || ranges.vertical_flip) &&
    zoom_range[0] === 1 &&
    zoom_range[1] === 1
  );
}

/** @param {number} degrees */
function radians(degrees) {
  return (degrees * Math.PI) / 180;
}

/**
 * The affine map of a transform: rotation @ shift @ shear @ zoom about the centre, then the flips,
 * as Keras's ImageDataGenerator composes them.
 * @param {Transform} transform
 * @param {Shape} shape
 * @returns {Float32Array} Output pixel (row, column, 1) to input row, then to input column.
 */
export function affineMatrix(transform, { rows, columns }) {
  const { tx, ty, zx, zy } = transform;
  const [angle, slant] = [radians(transform.theta), radians(transform.shear)];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  // A flip reads the output from its far end.
  const vertical = transform.flipVertical ? -1 : 1;
  const horizontal = transform.flipHorizontal ? -1 : 1;
  const [rowCentre, columnCentre] = [(rows - 1) / 2, (columns - 1) / 2];
  const centred = (
    /** @type {number} */ byRow,
    /** @type {number} */ byColumn,
    /** @type {number} */ at,
  ) => [byRow, byColumn, at - byRow * rowCentre - byColumn * columnCentre];
  return Float32Array.from([
    ...centred(
      Math.cos(angle + slant) * zy * vertical,
      sin * zx * horizontal,
      rowCentre + sin * tx + cos * ty,
    ),
    ...centred(
      -Math.sin(angle + slant) * zy * vertical,
      cos * zx * horizontal,
      columnCentre + cos * tx - sin * ty,
    ),
  ]);
}

/**
 * Sample an image where a map sends the output's pixels, between four neighbours.
 * @param {ArrayLike<number>} image Row by row.
 * @param {Float32Array} matrix As `affineMatrix` gives it.
 * @param {Shape} shape
 * @param {FillMode} fillMode As in SciPy, "reflect" repeats the edge pixel, and "wrap" has the
 *   period of the last row's number (first and last row coincide).
 * @param {number} cval Beyond the edge, for "constant".
 * @param {Float32Array} to
 */
export function warp(image, matrix, { rows, columns }, fillMode, cval, to) {
  // This is done for each pixel of each draw: no arrays and no calls there, and whole numbers
  // that a browser knows to be whole (Math.max would give it others).
  const y1 = matrix[1];
  const x1 = matrix[4];
  const fold = FOLDS[fillMode];
  const [lastRow, lastColumn] = [rows - 1, columns - 1];
  const below = rows > 1 ? columns : 0;
  const right = columns > 1 ? 1 : 0;
  const lowest = rows > 1 ? rows - 2 : 0;
  const rightmost = columns > 1 ? columns - 2 : 0;
  for (let row = 0, at = 0; row < rows; ++row) {
    const rowY = matrix[0] * row + matrix[2];
    const rowX = matrix[3] * row + matrix[5];
    for (let column = 0; column < columns; ++column, ++at) {
      let y = rowY + y1 * column;
      let x = rowX + x1 * column;
      if (!(y >= 0 && y <= lastRow && x >= 0 && x <= lastColumn)) {
        if (fillMode === "constant") {
          to[at] = cval;
          continue;
        }
        y = fold(y, rows);
        x = fold(x, columns);
      }
      let top = y | 0;
      let left = x | 0;
      if (top > lowest) top = lowest;
      if (left > rightmost) left = rightmost;
      const across = x - left;
      const corner = top * columns + left;
      const one = image[corner];
      const other = image[corner + below];
      const upper = one + (image[corner + right] - one) * across;
      const lower = other + (image[corner + below + right] - other) * across;
      to[at] = upper + (lower - upper) * (y - top);
    }
  }
}

/** @param {number} value @param {number} low @param {number} high */
function clipped(value, low, high) {
  return value > low ? Math.min(value, high) : low;
}

/**
 * Where a coordinate beyond the edge is taken from, 0 to size - 1.
 * @type {Readonly<Record<FillMode, (coordinate: number, size: number) => number>>}
 */
const FOLDS = {
  reflect: (coordinate, size) => {
    // Symmetric about the outer edges of the first and last pixel, at -0.5 and size - 0.5.
    const shifted = coordinate + 0.5;
    const cycle = shifted - 2 * size * Math.floor(shifted / (2 * size));
    return clipped(Math.min(cycle, 2 * size - cycle) - 0.5, 0, size - 1);
  },
  wrap: (coordinate, size) => {
    const period = Math.max(size - 1, 1);
    // As in SciPy, whole periods before the first row give the last one.
    if (coordinate < 0) {
      return clipped(coordinate + period * (Math.floor(-coordinate / period) + 1), 0, size - 1);
    }
    if (coordinate <= size - 1) return coordinate;
    return clipped(coordinate - period * Math.floor(coordinate / period), 0, size - 1);
  },
  nearest: (coordinate, size) => clipped(coordinate, 0, size - 1),
  constant: (coordinate, size) => clipped(coordinate, 0, size - 1),
};

/**
 * Make echo stronger or weaker, keep it within 0 to 80 dBZ, then cut it off from below. What has
 * no echo stays 0.
 * @param {Float32Array} values dBZ; changed.
 * @param {Echo} echo
 */
export function changeEcho(values, { scale, offset, cutoff }) {
  for (let i = 0; i < values.length; ++i) {
    if (!(values[i] > 0)) {
      values[i] = 0;
      continue;
    }
    const changed = clipped(values[i] * scale + offset, 0, MOST_DBZ);
    values[i] = changed >= cutoff ? changed : 0;
  }
}

/**
 * Take away what a radar that is off leaves unseen: a disc, or all beyond a straight line.
 * @param {Float32Array} values Changed.
 * @param {Dropout} dropout
 * @param {Shape} shape
 */
export function dropOut(values, dropout, { rows, columns }) {
  const lost = dropout.isDisc
    ? inDisc(dropout, rows * columns)
    : beyondLine(dropout, { rows, columns });
  for (let row = 0, at = 0; row < rows; ++row) {
    for (let column = 0; column < columns; ++column, ++at) if (lost(row, column)) values[at] = 0;
  }
}

/**
 * @param {Dropout} dropout
 * @param {number} area
 * @returns {(row: number, column: number) => boolean}
 */
function inDisc({ share, row, column }, area) {
  const square = (share * area) / Math.PI;
  return (i, j) => (i - row) ** 2 + (j - column) ** 2 < square;
}

/**
 * @param {Dropout} dropout
 * @param {Shape} shape
 * @returns {(row: number, column: number) => boolean}
 */
function beyondLine({ share, angle }, { rows, columns }) {
  const [cos, sin] = [Math.cos(radians(angle)), Math.sin(radians(angle))];
  // Seen along the angle the box is as long as two sides' shadows; how much of it lies within a
  // distance of its far corner grows as a square, straight, and as a square again.
  const shadows = [Math.abs(sin) * rows, Math.abs(cos) * columns];
  const [long, short] = [Math.max(...shadows), Math.min(...shadows)];
  const [corner, twice] = [short / (2 * long), 2 * long * short];
  let depth = long + short - Math.sqrt(twice * (1 - share));
  if (share < corner) depth = Math.sqrt(twice * share);
  else if (share < 1 - corner) depth = short / 2 + long * share;
  const edge = (long + short) / 2 - depth;
  return (i, j) => sin * (i - (rows - 1) / 2) + cos * (j - (columns - 1) / 2) > edge;
}

/**
 * Where the storm report, which lies at the centre, is after a map.
 * @param {Float32Array} matrix
 * @param {Shape} shape
 * @returns {{row: number, column: number}}
 */
export function reportPlace([y0, y1, y2, x0, x1, x2], { rows, columns }) {
  const [down, across] = [(rows - 1) / 2 - y2, (columns - 1) / 2 - x2];
  const determinant = y0 * x1 - y1 * x0;
  return {
    row: (down * x1 - y1 * across) / determinant,
    column: (y0 * across - x0 * down) / determinant,
  };
}

/** Whether a map shows storms as in a mirror. @param {Float32Array} matrix */
export function isMirrored([y0, y1, , x0, x1]) {
  return y0 * x1 - y1 * x0 < 0;
}

/**
 * Share of the pixels whose place in the box they are taken from lies outside it.
 * @param {readonly Float32Array[]} matrices
 * @param {Shape} shape
 * @returns {number} 0 to 1.
 */
export function beyondTheEdge(matrices, { rows, columns }) {
  let outside = 0;
  let all = 0;
  for (const [y0, y1, y2, x0, x1, x2] of matrices) {
    // Every other row and column will do for a share.
    for (let row = 0; row < rows; row += 2) {
      for (let column = 0; column < columns; column += 2, ++all) {
        const y = y0 * row + y1 * column + y2;
        const x = x0 * row + x1 * column + x2;
        // The box reaches half a pixel beyond the middles of its outermost pixels.
        if (!(y >= -0.5 && y <= rows - 0.5 && x >= -0.5 && x <= columns - 0.5)) ++outside;
      }
    }
  }
  return all ? outside / all : 0;
}
