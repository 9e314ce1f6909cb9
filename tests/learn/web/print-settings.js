/**
 * Print what Python's notebook components are made from: the settings and outputs of each.
 *
 * `node tests/learn/web/print-settings.js > src/stormlens/learn/settings.json`
 */

const page = /** @type {any} */ (globalThis);
page.HTMLElement ??= class {};
const { COMPONENTS } = await import("../../../src/stormlens/learn/web/stormlens.js");
const { ENGLISH } = await import("../../../src/stormlens/learn/web/base/strings.js");

/** @type {Record<string, unknown>} */
const told = {};
for (const [slug, load] of Object.entries(COMPONENTS)) {
  try {
    const { tag, settings, outputs } = await load();
    const words = { title: ENGLISH[`${slug}.title`], lead: ENGLISH[`${slug}.lead`] };
    told[slug] = { tag, ...words, settings, outputs };
  } catch (error) {
    if (!process.argv.includes("--lenient")) throw error;
  }
}
process.stdout.write(`${JSON.stringify(told, null, 1)}\n`);

export {};
