/** What chance decides in a training, and what the modules ask of a browser. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { Random } from "../../../src/stormlens/learn/web/base/random.js";
import { Dropout } from "../../../src/stormlens/learn/web/network/operations.js";
import { planOfZoo, planWith } from "../../../src/stormlens/learn/web/network/plan.js";
import { firstWeights } from "../../../src/stormlens/learn/web/network/tensors.js";
import { Training } from "../../../src/stormlens/learn/web/network/training.js";
import { facts, hashed, NETWORK, startMachine, zoo } from "./network-oracles.js";

/** @param {number[] | Float32Array} values */
function mean(values) {
  let total = 0;
  for (const value of values) total += value;
  return total / values.length;
}

test("dropout switches its share off and keeps the sum, values and channels alike", async () => {
  const machine = await startMachine();
  for (const spatial of [false, true]) {
    const dropout = new Dropout(machine, [4, 4, 500], 0.3, spatial);
    dropout.prepare(8);
    const [input, output] = [machine.allocate(4 * 64000), machine.allocate(4 * 64000)];
    machine.floats(input, 64000).fill(1);
    const pass = { count: 8, areBytes: false, low: 0, span: 1, random: new Random(4), adam: 0 };
    dropout.forward(input, output, pass);
    const values = machine.floats(output, 64000).slice();
    const kept = values.filter((value) => value !== 0);
    assert.ok(kept.every((value) => value === Math.fround(1 / 0.7)));
    assert.ok(Math.abs(kept.length / 64000 - 0.7) < 0.02, `${kept.length}`);
    assert.ok(Math.abs(mean(values) - 1) < 0.03);
    const cells = Array.from({ length: 16 }, (_, i) => values.slice(500 * i, 500 * (i + 1)));
    const alike = cells.every((cell) => cell.every((value, c) => value === cells[0][c]));
    assert.equal(alike, spatial);
    assert.notDeepEqual(values.slice(0, 500), values.slice(8000, 8500), "each box has its own");
    // The way back goes where the values went.
    const way = { input, output, gradient: machine.allocate(4 * 64000), to: 0 };
    machine.floats(way.gradient, 64000).fill(2);
    dropout.backward(way, pass);
    assert.deepEqual(
      machine.floats(way.gradient, 64000).slice(),
      values.map((v) => 2 * v),
    );
    dropout.forward(input, output, { ...pass, random: null });
    assert.ok(machine.floats(output, 64000).every((value) => value === 1));
    dropout.free();
  }
});

test("first weights are drawn by Glorot's uniform rule", () => {
  const plan = planOfZoo(zoo, "storm-residual", facts(60));
  const weights = firstWeights(plan, 7);
  const drawn = plan.layers.map(
    ({ steps: [first, last] }) =>
      plan.steps.slice(first, last).find(({ kernel }) => kernel !== null)?.kernel,
  );
  for (const { name, shape } of plan.tensors) {
    const values = /** @type {Float32Array} */ (weights.get(name));
    if (!drawn.includes(name)) {
      assert.ok(
        values.every((value) => value === 0),
        name,
      );
      continue;
    }
    const fans = shape
      .slice(0, -2)
      .reduce((n, side) => n * side, shape[shape.length - 2] + shape[shape.length - 1]);
    const limit = Math.sqrt(6 / fans);
    const low = values.reduce((a, b) => Math.min(a, b));
    const high = values.reduce((a, b) => Math.max(a, b));
    assert.ok(low >= -limit && high <= limit && high - low > 1.8 * limit, name);
    const deviation = Math.sqrt(mean(values.map((value) => value * value)));
    assert.ok(Math.abs(deviation / (limit / Math.sqrt(3)) - 1) < 0.2, name);
  }
  assert.deepEqual(firstWeights(plan, 7), weights);
  assert.notDeepEqual(firstWeights(plan, 8), weights);
});

/**
 * Losses of a few steps.
 * @param {import("../../../src/stormlens/learn/web/network/training.js").Settings} settings
 * @param {string} [name]
 */
async function losses(settings, name = "svrimg-3conv") {
  const machine = await startMachine();
  const images = Uint8Array.from(hashed(20 * 53 * 53, 3), (value) => 40 + 40 * value);
  const modes = Array.from({ length: 20 }, (_, i) => i % 6);
  const plan = planOfZoo(zoo, name, facts(53));
  const training = new Training(machine, { plan, train: { images, modes }, settings });
  const found = [];
  for (let step = 0; step < 4; ++step) found.push(training.step().loss);
  return found;
}

test("a seed gives the same losses, and each setting counts", async () => {
  const first = await losses({ seed: 1, batchSize: 8 });
  assert.deepEqual(await losses({ seed: 1, batchSize: 8 }), first);
  for (const other of [
    { seed: 2, batchSize: 8 },
    { seed: 1, batchSize: 7 },
    { seed: 1, batchSize: 8, learningRate: 0.01 },
    { seed: 1, batchSize: 8, dropout: 0 },
    { seed: 1, batchSize: 8, activation: "tanh" },
    { seed: 1, batchSize: 8, augmentation: { width_shift_range: 0.2 } },
  ]) {
    const found = await losses(other);
    assert.ok(found.every(Number.isFinite));
    assert.notDeepEqual(found, first, JSON.stringify(other));
  }
});

test("settings change what they name and nothing else", () => {
  for (const [network, rates] of Object.entries({
    "storm-residual": [0.5],
    "svrimg-3conv": [0.5, 0.5, 0.5, 0.5], // with a dense layer between the convolutions and the last
  })) {
    const plan = planOfZoo(zoo, network, facts(60));
    const changed = planWith(plan, { dropout: 0.5, activation: "tanh" });
    for (const [i, step] of plan.steps.entries()) {
      const kind = plan.layers[step.layer].kind;
      const due = kind === "Conv2D" ? "tanh" : step.activation;
      assert.equal(changed.steps[i].activation, due, `step ${i} of ${network}: ${kind}`);
    }
    assert.equal(changed.steps.at(-1)?.activation, "softmax");
    assert.deepEqual(
      changed.layers.flatMap(({ rate }) => rate ?? []),
      rates,
    );
    assert.deepEqual(planWith(plan, {}), plan);
  }
});

test("the modules ask a browser for nothing but memory", () => {
  const imports = (/** @type {string} */ name) =>
    WebAssembly.Module.imports(new WebAssembly.Module(readFileSync(join(NETWORK, name))));
  assert.deepEqual(imports("stormlens.wasm"), []);
  const memory = { module: "env", name: "memory", kind: "memory" };
  assert.deepEqual(imports("stormlens-threads.wasm"), [memory]);
});
