import assert from "node:assert/strict";
import { test } from "node:test";

import { readSafetensors } from "../../../src/stormlens/learn/web/data/safetensors.js";
import { bytesOf, oracle } from "./oracles.js";

/** @param {object} header @param {number} bytes */
function file(header, bytes) {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const content = new Uint8Array(8 + text.length + bytes);
  new DataView(content.buffer).setBigUint64(0, BigInt(text.length), true);
  content.set(text, 8);
  return content.buffer;
}

const { skip, cases } = oracle("files.json");

test("weights are those that Python wrote", { skip }, () => {
  for (const { content, tensors } of cases.safetensors) {
    const { weights, shapes } = readSafetensors(bytesOf(content).buffer, "weights");
    assert.deepEqual([...weights.keys()].sort(), Object.keys(tensors).sort());
    for (const [name, expected] of Object.entries(tensors)) {
      assert.deepEqual(shapes.get(name), expected.shape);
      assert.deepEqual([...(weights.get(name) ?? [])], expected.values);
    }
  }
});

test("a file is refused with a sentence that says why", () => {
  const one = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
  assert.equal(readSafetensors(file({ one }, 8), "w").weights.get("one")?.length, 2);
  const two = { dtype: "F32", shape: [2], data_offsets: [4, 12] };
  /** @type {[ArrayBuffer, RegExp][]} */
  const cases = [
    [new ArrayBuffer(3), /^w is damaged: its header cannot be read/],
    [new Uint8Array(64).fill(255).buffer, /its header cannot be read/],
    [file([], 0), /its header cannot be read/],
    [file({ one }, 7), /tensor one is not where/],
    [file({ one }, 9), /longer than its header says/],
    [file({ one, two }, 12), /tensor two is not where/],
    [file({ one: { ...one, shape: [3] } }, 8), /tensor one is not where/],
    [file({ one: { ...one, shape: [-2] } }, 8), /tensor one is not where/],
    [file({ one: null }, 8), /tensor one is not where/],
    [file({ one: { ...one, dtype: "F16" } }, 8), /numbers of kind F16; weights are 32-bit/],
  ];
  for (const [content, sentence] of cases) {
    assert.throws(() => readSafetensors(content, "w"), { message: sentence });
  }
  const infinite = file({ one }, 8);
  new DataView(infinite).setFloat32(infinite.byteLength - 4, NaN, true);
  assert.throws(
    () => readSafetensors(infinite, "w"),
    /tensor one holds values that are not finite/,
  );
});
