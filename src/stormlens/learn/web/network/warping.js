/** Boxes turned, shifted, sheared, zoomed and mirrored at random, as `stormlens.augment` does. */

/**
 * @typedef {object} Augmentation Ranges by the names of `stormlens.augment.Augmentation`.
 * @property {number} [rotation_range] Degrees.
 * @property {number} [width_shift_range] Share of the box.
 * @property {number} [height_shift_range]
 * @property {number} [shear_range] Degrees.
 * @property {readonly number[]} [zoom_range] Lowest and highest factor.
 * @property {boolean} [horizontal_flip]
 * @property {boolean} [vertical_flip]
 * @property {"reflect" | "nearest" | "constant" | "wrap"} [fill_mode]
 * @property {number} [cval]
 *
 * @typedef {object} Transform
 * @property {number} theta Degrees.
 * @property {number} tx Pixels along the columns.
 * @property {number} ty Along the rows.
 * @property {number} shear Degrees.
 * @property {number} zx
 * @property {number} zy
 * @property {boolean} flipHorizontal
 * @property {boolean} flipVertical
 */

/** In the order of the kernel's numbers. */
export const FILL_MODES = ["reflect", "nearest", "constant", "wrap"];

/** Whether anything would move. @param {Augmentation} augmentation */
export function moves(augmentation) {
  const [low, high] = augmentation.zoom_range ?? [1, 1];
  return Boolean(
    augmentation.rotation_range ||
    augmentation.width_shift_range ||
    augmentation.height_shift_range ||
    augmentation.shear_range ||
    augmentation.horizontal_flip ||
    augmentation.vertical_flip ||
    low !== 1 ||
    high !== 1,
  );
}

/**
 * @param {Augmentation} augmentation
 * @param {import("../base/random.js").Random} random
 * @param {number} rows
 * @param {number} columns
 * @returns {Transform}
 */
export function drawTransform(augmentation, random, rows, columns) {
  const within = (/** @type {number | undefined} */ bound) =>
    random.between(-(bound ?? 0), bound ?? 0);
  const [low, high] = augmentation.zoom_range ?? [1, 1];
  return {
    theta: within(augmentation.rotation_range),
    tx: within(augmentation.width_shift_range) * columns,
    ty: within(augmentation.height_shift_range) * rows,
    shear: within(augmentation.shear_range),
    zx: random.between(low, high),
    zy: random.between(low, high),
    flipHorizontal: Boolean(augmentation.horizontal_flip) && random.unit() < 0.5,
    flipVertical: Boolean(augmentation.vertical_flip) && random.unit() < 0.5,
  };
}

/**
 * Output pixel (row, column, 1) to input (row, column), about the centre; see
 * `stormlens.augment.affine_matrices`.
 * @param {Transform} transform
 * @param {number} rows
 * @param {number} columns
 * @returns {number[]} Two rows of three.
 */
export function affineMatrix(
  { theta, tx, ty, shear, zx, zy, flipHorizontal, flipVertical },
  rows,
  columns,
) {
  const [angle, slant] = [(theta * Math.PI) / 180, (shear * Math.PI) / 180];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [vertical, horizontal] = [flipVertical ? -1 : 1, flipHorizontal ? -1 : 1];
  const [rowCentre, columnCentre] = [(rows - 1) / 2, (columns - 1) / 2];
  const centred = (
    /** @type {number} */ byRow,
    /** @type {number} */ byColumn,
    /** @type {number} */ centre,
    /** @type {number} */ shift,
  ) => {
    const [row, column] = [byRow * vertical, byColumn * horizontal];
    return [row, column, centre + shift - row * rowCentre - column * columnCentre];
  };
  return [
    ...centred(Math.cos(angle + slant) * zy, sin * zx, rowCentre, sin * tx + cos * ty),
    ...centred(-Math.sin(angle + slant) * zy, cos * zx, columnCentre, cos * tx - sin * ty),
  ];
}
