/** Files that a reader drops or chooses: boxes, and the files of a network. */

import { t } from "../base/strings.js";
import { readBoxes } from "../data/box.js";
import { CARD, networkOfFiles, STEPS, WEIGHTS } from "../data/networks.js";

const NETWORK_FILES = [CARD, WEIGHTS, STEPS];
/** Files of boxes that are read at a time: more, no page can show. */
const MOST_FILES = 300;

/**
 * Files out of what was dropped, those of folders too.
 * @param {DataTransfer} dropped
 * @returns {Promise<File[]>}
 * @throws {Error} With a sentence, where a folder holds nothing of use.
 */
export async function filesDropped(dropped) {
  // Asked before the first await: what is dropped is gone behind it.
  const items = [...dropped.items].filter(({ kind }) => kind === "file");
  const found = items.map((item) => {
    const entry = item.webkitGetAsEntry?.();
    return entry?.isDirectory ? filesOf(entry) : [/** @type {File} */ (item.getAsFile())];
  });
  return (await Promise.all(found)).flat();
}

/**
 * The network that files hold.
 * @param {readonly File[]} files
 * @param {string} id
 */
export async function readNetwork(files, id) {
  const contents = new Map();
  for (const file of files) contents.set(file.name, await contentOf(file));
  return networkOfFiles(contents, { id, title: t("inside.own.network") });
}

/**
 * All boxes of files, one behind the other.
 * @param {readonly File[]} files
 * @param {readonly [number, number]} shape Rows and columns.
 * @param {import("../data/box.js").Grey} [grey]
 * @returns {Promise<import("../data/box.js").Boxes>}
 */
export async function readAllBoxes(files, shape, grey) {
  const read = [];
  for (const file of files.slice(0, MOST_FILES)) {
    read.push(await readBoxes(await contentOf(file), file.name, shape, grey));
  }
  const count = read.reduce((sum, part) => sum + part.count, 0);
  const images = new Uint8Array(count * shape[0] * shape[1]);
  read.reduce((at, part) => {
    images.set(part.images, at);
    return at + part.images.length;
  }, 0);
  const inFile = read.reduce((sum, part) => sum + part.inFile, files.length - read.length);
  return { images, count, inFile, simulated: read.some((part) => part.simulated) };
}

/**
 * What a run folder holds of a network, or the boxes of a folder.
 * @param {any} folder A FileSystemDirectoryEntry.
 * @returns {Promise<File[]>}
 */
async function filesOf(folder) {
  const reader = folder.createReader();
  const entries = [];
  // It gives a hundred at a time, and none once all were given.
  for (let some = [null]; some.length > 0; entries.push(...some)) {
    some = await answered(folder.name, (done, fail) => reader.readEntries(done, fail));
  }
  const wanted = entries.filter(
    (/** @type {any} */ { isFile, name }) =>
      isFile && (NETWORK_FILES.includes(name) || /\.(png|npy|keras)$/i.test(name)),
  );
  if (wanted.length === 0) throw new Error(t("inside.folder", { folder: folder.name }));
  return Promise.all(
    wanted.map((/** @type {any} */ entry) =>
      answered(entry.name, (done, fail) => entry.file(done, fail)),
    ),
  );
}

/**
 * What a browser calls back with.
 * @param {string} file Or folder.
 * @param {(done: (answer: any) => void, fail: () => void) => void} ask
 * @returns {Promise<any>}
 * @throws {Error} With a sentence, where it cannot be read.
 */
function answered(file, ask) {
  return new Promise((resolve, reject) =>
    ask(resolve, () => reject(new Error(t("inside.unreadable", { file })))),
  );
}

/**
 * The bytes of a file.
 * @param {File} file
 * @throws {Error} With a sentence, where it cannot be read.
 */
async function contentOf(file) {
  try {
    return await file.arrayBuffer();
  } catch {
    throw new Error(t("inside.unreadable", { file: file.name }));
  }
}
