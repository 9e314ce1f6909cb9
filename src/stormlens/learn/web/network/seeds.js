/**
 * One seed of several whole numbers, so that each use of chance has its own: what is drawn in a
 * step hangs on seed, epoch and step alone.
 * @param {...number} numbers
 * @returns {number}
 */
export function seedOf(...numbers) {
  let mixed = 0x811c9dc5;
  for (const number of numbers) {
    mixed = Math.imul(mixed ^ (number | 0), 0x9e3779b1);
    mixed ^= mixed >>> 15;
  }
  return mixed >>> 0;
}
