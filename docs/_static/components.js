/** Components on these pages: live where they stand, and in the colours that the page has. */

import { writeAddress } from "../learn/base/state.js";
import { COMPONENTS } from "../learn/stormlens.js";

const TAGS = Object.keys(COMPONENTS).map((slug) => `stormlens-${slug}`);
const PAGES = new URL("../learn/index.html", import.meta.url);

const components = document.querySelectorAll(TAGS.join(", "));

/** The page's "auto" is what a component does by itself: it follows the system. */
function followTheme() {
  const theme = document.body.dataset.theme ?? "auto";
  for (const component of components) {
    component.setAttribute("theme", theme === "auto" ? "system" : theme);
  }
}

/** A link below a component to the page where it fills the window, as it is set now. */
function linkToPage(component) {
  const slug = component.localName.replace("stormlens-", "");
  const link = document.createElement("a");
  link.textContent = "Fill the window";
  const settings = () => component.changedSettings ?? {};
  const point = () => {
    link.href = new URL(writeAddress(slug, settings()), PAGES).href;
  };
  point();
  // Asked for when it is about to be followed, as settings change with every frame of a drag.
  for (const event of ["pointerenter", "focus", "touchstart"]) {
    link.addEventListener(event, point, { passive: true });
  }
  const line = document.createElement("p");
  line.className = "component-link";
  line.append(link);
  component.after(line);
}

followTheme();
new MutationObserver(followTheme).observe(document.body, { attributeFilter: ["data-theme"] });
for (const component of components) linkToPage(component);
