/** How the page of training looks, beside what all components share. */

import { sheetOf } from "../base/style.js";

const CSS = `
.badge { align-self: center; }
/* On a phone the bar lies at the bottom, within a thumb's reach, wherever the page is. */
.body { display: flex; flex-direction: column; }
.playbar { order: 1; position: sticky; bottom: 0; z-index: 1; display: grid; gap: .2rem .9rem;
  grid-template-columns: minmax(0, 1fr); align-items: center; margin: 0 -.75rem .75rem;
  padding: .5rem .75rem; background: var(--paper); border-block: 1px solid var(--rule); }
.playbar .row { gap: .4rem; }
.playbar .row button { flex: 0 1 auto; padding-inline: .7em; min-width: 3.6em; }
.playbar .play { min-width: 6.4em; }
.playbar .far { font-weight: 650; }
@container (min-width: 19rem) { .playbar .far { white-space: nowrap; } }
.playbar .track { display: block; height: .35rem; margin-top: .15rem; border-radius: .2rem;
  background: var(--rule); overflow: hidden; }
.playbar .track span { display: block; height: 100%; width: 0; background: var(--accent); }
.figures { display: flex; flex-wrap: wrap; gap: .1rem .9rem; font-size: .92em; }
.figures b { font-weight: 650; }
.dot { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .3em; }
.dot.A { background: var(--blue); }
.dot.B { background: var(--orange); }
.stage { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); align-items: start;
  grid-template-areas: "settings" "curves" "insides" "matrix"; }
.stage > .settings { grid-area: settings; margin: 0; }
.stage > .right { grid-area: curves; }
.stage > .insides { grid-area: insides; }
.stage > .errors { grid-area: matrix; }
.settings summary { cursor: pointer; min-height: 2.25rem; display: flex; flex-wrap: wrap;
  gap: 0 .5em; align-items: center; }
.settings .summary { color: var(--muted); font-size: .9em; }
.settings h3 { margin-top: .4rem; }
.cards { display: grid; gap: .4rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); }
.card { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 .4rem;
  padding: .3rem .6rem;
  background: var(--paper); border: 1px solid var(--rule); border-radius: .5rem; }
.card p { grid-column: 1 / -1; margin: 0 0 .15rem; line-height: 1.35; }
.card:has(.A input:checked) { border-color: var(--accent); box-shadow: inset 3px 0 var(--accent); }
.comparing .card:has(.A input:checked) { border-color: var(--blue);
  box-shadow: inset 3px 0 var(--blue); }
.comparing .card:has(.B input:checked) { border-color: var(--orange);
  box-shadow: inset -3px 0 var(--orange); }
.comparing .card:has(.A input:checked):has(.B input:checked) {
  box-shadow: inset 3px 0 var(--blue), inset -3px 0 var(--orange); }
.silhouette { grid-column: 1 / -1; width: 100%; height: 2.1rem; margin-bottom: .15rem; }
.silhouette rect { fill: var(--accent); rx: 1px; }
.silhouette .Input { fill: var(--muted); }
.silhouette .MaxPooling2D { fill: var(--accent); opacity: .5; }
.silhouette .Residual { fill: var(--green); }
.silhouette .values { fill: var(--orange); }
.pick { display: flex; align-items: center; gap: .45rem; min-height: 2.25rem; cursor: pointer; }
.pick input { width: 1.15rem; height: 1.15rem; margin: 0; accent-color: var(--accent); flex: none; }
.comparing .pick.A input { accent-color: var(--blue); }
.pick.B input { accent-color: var(--orange); }
.setting { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0 .5rem;
  align-items: end; }
.setting .note-of-storms { grid-column: 1 / -1; margin: -.3rem 0 .4rem; }
.varied { grid-column: 1 / -1; display: grid; gap: 3px; margin: -.2rem 0 .6rem;
  grid-template-columns: repeat(4, minmax(0, 1fr)); }
.comparing .varied { border-left: 3px solid var(--blue); padding-left: 3px; }
.comparing .varied + .varied { border-color: var(--orange); }
.comparing .setting { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
.setting select { width: 100%; }
.comparing .slot.A select { border-color: var(--blue); box-shadow: inset 3px 0 var(--blue); }
.slot.B select { border-color: var(--orange); box-shadow: inset 3px 0 var(--orange); }
.curves summary { cursor: pointer; min-height: 2rem; align-content: center; color: var(--accent); }
.curves .chart { margin-bottom: .4rem; }
.curves .mark { stroke-width: 1.5; stroke-dasharray: 2 3; }
.curves .blind .mark { stroke: var(--strong-rule); }
.curves .blind text { fill: var(--muted); font-size: 12px; }
.readings { display: grid; gap: .4rem; margin-bottom: .6rem; min-height: 3.4rem; }
.readings .note { margin: 0; }
.insides > h3, .insides > .row { margin-top: .8rem; }
.insides > .row h3 { margin: 0; }
.storm-and-answer { display: grid; gap: .4rem 1rem;
  grid-template-columns: minmax(7rem, 9rem) minmax(0, 1fr); }
.chooser { margin-top: .35rem; }
.chooser button { min-width: 2.75rem; }
.storm-words { grid-column: 1 / -1; margin: 0; }
.answer { display: grid; grid-template-columns: auto minmax(0, 1fr) auto; gap: .3rem .5rem;
  align-items: center; font-size: .92em; }
.answer .track { height: .8rem; background: var(--panel); border-radius: .2rem; overflow: hidden; }
.answer .fill { display: block; height: 100%; }
.answer .share { text-align: right; min-width: 3.6em; }
.answer .truth { font-weight: 700; }
.tiles { display: grid; gap: 3px; align-content: start;
  grid-template-columns: repeat(8, minmax(0, 1fr)); }
.tiles button { min-height: 0; min-width: 0; padding: 0; border: 2px solid transparent;
  border-radius: .25rem; background: none; }
.tiles button[aria-pressed="true"] { border-color: var(--accent); }
.tiles .picture { border-radius: .1rem; pointer-events: none; }
.tiles.thumbs { grid-template-columns: repeat(auto-fill, minmax(4.2rem, 1fr)); }
.tiles-and-detail { display: grid; gap: .6rem; grid-template-columns: minmax(0, 1fr); }
.detail { max-width: 17rem; }
.weights { border-collapse: separate; border-spacing: 2px; font-size: .85em; width: 100%;
  max-width: 14rem; table-layout: fixed; }
.weights caption { text-align: left; font-size: 1.1em; }
.weights td { text-align: center !important; border: 0; padding: .55em 0; border-radius: .15rem; }
.matrix { border-collapse: separate; border-spacing: 2px; width: 100%; max-width: 34rem;
  table-layout: fixed; }
.matrix th, .matrix td { border: 0; padding: 0; font-weight: 400; text-align: center;
  font-size: .9em; overflow: hidden; text-overflow: ellipsis; }
.matrix th[scope="row"], .matrix th:first-child { text-align: left; width: 4.9em; }
.matrix button { width: 100%; min-height: 2.5rem; padding: 0; border: 2px solid transparent;
  border-radius: .25rem;
    background: color-mix(in srgb, var(--bad-edge) var(--share), var(--panel)); }
.matrix button[data-right="true"] {
  background: color-mix(in srgb, var(--green) var(--share), var(--panel)); }
.matrix button[aria-pressed="true"] { border-color: var(--accent); }
.matrix .long { display: none; }
.errors { display: grid; gap: .6rem 1.2rem; grid-template-columns: minmax(0, 1fr);
  align-items: start; }
.after { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); margin-top: 1rem;
  align-items: start; }
.question { padding: .5rem 0; border-top: 1px solid var(--rule); }
.question p { margin: .1rem 0 .3rem; }
.question summary { cursor: pointer; min-height: 2rem; align-content: center; color: var(--accent);
  }
@container (max-width: 19rem) {
  .storm-and-answer { grid-template-columns: minmax(0, 1fr); }
}
@container (min-width: 40rem) {
  .playbar { order: 0; top: var(--below-header, 0px); bottom: auto; gap: .3rem .9rem;
    grid-template-columns: auto minmax(9rem, 16rem) minmax(0, 1fr); }
  .matrix .long { display: inline; }
  .matrix .short { display: none; }
  .matrix th[scope="row"], .matrix th:first-child { width: 6em; }
  .tiles-and-detail { grid-template-columns: minmax(0, 1fr) max(11rem, 9.5em); }
  .storm-and-answer { grid-template-columns: 13rem minmax(0, 1fr); }
  .errors { grid-template-columns: minmax(0, 1.3fr) minmax(0, 1fr); }
}
@container (min-width: 46rem) {
  .stage { grid-template-columns: min(19em, 22rem) minmax(0, 1fr);
    grid-template-areas: "settings curves" "settings insides" "matrix matrix"; }
  .cards { grid-template-columns: minmax(0, 1fr); }
  .after { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
}
@container (min-width: 72rem) {
  .stage { grid-template-columns: min(18em, 22rem) minmax(0, 1fr) 25rem;
    grid-template-areas: "settings insides curves" "settings matrix matrix"; }
  .errors { grid-template-columns: minmax(0, 32rem) minmax(0, 1fr); }
}
`;

export function look() {
  return sheetOf(CSS);
}
