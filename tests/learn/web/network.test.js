/** Networks answer, explain and learn as Keras, JAX and stormlens do. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { readSafetensors } from "../../../src/stormlens/learn/web/data/safetensors.js";
import { Chain } from "../../../src/stormlens/learn/web/network/chain.js";
import { Looking } from "../../../src/stormlens/learn/web/network/looking.js";
import { occlude } from "../../../src/stormlens/learn/web/network/occlusion.js";
import {
  joinedOperations,
  singleOperations,
} from "../../../src/stormlens/learn/web/network/arranging.js";
import {
  overBox,
  planOfClassifier,
  planOfNetwork,
} from "../../../src/stormlens/learn/web/network/plan.js";
import { Tensors } from "../../../src/stormlens/learn/web/network/tensors.js";
import { Training } from "../../../src/stormlens/learn/web/network/training.js";
import { affineMatrix } from "../../../src/stormlens/learn/web/ideas/augment.js";
import { Arena } from "../../../src/stormlens/learn/web/network/wasm.js";
import {
  apart,
  firstNetwork,
  hashedNetwork,
  oracle,
  PACKAGE,
  skip,
  startMachine,
  zoo,
} from "./network-oracles.js";

/** @typedef {import("../../../src/stormlens/learn/web/network/operations.js").Pass} Pass */

test("each network of the zoo answers as Keras does", { skip }, async () => {
  const machine = await startMachine();
  for (const { name, side, images, answers } of oracle("forward")) {
    const { plan, weights } = hashedNetwork(name, side);
    const tensors = new Tensors(machine, plan, weights);
    const looking = new Looking(machine, plan, tensors);
    const boxes = Uint8Array.from(images);
    assert.ok(apart(looking.predict(boxes), answers) < 1e-5, name);
    const { maps } = looking.maps(boxes.subarray(0, side * side));
    assert.ok(apart(maps[maps.length - 1], answers.slice(0, 6)) < 1e-5, `maps of ${name}`);
    for (const [i, step] of plan.steps.entries()) {
      const size = step.shape.reduce((product, n) => product * n, 1);
      assert.equal(maps[i].length, size, `map ${i} of ${name}`);
    }
    looking.free();
    tensors.free();
  }
});

/** One step of an oracle as a plan of its own. @param {any} given */
function planOfStep(given) {
  const [kernel, bias] = given.tensors.length > 0 ? ["kernel", "bias"] : [null, null];
  const flat = given.shape.length === 1;
  const step = { ...given.step, kernel, bias };
  const shapes = new Map(
    given.tensors.map((/** @type {any} */ t, /** @type {number} */ i) => [
      i === 0 ? "kernel" : "bias",
      t.shape,
    ]),
  );
  const before = flat ? [{ kind: "flatten" }] : [];
  const after = flat ? [] : [{ kind: "flatten" }];
  const steps = [...before, step, ...after];
  const count = given.values.length / 2;
  const json = {
    format: 1,
    name: given.name,
    input_shape: flat ? [1, 1, given.shape[0]] : given.shape,
    classes: Array.from({ length: count }, (_, i) => `${i}`),
    minimum: 0,
    maximum: 1,
    layers: [{ name: "all", kind: "all", steps: [0, steps.length] }],
    // What gives flat values already cannot be flattened.
    steps: given.step.kind.startsWith("global") ? [step] : steps,
  };
  json.layers[0].steps[1] = json.steps.length;
  const values = new Map(
    given.tensors.map((/** @type {any} */ t, /** @type {number} */ i) => [
      i === 0 ? "kernel" : "bias",
      Float32Array.from(t.values),
    ]),
  );
  return { plan: planOfNetwork(json, shapes), weights: values };
}

test(
  "each kind of step computes as the native engine, its gradients as JAX",
  { skip },
  async () => {
    const machine = await startMachine();
    for (const given of oracle("steps")) {
      const { plan, weights } = planOfStep(given);
      for (const single of [true, false]) {
        const arena = new Arena(machine);
        const tensors = new Tensors(machine, plan, weights, true);
        const operations = single
          ? singleOperations(machine, plan, tensors).operations
          : joinedOperations(machine, plan, tensors);
        const chain = new Chain(machine, operations, 2, { training: true });
        // With no memory of older gradients, the mean of gradients is the gradient; a rate of 0
        // changes nothing.
        const trains = !["scale", "normalise"].includes(given.step.kind) && weights.size > 0;
        const adam = trains ? arena.copyOf([0, 0, 1, 1, 1, 0]) : 0;
        /** @type {Pass} */
        const pass = { count: 2, areBytes: false, low: 0, span: 1, random: null, adam };
        const place = chain.forward(arena.copyOf(given.images), pass);
        const where = `${given.name}, ${single ? "step by step" : "joined"}`;
        assert.ok(apart(machine.floats(place, given.values.length), given.values) < 1e-4, where);
        machine.floats(chain.start, given.weight.length).set(given.weight);
        const back = chain.backward(pass, operations.length - 1, -1);
        const [ofImages, ...ofWeights] = given.gradients;
        const most = 2e-4 * Math.max(1, ...ofImages.map(Math.abs));
        assert.ok(
          apart(machine.floats(back, ofImages.length), ofImages) < most,
          `back of ${where}`,
        );
        for (const [i, due] of trains ? ofWeights.entries() : []) {
          const { mean, size } = tensors.of(i === 0 ? "kernel" : "bias");
          const bound = 1e-4 * Math.max(1, ...due.map(Math.abs));
          assert.ok(apart(machine.floats(mean, size), due) < bound, `weights of ${where}`);
        }
        chain.free();
        tensors.free();
        arena.free();
      }
    }
  },
);

/** The shipped classifier. */
function shipped() {
  const folder = join(PACKAGE, "models", "shipped");
  const classifier = JSON.parse(readFileSync(join(folder, "classifier.json"), "utf-8"));
  const content = readFileSync(join(folder, "weights.safetensors"));
  const bytes = /** @type {ArrayBuffer} */ (
    content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength)
  );
  return { plan: planOfClassifier(zoo, classifier), ...readSafetensors(bytes, "weights") };
}

test("explanations are those of stormlens.insight", { skip }, async () => {
  const machine = await startMachine();
  for (const { name, box, code, layer, gradient, cam, occlusion, scores } of oracle("explained")) {
    const { plan, weights } = name === "shipped" ? shipped() : hashedNetwork(name, 40);
    const tensors = new Tensors(machine, plan, weights);
    const looking = new Looking(machine, plan, tensors);
    const bytes = Uint8Array.from(box);
    const most = (/** @type {number[]} */ values) => Math.max(...values.map(Math.abs));
    assert.ok(Math.abs(looking.scores(bytes)[code] - scores[0]) < 1e-4, `score of ${name}`);
    const found = looking.gradient(bytes, code);
    assert.ok(apart(found, gradient) < 1e-4 * most(gradient), `gradient of ${name}`);
    const step = plan.layers[layer].steps[1] - 1;
    for (const k of plan.classes.keys()) {
      assert.ok(
        looking.gradCam(bytes, k, step).every((value) => value >= 0),
        `class ${k} of ${name}`,
      );
    }
    const laid = overBox(plan, step, looking.gradCam(bytes, code, step));
    assert.ok(most(cam) > 0);
    assert.ok(apart(laid, cam) < 1e-4 * most(cam), `Grad-CAM of ${name}`);
    const ask = (/** @type {any} */ boxes) => looking.scores(boxes);
    const lost = await occlude(plan, ask, bytes, code, { size: 16, stride: 8 });
    assert.ok(apart(lost, occlusion) < 1e-4, `occlusion of ${name}`);
    looking.free();
    tensors.free();
  }
});

test("three epochs follow the losses of stormlens.fit", { skip }, async () => {
  const machine = await startMachine();
  for (const { name, activation, side, images, modes, orders, history } of oracle("trainings")) {
    const { plan, weights } = firstNetwork(name, side);
    const size = side * side;
    const all = Uint8Array.from(images);
    const training = new Training(machine, {
      plan,
      weights,
      train: { images: all.subarray(0, 70 * size), modes: modes.slice(0, 70) },
      validation: { images: all.subarray(70 * size), modes: modes.slice(70) },
      settings: { learningRate: 1e-3, batchSize: 32, dropout: 0, ...(activation && { activation }) },
      orderOf: (epoch) => Uint32Array.from(orders[epoch - 1]),
    });
    for (const row of history) {
      let progress = training.step();
      while (progress.step < progress.steps) progress = training.step();
      const { loss, accuracy } = training.validate();
      const where = `epoch ${row.epoch} of ${name}`;
      assert.equal(progress.epoch, row.epoch);
      assert.ok(
        Math.abs(progress.loss - row.loss) < 2e-4,
        `loss in ${where}: ${progress.loss} ${row.loss}`,
      );
      assert.ok(
        Math.abs(loss - row.val_loss) < 2e-4,
        `validation loss in ${where}: ${loss} ${row.val_loss}`,
      );
      assert.ok(Math.abs(progress.accuracy - row.accuracy) < 1e-6, `accuracy in ${where}`);
      assert.ok(Math.abs(accuracy - row.val_accuracy) < 1e-6, `accuracy behind ${where}`);
    }
    training.free();
  }
});

test("boxes are turned and shifted as stormlens.augment does", { skip }, async () => {
  const machine = await startMachine();
  for (const { fill, given, images, matrices, warped } of oracle("warps")) {
    const arena = new Arena(machine);
    const own = [0, 1, 2, 3].flatMap((i) => {
      const transform = {
        ...{ theta: given.theta[i], tx: given.tx[i], ty: given.ty[i], shear: given.shear[i] },
        ...{ zx: given.zx[i], zy: given.zy[i] },
        flipHorizontal: Boolean(given.flip_horizontal[i]),
        flipVertical: Boolean(given.flip_vertical[i]),
      };
      return [...affineMatrix(transform, { rows: 30, columns: 30 })];
    });
    assert.ok(apart(own, matrices) < 1e-4, fill);
    const bytes = arena.bytes(images.length);
    machine.bytes(bytes, images.length).set(images);
    const to = arena.floats(images.length);
    const mode = ["reflect", "nearest", "constant", "wrap"].indexOf(fill);
    machine.code.warp(4, 30, 30, bytes, arena.copyOf(matrices), mode, 7, to);
    assert.ok(apart(machine.floats(to, images.length), warped) < 1e-2, fill);
    arena.free();
  }
});
