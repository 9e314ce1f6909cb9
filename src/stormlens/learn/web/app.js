/** The pages: a menu, one component at a time, and an address that says what is shown. */

import { el, replace } from "./base/dom.js";
import { jsonResource } from "./base/resources.js";
import { readAddress, writeAddress } from "./base/state.js";
import { t } from "./base/strings.js";
import { COMPONENTS, load } from "./stormlens.js";

/** @typedef {import("./base/component.js").Component} Component */
/** @typedef {import("./base/component.js").Values} Values */

const THEMES = ["system", "light", "dark", "projector"];
const THEME = "stormlens-theme";
const DARK = "(prefers-color-scheme: dark)";

const SLUGS = Object.keys(COMPONENTS);

/** @param {string} id */
function part(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** What was set on each page since it was opened. @type {Map<string, Values>} */
const visited = new Map();

/** @type {Map<string, Component>} */
const resting = new Map();

/** @type {{slug: string, component?: Component}} */
let shown = { slug: "" };

/**
 * Show what the address asks for.
 * @param {{moved?: boolean}} [how] `moved` where the reader came from another page of these, whose
 *   link had the focus.
 */
async function route({ moved = false } = {}) {
  const { slug, values } = readAddress(location.hash);
  markPage(slug);
  if (slug === shown.slug && shown.component) {
    const { component } = shown;
    if (writeAddress(slug, component.changedSettings) === location.hash) return;
    component.reset();
    component.set(values, { silent: true });
    return;
  }
  putAside();
  shown = { slug };
  if (slug === "") {
    showFront();
    if (moved) takeFocus();
    return;
  }
  if (!SLUGS.includes(slug)) {
    showError(t("shell.no-page", { slug }));
    return;
  }
  try {
    const component = resting.get(slug) ?? (await made(slug));
    if (shown.slug !== slug) return;
    resting.delete(slug);
    shown = { slug, component };
    component.setAttribute("theme", theme());
    const given = Object.keys(values).length > 0 ? values : visited.get(slug);
    if (given) {
      component.reset();
      component.set(given, { silent: true });
    }
    const title = t(`${slug}.title`);
    document.title = t("shell.page-title", { title });
    part("content").setAttribute("aria-label", title);
    replace(part("content"), component, neighbours(slug));
    remember(component);
    if (moved) takeFocus();
  } catch (error) {
    if (shown.slug === slug) showError(error instanceof Error ? error.message : String(error));
  }
}

/** @param {string} slug @returns {Promise<Component>} */
async function made(slug) {
  const kind = await load(slug).catch(() => {
    throw new Error(t("shell.gone", { title: t(`${slug}.title`) }));
  });
  const component = new kind();
  component.addEventListener("stormlens-settings", () => remember(component));
  return component;
}

/** What would be lost with its page waits for the reader's return. */
function putAside() {
  const { slug, component } = shown;
  if (component?.rest()) resting.set(slug, component);
}

/**
 * Browsers refuse addresses that change with every frame, as they would while dragging; and to
 * change one takes milliseconds, which what is to be shown comes before.
 */
const [PAUSE, AFTER] = [250, 100];
let written = -PAUSE;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let waiting;

/** @param {Component} component */
function remember(component) {
  visited.set(component.slug, component.changedSettings);
  waiting ??= setTimeout(keepAddress, Math.max(written + PAUSE - performance.now(), AFTER));
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

/** Those who read by ear or by keyboard go on at the top of the new page. */
function takeFocus() {
  part("content").focus({ preventScroll: true });
  scrollTo(0, 0);
}

/** Links to the pages before and behind one. @param {string} slug */
function neighbours(slug) {
  const at = SLUGS.indexOf(slug);
  const link = (/** @type {string} */ to, /** @type {string} */ key) =>
    to in COMPONENTS &&
    el(
      "a",
      { href: `#/${to}`, class: key },
      el("span", {}, t(`shell.${key}`)),
      t(`${to}.title`),
    );
  return el(
    "nav",
    { class: "neighbours", "aria-label": t("shell.neighbours") },
    link(SLUGS[at - 1], "before"),
    link(SLUGS[at + 1], "next"),
  );
}

function showFront() {
  document.title = t("shell.title");
  part("content").removeAttribute("aria-label");
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
        ...SLUGS.map((slug) =>
          el(
            "li",
            {},
            el(
              "a",
              { href: `#/${slug}` },
              el("img", {
                src: pictureOf(slug),
                alt: "",
                width: 400,
                height: 225,
                "data-slug": slug,
              }),
              el("h2", {}, t(`${slug}.title`)),
              el("p", {}, t(`${slug}.lead`)),
            ),
          ),
        ),
      ),
    ),
  );
}

/** A page's picture on the front page, in the present colours. @param {string} slug */
function pictureOf(slug) {
  const named = theme();
  const dark = named === "dark" || (named === "system" && matchMedia(DARK).matches);
  return `pictures/${slug}-${dark ? "dark" : "light"}.png`;
}

function recolour() {
  for (const picture of part("content").querySelectorAll("img")) {
    picture.src = pictureOf(picture.dataset.slug ?? "");
  }
}

/** @param {string} sentence */
function showError(sentence) {
  document.title = t("shell.title");
  part("content").removeAttribute("aria-label");
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

/** What was chosen since the page was opened. @type {string | undefined} */
let chosen;

function theme() {
  const named = chosen ?? stored() ?? "system";
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
  chosen = name;
  document.documentElement.dataset.theme = name;
  shown.component?.setAttribute("theme", name);
  recolour();
}

function frame() {
  document.documentElement.dataset.theme = theme();
  document.documentElement.lang = t("language");
  part("skip").textContent = t("shell.skip");
  part("menu").setAttribute("aria-label", t("shell.pages"));
  replace(
    part("pages"),
    ...SLUGS.map((slug) => el("li", {}, el("a", { href: `#/${slug}` }, t(`${slug}.title`)))),
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
  void sayWhatStorms();
}

/** Under every page: what its storms are, and where it computes. */
async function sayWhatStorms() {
  const badge = el("span", { class: "badge" }, t("simulated"));
  let words = [badge, " ", t("shell.simulated")];
  try {
    const { simulated, source } = await jsonResource("storms/storms.json");
    if (!simulated) words = [t("shell.own", { source })];
  } catch {
    // Each page that needs storms says that it cannot get them.
  }
  replace(part("foot"), el("p", {}, ...words), el("p", {}, t("shell.where")));
}

/** The link to the content is no address of a page. @param {Event} event */
function skip(event) {
  event.preventDefault();
  part("content").focus();
}

frame();
document.querySelector(".skip")?.addEventListener("click", skip);
matchMedia(DARK).addEventListener("change", recolour);
addEventListener("hashchange", () => void route({ moved: true }));
void route();
