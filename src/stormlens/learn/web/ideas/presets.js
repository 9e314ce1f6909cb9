/** Augmentation as known recipes have it; a test holds it to them. */

import { AT_REST } from "./augment.js";

/** @type {Readonly<Record<string, import("./augment.js").Augmentation>>} */
export const PRESETS = {
  chapter: {
    ...AT_REST,
    rotation_range: 0.1,
    width_shift_range: 0.1,
    height_shift_range: 0.1,
    shear_range: 0.1,
    zoom_range: [0.9, 1.1],
    horizontal_flip: true,
    vertical_flip: true,
  },
  "SVRIMG notebook": { ...AT_REST, rotation_range: 55, zoom_range: [0.9, 1] },
  none: AT_REST,
};
