/**
 * One canvas under many buttons, each with a map of its own.
 *
 * A browser keeps a layer for every canvas, and moves, draws and puts together each of them with
 * every frame; for a hundred canvases that takes longer than to fill them.
 */

import { el } from "../base/dom.js";
import { drawSharp, drawSmooth } from "./resample.js";

/**
 * @typedef {import("../base/picture.js").MapOf} MapOf
 * @typedef {import("./pixels.js").Scale} Scale
 * @typedef {import("./resample.js").Spot} Spot
 */

/** Pixels of a canvas for one of the page, at most. */
const MOST_DENSE = 2;
const BORDER = 1; // of a button, as in the style sheet

export class Sheet {
  canvas = el("canvas", { class: "sheet", "aria-hidden": "true" });
  #context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
  /** @type {ImageData | undefined} */
  #image;
  /** @type {Spot[]} */
  #spots = [];

  /**
   * Take the places of the buttons.
   * @param {DOMRect} around Of the element that the canvas fills.
   * @param {readonly DOMRect[]} tiles Of the buttons.
   * @param {number} columns Of a map, of which more pixels would show no more.
   * @returns {boolean} Whether all maps must be drawn again.
   */
  arrange(around, tiles, columns) {
    const most = Math.min(globalThis.devicePixelRatio || 1, MOST_DENSE);
    const dense = Math.min(Math.max(columns / (tiles[0].width || 1), 1), most);
    const spots = tiles.map((box) => spotOf(box, around, dense));
    const [width, height] = [around.width, around.height].map((side) => Math.ceil(side * dense));
    const there = this.#image?.width === width && this.#image.height === height;
    if (there && spots.every((spot, i) => alike(spot, this.#spots[i]))) return false;
    this.#spots = spots;
    const seen = width > 0 && height > 0;
    this.#image = seen ? this.#context.createImageData(width, height) : undefined;
    Object.assign(this.canvas, { width, height });
    this.canvas.style.width = `${width / dense}px`;
    this.canvas.style.height = `${height / dense}px`;
    return true;
  }

  /**
   * Draw maps; the canvas shows them when all are there.
   * @param {readonly {tile: number, map: MapOf, scale: Scale, sharp?: boolean}[]} drawn
   */
  draw(drawn) {
    const image = this.#image;
    if (!image) return;
    const pixels = new Uint32Array(image.data.buffer);
    for (const { tile, map, scale, sharp = false } of drawn) {
      const spot = this.#spots[tile];
      if (!(spot?.width > 0 && spot.height > 0)) continue;
      (sharp ? drawSharp : drawSmooth)(pixels, image.width, spot, map, scale);
    }
    this.#context.putImageData(image, 0, 0);
  }
}

/**
 * Pixels within the border of a button; what is left of a pixel lies under the border.
 * @param {DOMRect} box
 * @param {DOMRect} around
 * @param {number} dense
 * @returns {Spot}
 */
function spotOf(box, around, dense) {
  const left = Math.floor((box.left - around.left + BORDER) * dense);
  const top = Math.floor((box.top - around.top + BORDER) * dense);
  const right = Math.ceil((box.right - around.left - BORDER) * dense);
  const bottom = Math.ceil((box.bottom - around.top - BORDER) * dense);
  return { left, top, width: right - left, height: bottom - top };
}

/** @param {Spot} one @param {Spot | undefined} other */
function alike(one, other) {
  return /** @type {(keyof Spot)[]} */ (["left", "top", "width", "height"]).every(
    (side) => one[side] === other?.[side],
  );
}
