/** How a neuron's numbers are written. */

import { fixed, shortNumber } from "../base/picture.js";

/**
 * An answer with two decimals, or four where it is below 1 and two would hide a squashed one.
 * @param {number} a
 * @returns {string}
 */
export function answerWords(a) {
  const size = Math.abs(a);
  if (size > 0 && size < 0.0001) return shortNumber(a);
  return fixed(a, size > 0 && size < 1 ? 4 : 2);
}
