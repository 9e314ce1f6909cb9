/** The pages' worker as a thread of Node, which calls a worker's parts by other names. */

import { parentPort } from "node:worker_threads";

const port = /** @type {import("node:worker_threads").MessagePort} */ (parentPort);
const scope = /** @type {any} */ (globalThis);
scope.self = globalThis;
scope.postMessage = (/** @type {any} */ message, /** @type {any} */ { transfer = [] } = {}) =>
  port.postMessage(message, transfer);
await import("../../../src/stormlens/learn/web/network/worker.js");
port.on("message", (data) => scope.onmessage({ data }));
