/** Storms that Python packed, read again; the expected numbers are Python's own. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { decode, Storms } from "../../../src/stormlens/learn/web/data/storms.js";

const WEB = new URL("../../../src/stormlens/learn/web/", import.meta.url);
const ORACLES = process.env.STORMLENS_ORACLES;

/** @param {string} path @returns {Promise<ArrayBuffer>} */
async function ofPackage(path) {
  const read = await readFile(new URL(path, WEB));
  return /** @type {ArrayBuffer} */ (
    read.buffer.slice(read.byteOffset, read.byteOffset + read.length)
  );
}

/** @param {string} name */
async function oracle(name) {
  return new Uint8Array(await readFile(`${ORACLES}/storms/${name}`));
}

test("parts of any size and step hold what Python put in", { skip: !ORACLES }, async () => {
  const cases = JSON.parse(await readFile(`${ORACLES}/storms/cases.json`, "utf8"));
  assert.ok(cases.length >= 6);
  for (const { name, count, rows, columns, step } of cases) {
    const found = await decode(await oracle(`${name}.bin`), name);
    const { images, ...rest } = found;
    assert.deepEqual(rest, { count, rows, columns, step }, name);
    assert.deepEqual(images, await oracle(`${name}.raw`), name);
  }
});

test("the catalogue of the package says what its parts hold", async () => {
  const storms = await Storms.open(ofPackage);
  assert.equal(storms.simulated, true);
  assert.deepEqual(storms.classes.slice(0, 3), ["Cellular", "QLCS", "Tropical"]);
  const few = await storms.split("few");
  assert.equal(few.count, 24);
  assert.equal(few.step, 1);
  assert.equal(new Set(few.modes).size, 6);
  const missing = [...(few.modes ?? [])].indexOf(5);
  assert.ok(storms.image(few, 0).some((dbz) => dbz > 40));
  assert.ok(storms.image(few, missing).every((dbz) => dbz <= 80));
  assert.equal((await storms.split("validation")).count, 110);
});

test("what is rounded or left out is said", async () => {
  const { note } = await Storms.open(ofPackage);
  assert.equal(note, "Values of all but the first few are rounded to 2 dBZ.");
  const few = { count: 24, step: 1, modes: null, parts: [] };
  const noteOf = (/** @type {object} */ splits, /** @type {number} */ boxes) =>
    new Storms({ splits: { few, ...splits }, boxes }, async () => new ArrayBuffer(0)).note;
  assert.equal(noteOf({ test: { count: 60, step: 1 } }, 60), "");
  const some = { train: { count: 20, step: 2 }, test: { count: 5, step: 2 } };
  assert.equal(noteOf(some, 60), `${note} Of 60 boxes, 25 are here.`);
  assert.equal(noteOf({}, 0), "");
});

test("a range of a split is cut from the parts that hold it", async () => {
  /** @type {string[]} */
  const asked = [];
  const storms = await Storms.open((path) => {
    asked.push(path);
    return ofPackage(path);
  });
  /** @type {number[]} */
  const seen = [];
  const some = await storms.split("train", { from: 290, count: 10, onProgress: (n) => seen.push(n) });
  assert.deepEqual([some.first, some.count, seen], [290, 10, [0, 10]]);
  const first = await storms.split("train", { count: 300 });
  assert.deepEqual(asked, ["storms/storms.json", "storms/train-0.bin"]);
  assert.deepEqual(some.images, first.images.subarray(290 * 136 * 136));
  assert.deepEqual([...(some.modes ?? [])], storms.splits.train.modes?.slice(290, 300));
  storms.forget();
  await storms.split("train", { count: 1 });
  assert.equal(asked.length, 3);
});

test("a split that is not there gets a sentence", async () => {
  const storms = await Storms.open(ofPackage);
  await assert.rejects(storms.split("autumn"), /There are no autumn storms here/);
});

test("damage of any kind gets a sentence", async () => {
  const whole = new Uint8Array(await ofPackage("storms/few-0.bin"));
  const said = /few is damaged: it does not hold the storms/;
  const places = [0, 5, 700, 2000, 40000, whole.length - 2];
  for (const place of places) {
    const bent = whole.slice();
    bent[place] ^= 0x55;
    await assert.rejects(decode(bent, "few"), said, `byte ${place}`);
  }
  for (const length of [0, 1, 100, whole.length - 1]) {
    await assert.rejects(decode(whole.subarray(0, length), "few"), said, `${length} bytes`);
  }
  await assert.rejects(decode(new TextEncoder().encode("<!doctype html>"), "few"), said);
});

test("whole streams that lie about their levels get a sentence", { skip: !ORACLES }, async () => {
  const names = JSON.parse(await readFile(`${ORACLES}/storms/lies.json`, "utf8"));
  assert.ok(names.length >= 4);
  for (const name of names) {
    await assert.rejects(decode(await oracle(`${name}.bin`), name), /is damaged/, name);
  }
});

test("a part that is not the catalogue's gets a sentence, and can be tried again", async () => {
  let turn = 0;
  const storms = await Storms.open((path) =>
    ofPackage(path === "storms/few-0.bin" && turn++ === 0 ? "storms/validation-0.bin" : path),
  );
  await assert.rejects(storms.split("few"), /few-0.bin is damaged/);
  assert.equal((await storms.split("few")).count, 24);
});

test("a catalogue of another kind gets a sentence", async () => {
  for (const text of ["{", "null", '{"format": 2}']) {
    const bytes = /** @type {ArrayBuffer} */ (new TextEncoder().encode(text).buffer);
    await assert.rejects(
      Storms.open(async () => bytes),
      /storms.json is damaged/,
    );
  }
});
