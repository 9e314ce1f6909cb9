import assert from "node:assert/strict";
import { test } from "node:test";

import {
  MODES,
  readableOn,
  REFLECTIVITY,
  rgb,
  SIGNED,
} from "../../../src/stormlens/learn/web/base/colours.js";

/** Relative luminance as WCAG 2.2 defines it. @param {readonly number[]} colour */
function luminance(colour) {
  const [red, green, blue] = colour.map((part) =>
    part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

test("numbers can be read on every colour of the pictures", () => {
  for (const hex of [...REFLECTIVITY, ...SIGNED, ...Object.values(MODES), "#ffffff", "#000000"]) {
    const pair = [luminance(rgb(hex)), luminance(rgb(readableOn(rgb(hex))))].sort((a, b) => a - b);
    const contrast = (pair[1] + 0.05) / (pair[0] + 0.05);
    assert.ok(contrast >= 4.5, `${hex}: ${contrast}`);
  }
  assert.equal(readableOn([0, 0, 0]), "#ffffff");
  assert.equal(readableOn([255, 255, 255]), "#000000");
});
