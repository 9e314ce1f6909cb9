// After the pages' own code: where that could not even be read, an old browser is told so.
// Itself it is written for any browser there ever was.
if (!document.documentElement.getAttribute("data-theme")) {
  /** @type {HTMLElement} */ (document.getElementById("loading")).hidden = true;
  /** @type {HTMLElement} */ (document.getElementById("old")).hidden = false;
}
