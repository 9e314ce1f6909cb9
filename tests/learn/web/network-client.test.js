/** What pages call, through a worker: answers, trainings, refusals, and memory that stays flat. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { Worker as Thread } from "node:worker_threads";
import { provide, provideWorker } from "../../../src/stormlens/learn/web/base/resources.js";
import { Engine } from "../../../src/stormlens/learn/web/network/client.js";
import {
  planOfClassifier,
  planOfNetwork,
  planOfZoo,
} from "../../../src/stormlens/learn/web/network/plan.js";
import { apart, facts, hashed, hashedNetwork, PACKAGE, zoo } from "./network-oracles.js";

/** @param {string} name */
function provideModule(name) {
  provide(`network/${name}`, async () => {
    const { buffer, byteOffset, byteLength } = await readFile(
      join(PACKAGE, "learn", "web", "network", name),
    );
    return /** @type {ArrayBuffer} */ (buffer.slice(byteOffset, byteOffset + byteLength));
  });
}

for (const name of ["stormlens.wasm", "stormlens-threads.wasm"]) provideModule(name);

provideWorker(() => {
  const thread = new Thread(new URL("network-worker.js", import.meta.url));
  const worker = /** @type {any} */ ({
    postMessage: (/** @type {any} */ data) => thread.postMessage(data),
    terminate: () => thread.terminate(),
  });
  thread.on("message", (data) => worker.onmessage({ data }));
  thread.on("error", (error) => worker.onerror({ message: error.message }));
  return worker;
});

/**
 * An engine that ends with the test.
 * @param {import("node:test").TestContext} context
 * @param {number} [threads]
 */
async function start(context, threads = 1) {
  const scope = /** @type {any} */ (globalThis);
  scope.crossOriginIsolated = threads > 1;
  const engine = await Engine.start({ threads });
  context.after(() => engine.stop());
  assert.equal(engine.threads, threads);
  return engine;
}

/** Boxes of two kinds that can be told apart. @param {number} count @param {number} side */
function boxes(count, side) {
  const values = hashed(count * side * side, 5);
  const modes = Array.from({ length: count }, (_, i) => i % 2);
  const images = Uint8Array.from(values, (value, i) => {
    const mode = modes[Math.floor(i / (side * side))];
    return Math.round(40 + 20 * value + (mode === 1 && i % 5 === 0 ? 20 : 0));
  });
  return { images, modes };
}

test("two threads find the same bits as one", async (context) => {
  /** @type {Map<string, Float32Array>[]} */
  const weights = [];
  const answers = [];
  for (const threads of [1, 2]) {
    const engine = await start(context, threads);
    for (const name of ["svrimg-3conv", "storm-residual"]) {
      const plan = planOfZoo(zoo, name, facts(62));
      const train = boxes(40, 62);
      const augmentation = { rotation_range: 20, horizontal_flip: true };
      const run = await engine.train({ plan, train, settings: { seed: 3, augmentation } });
      for (let step = 0; step < 4; ++step) await run.step();
      weights.push(await run.weights());
      const net = await run.network();
      answers.push(await net.predict(train.images));
      answers.push(await net.gradient(train.images.subarray(0, 62 * 62), 1));
    }
  }
  for (const i of [0, 1]) {
    for (const [name, values] of weights[i])
      assert.deepEqual(weights[i + 2].get(name), values, name);
  }
  for (const i of [0, 1, 2, 3]) assert.deepEqual(answers[i + 4], answers[i]);
});

test("an epoch learns, stops at a signal, goes on, and begins again alike", async (context) => {
  const engine = await start(context);
  const plan = planOfZoo(zoo, "chapter-relu", facts(26));
  const [train, validation] = [boxes(70, 26), boxes(20, 26)];
  const run = await engine.train({ plan, train, validation, settings: { learningRate: 2e-3 } });
  assert.equal(run.progress.steps, 3);
  const first = await run.epoch();
  assert.equal(first.epoch, 1);
  assert.equal(
    first.confusion.flat().reduce((sum, n) => sum + n, 0),
    20,
  );
  const controller = new AbortController();
  const stopped = run.epoch({
    onStep: ({ step }) => step === 2 && controller.abort(),
    signal: controller.signal,
  });
  await assert.rejects(stopped, { name: "AbortError" });
  assert.deepEqual([run.progress.epoch, run.progress.step], [2, 2]);
  /** @type {number[]} */
  const steps = [];
  await run.epoch({ onStep: ({ step }) => steps.push(step) });
  assert.deepEqual(steps, [3]);
  let last = first;
  for (let i = 0; i < 8; ++i) last = await run.epoch();
  assert.ok(last.loss < first.loss / 2 && last.valAccuracy > 0.9, JSON.stringify(last));
  const { images } = validation;
  const [net, same] = await Promise.all([run.network(), run.network()]);
  assert.equal(same, net);
  const right = await net.predict(images);
  const hits = validation.modes.filter((mode, i) => right[6 * i + mode] > 0.5).length;
  assert.equal(hits / 20, last.valAccuracy);
  await run.reset();
  const again = await run.epoch();
  assert.deepEqual([again.loss, again.valLoss], [first.loss, first.valLoss]);
});

test("memory stays flat over 100 epochs and 500 storms", async (context) => {
  const engine = await start(context);
  const before = await engine.memory();
  const plan = planOfZoo(zoo, "svrimg-3conv", facts(53));
  const [train, validation] = [boxes(8, 53), boxes(4, 53)];
  const settings = { batchSize: 4, augmentation: { rotation_range: 9 } };
  const run = await engine.train({ plan, train, validation, settings });
  const net = await run.network();
  const one = train.images.subarray(0, 53 * 53);
  const look = async () => {
    await net.maps(one);
    await net.gradCam(one, 1, 0);
    await net.predict(one);
  };
  await run.epoch();
  await look();
  const held = await engine.memory();
  for (let epoch = 0; epoch < 100; ++epoch) {
    await run.epoch();
    for (let storm = 0; storm < 5; ++storm) await look();
  }
  assert.equal(await engine.memory(), held);
  await run.free();
  for (let i = 0; i < 5; ++i) {
    const loaded = await engine.load(plan, await engine.firstWeights(plan, i));
    await loaded.predict(one);
    await loaded.free();
  }
  const scratch = await engine.memory();
  assert.ok(held - scratch > 1e6, "the run's memory came back");
  assert.ok(scratch - before < held - before, "what is left are the kernels' own notes");
});

test("what cannot be is refused in a sentence", async (context) => {
  const engine = await start(context);
  const { plan, weights } = hashedNetwork("svrimg-3conv", 62);
  const train = boxes(4, 62);
  const net = await engine.load(plan, weights);
  const box = train.images.subarray(0, 62 * 62);
  /** @type {[() => any, RegExp][]} */
  const cases = [
    [
      () => planOfZoo(zoo, "svrimg-4conv", facts(62)),
      /no network named svrimg-4conv; there are chapt/,
    ],
    [() => planOfZoo(zoo, "svrimg-3conv", facts(20)), /Images of 20 x 20 pixels are too small/],
    [() => planOfClassifier(zoo, { architecture: "lenet5" }), /classifier.json: input_shape must be/],
    [() => planOfClassifier(zoo, { ...facts(30), input_shape: [30, 30, 1] }), /names no network/],
    [() => planOfNetwork({ format: 2 }, new Map()), /network.json is none that these pages can read/],
    [() => engine.load(plan, new Map()), /weights of network svrimg-3conv lack 000.kernel/],
    [
      () => engine.load(plan, new Map(weights).set("001.bias", new Float32Array(3))),
      /001.bias hold 3/,
    ],
    [
      () => engine.load(plan, new Map(weights).set("001.bias", new Float32Array(32).fill(NaN))),
      /no numb/,
    ],
    [() => net.predict(box.subarray(1)), /takes boxes of 62 x 62 pixels; these are 3843 values/],
    [() => net.gradient(box, 6), /no class 6; they run from 0 to 5/],
    [() => net.gradCam(box, 0, plan.steps.length - 1), /gives no map; Grad-CAM needs one/],
    [
      () => net.occlusion(box, 0, { size: 63 }),
      /square of 63 pixels does not fit the box; give 1 to 62/,
    ],
    [
      () => net.occlusion(box, 0, { size: 8, stride: 9 }),
      /leave gaps between squares; give 1 to 8/,
    ],
    [
      () => engine.train({ plan, train: { images: box, modes: [0, 1] } }),
      /3844 values for 2 boxes/,
    ],
    [() => engine.train({ plan, train: { images: box, modes: [6] } }), /label 6 is none of the 6/],
    [
      () => engine.train({ plan, train: { images: box.slice().fill(9), modes: [1] } }),
      /are 9: there is n/,
    ],
    [
      () => engine.train({ plan, train, settings: { learningRate: 0 } }),
      /rate is 0; it must lie above 0/,
    ],
    [
      () => engine.train({ plan, train, settings: { batchSize: 0.5 } }),
      /batch size is 0.5; it must be/,
    ],
    [
      () => engine.train({ plan, train, settings: { dropout: 1 } }),
      /Dropout is 1; it must lie from 0/,
    ],
  ];
  for (const [asked, sentence] of cases) {
    await assert.rejects(async () => asked(), { message: sentence });
  }
  assert.ok(apart(await net.predict(box), await net.predict(box)) === 0, "the engine lives on");
  engine.stop();
  await assert.rejects(net.predict(box), { message: /engine was stopped; reload the page/ });
});

test("where threads cannot be had, one computes alone", async (context) => {
  provide("network/stormlens-threads.wasm", async () => new ArrayBuffer(8));
  context.after(() => provideModule("stormlens-threads.wasm"));
  const scope = /** @type {any} */ (globalThis);
  scope.crossOriginIsolated = true;
  const engine = await Engine.start({ threads: 2 });
  context.after(() => engine.stop());
  assert.equal(engine.threads, 1);
  const { plan, weights } = hashedNetwork("chapter-relu", 26);
  const net = await engine.load(plan, weights);
  assert.equal((await net.predict(boxes(2, 26).images)).length, 12);
});

test("a damaged module is said to be one", async (context) => {
  provide("network/stormlens.wasm", async () => new ArrayBuffer(8));
  context.after(() => provideModule("stormlens.wasm"));
  await assert.rejects(Engine.start({ threads: 1 }), { message: /failed .*; reload the page/ });
});
