/** What the page Inside does without drawing: paint, choose, and put networks together. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { provide } from "../../../src/stormlens/learn/web/base/resources.js";
import { networkOfFiles } from "../../../src/stormlens/learn/web/data/networks.js";
import { percent } from "../../../src/stormlens/learn/web/inside/answer.js";
import { History, stroke } from "../../../src/stormlens/learn/web/inside/brush.js";
import {
  columnOf,
  columnsOf,
  strengthsOf,
  worthwhile,
} from "../../../src/stormlens/learn/web/inside/columns.js";
import { filesDropped } from "../../../src/stormlens/learn/web/inside/own-files.js";
import { scaleBetween, scaleOf } from "../../../src/stormlens/learn/web/inside/pixels.js";
import { entropy, ordered } from "../../../src/stormlens/learn/web/inside/thumbnails.js";
import { lastConvolution } from "../../../src/stormlens/learn/web/inside/why.js";
import { planOfZoo } from "../../../src/stormlens/learn/web/network/plan.js";

const PACKAGE = new URL("../../../src/stormlens/", import.meta.url);
const zoo = JSON.parse(readFileSync(new URL("learn/web/network/zoo.json", PACKAGE), "utf-8"));
const FACTS = {
  shape: /** @type {[number, number, number]} */ ([136, 136, 1]),
  classes: ["a", "b", "c", "d", "e", "f"],
  minimum: 0,
  maximum: 80,
};

provide("network/zoo.json", async () => new TextEncoder().encode(JSON.stringify(zoo)).buffer);

/** @param {string} name @returns {ArrayBuffer} */
function shippedFile(name) {
  return Uint8Array.from(readFileSync(new URL(`models/shipped/${name}`, PACKAGE))).buffer;
}

test("a stroke paints all that lies within half its width of the line, and no more", () => {
  const shape = /** @type {const} */ ([30, 40]);
  for (const size of [1, 3, 8, 9]) {
    const box = new Uint8Array(30 * 40).fill(7);
    assert.ok(
      stroke(box, shape, { row: 5, column: 3 }, { row: 20, column: 33 }, { size, dbz: 55 }),
    );
    for (let row = 0; row < 30; ++row) {
      for (let column = 0; column < 40; ++column) {
        const along = Math.min(Math.max(((row - 5) * 15 + (column - 3) * 30) / 1125, 0), 1);
        const away = Math.hypot(row - 5 - 15 * along, column - 3 - 30 * along);
        const found = box[row * 40 + column];
        if (away < size / 2 - 0.6) assert.equal(found, 55, `${size}: ${row}, ${column}`);
        if (away > size / 2) assert.equal(found, 7, `${size}: ${row}, ${column}`);
      }
    }
  }
});

test("a stroke at the edge stays within the box, and says whether it changed it", () => {
  const box = new Uint8Array(100);
  const corner = { row: 0, column: 9 };
  assert.equal(stroke(box, [10, 10], corner, corner, { size: 5, dbz: 60 }), true);
  assert.equal(box.filter((dbz) => dbz === 60).length, 8);
  assert.equal(box[9] && box[7] && box[29], 60);
  assert.equal(stroke(box, [10, 10], corner, corner, { size: 5, dbz: 60 }), false);
  assert.equal(stroke(box, [10, 10], corner, corner, { size: 5, dbz: 0 }), true);
  assert.ok(box.every((dbz) => dbz === 0));
});

test("strokes are undone one by one, the last ones alone", () => {
  const history = new History(3);
  const box = new Uint8Array([0]);
  for (let i = 1; i <= 5; ++i) {
    history.remember(box);
    box[0] = i;
  }
  assert.deepEqual(
    [history.undo(), history.undo(), history.undo()].map((b) => b?.[0]),
    [4, 3, 2],
  );
  assert.equal(history.undo(), undefined);
});

test("storms are put in order by how wrong or unsure an answer is", () => {
  const modes = [0, 1, 1, 0];
  const answers = [[0.9, 0.1], [0.7, 0.3], [0.5, 0.5], undefined];
  const asked = { count: 4, modes, mode: -1, order: "file", answers };
  assert.deepEqual(ordered(asked), [0, 1, 2, 3]);
  assert.deepEqual(ordered({ ...asked, order: "wrong" }), [1, 2, 0, 3]);
  assert.deepEqual(ordered({ ...asked, order: "unsure" }), [2, 1, 0, 3]);
  assert.deepEqual(ordered({ ...asked, mode: 1, order: "unsure" }), [2, 1]);
  assert.deepEqual(ordered({ ...asked, modes: null, order: "wrong" }), [0, 1, 2, 3]);
  assert.ok(Math.abs(entropy([0.5, 0.5, 0]) - Math.LN2) < 1e-12);
});

test("columns stand for what a reader sees of each network of the zoo", () => {
  const names = (/** @type {string} */ network) =>
    columnsOf(planOfZoo(zoo, network, FACTS)).map(({ name }) => name);
  assert.deepEqual(names("svrimg-3conv"), [
    ...["Storm", "Conv 1", "Max pool 1", "Conv 2", "Max pool 2", "Conv 3", "Max pool 3"],
    ...["Dense 1", "Answer"],
  ]);
  const columns = columnsOf(planOfZoo(zoo, "storm-residual", FACTS));
  assert.equal(columns.length, 17);
  assert.deepEqual(
    columns.slice(7, 10).map(({ name }) => name),
    ["Res 1 conv 1", "Res 1 conv 2", "Res 1 sum"],
  );
  assert.deepEqual(
    columns.filter(({ flat }) => flat).map(({ name }) => name),
    ["Mean, max", "Answer"],
  );
  for (const { name } of zoo.networks) {
    const plan = planOfZoo(zoo, name, FACTS);
    const seen = columnsOf(plan);
    plan.steps.forEach((step, i) => {
      const column = columnOf(seen, i);
      assert.ok(column.step >= i, `${name}: step ${i}`);
      if (column.step === i) assert.equal(column.channels, step.shape.at(-1));
    });
    assert.equal(columnOf(seen, 999).step, plan.steps.length - 1);
  }
});

test("maps that respond most have a place, in their own order", () => {
  assert.deepEqual(worthwhile([0, 5, 1, 9, 2], 3), [1, 3, 4]);
  assert.deepEqual(worthwhile([1, 1], 8), [0, 1]);
  const strengths = strengthsOf(Float32Array.from([3, 0, 3, 2, 3, 4]), 2);
  assert.ok(strengths[0] < 1e-6);
  assert.ok(Math.abs(strengths[1] - Math.sqrt(8 / 3)) < 1e-6);
});

test("a layer's scale holds all its values, and 0 in the middle where some are below", () => {
  const { low, high } = scaleOf(Float32Array.from([0, 2, 1]), false);
  assert.deepEqual([low, high], [0, 2]);
  const signed = scaleOf(Float32Array.from([-3, 2]), true);
  assert.deepEqual([signed.low, signed.high], [-3, 3]);
  assert.equal(signed.table[0] === signed.table[255], false);
  assert.equal(scaleOf(new Float32Array(4), false).high, 1);
  assert.equal(scaleBetween(0, 1, false).table[0], 0xffffffff);
});

test("Grad-CAM weighs the last convolution that is a layer of its own", () => {
  const plan = planOfZoo(zoo, "storm-residual", FACTS);
  const found = plan.steps[lastConvolution(plan)];
  assert.equal(plan.layers[found.layer].kind, "Conv2D");
  assert.deepEqual(found.shape, [13, 13, 128]);
  const dense = { ...plan, steps: plan.steps.filter(({ kind }) => kind === "dense") };
  assert.throws(() => lastConvolution(dense), /no convolution/);
});

test("percentages say no more than is known", () => {
  const shown = [0, 0.0004, 0.012, 0.5, 0.99, 0.9999].map(percent);
  const due = ["0.0 %", "<0.1 %", "1.2 %", "50 %", "99 %", ">99.9 %"];
  assert.deepEqual(
    shown,
    due.map((words) => words.replace(" ", "\u00a0")),
  );
});

test("the shipped classifier's files become a network; others a sentence", async () => {
  const [card, weights] = [shippedFile("classifier.json"), shippedFile("weights.safetensors")];
  const names = { id: "own", title: "Own" };
  const open = (/** @type {[string, ArrayBuffer][]} */ files) =>
    networkOfFiles(new Map(files), names);
  const network = await open([
    ["classifier.json", card],
    ["weights.safetensors", weights],
  ]);
  assert.equal(network.plan.name, "storm-residual");
  assert.equal(network.simulated, true);
  assert.equal(network.orientations, 8);
  assert.ok(Math.abs(network.temperature - 0.66975268) < 1e-6);

  const said = JSON.parse(new TextDecoder().decode(card));
  const written = (/** @type {object} */ changes) =>
    new TextEncoder().encode(JSON.stringify({ ...said, ...changes })).buffer;
  const flipped = weights.slice(0);
  new Uint8Array(flipped)[flipped.byteLength - 2] ^= 1;
  /** @type {[[string, ArrayBuffer][], RegExp][]} */
  const cases = [
    [[["model.keras", card]], /model\.keras is a model's own file.*stormlens learn --run RUN/],
    [[["weights.safetensors", weights]], /classifier\.json is missing/],
    [[["classifier.json", card]], /weights\.safetensors is missing/],
    [
      [
        ["classifier.json", written({ format: 2 })],
        ["weights.safetensors", weights],
      ],
      /not of format 1/,
    ],
    [
      [
        ["classifier.json", written({ architecture: "lenet5" })],
        ["weights.safetensors", weights],
      ],
      /Weights|weights/,
    ],
    [
      [
        ["classifier.json", written({ architecture: null })],
        ["weights.safetensors", weights],
      ],
      /network\.json .*is missing/,
    ],
    [
      [
        ["classifier.json", written({ architecture: "x" })],
        ["weights.safetensors", weights],
      ],
      /no network named x/,
    ],
    [
      [
        ["classifier.json", card],
        ["weights.safetensors", flipped],
      ],
      /not the file that classifier\.json/,
    ],
  ];
  for (const [files, sentence] of cases) {
    await assert.rejects(open(files), (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, sentence);
      return true;
    });
  }
});

/**
 * A folder as a browser hands it over, some of its files at a time.
 * @param {string} name
 * @param {string[]} files
 * @param {number} most
 */
function folderOf(name, files, most) {
  const entries = files.map((file) => ({
    isFile: true,
    name: file,
    file: (/** @type {any} */ done, /** @type {any} */ fail) =>
      file === "locked.png" ? fail(new Error("NotReadableError")) : done({ name: file }),
  }));
  const readEntries = (/** @type {any} */ done) => done(entries.splice(0, most));
  return { isDirectory: true, name, createReader: () => ({ readEntries }) };
}

/** @param {any[]} things Folders, and names of files. */
function dropOf(things) {
  return /** @type {any} */ ({
    items: things.map((thing) => ({
      kind: "file",
      webkitGetAsEntry: () => (typeof thing === "string" ? { isDirectory: false } : thing),
      getAsFile: () => ({ name: thing }),
    })),
  });
}

test("all of a folder is taken, however large, and the files dropped beside it", async () => {
  const boxes = Array.from({ length: 250 }, (_, i) => `${i}.png`);
  const dropped = dropOf([folderOf("boxes", ["notes.txt", ...boxes], 100), "one.npy"]);
  const names = (await filesDropped(dropped)).map(({ name }) => name);
  assert.deepEqual(names, [...boxes, "one.npy"]);
  const run = folderOf("run", ["history.csv", "classifier.json", "weights.safetensors"], 1);
  const parts = (await filesDropped(dropOf([run]))).map(({ name }) => name);
  assert.deepEqual(parts, ["classifier.json", "weights.safetensors"]);
  await assert.rejects(filesDropped(dropOf([folderOf("empty", ["notes.txt"], 5)])), {
    message: /Folder empty holds no network/,
  });
  await assert.rejects(filesDropped(dropOf([folderOf("locked", ["locked.png"], 5)])), {
    message: "locked.png cannot be read; choose it again.",
  });
});
