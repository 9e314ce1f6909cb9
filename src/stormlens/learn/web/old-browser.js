// After the pages' own code: an old browser that could not even parse that shows a sentence.
// Itself it is written for any browser there ever was.
if (!document.documentElement.getAttribute("data-theme")) {
  /** @type {HTMLElement} */ (document.getElementById("loading")).hidden = true;
  /** @type {HTMLElement} */ (document.getElementById("old")).hidden = false;
}
