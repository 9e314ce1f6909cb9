/**
 * Inside: a storm through a whole trained network, from left to right; any number of it taken
 * apart and followed to the answer; why this answer; and what if there were other echo.
 */

import { Component } from "../base/component.js";
import { button, choice, errorNote, segments, simulatedBadge } from "../base/controls.js";
import { el, replace } from "../base/dom.js";
import { modeWords, t } from "../base/strings.js";
import { colour } from "../base/style.js";
import { GreyPicture } from "../data/box.js";
import { isNetworkFile, listNetworks, openNetwork } from "../data/networks.js";
import { Storms } from "../data/storms.js";
import { Engine } from "../network/client.js";
import { Answer, answerOf, percent } from "./answer.js";
import * as arithmetic from "./arithmetic.js";
import { columnOf } from "./columns.js";
import { Detail, indexOfStrongest } from "./detail.js";
import { GreyQuestion } from "./grey.js";
import { isStrongestPooled, linesInto, worthShowing } from "./lines.js";
import { Overview, shapeOf } from "./overview.js";
import { filesDropped, readAllBoxes, readNetwork } from "./own-files.js";
import { insideSheet } from "./style.js";
import { ordered, ORDERS, Thumbnails } from "./thumbnails.js";
import { WhatIf } from "./what-if.js";
import { METHODS, Why } from "./why.js";

/**
 * @typedef {import("../data/networks.js").OpenNetwork} OpenNetwork
 * @typedef {import("./arithmetic.js").Cell} Cell
 * @typedef {import("./arithmetic.js").Pass} Pass
 * @typedef {import("./thumbnails.js").Shelf} Shelf
 */

const DROPPED = "dropped";
const SHIPPED = "shipped";
const VIEWS = ["pixel", "why", "paint"];
/** Storms of a split that are put on the shelf. */
const MOST_STORMS = 300;
/** Storms that are asked for at a time behind the reader's back. */
const TOGETHER = 2;
const NARROW = 46; // em, as in the style sheet

export class Inside extends Component {
  static tag = "stormlens-inside";
  static slug = "inside";
  static tasks = ["pool", "paint", "wrong"];
  static outputs = ["answer", "probability", "value"];
  /** @type {readonly import("../base/needs.js").Need[]} */
  static needs = ["DecompressionStream", "ResizeObserver", "WebAssembly SIMD", ...Component.needs];
  /** @type {import("../base/component.js").Settings} */
  static settings = {
    network: { kind: "text", default: "" },
    storms: { kind: "text", default: "few" },
    storm: { kind: "whole", default: 0, low: 0, high: 1e6 },
    layer: { kind: "whole", default: 0, low: -1, high: 1000 },
    map: { kind: "whole", default: -1, low: -1, high: 1e6 },
    pixel: { kind: "numbers", default: [], low: 0, high: 4096 },
    all: { kind: "flag", default: false },
    view: { kind: "choice", default: "pixel", choices: VIEWS },
    method: { kind: "choice", default: "grad-cam", choices: METHODS },
    mode: { kind: "whole", default: -1, low: -1, high: 1000 },
    only: { kind: "whole", default: -1, low: -1, high: 1000 },
    order: { kind: "choice", default: "file", choices: ORDERS },
    brush: { kind: "whole", default: 55, low: 5, high: 80, step: 5 },
    size: { kind: "whole", default: 9, low: 1, high: 41, step: 2 },
    erase: { kind: "flag", default: false },
  };

  /** @type {Engine | undefined} */
  #engine;
  /** @type {Storms | undefined} */
  #storms;
  /** @type {import("../data/networks.js").Entry[]} */
  #entries = [];
  /** @type {OpenNetwork | undefined} */
  #network;
  /** @type {import("../network/client.js").Network | undefined} */
  #net;
  /** @type {Shelf | undefined} */
  #shelf;
  /**
   * What was dropped.
   * @type {{network?: OpenNetwork, shelf?: Shelf & {simulated: boolean, inFile: number}}}
   */
  #own = {};
  /** @type {Uint8Array | undefined} */
  #box;
  /** Which storm it was. */
  #taken = -1;
  /** @type {Pass | undefined} */
  #pass;
  /** Probabilities of the storm as it is. @type {Float64Array | null} */
  #before = null;
  #painted = false;
  /** Of a network and a shelf, by storm. @type {Map<string, (Float64Array | undefined)[]>} */
  #answers = new Map();
  #turn = 0;
  /** How often files were dropped or chosen; what was asked before the last is let go of. */
  #drops = 0;
  #running = false;
  #again = false;
  #left = false;
  /** Whether the reader chose what is shown. */
  #byHand = false;
  /** @type {arithmetic.Change[]} */
  #changes = [];
  /** What is shown of the present pass. @type {{step: number, cell: Cell}} */
  #chosen = { step: -1, cell: { row: 0, column: 0, channel: 0 } };
  #dark = false;
  #narrow = false;

  #fine = el("p", { class: "muted small" });
  #trouble = el("div");
  #facts = el("div", { class: "facts" });
  #stage = el("div", { class: "stage" });
  #panel = el("div", { class: "panel-of-view" });
  #networks = el("select");
  #shelves = el("select");
  #only = el("select");
  #page = el("div", { class: "inside" });

  styles() {
    return [insideSheet()];
  }

  /** @param {HTMLElement} main */
  build(main) {
    this.order = choice(this, "order", { names: (name) => this.t(`order.${name}`) });
    this.views = segments(this, "view", { names: (name) => this.t(`view.${name}`) });
    this.thumbnails = new Thumbnails((number) => this.#chooseStorm(number));
    this.answer = new Answer();
    this.overview = new Overview((step, map) => this.#choose(step, map));
    this.detail = new Detail((step, cell, how) => this.#go(step, cell, how), {
      followed: (changes, of) => this.#followed(changes, of),
      toggle: () => this.set({ all: !this.flag("all") }),
    });
    this.why = new Why(this);
    this.whatIf = new WhatIf(this, {
      changed: () => this.#paintedOver(),
      reset: () => this.#takeStorm(),
    });
    this.grey = new GreyQuestion();
    replace(
      this.#page,
      this.#bench(),
      this.#trouble,
      this.grey.element,
      this.thumbnails.element,
      this.#facts,
      this.overview.element,
      this.#stage,
      this.#fine,
    );
    replace(this.#facts, el("p", { class: "muted" }, this.t("busy")));
    main.append(this.#page);
    this.#dark = this.#isDark();
    this.#takeDrops(main);
    new ResizeObserver(() => this.#measure()).observe(this.#page);
    void this.#open();
  }

  #bench() {
    const files = el("input", { type: "file", multiple: true, hidden: true });
    files.accept = ".png,.npy,.json,.safetensors,.keras";
    files.addEventListener("change", () => {
      void this.#take(Promise.resolve([...(files.files ?? [])]));
      files.value = "";
    });
    this.#networks.addEventListener("change", () => this.set({ network: this.#networks.value }));
    this.#shelves.addEventListener("change", () =>
      this.set({ storms: this.#shelves.value, storm: 0 }),
    );
    this.#only.addEventListener("change", () => this.set({ only: Number(this.#only.value) }));
    const label = (/** @type {string} */ key, /** @type {HTMLElement} */ select) =>
      el("label", { class: "choice" }, this.t(`label.${key}`), select);
    return el(
      "div",
      { class: "bench" },
      label("storms", this.#shelves),
      label("only", this.#only),
      this.order?.element,
      label("network", this.#networks),
      el(
        "div",
        { class: "drop" },
        files,
        button(this.t("open"), () => files.click()),
      ),
    );
  }

  /** @param {HTMLElement} main */
  #takeDrops(main) {
    main.addEventListener("dragover", (event) => {
      event.preventDefault();
      main.classList.add("dropping");
    });
    main.addEventListener("dragleave", () => main.classList.remove("dropping"));
    main.addEventListener("drop", (event) => {
      event.preventDefault();
      main.classList.remove("dropping");
      if (event.dataTransfer) void this.#take(filesDropped(event.dataTransfer));
    });
  }

  async #open() {
    const turn = this.#turn;
    const starting = Engine.start();
    try {
      const [engine, storms, entries] = await Promise.all([
        starting,
        Storms.open(),
        listNetworks(),
      ]);
      if (turn === this.#turn) {
        this.#engine = engine;
        this.#storms = storms;
        this.#entries = entries;
        this.redraw("network");
        return;
      }
    } catch (error) {
      if (turn === this.#turn) this.fail(error);
    }
    // Nobody needs it: the page was left, or cannot be shown.
    void starting.then((engine) => engine.stop()).catch(() => {});
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.#left) {
      this.#left = false;
      void this.#open();
    }
  }

  /**
   * Another storm is sent off at once: what else there is to show waits for the frame.
   * @param {Record<string, unknown>} values
   * @param {{silent?: boolean}} [options]
   */
  set(values, options) {
    super.set(values, options);
    const other = "network" in values || "storms" in values;
    if (!other && this.#shelf && this.#taken !== this.#stormNumber()) this.#takeStorm();
  }

  leave() {
    this.#left = true;
    this.#turn += 1;
    this.why?.forget();
    this.#engine?.stop();
    this.#engine = this.#network = this.#net = this.#pass = undefined;
  }

  /** @param {ReadonlySet<string>} changed */
  show(changed) {
    if (!this.#engine) return;
    if (changed.has("network") || changed.has("storms")) {
      void this.#prepare();
      return;
    }
    if (!this.#network || !this.#shelf) return;
    if (["only", "order", "answers"].some((name) => changed.has(name))) this.#showShelf();
    if (changed.has("storm")) {
      this.thumbnails?.select(this.#stormNumber());
      if (this.#taken !== this.#stormNumber()) this.#takeStorm();
    } else if (this.#pass) this.#showPass(changed);
  }

  // ---------------------------------------------------------------- network and storms

  /** Get the network and the storms that the settings name. */
  async #prepare() {
    const turn = ++this.#turn;
    try {
      const network = await this.#wantedNetwork();
      const shelf = await this.#wantedShelf(network);
      if (turn !== this.#turn) return;
      if (network !== this.#network) await this.#useNetwork(network, shelf, turn);
      if (turn !== this.#turn) return;
      this.#shelf = shelf;
      replace(this.#trouble);
      this.#listChoices(network, shelf);
      this.#takeStorm();
      this.#showShelf();
      await this.#askAll(turn);
    } catch (error) {
      // Another is wanted by now, or the page was left and its engine stopped.
      if (turn === this.#turn) replace(this.#trouble, errorNote(error));
    }
  }

  /** @returns {Promise<OpenNetwork>} */
  async #wantedNetwork() {
    const wanted = this.text("network");
    if (wanted === DROPPED && this.#own.network) return this.#own.network;
    const entry = this.#entries.find(({ id }) => id === wanted) ?? this.#entries[0];
    if (this.#network?.id === entry.id) return this.#network;
    return openNetwork(entry);
  }

  /** @param {OpenNetwork} network @returns {Promise<Shelf>} */
  async #wantedShelf({ plan }) {
    const storms = /** @type {Storms} */ (this.#storms);
    const wanted = this.text("storms");
    const [rows, columns] = plan.shape;
    /** @type {Shelf} */
    let shelf;
    if (wanted === DROPPED && this.#own.shelf) shelf = this.#own.shelf;
    else {
      const name = Object.hasOwn(storms.splits, wanted) ? wanted : Object.keys(storms.splits)[0];
      const set = await storms.split(name, { count: MOST_STORMS });
      const codes = storms.classes.map((mode) => plan.classes.indexOf(mode));
      const modes = set.modes && Int16Array.from(set.modes, (code) => codes[code]);
      shelf = { ...set, name, modes, classes: plan.classes };
    }
    if (shelf.rows !== rows || shelf.columns !== columns) {
      const [found, due] = [
        [shelf.rows, shelf.columns],
        [rows, columns],
      ].map((s) => s.join(" × "));
      throw new Error(this.t("sizes", { found, due }));
    }
    return shelf;
  }

  /** @param {OpenNetwork} network @param {Shelf} shelf @param {number} turn */
  async #useNetwork(network, shelf, turn) {
    const engine = /** @type {Engine} */ (this.#engine);
    const net = await engine.load(network.plan, network.weights);
    const shown = await worthShowing(net, network, shelf);
    if (turn !== this.#turn) {
      letGo(net);
      return;
    }
    letGo(this.#net);
    this.#network = network;
    this.#net = net;
    this.#pass = undefined;
    this.#answers.clear();
    const { classes, steps } = network.plan;
    this.answer?.build(classes, (k) => this.#choose(steps.length - 1, k));
    this.whatIf?.build(classes);
    this.why?.build(classes);
    if (this.answer) this.overview?.build(network.plan, shown, this.answer.element);
    this.#arrange();
  }

  /** @param {OpenNetwork} network @param {Shelf} shelf */
  #listChoices(network, shelf) {
    const storms = /** @type {Storms} */ (this.#storms);
    const option = (/** @type {string | number} */ value, /** @type {string} */ words) =>
      el("option", { value }, words);
    const own = this.t("own");
    replace(
      this.#networks,
      ...this.#entries.map(({ id, title }) =>
        option(id, id === SHIPPED ? this.t("network.shipped") : title),
      ),
      this.#own.network && option(DROPPED, `${own}: ${this.#own.network.title}`),
    );
    this.#networks.value = network.id;
    replace(
      this.#shelves,
      ...Object.entries(storms.splits).map(([name, { count }]) =>
        option(name, this.t(`shelf.${name}`, { count: Math.min(count, MOST_STORMS) })),
      ),
      this.#own.shelf && option(DROPPED, `${own}: ${this.#own.shelf.count}`),
    );
    this.#shelves.value = shelf.name;
    replace(
      this.#only,
      option(-1, this.t("only.all")),
      ...(shelf.modes ? network.plan.classes : []).map((name, k) => option(k, modeWords(name))),
    );
  }

  /**
   * Answers for all storms of the shelf, a few at a time, whenever nothing else is asked.
   * @param {number} turn
   */
  async #askAll(turn) {
    const [network, net, shelf] = [this.#network, this.#net, this.#shelf];
    if (!network || !net || !shelf) return;
    const key = `${network.id} ${shelf.name}`;
    const answers = this.#answers.get(key) ?? new Array(shelf.count).fill(undefined);
    this.#answers.set(key, answers);
    const size = shelf.rows * shelf.columns;
    const classes = network.plan.classes.length;
    for (let first = 0; first < shelf.count; first += TOGETHER) {
      if (answers[first]) continue;
      while (this.#running && turn === this.#turn) await pause(30);
      if (turn !== this.#turn) return;
      const end = Math.min(first + TOGETHER, shelf.count);
      const given = await net.predict(shelf.images.slice(first * size, end * size));
      for (let i = first; i < end; ++i) {
        const own = given.subarray((i - first) * classes, (i - first + 1) * classes);
        answers[i] = arithmetic.tempered(own, network.temperature);
      }
      if (turn !== this.#turn) return;
      this.#sayOfShelf(this.t("asking", { done: end, all: shelf.count }));
      if (end === shelf.count || (end % 20 < TOGETHER && this.text("order") === "file")) {
        this.redraw("answers");
      }
    }
    this.#sayOfShelf(this.#shelfWords());
  }

  /** @param {string} words */
  #sayOfShelf(words) {
    if (this.thumbnails) this.thumbnails.said = words;
  }

  #shelfWords() {
    const answers = this.#currentAnswers();
    const modes = this.#shelf?.modes;
    if (!modes) return "";
    const wrong = answers.filter((a, i) => a && modes[i] >= 0 && answerOf(a) !== modes[i]).length;
    return this.t("wrong.count", { wrong, all: answers.length });
  }

  #currentAnswers() {
    return this.#answers.get(`${this.#network?.id} ${this.#shelf?.name}`) ?? [];
  }

  #showShelf() {
    const shelf = this.#shelf;
    if (!shelf) return;
    this.order?.show();
    this.#only.value = String(this.number("only"));
    const answers = this.#currentAnswers();
    const { count, modes } = shelf;
    const [mode, order] = [modes ? this.number("only") : -1, this.text("order")];
    const numbers = ordered({ count, modes, mode, order, answers });
    this.thumbnails?.show(shelf, numbers, this.#stormNumber(), answers);
  }

  #stormNumber() {
    return Math.min(this.number("storm"), (this.#shelf?.count ?? 1) - 1);
  }

  /** @param {number} number */
  #chooseStorm(number) {
    this.#byHand = true;
    this.set({ storm: number });
  }

  /** The chosen storm, as the shelf has it. */
  #storm() {
    if (!this.#shelf) return undefined;
    const { images, rows, columns } = this.#shelf;
    const [size, number] = [rows * columns, this.#stormNumber()];
    return images.subarray(number * size, (number + 1) * size);
  }

  /** The storm as it is, without paint. */
  #takeStorm() {
    const storm = this.#storm();
    if (!storm) return;
    this.#taken = this.#stormNumber();
    this.#box = storm.slice();
    this.#painted = false;
    this.#before = null;
    this.whatIf?.forget();
    void this.#run();
  }

  #paintedOver() {
    const [box, before] = [this.#box, this.#storm()];
    this.#painted = box?.some((value, at) => value !== before?.[at]) ?? false;
    void this.#run();
  }

  /** The present box through the network; while one is under way, the newest waits. */
  async #run() {
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#again && this.#net && this.#network && this.#box) {
        this.#again = false;
        const [net, network, box, painted] = [this.#net, this.#network, this.#box, this.#painted];
        const { maps } = await net.maps(box.slice());
        if (net !== this.#net || box !== this.#box) continue;
        const { plan, weights } = network;
        this.#pass = { plan, weights, image: scaled(box, plan), maps };
        if (!painted) this.#before = this.#probabilities();
        this.why?.forget();
        // At once, not in a frame's time: a hand that paints waits for it.
        this.#showPass(new Set(["pass"]));
      }
    } catch (error) {
      if (!this.#left) replace(this.#trouble, errorNote(error));
    } finally {
      this.#running = false;
    }
  }

  #probabilities() {
    const { maps } = /** @type {Pass} */ (this.#pass);
    return arithmetic.tempered(maps[maps.length - 1], this.#network?.temperature ?? 1);
  }

  // ---------------------------------------------------------------- what is shown

  /** @param {ReadonlySet<string>} changed */
  #showPass(changed) {
    const pass = /** @type {Pass} */ (this.#pass);
    const box = /** @type {Uint8Array} */ (this.#box);
    const news = changed.has("pass") || changed.has("theme");
    if (changed.has("theme")) this.#dark = this.#isDark();
    this.#chosen = this.#choice();
    if (news) {
      this.overview?.draw(pass, box, this.#dark);
      const now = this.#probabilities();
      this.answer?.show(now, this.#painted ? this.#before : null, this.#truth());
      this.#showFacts(now);
    }
    const { step, cell } = this.#chosen;
    this.overview?.select(
      step,
      cell.channel,
      step < 0 || shapeOf(pass.plan, step).rows > 1 ? cell : null,
    );
    this.answer?.mark(step === pass.plan.steps.length - 1 ? cell.channel : -1);
    this.views?.show();
    this.#showView(changed, news);
    this.#arrange();
    this.#checkTasks();
    const now = this.#probabilities();
    const best = answerOf(now);
    const value =
      step < 0
        ? pass.image[arithmetic.indexOf(pass.plan.shape, cell)]
        : pass.maps[step][arithmetic.indexOf(pass.plan.steps[step].shape, cell)];
    this.publish({ answer: pass.plan.classes[best], probability: now[best], value });
  }

  #isDark() {
    const [red] = /\d+/.exec(colour(this, "paper")) ?? ["255"];
    return Number(red) < 128;
  }

  /** The step and the cell that the settings name, or the nearest that there are. */
  #choice() {
    const pass = /** @type {Pass} */ (this.#pass);
    const { step } = columnOf(this.overview?.columns ?? [], this.number("layer"));
    const shape = step < 0 ? pass.plan.shape : pass.plan.steps[step].shape;
    const { rows, columns, channels } = arithmetic.sides(shape);
    const map = step < 0 ? pass.image : pass.maps[step];
    const wanted = this.number("map");
    const channel =
      wanted < 0
        ? arithmetic.cellOf(shape, indexOfStrongest(map)).channel
        : Math.min(wanted, channels - 1);
    const [row, column] = this.numbers("pixel");
    const inside = row !== undefined && column !== undefined && row < rows && column < columns;
    const cell = inside ? { row, column, channel } : arithmetic.strongest(map, shape, channel);
    return { step, cell };
  }

  /** @param {ReadonlySet<string>} changed @param {boolean} news */
  #showView(changed, news) {
    const view = this.text("view");
    const pass = /** @type {Pass} */ (this.#pass);
    const network = /** @type {OpenNetwork} */ (this.#network);
    const box = /** @type {Uint8Array} */ (this.#box);
    const shown = { pixel: this.detail, why: this.why, paint: this.whatIf }[view]?.element;
    if (shown && this.#panel.firstChild !== shown) replace(this.#panel, shown);
    const { step, cell } = this.#chosen;
    if (view === "pixel") {
      this.detail?.show({
        ...{ pass, box, step, cell, dark: this.#dark, all: this.flag("all") },
        columns: this.overview?.columns ?? [],
        scales: this.overview?.scales ?? new Map(),
        temperature: network.temperature,
      });
      this.#changes = [];
      this.overview?.trace([], step < 0 ? null : arithmetic.fieldOf(pass.plan, step, cell));
      this.#drawLines(step, cell);
      return;
    }
    this.#changes = [];
    if (view === "why") this.#drawLines(step, cell);
    if (this.overview && changed.has("view")) {
      if (view === "paint") this.overview.lines = [];
      this.overview.trace([], null);
    }
    const [rows, columns, classes] = [pass.plan.shape[0], pass.plan.shape[1], pass.plan.classes];
    if (view === "paint") {
      this.whatIf?.show({
        ...{ box, classes, shape: [rows, columns], now: this.#probabilities() },
        before: this.#before ?? this.#probabilities(),
        truth: this.#truth(),
        changed: this.#painted,
      });
      return;
    }
    const chosen = Math.min(this.number("mode"), classes.length - 1);
    const mode = chosen < 0 ? answerOf(this.#probabilities()) : chosen;
    const asked = { net: this.#net, plan: pass.plan, box, method: this.text("method"), mode };
    if (news || changed.size > 0) void this.why?.show({ ...asked, dark: this.#dark }, chosen);
  }

  #truth() {
    return this.#shelf?.modes?.[this.#stormNumber()] ?? -1;
  }

  /** @param {Float64Array} now */
  #showFacts(now) {
    const [network, shelf] = [this.#network, this.#shelf];
    if (!network || !shelf) return;
    const storms = /** @type {Storms} */ (this.#storms);
    const best = answerOf(now);
    const truth = this.#truth();
    const { classes } = network.plan;
    const simulated = shelf.name === DROPPED ? this.#own.shelf?.simulated : storms.simulated;
    const key = truth < 0 ? "unknown" : truth === best ? "right" : "wrong";
    const { temperature, orientations } = network;
    const fine = [
      temperature !== 1 ? this.t("temperature", { temperature: temperature.toFixed(2) }) : "",
      orientations > 1 ? this.t("orientations", { count: orientations }) : "",
      this.#storms?.splits[shelf.name]?.step === 2 ? this.t("steps") : "",
      this.#leftOut(shelf),
      shelf.name === DROPPED || network.id === DROPPED || this.#painted ? this.t("not-linked") : "",
    ];
    replace(
      this.#facts,
      simulated && simulatedBadge(),
      el(
        "p",
        { class: "now" },
        this.t("now", {
          number: this.#stormNumber(),
          mode: modeWords(classes[best]),
          percent: percent(now[best]),
        }),
        " ",
        el(
          "span",
          { class: key },
          this.t(`truth.${key}`, { mode: truth < 0 ? "" : modeWords(classes[truth]) }),
        ),
        this.#painted && ` ${this.t("painted")}`,
      ),
      el("p", { class: "muted small" }, trainedWords(network)),
    );
    replace(this.#fine, fine.filter(Boolean).join(" "));
  }

  /** @param {arithmetic.Change[]} changes @param {{step: number, cell: Cell}} of What they hang on. */
  #followed(changes, { step, cell }) {
    this.#changes = changes;
    if (!this.#pass || this.text("view") !== "pixel") return;
    const field = step < 0 ? null : arithmetic.fieldOf(this.#pass.plan, step, cell);
    // First, for maps of the way take their places, between which lines are drawn.
    this.overview?.trace(changes, field);
    this.#drawLines(step, cell);
  }

  /**
   * From what a number is made of, to it, and on to the answer.
   * @param {number} step
   * @param {Cell} cell
   */
  #drawLines(step, cell) {
    const pass = /** @type {Pass} */ (this.#pass);
    const lines = linesInto(pass, step, cell);
    let [from, fromMap] = [step, cell.channel];
    for (const { step: to, cell: there, before, after } of this.#changes) {
      const last = to === pass.plan.steps.length - 1;
      const weight = last ? Math.sign(before - after) * 0.5 : 0.5;
      lines.push({ from, fromMap, to, toMap: there.channel, weight });
      [from, fromMap] = [to, there.channel];
    }
    if (this.overview) this.overview.lines = lines;
  }

  #measure() {
    const em = parseFloat(getComputedStyle(this).fontSize);
    this.#narrow = this.clientWidth < NARROW * em;
    this.#arrange();
  }

  /** Put the panel where the page has room for it. */
  #arrange() {
    const column = this.#pass && this.overview?.columnElement(this.#chosen.step);
    const views = this.views?.element;
    const overview = this.overview;
    if (!views || !overview) return;
    if (!this.#narrow) {
      putAfter(overview.element, this.#stage);
      putInto(this.#stage, views, this.#panel);
    } else {
      putAfter(this.#facts, this.#stage);
      if (this.text("view") === "pixel" && column) {
        putInto(this.#stage, views);
        if (putAfter(column, this.#panel)) overview.moved();
      } else putInto(this.#stage, views, this.#panel);
    }
  }

  // ---------------------------------------------------------------- what the reader does

  /** @param {number} step @param {number} map */
  #choose(step, map) {
    this.#byHand = true;
    this.set({ layer: step, map, pixel: [], view: "pixel" });
    requestAnimationFrame(() => requestAnimationFrame(() => this.#reveal()));
  }

  #reveal() {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#panel.scrollIntoView({ block: "nearest", behavior: still ? "auto" : "smooth" });
  }

  /** @param {number} step @param {Cell} cell @param {"link" | "press" | "hover" | "key"} how */
  #go(step, cell, how) {
    this.#byHand = how !== "hover";
    this.set({ layer: step, map: cell.channel, pixel: [cell.row, cell.column], view: "pixel" });
  }

  #checkTasks() {
    const pass = /** @type {Pass} */ (this.#pass);
    const { step, cell } = this.#chosen;
    const now = this.#probabilities();
    const truth = this.#truth();
    this.checkTasks({
      pool: this.#byHand && this.text("view") === "pixel" && isStrongestPooled(pass, step, cell),
      paint: this.#painted && this.#before !== null && answerOf(this.#before) !== answerOf(now),
      wrong: this.#byHand && !this.#painted && truth >= 0 && answerOf(now) !== truth,
    });
  }

  /** How many of one's own boxes are here, where not all are. @param {Shelf} shelf */
  #leftOut({ name, count }) {
    const all = name === DROPPED ? (this.#own.shelf?.inFile ?? count) : count;
    return count < all ? t("storms.left-out", { all, count }) : "";
  }

  /** Files that were dropped or chosen. @param {Promise<File[]>} given */
  async #take(given) {
    const turn = ++this.#drops;
    replace(this.#trouble);
    this.grey?.hide();
    try {
      const files = await given;
      const parts = files.filter(({ name }) => isNetworkFile(name));
      const boxes = files.filter((file) => !parts.includes(file));
      const network = parts.length > 0 ? await readNetwork(parts, DROPPED) : this.#network;
      if (turn !== this.#drops) return;
      if (!network) throw new Error(this.t("not-yet"));
      if (parts.length > 0) this.#useOwnNetwork(network);
      if (boxes.length > 0) await this.#takeBoxes(boxes, network, turn);
    } catch (error) {
      if (turn === this.#drops) replace(this.#trouble, errorNote(error));
    }
  }

  /** @param {OpenNetwork} network */
  #useOwnNetwork(network) {
    this.#own.network = network;
    this.set({ network: DROPPED });
    this.redraw("network");
  }

  /**
   * @param {File[]} files
   * @param {OpenNetwork} network That they are for.
   * @param {number} turn
   * @param {import("../data/box.js").Grey} [grey]
   */
  async #takeBoxes(files, network, turn, grey) {
    const { shape, classes } = network.plan;
    const [rows, columns] = shape;
    try {
      const boxes = await readAllBoxes(files, [rows, columns], grey);
      if (turn !== this.#drops) return;
      this.#own.shelf = { ...boxes, name: DROPPED, modes: null, rows, columns, classes };
    } catch (error) {
      if (!(error instanceof GreyPicture)) throw error;
      if (turn !== this.#drops) return;
      this.grey?.ask(error.message, (said) => void this.#takeGrey(files, network, turn, said));
      return;
    }
    this.#answers.delete(`${network.id} ${DROPPED}`);
    this.set({ storms: DROPPED, storm: 0 });
    this.redraw("storms");
  }

  /**
   * @param {File[]} files
   * @param {OpenNetwork} network
   * @param {number} turn
   * @param {import("../data/box.js").Grey} grey
   */
  async #takeGrey(files, network, turn, grey) {
    try {
      await this.#takeBoxes(files, network, turn, grey);
      this.grey?.hide();
    } catch (error) {
      replace(this.#trouble, errorNote(error));
    }
  }
}

/** Give a network's memory back; an engine that was stopped has done so. @param {any} net */
function letGo(net) {
  void net?.free().catch(() => {});
}

/** @param {number} milliseconds */
function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** What a network learnt from. @param {OpenNetwork} network */
function trainedWords({ simulated, source }) {
  if (simulated) return t("simulated.network");
  if (simulated === undefined) return t("inside.trained.unknown");
  return source ? t("inside.trained.on", { source }) : t("inside.trained.real");
}

/**
 * A box as the network takes it.
 * @param {Uint8Array} box
 * @param {import("../network/plan.js").Plan} plan
 */
function scaled(box, { minimum, maximum }) {
  const image = new Float32Array(box.length);
  for (let i = 0; i < box.length; ++i) image[i] = (box[i] - minimum) / (maximum - minimum);
  return image;
}

/**
 * @param {Element} before
 * @param {Element} element
 * @returns {boolean} Whether it stood elsewhere.
 */
function putAfter(before, element) {
  const moves = before.nextElementSibling !== element;
  if (moves) before.after(element);
  return moves;
}

/** @param {Element} parent @param {...Element} children */
function putInto(parent, ...children) {
  const there = children.every((child, i) => parent.children[i] === child);
  if (!there || parent.children.length !== children.length) replace(parent, ...children);
}
