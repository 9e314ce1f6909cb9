/** How the page Inside looks, beside the style of all components. */

import { sheetOf } from "../base/style.js";

const CSS = `
.inside { display: flex; flex-direction: column; gap: .75rem; }
.bench { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; }
.bench .choice, .bench label.choice { margin: 0; display: flex; gap: .4rem; align-items: center; }
.bench label.choice select { max-width: 15em; }
.bench .drop { margin-left: auto; }
/* What is on its way has its place, so that nothing moves under a finger when it comes. */
.shelf { min-width: 0; }
.shelf .strip { min-height: 4.25rem; }
.shelf [role="status"] { min-height: 1.5em; }
.strip { display: flex; gap: .3rem; overflow-x: auto; padding: .25rem; scrollbar-width: thin;
  overscroll-behavior-x: contain; }
.storm { flex: none; width: 3.5rem; height: 3.75rem; min-height: 0; padding: 0; overflow: hidden;
  border: 1px solid var(--rule); border-bottom: .3rem solid var(--mode, var(--strong-rule));
  border-radius: .35rem; background: var(--sky); position: relative; }
.storm canvas { width: 100%; height: 100%; display: block; object-fit: contain; }
.storm[aria-selected="true"] { outline: 3px solid var(--accent); outline-offset: 1px; }
.storm.wrong::after { content: "\\2717"; position: absolute; right: 0; top: 0; width: 1.2em;
  font-size: .8em; font-weight: 700; line-height: 1.3; color: var(--paper); background: var(--bad-edge);
  border-bottom-left-radius: .3rem; }
.facts { display: flex; flex-wrap: wrap; gap: .2rem .75rem; align-items: baseline; }
.facts p { margin: 0; max-width: none; }
.facts .now { font-size: 1.1em; }
.dropping { outline: 3px dashed var(--accent); outline-offset: 4px; }
.grey { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }

.overview { overflow-x: auto; border: 1px solid var(--rule); border-radius: .6rem;
  background: var(--panel); padding: .6rem; }
.overview:focus { outline: none; }
.flow { position: relative; display: flex; gap: 1.1rem; align-items: flex-start; width: max-content;
  min-width: 100%;
  --room: calc(min(100cqw, 82rem) - 1.5rem - 1.4rem - 10.6em - var(--gaps) * 1.1rem);
  --tile: clamp(2.6rem, calc(var(--room) / var(--columns)), 5rem); }
.lines { position: absolute; left: 0; top: 0; pointer-events: none; z-index: 1; overflow: visible; }
.lines path { fill: none; stroke-linecap: round; opacity: .85; }
.lines .for { stroke: var(--orange); }
.lines .against { stroke: var(--blue); }
.column { flex: none; width: var(--tile); display: flex; flex-direction: column; gap: .3rem; }
.column.flat { width: calc(var(--tile) * .7); }
.column.last { width: 10.5em; flex: 1 0 10.5em; max-width: 15em; }
.column .head { font-size: max(.75rem, .6em); line-height: 1.2; height: 3.8em; display: flex;
  flex-direction: column; justify-content: flex-end; }
.column .size { color: var(--muted); white-space: nowrap; letter-spacing: -.03em; font-size: .93em; }
.column .foot { font-size: max(.7rem, .54em); line-height: 1.25; color: var(--muted); }
.column .foot p { margin: 0; }
.column.chosen .head strong { color: var(--accent); }
.tiles { display: flex; flex-direction: column; gap: .3rem; }
.tiles, .every { position: relative; isolation: isolate; }
.sheet { position: absolute; left: 0; top: 0; z-index: -1; }
.tile { position: relative; display: block; width: 100%; aspect-ratio: 1; min-height: 0; padding: 0;
  overflow: hidden; border: 1px solid var(--strong-rule); border-radius: .15rem; background: none; z-index: 0; }
.column.flat .sheet { image-rendering: pixelated; }
.column.flat .tile { aspect-ratio: auto; height: calc(var(--tile) * 5.6); }
.tile[aria-pressed="true"] { outline: 3px solid var(--orange); outline-offset: 0; z-index: 2; }
.tile:focus-visible { outline: 3px solid var(--accent); z-index: 2; }
.tile .field { position: absolute; border: 2px solid var(--orange); box-shadow: 0 0 0 1px #000, inset 0 0 0 1px #000; }
.tile .mark.on { width: .4rem; height: .4rem; margin: -.2rem 0 0 -.2rem; border-width: 0; background: var(--orange);
  box-shadow: 0 0 0 1.5px var(--paper); }
.tile .mark { position: absolute; width: .55rem; height: .55rem; margin: -.275rem 0 0 -.275rem;
  border: 2px solid #fff; box-shadow: 0 0 0 1.5px #000, inset 0 0 0 1px #000; border-radius: 50%; }

.answer { display: grid; gap: .3rem; }
.class { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 .4rem; width: 100%;
  min-height: 2.5rem; padding: .2rem .4rem; text-align: left; border: 1px solid transparent;
  border-radius: .35rem; background: none; font-size: .92em; line-height: 1.25; z-index: 2; }
button.class:hover { border-color: var(--accent); }
.class .track { grid-column: 1 / -1; position: relative; height: .55rem; background: var(--paper);
  border: 1px solid var(--rule); border-radius: .2rem; }
.class .fill { position: absolute; inset: 0 auto 0 0; background: var(--mode); border-radius: .15rem; }
.class .ghost { position: absolute; top: -.2rem; bottom: -.2rem; width: 3px; margin-left: -1px;
  background: var(--ink); }
.class.best { font-weight: 700; }
.class.truth .name::after { content: " \\2713"; color: var(--green); }
.class.chosen { border-color: var(--orange); background: var(--paper); }

.stage { border: 1px solid var(--rule); border-radius: .6rem; padding: .6rem .75rem; min-width: 0; }
.stage .segments { margin-bottom: .5rem; }
.stage .segments legend { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
.detail { display: grid; gap: .9rem 1.25rem; grid-template-columns: minmax(0, 1fr); align-items: start; }
.detail section, .pair > * { min-width: 0; }
@container (min-width: 46em) {
  .detail { grid-template-columns: minmax(15rem, 21rem) minmax(0, 1fr); }
  .detail .follow { grid-column: 2; }
  .detail .map { grid-row: span 2; }
}
@container (min-width: 74em) {
  .detail { grid-template-columns: minmax(15rem, 17rem) minmax(0, 1fr) fit-content(26rem); }
  .detail .follow { grid-column: auto; }
  .detail .map { grid-row: auto; }
}
.detail .every { grid-column: 1 / -1; display: grid; gap: .35rem;
  grid-template-columns: repeat(auto-fill, minmax(3.4rem, 1fr)); }
.every:empty, .next:empty, .follow:empty { display: none; }
.every .nr { position: absolute; left: 0; bottom: 0; padding: 0 .25em; font-size: .68em; line-height: 1.3;
  background: var(--paper); border-top-right-radius: .25rem; }
.pair { display: grid; gap: .75rem 1.25rem; grid-template-columns: minmax(0, 1fr); align-items: start; }
@container (min-width: 46em) {
  .pair { grid-template-columns: minmax(0, 27rem) minmax(0, 1fr); }
}
.pair .answer { max-width: 24rem; }
.row.head { flex-wrap: nowrap; justify-content: space-between; margin-bottom: .4rem; }
.row.head h3 { margin: 0; text-align: center; }
.turn { flex: none; width: 2.5rem; padding: 0; font-size: 1.2em; line-height: 1; }
.map .row { gap: .4rem; margin: .5rem 0; }
.where { min-height: 1.5em; margin: .25rem 0; font-weight: 600; }
.picture .cell .halo { stroke-width: 7px; }
.picture .cell .line { stroke: var(--orange); stroke-width: 3.5px; }
.picture .brush .line { stroke-width: 1.5px; }
.link { min-height: 1.6rem; padding: 0; border: 0; background: none; color: var(--accent);
  text-align: left; text-decoration: underline; text-underline-offset: .15em; }

.products { display: grid; gap: .6rem; }
.product { display: flex; flex-wrap: wrap; align-items: center; gap: .35rem .5rem; }
.from { width: 5.4rem; font-size: .8em; line-height: 1.2; }
.source { border-radius: .2rem; }
.source.wide { width: 8rem; }
figure { margin: 0; }
figcaption { font-size: .75em; color: var(--muted); text-align: center; line-height: 1.3; }
.grid { display: grid; width: calc(var(--cells) * 2em); max-width: 9em; border: 1px solid var(--strong-rule); }
.grid span { display: grid; place-items: center; aspect-ratio: 1; min-width: 0; font-size: .74em;
  overflow: hidden; letter-spacing: -.02em; }
.grid .marked { outline: 3px solid var(--orange); outline-offset: -3px; font-weight: 700; }
.sign { font-size: 1.25em; }
.product .total { display: grid; font-weight: 650; line-height: 1.2; }
.product .total small { font-weight: 400; }
small { color: var(--muted); font-size: .82em; }
.sum { margin: .35rem 0; max-width: none; }
.sum .part { display: inline-block; margin-left: .4em; }
.check { display: inline-block; margin: .3rem 0; padding: .15em .6em; border-radius: .3rem; font-size: .9em; }
.check.agrees { background: var(--good); }
.check.agrees::before { content: "\\2713\\a0"; color: var(--green); font-weight: 700; }
.check.differs { background: var(--bad); }
.contributions { width: 100%; font-size: .92em; }
.contributions th { font-weight: 400; text-align: left; }
.contributions .how { color: var(--muted); }
.contributions .track { width: 24%; min-width: 4rem; position: relative; padding: 0; }
.amount { position: absolute; top: .45em; height: .9em; border-radius: .1rem; }
.amount.for { left: 50%; background: var(--orange); }
.amount.against { right: 50%; background: var(--blue); }
.window { display: inline-grid; gap: 2px; margin: .2rem 0 .5rem; }
.window span { padding: .3em .5em; background: var(--panel); border: 2px solid transparent; text-align: right; }
.window .best { background: var(--good); font-weight: 700; }
.window .own { border-color: var(--orange); }
.fate.wins::before { content: "\\2713\\a0"; color: var(--green); font-weight: 700; }
.next { margin-top: 1rem; }
.follow { overflow-x: auto; }
.follow[aria-busy] > * { visibility: hidden; }
.follow table { width: 100%; font-size: .84em; }
:host([theme="projector"]) .follow table { font-size: .74em; }
.follow th, .follow td { padding: .12em .3em; white-space: nowrap; }
.follow td:last-child { white-space: normal; }
.follow thead th { color: var(--muted); font-weight: 400; vertical-align: bottom; line-height: 1.2; }
.follow tbody th { font-weight: 400; position: relative; padding-left: 1.2em; white-space: nowrap; }
.follow tbody th::before { content: ""; position: absolute; left: 0; top: .55em; width: .6em; height: .6em;
  border-radius: 50%; background: var(--orange); }
.follow tbody th::after { content: ""; position: absolute; left: .25em; top: .8em; bottom: -.8em; width: 2px;
  background: var(--orange); }
.follow tbody tr:last-child th::after { display: none; }
.follow .score { display: flex; flex-wrap: wrap; gap: 0 .6em; font-weight: 650; }
.follow .score span { white-space: nowrap; }
label.choice { display: grid; gap: .15rem; }
@container (min-width: 46em) {
  .tasks ol { grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .2rem 1rem; }
}
@container (max-width: 45.99em) {
  .overview { overflow-x: visible; padding: .4rem; }
  .flow { flex-direction: column; gap: 1.1rem; width: auto; --tile: 100%; }
  .column, .column.flat, .column.last { width: 100%; max-width: none; flex: none; }
  .column .head { height: auto; flex-direction: row; justify-content: space-between; font-size: .9em; }
  .column .foot { display: flex; justify-content: space-between; }
  .panel-of-view { position: relative; z-index: 2; }
  .flow .panel-of-view { background: var(--panel); }
  .column .head, .column .foot { position: relative; z-index: 2; }
  .product { row-gap: .2rem; }
  .product .from { width: 100%; display: flex; gap: .5rem; align-items: center; }
  .product .from .picture { width: 3.2rem; }
  .product .total { width: 100%; display: flex; gap: .4em; align-items: baseline; }
  .bench { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); align-items: end; }
  .bench .choice, .bench label.choice { display: grid; gap: 0; font-size: .9em; }
  .bench select, .bench label.choice select { width: 100%; max-width: none; }
  .bench .drop { margin: 0; grid-column: 1 / -1; }
  .tiles { display: grid; grid-template-columns: repeat(8, minmax(0, 1fr)); }
  .column.flat .tiles, .column.last .tiles { grid-template-columns: minmax(0, 1fr); }
  .column[data-step="-1"] .tiles { grid-template-columns: minmax(0, 9rem); justify-content: center; }
  .column.flat .tile { height: 3rem; }
  .stage .stage { border: 0; padding: 0; }
  .follow th, .follow td { padding: .12em .18em; }
  .follow thead th { white-space: normal; }
}
`;

/** The style sheet of the page. */
export function insideSheet() {
  return sheetOf(CSS);
}
