/**
 * Where files come from: beside the modules, or, in a bundle, from the bundle itself.
 *
 * Nothing else fetches a file or starts a worker, so that a bundle can stand anywhere.
 */

import { Lack } from "./needs.js";
import { t } from "./strings.js";

const ROOT = new URL("../", import.meta.url);

/** @type {Map<string, () => Promise<ArrayBuffer>>} */
const provided = new Map();

/** @type {() => Worker} */
let makeWorker = () => {
  let isKnown = false;
  const options = {
    /** Only a browser that knows of such workers asks. @returns {"module"} */
    get type() {
      isKnown = true;
      return "module";
    },
  };
  const worker = new Worker(new URL("network/worker.js", ROOT), options);
  if (isKnown) return worker;
  worker.terminate();
  throw new Lack(t("browser.module-workers"));
};

/**
 * A file.
 * @param {string} path From the folder of pages, as "storms/storms.json".
 * @returns {Promise<ArrayBuffer>}
 * @throws {Error} With a sentence, where it cannot be had.
 */
export async function resource(path) {
  const own = provided.get(path);
  if (own) return own();
  let response;
  try {
    response = await fetch(new URL(path, ROOT));
  } catch {
    throw new Error(t("fetch.gone", { path }));
  }
  if (!response.ok) {
    throw new Error(t("fetch.missing", { path, status: response.status }));
  }
  return response.arrayBuffer();
}

/**
 * A JSON file.
 * @param {string} path
 * @returns {Promise<any>}
 * @throws {Error} With a sentence, where it cannot be had or is none.
 */
export async function jsonResource(path) {
  const content = await resource(path);
  try {
    return JSON.parse(new TextDecoder().decode(content));
  } catch {
    throw new Error(t("file.damaged", { file: path, reason: t("file.json") }));
  }
}

/**
 * The worker that computes.
 * @returns {Worker}
 * @throws {Error} With a sentence, where this browser has none or may not start it.
 */
export function startWorker() {
  try {
    return makeWorker();
  } catch (error) {
    throw error instanceof Lack ? error : new Error(t("worker.none"));
  }
}

/**
 * Serve a file from memory in place of the network.
 * @param {string} path
 * @param {() => Promise<ArrayBuffer>} read
 */
export function provide(path, read) {
  provided.set(path, read);
}

/**
 * Start workers in another way.
 * @param {() => Worker} make
 */
export function provideWorker(make) {
  makeWorker = make;
}
