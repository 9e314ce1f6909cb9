/**
 * A component in a notebook or on a page of MyST: the `render` of an anywidget.
 *
 * The model holds the settings by their names, and which component it is. A notebook's model goes
 * with a kernel and takes part both ways; that of a page of MyST is a plain record without one.
 */

import { provide } from "./base/resources.js";
import { errorNote } from "./base/controls.js";
import { t } from "./base/strings.js";

/**
 * @typedef {typeof import("./base/component.js").Component} Kind
 * @typedef {import("./base/component.js").Component} Component
 * @typedef {object} Model As anywidget has it; a page of MyST lacks all but `get`, `set` and `on`.
 * @property {(name: string) => any} get
 * @property {(name: string, value: unknown) => void} set
 * @property {(event: string, callback: () => void) => void} on
 * @property {(event: string, callback: () => void) => void} off
 * @property {() => void} save_changes
 */

const COUNTER = Symbol.for("stormlens.widgets");

/**
 * Show a component.
 * @param {{model: Model, el: HTMLElement}} context
 * @param {Record<string, () => Kind>} kinds Components by name.
 * @returns {() => void} What to call when it goes away.
 */
export function render({ model, el }, kinds) {
  const names = Object.keys(kinds);
  const slug = model.get("component") ?? (names.length === 1 ? names[0] : "");
  if (!names.includes(slug)) {
    el.replaceChildren(errorNote(new Error(t("notebook.which", { names: names.join(", ") }))));
    return () => el.replaceChildren();
  }
  for (const [path, content] of Object.entries(model.get("files") ?? {})) {
    provide(path, async () => bufferOf(content));
  }
  const kind = ownElement(kinds[slug]());
  const component = /** @type {Component} */ (document.createElement(kind.tag));
  const ends = [join(model, component, kind), followTheme(component)];
  el.replaceChildren(component);
  return () => {
    for (const end of ends) end();
    component.remove();
  };
}

/**
 * Be light or dark as the page around is, where it says so; else as the system is.
 * @param {Component} component
 * @returns {() => void} What ends it.
 */
function followTheme(component) {
  const follow = () => {
    const theme = themeOfPage();
    if (theme === component.getAttribute("theme")) return;
    if (theme === null) component.removeAttribute("theme");
    else component.setAttribute("theme", theme);
  };
  const observer = new MutationObserver(follow);
  const attributeFilter = ["class", "theme", "data-theme", "data-jp-theme-light"];
  for (const element of [document.documentElement, document.body]) {
    observer.observe(element, { attributeFilter });
  }
  follow();
  return () => observer.disconnect();
}

/** What JupyterLab, VS Code, Colab, marimo, MyST and others say of their colours. */
function themeOfPage() {
  const { documentElement: page, body } = document;
  const { jpThemeLight } = body.dataset;
  if (jpThemeLight) return jpThemeLight === "true" ? "light" : "dark";
  const said = [page.getAttribute("theme"), page.dataset.theme, body.dataset.theme];
  const marks = [...page.classList, ...body.classList, ...said];
  const names = ["dark", "light"];
  const isMarked = (/** @type {string} */ name) => marks.includes(name) || marks.includes(`vscode-${name}`);
  return names.find(isMarked) ?? null;
}

/**
 * The kind under a name of its own: an element's name is taken once a page, and each widget has
 * storms and a network of its own.
 * @param {Kind} kind
 * @returns {Kind}
 */
function ownElement(kind) {
  const page = /** @type {Record<symbol, number>} */ (/** @type {unknown} */ (globalThis));
  page[COUNTER] = (page[COUNTER] ?? 0) + 1;
  class Own extends kind {
    static tag = `${kind.tag}-${page[COUNTER]}`;
  }
  Own.define();
  return Own;
}

/**
 * Let settings go both ways, and outputs to the model where it asks for them.
 * @param {Model} model
 * @param {Component} component
 * @param {Kind} kind
 * @returns {() => void} What ends it.
 */
function join(model, component, kind) {
  const settings = Object.keys(kind.settings);
  /** @param {string} name */
  const take = (name) => {
    const value = model.get(name);
    if (value !== undefined && value !== null) component.set({ [name]: value });
  };
  settings.forEach(take);
  const listeners = settings.map((name) => /** @type {const} */ ([name, () => take(name)]));
  for (const [name, listener] of listeners) model.on(`change:${name}`, listener);
  component.addEventListener("stormlens-settings", (event) => {
    tell(model, settings, /** @type {CustomEvent} */ (event).detail);
  });
  component.addEventListener("stormlens-outputs", (event) => {
    tell(model, model.get("reports") ?? [], /** @type {CustomEvent} */ (event).detail);
  });
  return () => {
    for (const [name, listener] of listeners) ifThere(() => model.off(`change:${name}`, listener));
  };
}

/**
 * Tell the model what is new.
 * @param {Model} model
 * @param {string[]} names
 * @param {Record<string, unknown>} values
 */
function tell(model, names, values) {
  const news = names.filter(
    (name) => name in values && JSON.stringify(values[name]) !== JSON.stringify(model.get(name)),
  );
  for (const name of news) model.set(name, values[name]);
  if (news.length > 0) ifThere(() => model.save_changes());
}

/** Do what a model without a kernel says it cannot. @param {() => void} act */
function ifThere(act) {
  try {
    act();
  } catch {
    // Nobody is listening any more.
  }
}

/**
 * Bytes as they come from a kernel.
 * @param {DataView | ArrayBuffer | Uint8Array} content
 * @returns {ArrayBuffer}
 */
function bufferOf(content) {
  if (content instanceof ArrayBuffer) return content;
  const { buffer, byteOffset, byteLength } = content;
  return /** @type {ArrayBuffer} */ (buffer.slice(byteOffset, byteOffset + byteLength));
}
