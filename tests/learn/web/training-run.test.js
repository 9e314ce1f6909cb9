/** What a page asks of a training that runs: some weights, other settings, what became of it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { planOfZoo } from "../../../src/stormlens/learn/web/network/plan.js";
import { Training } from "../../../src/stormlens/learn/web/network/training.js";
import { firstWeights } from "../../../src/stormlens/learn/web/network/tensors.js";
import { startMachine, zoo } from "./network-oracles.js";

const SIDE = 20;
const CLASSES = ["Cellular", "QLCS", "Tropical", "Other", "Noise", "Missing"];
const FLIPS = { horizontal_flip: true, vertical_flip: true };
const machine = await startMachine();
const plan = planOfZoo(zoo, "chapter-linear", {
  shape: [SIDE, SIDE, 1],
  classes: CLASSES,
  minimum: 0,
  maximum: 80,
});

/** Boxes that differ, and a mode of each. @param {number} count */
function boxes(count) {
  return {
    images: Uint8Array.from({ length: count * SIDE * SIDE }, (_, i) => (i * i * 7 + i) % 80),
    modes: Uint8Array.from({ length: count }, (_, i) => i % CLASSES.length),
  };
}

/** @param {any} [settings] @param {any} [more] */
function begun(settings = {}, more = {}) {
  return new Training(machine, {
    plan,
    train: boxes(20),
    validation: boxes(9),
    settings: { learningRate: 1e-3, batchSize: 8, ...settings },
    ...more,
  });
}

/** Losses of some steps. @param {Training} training @param {number} steps */
function losses(training, steps) {
  return Array.from({ length: steps }, () => training.step().loss);
}

test("some weights can be had without the others", () => {
  const training = begun();
  const [first] = plan.tensors;
  const kernel = training.tensors.read([first.name]);
  assert.deepEqual([...kernel.keys()], [first.name]);
  assert.deepEqual(kernel.get(first.name), training.tensors.read().get(first.name));
  assert.throws(() => training.tensors.read(["none"]), /no weights called none/);
  training.free();
});

test("probabilities of the validation boxes are those that were counted", () => {
  const training = begun();
  losses(training, 3);
  const { probabilities, confusion, loss } = training.validate();
  const { modes } = boxes(9);
  const counts = CLASSES.map(() => CLASSES.map(() => 0));
  let told = 0;
  for (const [i, mode] of modes.entries()) {
    const shares = [...probabilities.subarray(i * CLASSES.length, (i + 1) * CLASSES.length)];
    assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-5);
    counts[mode][shares.indexOf(Math.max(...shares))] += 1;
    told -= Math.log(shares[mode]) / modes.length;
  }
  assert.deepEqual(confusion, counts);
  assert.ok(Math.abs(told - loss) < 1e-5);
  training.free();
});

test("a changed rate or augmentation counts from the next step on", () => {
  const [plain, changed, varied] = [begun(), begun(), begun()];
  const before = losses(plain, 2);
  assert.deepEqual(losses(changed, 2), before);
  assert.deepEqual(losses(varied, 2), before);
  changed.change({ learningRate: 1e-2 });
  varied.change({ learningRate: 1e-3, augmentation: FLIPS });
  const [next] = losses(plain, 1);
  // The weights of that step were those of the step before; its boxes were not.
  assert.equal(losses(changed, 1)[0], next);
  assert.notEqual(losses(varied, 1)[0], next);
  plain.step();
  const [one] = losses(plain, 1);
  changed.step();
  assert.notEqual(losses(changed, 1)[0], one);
  assert.throws(() => plain.change({ learningRate: 2 }), /learning rate is 2/);
  for (const training of [plain, changed, varied]) training.free();
});

test("boxes are taken as they are again once augmentation is switched off", () => {
  const [plain, varied] = [begun(), begun({ augmentation: FLIPS })];
  varied.change({ learningRate: 1e-3 });
  assert.deepEqual(losses(varied, 3), losses(plain, 3));
  plain.free();
  varied.free();
});

test("a training that is begun again repeats to the bit", () => {
  const training = begun({ augmentation: FLIPS });
  const once = losses(training, 5);
  training.reset();
  assert.deepEqual(losses(training, 5), once);
  training.free();
});

test("a loss that is no number any more is said, not thrown", () => {
  const weights = firstWeights(plan, 0);
  for (const values of weights.values()) values.fill(1e30);
  const training = begun({}, { weights });
  assert.ok(Number.isNaN(training.step().loss));
  training.free();
});

test("boxes are trained on as another radar would have shown them", () => {
  const weak = boxes(20);
  weak.images = weak.images.map((value, i) => (i === 0 ? 80 : value / 2)); // 80 stays 80
  const strong = { ...weak, images: weak.images.map((value) => Math.min(2 * value, 80)) };
  const doubled = begun({ augmentation: { scale_range: [2, 2] } }, { train: weak });
  const plain = begun({}, { train: strong });
  const [found, expected] = [losses(doubled, 4), losses(plain, 4)];
  found.forEach((loss, i) => assert.ok(Math.abs(loss - expected[i]) < 1e-5, `${loss}`));
  const whole = begun({}, { train: weak });
  assert.ok(Math.abs(losses(whole, 1)[0] - found[0]) > 1e-4);
  for (const training of [doubled, plain, whole]) training.free();
});

test("a training that is let go of gives its memory back", () => {
  const cycle = () => {
    const training = begun({ augmentation: FLIPS });
    losses(training, 4);
    training.change({ learningRate: 1e-2 });
    training.change({ learningRate: 1e-2, augmentation: FLIPS });
    training.validate();
    training.free();
    return machine.inUse;
  };
  const first = cycle();
  for (let i = 0; i < 20; ++i) assert.equal(cycle(), first);
});
