/** An error whose words come from base/strings.js, on either side of a worker. */

import { t } from "../base/strings.js";

export class Fault extends Error {
  /**
   * @param {string} key Of the words.
   * @param {Record<string, unknown>} [values]
   */
  constructor(key, values = {}) {
    super(t(key, values));
    this.key = key;
    this.values = values;
  }
}
