/** PNG, NPY and boxes in them: Python wrote the files, and says what they hold. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32, deflateSync } from "node:zlib";

import { GreyPicture, readBoxes } from "../../../src/stormlens/learn/web/data/box.js";
import { readNpy } from "../../../src/stormlens/learn/web/data/npy.js";
import { readPng } from "../../../src/stormlens/learn/web/data/png.js";
import { bytesOf, oracle } from "./oracles.js";

const { skip, cases } = oracle("files.json");
const KINDS = ["grey", "", "colour", "palette", "grey with opacity", "", "colour with opacity"];

test("samples of PNG files are those that Python wrote", { skip }, async () => {
  assert.ok(cases.png.length >= 60);
  for (const { content, colour, bits, shape, channels, values, first } of cases.png) {
    const png = await readPng(bytesOf(content).buffer, "a.png");
    const what = JSON.stringify({ colour, bits, shape });
    assert.deepEqual([png.rows, png.columns], shape, what);
    assert.deepEqual([png.kind, png.bits, png.channels], [KINDS[colour], bits, channels], what);
    assert.deepEqual([...png.samples.subarray(0, 40)], first, what);
    const whole = Uint16Array.from(png.samples);
    assert.equal(crcOf(new Uint8Array(whole.buffer)), values, what);
    assert.equal(png.simulated, true);
    assert.equal(png.palette.length, colour === 3 ? 768 : 0);
  }
});

test("values of NPY files are those that Python wrote", { skip }, () => {
  assert.ok(cases.npy.length >= 60);
  for (const { content, shape, values } of cases.npy) {
    const npy = readNpy(bytesOf(content).buffer, "a.npy");
    assert.deepEqual(npy.shape, shape);
    assert.deepEqual([...npy.values], values);
  }
});

test("boxes are what stormlens.datasets reads from the same files", { skip }, async () => {
  assert.ok(cases.boxes.length >= 6);
  for (const { content, file, shape, grey, images, simulated } of cases.boxes) {
    const found = await readBoxes(bytesOf(content).buffer, file, shape, grey ?? undefined);
    assert.equal(found.count * shape[0] * shape[1], found.images.length, file);
    assert.deepEqual(found.images, bytesOf(images), file);
    assert.equal(found.simulated, simulated, file);
  }
});

test("files that stormlens.datasets refuses are refused", { skip }, async () => {
  assert.ok(cases.refused.length >= 10);
  for (const { content, file, said } of cases.refused) {
    await assert.rejects(readBoxes(bytesOf(content).buffer, file, [4, 5]), (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, new RegExp(said), `${file}: ${error.message}`);
      return true;
    });
  }
});

test("what numpy.save writes of other things than numbers is named", () => {
  const header = (/** @type {string} */ descr) => {
    const text = `{'descr': ${descr}, 'fortran_order': False, 'shape': (3,), }`.padEnd(117) + "\n";
    return Uint8Array.from(`\x93NUMPY\x01\x00${String.fromCharCode(118, 0)}${text}`, (letter) =>
      letter.charCodeAt(0),
    ).buffer;
  };
  const kinds = ["|O", "<M8[s]", "<c8", "|S4", "|constructor", "[('x', '<f4'), ('y', '|u1')]"];
  for (const kind of kinds) {
    const descr = kind.startsWith("[") ? kind : `'${kind}'`;
    assert.throws(() => readNpy(header(descr), "a.npy"), {
      message: `a.npy holds values of kind ${kind}, which are not read; write numbers, as astype('uint8').`,
    });
  }
});

test("a grey picture asks what its grey is", { skip }, async () => {
  const grey = cases.boxes.find((/** @type {any} */ box) => box.grey);
  const content = bytesOf(grey.content).buffer;
  await assert.rejects(readBoxes(content, grey.file, grey.shape), GreyPicture);
});

test("no damaged byte of a PNG goes unnoticed", { skip }, async () => {
  const whole = bytesOf(cases.png[6].content);
  for (let i = 0; i < whole.length - 12; i += Math.ceil(whole.length / 97)) {
    const content = whole.slice();
    content[i] ^= 16;
    await assert.rejects(readPng(content.buffer, "a.png"), /^Error: a\.png .*\.$/, `byte ${i}`);
    await assert.rejects(readPng(whole.slice(0, i).buffer, "a.png"), /^Error: a\.png .*\.$/);
  }
});

test("an image that would fill the memory is refused", async () => {
  const header = Buffer.from([0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff, 8, 0, 0, 0, 0]);
  const chunk = (/** @type {string} */ kind, /** @type {Buffer} */ content) => {
    const named = Buffer.concat([Buffer.from(kind), content]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(content.length, 0);
    ends.writeUInt32BE(crcOf(named), 4);
    return Buffer.concat([ends.subarray(0, 4), named, ends.subarray(4)]);
  };
  const start = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const large = Buffer.concat([start, chunk("IHDR", header), chunk("IEND", Buffer.alloc(0))]);
  const content = Uint8Array.from(large).buffer;
  await assert.rejects(readPng(content, "a.png"), /65535 x 65535 pixels; images over 4096/);

  header.set([0, 0, 0, 2, 0, 0, 0, 2]);
  const holding = (/** @type {number} */ bytes) =>
    Uint8Array.from(
      Buffer.concat([
        start,
        chunk("IHDR", header),
        chunk("IDAT", deflateSync(Buffer.alloc(bytes))),
        chunk("IEND", Buffer.alloc(0)),
      ]),
    ).buffer;
  assert.equal((await readPng(holding(6), "a.png")).samples.length, 4);
  for (const bytes of [1 << 20, 7, 5]) {
    await assert.rejects(readPng(holding(bytes), "a.png"), /cannot be decoded/, `${bytes} bytes`);
  }
});

/** @param {Uint8Array} bytes */
function crcOf(bytes) {
  return crc32(bytes) >>> 0;
}
