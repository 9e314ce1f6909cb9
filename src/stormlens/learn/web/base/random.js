/**
 * Random numbers that follow from a seed: xoshiro128** by Blackman and Vigna (2018), its state
 * filled by splitmix32.
 */
export class Random {
  /** @type {Uint32Array} */
  #state = new Uint32Array(4);

  /** @param {number} seed A whole number; its lower 32 bits count. */
  constructor(seed) {
    let mixed = seed >>> 0;
    for (let i = 0; i < 4; ++i) {
      mixed = (mixed + 0x9e3779b9) >>> 0;
      let z = mixed;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      this.#state[i] = z ^ (z >>> 16);
    }
  }

  /** A whole number from 0 to 2^32 - 1. */
  whole() {
    const s = this.#state;
    const product = Math.imul(s[1], 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }

  /** A number from 0 to below 1. */
  unit() {
    return this.whole() / 4294967296;
  }

  /**
   * A number between two, each as likely.
   * @param {number} low
   * @param {number} high
   */
  between(low, high) {
    return low + (high - low) * this.unit();
  }

  /**
   * A whole number from 0 to below n.
   * @param {number} n
   */
  below(n) {
    return Math.floor(this.unit() * n);
  }

  /**
   * The numbers from 0 to below n in a random order (Fisher and Yates).
   * @param {number} n
   * @returns {Uint32Array}
   */
  order(n) {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; --i) {
      const other = this.below(i + 1);
      [order[i], order[other]] = [order[other], order[i]];
    }
    return order;
  }
}
