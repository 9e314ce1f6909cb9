/** The pages: a menu, one component at a time, and an address that says what is shown. */

import { el, replace } from "./base/dom.js";
import { readAddress, writeAddress } from "./base/state.js";
import { t } from "./base/strings.js";
import { COMPONENTS, load } from "./stormlens.js";

/** @typedef {import("./base/component.js").Component} Component */
/** @typedef {import("./base/component.js").Values} Values */

const THEMES = ["system", "light", "dark", "projector"];
const THEME = "stormlens-theme";

/** @param {string} id */
function part(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** What was set on each page since it was opened. @type {Map<string, Values>} */
const visited = new Map();

/** @type {{slug: string, component?: Component}} */
let shown = { slug: "" };

/** Show what the address asks for. */
async function route() {
  const { slug, values } = readAddress(location.hash);
  markPage(slug);
  if (slug === shown.slug && shown.component) {
    const { component } = shown;
    if (writeAddress(slug, component.changedSettings) === location.hash) return;
    component.reset();
    component.set(values, { silent: true });
    return;
  }
  shown = { slug };
  if (slug === "") {
    showFront();
    return;
  }
  if (!(slug in COMPONENTS)) {
    showError(t("shell.no-page", { slug }));
    return;
  }
  try {
    const kind = await load(slug);
    if (shown.slug !== slug) return;
    const component = /** @type {Component} */ (document.createElement(kind.tag));
    shown = { slug, component };
    component.setAttribute("theme", theme());
    const given = Object.keys(values).length > 0 ? values : (visited.get(slug) ?? {});
    component.set(given, { silent: true });
    component.addEventListener("stormlens-settings", () => remember(component));
    replace(part("content"), component);
    document.title = t("shell.page-title", { title: t(`${slug}.title`) });
    remember(component);
    scrollTo(0, 0);
  } catch (error) {
    showError(error instanceof Error ? error.message : String(error));
  }
}

/** Browsers refuse addresses that change with every frame, as they would while dragging. */
const PAUSE = 250;
let written = -PAUSE;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let waiting;

/** @param {Component} component */
function remember(component) {
  visited.set(component.slug, component.changedSettings);
  const left = written + PAUSE - performance.now();
  if (left <= 0) keepAddress();
  else waiting ??= setTimeout(keepAddress, left);
}

/** Make the address say what is shown now. */
function keepAddress() {
  clearTimeout(waiting);
  waiting = undefined;
  const { slug, component } = shown;
  if (!component || slug !== readAddress(location.hash).slug) return;
  written = performance.now();
  const address = writeAddress(slug, component.changedSettings);
  if (address !== location.hash) history.replaceState(null, "", address);
}

function showFront() {
  document.title = t("shell.title");
  replace(
    part("content"),
    el(
      "div",
      { class: "front" },
      el("h1", {}, t("shell.heading")),
      el("p", {}, t("shell.welcome")),
      el(
        "ol",
        { class: "cards" },
        ...Object.keys(COMPONENTS).map((slug) =>
          el(
            "li",
            {},
            el(
              "a",
              { href: `#/${slug}` },
              el("h2", {}, t(`${slug}.title`)),
              el("p", {}, t(`${slug}.lead`)),
            ),
          ),
        ),
      ),
    ),
  );
}

/** @param {string} sentence */
function showError(sentence) {
  replace(part("content"), el("p", { class: "error", role: "alert" }, sentence));
}

/** @param {string} slug */
function markPage(slug) {
  for (const link of part("pages").querySelectorAll("a")) {
    const here = link.getAttribute("href") === `#/${slug}`;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (here) link.scrollIntoView({ block: "nearest", inline: "center" });
  }
}

function theme() {
  const named = stored() ?? "system";
  return THEMES.includes(named) ? named : "system";
}

/** What was chosen before, where the browser keeps anything. */
function stored() {
  try {
    return localStorage.getItem(THEME);
  } catch {
    return null;
  }
}

/** @param {string} name */
function chooseTheme(name) {
  try {
    localStorage.setItem(THEME, name);
  } catch {
    // A browser that keeps nothing shows it until the page is closed.
  }
  document.documentElement.dataset.theme = name;
  shown.component?.setAttribute("theme", name);
}

function frame() {
  document.documentElement.dataset.theme = theme();
  replace(
    part("pages"),
    ...Object.keys(COMPONENTS).map((slug) =>
      el("li", {}, el("a", { href: `#/${slug}` }, t(`${slug}.title`))),
    ),
  );
  const select = el(
    "select",
    { "aria-label": t("shell.theme"), onchange: () => chooseTheme(select.value) },
    ...THEMES.map((name) => el("option", { value: name }, t(`shell.theme.${name}`))),
  );
  select.value = theme();
  const said = el("span", { class: "visually-hidden", role: "status" });
  const share = el("button", { type: "button" }, t("shell.share"));
  share.addEventListener("click", async () => {
    keepAddress();
    try {
      await navigator.clipboard.writeText(location.href);
      replace(share, t("shell.shared"));
    } catch {
      replace(share, t("shell.share.by-hand"));
    }
    replace(said, share.textContent);
    setTimeout(() => replace(share, t("shell.share")), 2500);
  });
  replace(part("tools"), share, select, said);
  replace(
    part("foot"),
    el("p", {}, el("span", { class: "badge" }, t("simulated")), " ", t("shell.simulated")),
    el("p", {}, t("shell.where")),
  );
}

frame();
addEventListener("hashchange", () => void route());
void route();
