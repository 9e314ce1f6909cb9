/** What an address asks for, and the one that asks for the same again. */

import assert from "node:assert/strict";
import { it } from "node:test";

import { understood } from "../../../src/stormlens/learn/web/base/component.js";
import { readAddress, writeAddress } from "../../../src/stormlens/learn/web/base/state.js";

it("reads a page and its settings", () => {
  assert.deepEqual(readAddress("#/neuron?w1=2&activation=leaky_relu"), {
    slug: "neuron",
    values: { w1: "2", activation: "leaky_relu" },
  });
  assert.deepEqual(readAddress("#/inside?pixel=3,4&network=a%20b"), {
    slug: "inside",
    values: { pixel: "3,4", network: "a b" },
  });
  for (const hash of ["#/train", "#train"]) {
    assert.deepEqual(readAddress(hash), { slug: "train", values: {} });
  }
  for (const hash of ["", "#", "#/"]) assert.equal(readAddress(hash).slug, "");
});

it("writes what it reads", () => {
  const values = { w1: 0.1 + 0.2, zoom: [0.8, 1.2], name: "a & b", all: true };
  const address = writeAddress("neuron", values);
  assert.equal(address, "#/neuron?w1=0.3&zoom=0.8,1.2&name=a+%26+b&all=true");
  const read = { w1: "0.3", zoom: "0.8,1.2", name: "a & b", all: "true" };
  assert.deepEqual(readAddress(address), { slug: "neuron", values: read });
  assert.equal(writeAddress("neuron", {}), "#/neuron");
});

it("understands a value of each kind, and nothing else", () => {
  const flag = /** @type {const} */ ({ kind: "flag", default: false });
  const flags = ["true", "", "1", true, "false", "0", false, "yes", 1, null];
  assert.deepEqual(
    flags.map((given) => understood(given, flag)),
    [true, true, true, true, false, false, false, undefined, undefined, undefined],
  );
  const whole = /** @type {const} */ ({ kind: "whole", default: 0, low: 0, high: 9 });
  assert.deepEqual(
    ["2.6", "-4", "99", "1e999", "x", 3].map((given) => understood(given, whole)),
    [3, 0, 9, undefined, undefined, 3],
  );
  /** @type {import("../../../src/stormlens/learn/web/base/component.js").Setting} */
  const pair = { kind: "numbers", default: [], length: 2, low: 0, high: 9 };
  assert.deepEqual(understood("1,20", pair), [1, 9]);
  assert.deepEqual(
    ["1", "1,2,3", "1,x", 4].map((given) => understood(given, pair)),
    [undefined, undefined, undefined, undefined],
  );
  const text = /** @type {const} */ ({ kind: "text", default: "" });
  assert.deepEqual([understood("few", text), understood(5, text)], ["few", undefined]);
});
