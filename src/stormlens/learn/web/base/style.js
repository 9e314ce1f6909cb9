/**
 * How components look: light, dark and projector, by the system unless the attribute `theme` says.
 *
 * Colours are variables, so that pictures drawn on a canvas take the same ones (`colour`).
 */

const CSS = `
:host {
  color-scheme: light dark;
  --paper: light-dark(#ffffff, #12171d);
  --panel: light-dark(#f3f6f9, #1b232c);
  --ink: light-dark(#17222d, #e8edf2);
  --muted: light-dark(#4d5a67, #a4b1be);
  --rule: light-dark(#d3dbe2, #364350);
  --strong-rule: light-dark(#7b8894, #7d8b99);
  --accent: light-dark(#005a8e, #7cc4ef);
  --on-accent: light-dark(#ffffff, #0b1622);
  --blue: light-dark(#0072b2, #56b4e9);
  --orange: light-dark(#c44e00, #ff9d57);
  --green: light-dark(#00785a, #3fcf9f);
  --warn: light-dark(#fff3c4, #40350d);
  --warn-edge: light-dark(#b58900, #d9ac2b);
  --bad: light-dark(#fde4df, #4a1f17);
  --bad-edge: light-dark(#b3261e, #ff8a75);
  --good: light-dark(#dff3e8, #14392a);
  --sky: light-dark(#ffffff, #0c1116);
  --size: 1rem;
  display: block;
  box-sizing: border-box;
  container-type: inline-size;
  color: var(--ink);
  background: var(--paper);
  font: var(--size)/1.5 "Source Sans 3", "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
  text-align: start;
}
:host([theme="light"]), :host([theme="projector"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
:host([theme="projector"]) {
  --size: 1.3rem;
  --ink: #000000; --muted: #333333; --rule: #8a8a8a; --strong-rule: #444444; --panel: #eef1f4;
}
*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
.component { max-width: 82rem; margin: 0 auto; padding: .75rem; }
h2 { margin: 0 0 .15rem; font-size: min(1.45em, 9.5cqw); line-height: 1.2; }
h3 { margin: 0 0 .35rem; font-size: 1.05em; line-height: 1.3; }
h4 { margin: 0 0 .25rem; font-size: 1em; line-height: 1.3; }
p { margin: .3rem 0; max-width: 46rem; }
.lead { color: var(--muted); }
.muted { color: var(--muted); }
.small { font-size: .875em; }
.big { font-size: 1.25em; font-weight: 650; }
.body { margin-top: .75rem; }
.row { display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: center; }
.columns { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); align-items: start; }
@container (min-width: 46rem) {
  .columns { grid-template-columns: minmax(0, var(--left, 1fr)) minmax(0, var(--right, 1fr)); }
}
.panel { padding: .75rem; background: var(--panel); border-radius: .6rem; }
.panel + .panel { margin-top: .75rem; }
.visually-hidden {
  position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap;
}
a { color: var(--accent); text-underline-offset: .15em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: .2rem; }

.tasks { padding: .5rem .75rem; border-left: 4px solid var(--accent); background: var(--panel);
  border-radius: 0 .5rem .5rem 0; }
.tasks h3 { font-size: 1em; }
.tasks .count { color: var(--muted); font-weight: 400; margin-left: .4em; }
.tasks ol { margin: 0; padding: 0; list-style: none; display: grid; gap: .2rem; }
.tasks li { padding-left: 1.7em; position: relative; }
.tasks li::before { content: ""; position: absolute; left: 0; top: .22em; width: 1.05em;
  height: 1.05em; border: 2px solid var(--strong-rule); border-radius: 50%; }
.tasks li.done::before { content: "\\2713"; border-color: var(--green); background: var(--green);
  color: var(--paper); font-size: .9em; line-height: 1; display: grid; place-items: center;
  width: 1.17em; height: 1.17em; }
.tasks li.done { color: var(--muted); }

.slider { display: grid; grid-template-columns: minmax(0, 1fr) auto; align-items: center;
  column-gap: .75rem; margin: .15rem 0 .45rem; }
.slider label { grid-column: 1 / -1; }
.slider .value { display: flex; align-items: baseline; gap: .3em; }
.slider .unit { color: var(--muted); }
input, select, button, textarea { font: inherit; color: inherit; }
input[type="range"] { width: 100%; min-height: 2.25rem; margin: 0; accent-color: var(--accent);
  cursor: pointer; touch-action: pan-y; }
.number { width: 4.7em; padding: .25em .3em; text-align: right; background: var(--paper);
  border: 1px solid var(--strong-rule); border-radius: .35rem; }
select { min-height: 2.5rem; padding: .3em .6em; background: var(--paper); max-width: 100%;
  border: 1px solid var(--strong-rule); border-radius: .4rem; }
.choice { display: grid; gap: .15rem; margin: .15rem 0 .5rem; }
.flag { display: flex; gap: .5rem; align-items: center; min-height: 2.25rem; cursor: pointer; }
.flag input { width: 1.25rem; height: 1.25rem; accent-color: var(--accent); margin: 0; flex: none; }
.segments { display: flex; flex-wrap: wrap; gap: .3rem; margin: .15rem 0 .5rem; padding: 0; border: 0;
  min-width: 0; }
.segments legend { padding: 0; margin-bottom: .15rem; }
.segments label { position: relative; }
.segments input { position: absolute; opacity: 0; inset: 0; width: 100%; height: 100%; margin: 0;
  cursor: pointer; }
.segments span { display: grid; place-items: center; min-height: 2.4rem; padding: .2em .8em;
  border: 1px solid var(--strong-rule); border-radius: 2rem; background: var(--paper); }
.segments input:checked + span { background: var(--accent); border-color: var(--accent);
  color: var(--on-accent); font-weight: 600; }
.segments input:focus-visible + span { outline: 3px solid var(--accent); outline-offset: 2px; }
button { min-height: 2.5rem; padding: .3em .95em; border: 1px solid var(--strong-rule);
  border-radius: .5rem; background: var(--paper); cursor: pointer; }
button:hover { border-color: var(--accent); }
button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent);
  font-weight: 600; }
button:disabled { opacity: .55; cursor: default; }

.badge { display: inline-block; padding: .05em .5em; background: var(--warn);
  border: 1px solid var(--warn-edge); border-radius: .3rem; font-size: .8em; font-weight: 650;
  letter-spacing: .03em; max-width: 100%; overflow-wrap: anywhere; }
.note { padding: .45em .75em; background: var(--warn); border-left: 4px solid var(--warn-edge);
  border-radius: .2rem; }
.note.plain { background: var(--panel); border-color: var(--strong-rule); }
.note.error { background: var(--bad); border-color: var(--bad-edge); }
.note.good { background: var(--good); border-color: var(--green); }

.copy pre, pre { margin: .35rem 0; padding: .6rem .75rem; background: var(--panel);
  border-radius: .5rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere;
  font: .875em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.panel .copy pre, .panel pre { background: var(--paper); }

.picture { position: relative; width: 100%; aspect-ratio: 1; background: var(--sky);
  border: 1px solid var(--strong-rule); border-radius: .3rem; overflow: hidden; }
.picture canvas, .picture svg { position: absolute; inset: 0; width: 100%; height: 100%;
  display: block; }
.picture canvas { image-rendering: pixelated; }
.picture[tabindex] { cursor: crosshair; touch-action: manipulation; }
.picture[data-drag] { touch-action: none; }
.picture .halo { fill: none; stroke: #000; stroke-width: 4px; opacity: .75; }
.picture .line { fill: none; stroke: #fff; stroke-width: 2px; }
.picture text { fill: #fff; stroke: #000; stroke-width: .25em; paint-order: stroke; font-weight: 700; }
.bar { display: grid; grid-template-columns: auto minmax(0, 1fr) auto; gap: .2rem .5rem;
  align-items: center; margin-top: .35rem; font-size: .85em; color: var(--muted); }
.bar span { overflow-wrap: anywhere; min-width: 1em; }
.bar canvas { width: 100%; height: .8rem; border: 1px solid var(--rule); border-radius: .15rem; }
.chart { width: 100%; height: auto; display: block; overflow: visible; }
.chart text { fill: var(--ink); font-size: 13px; }
.chart .axis { stroke: var(--strong-rule); }
.chart .grid { stroke: var(--rule); }
table { border-collapse: collapse; }
th, td { padding: .2em .55em; text-align: right; border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { text-align: left; }
@media (forced-colors: active) {
  .segments input:checked + span { forced-color-adjust: none; background: Highlight;
    border-color: Highlight; color: HighlightText; }
}
@media (prefers-reduced-motion: reduce) {
  *, *::before, *::after { animation: none !important; transition: none !important; }
}
`;

/** The style sheet of all components. @returns {CSSStyleSheet} */
export function sheet() {
  return sheetOf(CSS);
}

/** @type {Map<string, CSSStyleSheet>} */
const made = new Map();

/** A style sheet, made once, which components of a kind share. @param {string} css */
export function sheetOf(css) {
  const known = made.get(css);
  if (known) return known;
  const own = new CSSStyleSheet();
  own.replaceSync(css);
  made.set(css, own);
  return own;
}

/** @type {WeakMap<Element, HTMLElement>} */
const probes = new WeakMap();

/**
 * A colour of the present theme, as the canvas takes it.
 * @param {Element} host A component.
 * @param {string} name Of a variable above, as "ink".
 * @returns {string}
 */
export function colour(host, name) {
  let probe = probes.get(host);
  if (!probe) {
    probe = document.createElement("span");
    probe.hidden = true;
    (host.shadowRoot ?? host).append(probe);
    probes.set(host, probe);
  }
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}
