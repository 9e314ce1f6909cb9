/** Settings of the neuron: bounds, defaults, and what is understood of an address. */

import assert from "node:assert/strict";
import { it } from "node:test";

import { understood } from "../../../src/stormlens/learn/web/base/component.js";
import { ACTIVATIONS } from "../../../src/stormlens/learn/web/ideas/concepts.js";
import { Neuron } from "../../../src/stormlens/learn/web/ideas/neuron.js";

it("keeps the chapter's bounds and defaults", () => {
  const { x1, x2, w1, w2, bias, activation } = Neuron.settings;
  for (const input of [x1, x2]) {
    assert.deepEqual([input.low, input.high, input.step, input.default], [-5, 5, 0.1, 1]);
  }
  for (const weight of [w1, w2]) {
    assert.deepEqual([weight.low, weight.high, weight.step, weight.default], [-3, 3, 0.1, 1]);
  }
  assert.deepEqual([bias.low, bias.high, bias.step, bias.default], [-3, 3, 0.1, 0]);
  assert.deepEqual(activation.choices, Object.keys(ACTIVATIONS));
  assert.equal(activation.default, "relu");
});

it("takes numbers from an address to the nearest bound, and no foreign activation", () => {
  const { w1, activation } = Neuron.settings;
  assert.equal(understood("2.5", w1), 2.5);
  assert.equal(understood("-30", w1), -3);
  assert.equal(understood("30", w1), 3);
  assert.equal(understood("", w1), undefined);
  assert.equal(understood("Infinity", w1), undefined);
  assert.equal(understood("much", w1), undefined);
  assert.equal(understood("gelu", activation), "gelu");
  assert.equal(understood("softmax", activation), undefined);
});
