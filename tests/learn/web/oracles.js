/** What Python computed for these tests: `tests/learn/test_node.py` writes it before they run. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = process.env.STORMLENS_ORACLES;

/**
 * An oracle, or why a test of it is skipped.
 * @param {string} name Of the file.
 * @returns {{skip: string | false, cases: any}}
 */
export function oracle(name) {
  if (!FOLDER) {
    return { skip: "STORMLENS_ORACLES is not set: run pytest tests/learn/test_node.py", cases: {} };
  }
  return { skip: false, cases: JSON.parse(readFileSync(join(FOLDER, name), "utf-8")) };
}

/** Bytes that Python wrote as text. @param {string} text */
export function bytesOf(text) {
  return Uint8Array.from(Buffer.from(text, "base64"));
}
