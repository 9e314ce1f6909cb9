/** Watch a network learn from storms: one training, or two side by side. */

import { Component } from "../base/component.js";
import { CopyText, errorNote, segments } from "../base/controls.js";
import { el, replace } from "../base/dom.js";
import { jsonResource } from "../base/resources.js";
import { modeWords } from "../base/strings.js";
import { Storms } from "../data/storms.js";
import { Engine } from "../network/client.js";
import { planOfZoo } from "../network/plan.js";
import {
  APPLIED_AT_ONCE,
  AUGMENTATIONS,
  changedBlocks,
  choiceOf,
  EACH_NAMES,
  named,
  NETWORKS,
  SETTINGS,
} from "./choices.js";
import { Curves, percent } from "./curves.js";
import { Insides } from "./insides.js";
import { look } from "./look.js";
import { Matrix } from "./matrix.js";
import { Panel } from "./panel.js";
import { PlayBar } from "./playbar.js";
import { Player } from "./player.js";
import { questionList } from "./questions.js";
import { read } from "./reading.js";
import { python, toml } from "./recipe.js";
import { doneTasks } from "./tasks.js";
import { Tiles } from "./tiles.js";
import { Training } from "./training.js";

/** @typedef {import("../base/component.js").Values} Values */
/** @typedef {import("../data/storms.js").StormSet} StormSet */
/** @typedef {import("./choices.js").Choice} Choice */
/** @typedef {import("./choices.js").Slot} Slot */
/** @typedef {import("./training.js").Labelled} Labelled */
/** @typedef {import("./training.js").Looked} Looked */

/** Milliseconds between two looks inside while an epoch runs, and between two announcements. */
const LOOK_EVERY = 800;
const SAY_EVERY = 3000;

const MOST_THUMBS = 24;

/** Changes that show in the pictures of a network's insides. */
const INSIDE = [
  ...["theme", "compare", "look", "storm", "filter", "layer", "kernels", "cell"],
  ...["augmentation", "augmentation_b", "seed"],
];

/** Width in pixels from which on settings are open at first. */
const WIDE = 640;

/**
 * @typedef {object} Lane One of the two trainings, with what it needs.
 * @property {Slot} slot
 * @property {Promise<Engine> | undefined} engine
 * @property {Training | undefined} training
 * @property {(Looked & {number: number}) | undefined} looked With the number of the storm.
 * @property {number} wishes To look again.
 * @property {number} begins How often it was restarted.
 * @property {Choice | undefined} asked What the training was last asked to be.
 * @property {Promise<void>} work What is done to it, one after the other.
 */

export class Train extends Component {
  static tag = "stormlens-train";
  static slug = "train";
  static settings = SETTINGS;
  static outputs = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"];
  /** @type {readonly import("../base/needs.js").Need[]} */
  static needs = ["DecompressionStream", "WebAssembly SIMD", ...Component.needs];
  static tasks = ["reach", "overfit", "remedy", "rate"];

  /** @type {Readonly<Record<Slot, Lane>>} */
  #lanes = { A: newLane("A"), B: newLane("B") };
  #player = new Player({
    trainings: () => this.#shownTrainings().map(([, training]) => training),
    epochs: () => this.number("epochs"),
    moved: () => this.#moved(),
    epochDone: (training) => this.#epochDone(training),
    failed: (error) => this.#failed(error),
  });
  /** @type {Storms | undefined} */
  #storms;
  /** @type {any} */
  #zoo;
  /** @type {StormSet | undefined} */
  #validation;
  #lastLook = 0;
  #lastSaid = 0;
  #lastKinds = "";
  /** What is being loaded or prepared, in words. */
  #busy = "";
  #jobs = 0;
  /** What the insides show. @type {Looked | undefined} */
  #drawn;
  #gone = false;

  // What is drawn; made in `build`.
  #bar = new PlayBar({
    play: () => this.#playOrPause(),
    step: () => this.#run(this.#player.step()),
    epoch: () => this.#run(this.#player.epoch()),
    reset: () => void this.#begin([...this.#shownLanes()]),
  });
  #panel = new Panel(this);
  #curves = new Curves();
  #insides = new Insides(this, (by) => this.#stepStorm(by));
  /** @type {Matrix | undefined} */
  #matrix;
  #errors = el("div", { class: "errors" });
  #listedWords = el("p", {});
  #thumbsOf = "";
  #thumbs = new Tiles(this.t("listed"), (i) => this.set({ storm: this.#listed()[i] }), "thumbs");
  #readings = el("div", { class: "readings" });
  #said = el("p", { class: "visually-hidden", role: "status" });
  #trouble = el("div", {});
  #recipe = new CopyText(this.t("toml"));
  #python = new CopyText(this.t("python"));
  #lookSwitch = segments(this, "look", { label: this.t("look") });
  #recipeOf = el("h3", {});
  #recipeNote = el("p", { class: "small muted" });

  styles() {
    return [look()];
  }

  /** @param {HTMLElement} main */
  async build(main) {
    this.#panel.element.open = this.clientWidth > WIDE;
    this.#insides.element.prepend(this.#lookSwitch.element);
    main.append(
      this.#bar.element,
      this.#trouble,
      el(
        "div",
        { class: "stage" },
        this.#panel.element,
        el("div", { class: "right" }, this.#readings, this.#curves.element),
        this.#insides.element,
        this.#errors,
      ),
      el(
        "div",
        { class: "after" },
        el(
          "div",
          {},
          this.#recipeOf,
          el("p", {}, this.t("recipe.help")),
          this.#recipe.element,
          this.#python.element,
          this.#recipeNote,
        ),
        questionList(this),
      ),
      this.#said,
    );
    [this.#storms, this.#zoo] = await Promise.all([
      Storms.open(),
      jsonResource("network/zoo.json"),
    ]);
    if (!this.#storms.splits.train?.modes || !this.#storms.splits.validation?.modes) {
      throw new Error(this.t("no-storms"));
    }
    this.#makeMatrix(this.#storms.classes.map(modeWords));
    this.#panel.networks(this.#networks(), this.#storms);
  }

  /** @param {ReadonlySet<string>} changed */
  show(changed) {
    if (this.#gone) return; // or a training would begin whose worker nobody ends
    if (changed.has("compare") && this.flag("compare")) this.#giveB();
    this.#follow();
    this.#bar.show(this.#player, this.#shownTrainings(), {
      epochs: this.number("epochs"),
      busy: this.#busy,
      simulated: this.#storms?.simulated ?? false,
    });
    if (changed.has("") || changed.has("compare")) this.#drawCurves();
    const lane = this.#lookedLane();
    const isSeen = INSIDE.some((name) => changed.has(name));
    if (isSeen || lane.looked !== this.#drawn) this.#drawInsides(lane);
    if (changed.size === 1 && changed.has("")) return;
    this.#panel.show();
    this.#lookSwitch.show();
    this.#lookSwitch.element.hidden = !this.flag("compare");
    this.#showRecipe();
    if (changed.has("storm") || changed.has("look")) void this.#lookInto(lane);
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.#gone) {
      this.#gone = false;
      this.redraw(...Object.keys(this.schema));
    }
  }

  pause() {
    void this.#player.pause();
    return this.#shownTrainings().some(([, training]) => training.hasBegun);
  }

  leave() {
    this.#gone = true;
    void this.#player.pause();
    for (const lane of Object.values(this.#lanes)) {
      void lane.engine?.then((engine) => engine.stop()).catch(() => {});
      // What was begun before must not go on if the element comes back.
      Object.assign(lane, newLane(lane.slot), { begins: lane.begins + 1 });
    }
    this.#storms?.forget();
  }

  // ---------------------------------------------------------------- trainings

  /** @returns {Lane[]} */
  #shownLanes() {
    return this.flag("compare") ? [this.#lanes.A, this.#lanes.B] : [this.#lanes.A];
  }

  /** @returns {[Slot, Training][]} */
  #shownTrainings() {
    return this.#shownLanes().flatMap(({ slot, training }) =>
      training ? [/** @type {[Slot, Training]} */ ([slot, training])] : [],
    );
  }

  /** Let trainings be what the settings say: begin anew, or go on with another rate. */
  #follow() {
    /** @type {Lane[]} */
    const anew = [];
    for (const lane of this.#shownLanes()) {
      const choice = choiceOf(this.settings, lane.slot);
      const differs = lane.asked ? differences(lane.asked, choice) : ["network"];
      if (differs.length > 0) lane.asked = choice;
      if (differs.some((name) => !APPLIED_AT_ONCE.includes(name))) anew.push(lane);
      else if (differs.length > 0) this.#change(lane, choice, differs);
    }
    if (anew.length > 0) void this.#begin(anew);
    if (!this.flag("compare") && this.#lanes.B.training) this.#drop(this.#lanes.B);
  }

  /** Begin trainings with fresh weights. @param {Lane[]} lanes */
  async #begin(lanes) {
    const paused = this.#player.pause();
    this.#say(this.t("preparing"));
    await Promise.all(
      lanes.map((lane) => {
        const begin = (lane.begins += 1);
        return this.#queue(lane, async () => {
          await paused;
          // Of many changes in a row, as of a slider that is dragged, only the last one counts.
          await this.#beginOne(lane, () => begin !== lane.begins || lane.asked === undefined);
        });
      }),
    );
  }

  /** @param {Lane} lane @param {() => boolean} isOld Whether another beginning was asked for. */
  async #beginOne(lane, isOld) {
    const { asked: choice } = lane;
    if (isOld() || choice === undefined) return;
    replace(this.#trouble);
    const storms = /** @type {Storms} */ (this.#storms);
    const onProgress = (/** @type {number} */ done, /** @type {number} */ all) =>
      this.#say(this.t("loading", { done, all }));
    const count = Math.min(choice.storms, storms.splits.train.count);
    const train = await storms.split("train", { count, onProgress });
    this.#validation ??= await storms.split("validation");
    if (isOld()) return;
    this.#say(this.t("preparing"));
    const plan = this.#planOf(choice, highest(train.images));
    const engine = await this.#engineOf(lane);
    const { training: before } = lane;
    lane.training = undefined;
    await before?.free();
    const training = await Training.begin(engine, plan, choice, {
      train: labelled(train),
      validation: labelled(this.#validation),
      augmentation: AUGMENTATIONS[choice.augmentation],
    });
    if (this.#gone) return;
    lane.training = training;
    await this.#lookIntoNow(lane);
    this.#moved();
  }

  /** One that could not be started is asked for anew the next time. @param {Lane} lane */
  async #engineOf(lane) {
    lane.engine ??= Engine.start({ threads: this.#threads() });
    try {
      return await lane.engine;
    } catch (error) {
      lane.engine = undefined;
      throw error;
    }
  }

  /** @param {Lane} lane @param {Choice} choice @param {string[]} differs */
  #change(lane, choice, differs) {
    void this.#queue(lane, async () => {
      const what = differs.map((name) => this.t(`mark.${name}`)).join(", ");
      await lane.training?.change(choice, AUGMENTATIONS[choice.augmentation], what);
      this.#moved();
    });
  }

  /** Let go of a training that is no longer shown. @param {Lane} lane */
  #drop(lane) {
    lane.asked = undefined;
    void this.#queue(lane, async () => {
      await this.#player.pause();
      if (lane.asked !== undefined) return;
      const { engine } = lane;
      Object.assign(lane, { training: undefined, looked: undefined, engine: undefined });
      (await engine)?.stop();
    });
  }

  /**
   * Do something to a training when all before is done; the bar waits for it.
   * @param {Lane} lane
   * @param {() => Promise<void>} act
   */
  #queue(lane, act) {
    this.#jobs += 1;
    lane.work = lane.work
      .then(act)
      .catch((error) => this.#failed(error))
      .finally(() => {
        this.#jobs -= 1;
        if (this.#jobs === 0) this.#busy = "";
        this.redraw();
      });
    return lane.work;
  }

  /** @param {string} words On what is being waited for. */
  #say(words) {
    this.#busy = words;
    this.redraw();
  }

  /** Threads of a worker: two trainings share the processor. */
  #threads() {
    const cores = globalThis.crossOriginIsolated ? navigator.hardwareConcurrency || 1 : 1;
    return Math.max(1, Math.min(4, this.flag("compare") ? Math.floor(cores / 2) : cores));
  }

  #networks() {
    return Object.keys(NETWORKS).map((name) => ({
      name,
      blocks: this.#blocksOf(name),
      plan: this.#planOf({ network: name, dropout: null, activation: null }, 80),
    }));
  }

  /** @param {string} name @returns {import("./choices.js").Block[]} */
  #blocksOf(name) {
    return this.#zoo.networks.find((/** @type {any} */ network) => network.name === name).layers;
  }

  /** @param {Pick<Choice, "network" | "dropout" | "activation">} choice @param {number} maximum */
  #planOf(choice, maximum) {
    const { rows, columns, classes } = /** @type {Storms} */ (this.#storms);
    const layers = changedBlocks(this.#blocksOf(choice.network), choice);
    const zoo = { ...this.#zoo, networks: [{ name: choice.network, layers }] };
    return planOfZoo(zoo, choice.network, {
      shape: [rows, columns, 1],
      classes,
      minimum: 0,
      maximum,
    });
  }

  /** B begins as A with one thing changed, unless a link or a hand set it. */
  #giveB() {
    const untouched = EACH_NAMES.every((name) => {
      const setting = named(name, "B");
      return this.settings[setting] === this.schema[setting].default;
    });
    if (!untouched) return;
    const same = Object.fromEntries(
      EACH_NAMES.map((name) => [named(name, "B"), this.settings[name]]),
    );
    const isFirst = this.text("network") === "chapter-linear";
    const other = this.text("augmentation") === "none" ? "flips" : "none";
    this.set({ ...same, ...(isFirst ? { network_b: "chapter-relu" } : { augmentation_b: other }) });
  }

  // ---------------------------------------------------------------- playing

  #playOrPause() {
    if (this.#player.state !== "paused") {
      void this.#player.pause();
      return;
    }
    if (this.#player.isDone) this.set({ epochs: this.number("epochs") + 10 });
    this.#run(this.#player.play());
  }

  /** Say where it stands once it has stopped. @param {Promise<void>} playing */
  #run(playing) {
    void playing.then(() => this.#announce(true));
  }

  #moved() {
    const now = performance.now();
    if (this.#player.state === "playing" && now - this.#lastLook > LOOK_EVERY && !isStill()) {
      this.#lastLook = now;
      void this.#lookInto(this.#lookedLane());
    }
    this.redraw();
  }

  /** @param {Training} training */
  async #epochDone(training) {
    const lane = this.#shownLanes().find((one) => one.training === training);
    if (!lane) return;
    if (lane === this.#lookedLane()) {
      this.#lastLook = performance.now();
      await this.#lookIntoNow(lane);
    }
    this.checkTasks(doneTasks(this.#shownTrainings().map(([, one]) => one)));
    const last = training.history[training.history.length - 1];
    const { epoch, loss, accuracy, valLoss: val_loss, valAccuracy: val_accuracy } = last;
    if (lane.slot === "A") this.publish({ epoch, loss, accuracy, val_loss, val_accuracy });
    this.#announce(false);
  }

  /** Once an epoch, but not so often that nobody can listen. @param {boolean} isLast */
  #announce(isLast) {
    const now = performance.now();
    const readings = this.#shownTrainings().map(([slot, training]) =>
      this.#reading(slot, training),
    );
    const kinds = readings.map(({ kind }) => kind).join();
    const isNews = isLast || kinds !== this.#lastKinds;
    if (!isNews && now - this.#lastSaid < SAY_EVERY) return;
    this.#lastSaid = now;
    const news = kinds === this.#lastKinds ? [] : readings.map(({ words }) => words);
    this.#lastKinds = kinds;
    const figures = this.#shownTrainings().map(([slot, training]) => this.#figures(slot, training));
    replace(this.#said, [...figures, ...news].join(" "));
  }

  /** @param {unknown} error */
  #failed(error) {
    if (this.#gone) return;
    replace(this.#trouble, errorNote(error));
  }

  // ---------------------------------------------------------------- looking inside

  #lookedLane() {
    const slot = this.flag("compare") && this.text("look") === "B" ? "B" : "A";
    return this.#lanes[slot];
  }

  #stormNumber() {
    return Math.min(this.number("storm"), (this.#validation?.count ?? 1) - 1);
  }

  /** @param {number} by */
  #stepStorm(by) {
    const count = this.#validation?.count ?? 1;
    this.set({ storm: (this.#stormNumber() + by + count) % count });
  }

  /**
   * Look once more; of many wishes that come while it looks, only the last counts.
   * @param {Lane} lane
   */
  async #lookInto(lane) {
    lane.wishes += 1;
    if (lane.wishes > 1) return;
    const { training } = lane;
    try {
      for (let seen = 0; seen < lane.wishes; ) {
        seen = lane.wishes;
        await this.#lookIntoNow(lane);
        this.redraw();
      }
    } catch (error) {
      // One that is no longer there cannot be looked into.
      if (lane.training === training) this.#failed(error);
    } finally {
      lane.wishes = 0;
    }
  }

  /** @param {Lane} lane */
  async #lookIntoNow(lane) {
    const { training } = lane;
    if (!training || !this.#validation || !this.#storms) return;
    const number = this.#stormNumber();
    const looked = await training.look(this.#storms.image(this.#validation, number));
    if (lane.training === training) lane.looked = { ...looked, number };
  }

  // ---------------------------------------------------------------- drawing

  /** @param {Slot} slot @param {Training} training */
  #reading(slot, training) {
    const { history, answers, running, plan } = training;
    const reading = read(history, {
      classes: plan.classes.length,
      answers,
      runningLoss: running?.loss,
    });
    const last = history[history.length - 1];
    const values = {
      ...reading,
      mode: modeWords(plan.classes[answers[0]] ?? ""),
      training: last ? percent(last.accuracy) : "",
      validation: last ? percent(last.valAccuracy) : "",
      gap: last ? (100 * Math.abs(last.accuracy - last.valAccuracy)).toFixed(0) : "",
    };
    const who = this.flag("compare") ? `${slot}: ` : "";
    const words = this.t(`reading.${reading.kind}`, values);
    const more = reading.risen ? ` ${this.t("reading.risen")}` : "";
    return { kind: reading.kind, words: who + words + more };
  }

  /** @param {Slot} slot @param {Training} training */
  #figures(slot, { history, start }) {
    const last = history[history.length - 1];
    const who = this.flag("compare") ? `${slot}: ` : "";
    if (!last)
      return who + this.t("figures.start", { validation: percent(start?.valAccuracy ?? NaN) });
    const values = {
      epoch: last.epoch,
      training: percent(last.accuracy),
      validation: percent(last.valAccuracy),
    };
    return who + this.t("figures", values);
  }

  #drawCurves() {
    const trainings = this.#shownTrainings();
    this.#curves.draw(new Map(trainings), this.#storms?.classes.length ?? 6);
    replace(
      this.#readings,
      ...trainings.map(([slot, training]) => {
        const { kind, words } = this.#reading(slot, training);
        return el(
          "p",
          { class: `note ${LOOKS[kind]}`, "data-kind": kind, "data-slot": slot },
          words,
        );
      }),
      trainings.length > 1 && this.#comparison(),
    );
  }

  /** Which of two does better, and whether so few boxes can tell. */
  #comparison() {
    const [a, b] = this.#shownTrainings().map(([, training]) => training);
    const epochs = Math.min(a.history.length, b.history.length);
    if (epochs === 0) return null;
    const [atA, atB] = [a, b].map(({ history }) => history[epochs - 1].valAccuracy);
    const boxes = this.#validation?.count ?? 1;
    const mean = (atA + atB) / 2;
    // Twice the standard error of the difference of two shares of so many boxes.
    const doubt = 2 * Math.sqrt((2 * mean * (1 - mean)) / boxes);
    const values = {
      epochs,
      better: atB > atA ? "B" : "A",
      points: (100 * Math.abs(atA - atB)).toFixed(1),
      doubt: (100 * doubt).toFixed(0),
      boxes,
    };
    const finding = Math.abs(atA - atB) > doubt ? "compared.finding" : "compared.chance";
    return el("p", { class: "small" }, this.t(finding, values));
  }

  /** @param {Lane} lane */
  #drawInsides({ training, looked }) {
    this.#drawn = looked;
    if (!training || !looked || !this.#validation || !this.#storms) return;
    const storm = this.#shownStorm(this.#storms, this.#validation, looked.number);
    this.#insides.draw(training, looked, storm);
    this.#panel.drawVaried(storm);
    this.#matrix?.draw(training.confusion, this.numbers("cell"));
    this.#drawListed(training);
  }

  /** @param {Storms} storms @param {StormSet} set @param {number} number */
  #shownStorm(storms, set, number) {
    const { rows, columns, modes } = set;
    return { box: storms.image(set, number), truth: modes?.[number] ?? 0, number, rows, columns };
  }

  /** @param {readonly string[]} classes */
  #makeMatrix(classes) {
    this.#matrix = new Matrix(classes, (truth, answer) => {
      const [before, said] = this.numbers("cell");
      this.set({ cell: before === truth && said === answer ? [] : [truth, answer] });
    });
    replace(
      this.#errors,
      el(
        "div",
        {},
        el("h3", {}, this.t("matrix")),
        el("p", { class: "small muted" }, this.t("matrix.help")),
        this.#matrix.element,
      ),
      el("div", {}, this.#listedWords, this.#thumbs.element),
    );
  }

  /** Numbers of the validation boxes in the chosen cell, or else of the surest mistakes. */
  #listed() {
    const training = this.#lookedLane().training;
    if (!training) return [];
    const { truth, answers, probabilities, plan } = training;
    const [ofTruth, ofAnswer] = this.numbers("cell");
    const all = [...answers.keys()];
    if (ofAnswer !== undefined) {
      return all.filter((i) => truth[i] === ofTruth && answers[i] === ofAnswer);
    }
    const sure = (/** @type {number} */ i) => probabilities[i * plan.classes.length + answers[i]];
    return all.filter((i) => truth[i] !== answers[i]).sort((i, j) => sure(j) - sure(i));
  }

  /** @param {Training} training */
  #drawListed({ plan, truth, answers }) {
    const names = plan.classes.map(modeWords);
    const listed = this.#listed();
    const [ofTruth, ofAnswer] = this.numbers("cell");
    const cell = {
      truth: names[ofTruth],
      answer: names[ofAnswer],
      count: listed.length,
    };
    const ofCell = listed.length > 0 ? "listed.cell" : "listed.none";
    const words = ofAnswer === undefined ? "listed.mistakes" : ofCell;
    replace(this.#listedWords, this.t(words, cell));
    const shown = listed.slice(0, MOST_THUMBS);
    const set = /** @type {StormSet} */ (this.#validation);
    const maps = shown.map((i) => ({
      values: /** @type {Storms} */ (this.#storms).image(set, i),
      rows: set.rows,
      columns: set.columns,
    }));
    const name = (/** @type {number} */ i) => {
      const [was, said] = [truth[shown[i]], answers[shown[i]]];
      const values = { number: shown[i], truth: names[was], answer: names[said] };
      return this.t("listed.storm", values);
    };
    // Thumbnails take longer to draw than all else: only where others are to be seen.
    const thumbsOf = shown.map((_, i) => name(i)).join();
    if (thumbsOf !== this.#thumbsOf) this.#thumbs.draw(maps, undefined, name);
    this.#thumbsOf = thumbsOf;
    this.#thumbs.choose(shown.indexOf(this.#stormNumber()));
  }

  #showRecipe() {
    if (!this.#storms) return;
    const lane = this.#lookedLane();
    const choice = choiceOf(this.settings, lane.slot);
    const source = { simulated: this.#storms.simulated, count: this.#storms.splits.train.count };
    replace(
      this.#recipeOf,
      this.t(this.flag("compare") ? "recipe.of" : "recipe", { slot: lane.slot }),
    );
    this.#recipe.text = toml(choice, source);
    this.#python.text = python(choice, source);
    const changed = (lane.training?.changes.length ?? 0) > 0;
    replace(
      this.#recipeNote,
      this.t("recipe.note"),
      choice.network === "storm-residual" && ` ${this.t("recipe.shipped")}`,
      changed && ` ${this.t("recipe.changed")}`,
    );
  }
}

/** @param {Slot} slot @returns {Lane} */
function newLane(slot) {
  return {
    slot,
    engine: undefined,
    training: undefined,
    looked: undefined,
    wishes: 0,
    begins: 0,
    asked: undefined,
    work: Promise.resolve(),
  };
}

/** In what two trainings differ, epochs aside. @param {Choice} one @param {Choice} other */
function differences(one, other) {
  const names = /** @type {(keyof Choice)[]} */ (Object.keys(one));
  return names.filter((name) => name !== "epochs" && one[name] !== other[name]);
}

/** The highest value: what becomes 1. @param {Uint8Array} images */
function highest(images) {
  return images.reduce((most, value) => Math.max(most, value), 1);
}

/** @param {StormSet} set @returns {Labelled} */
function labelled({ images, modes }) {
  return { images, modes: /** @type {Uint8Array} */ (modes) };
}

/** Whether somebody wants as little movement as can be. */
function isStill() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** How a reading's note looks. @type {Record<string, string>} */
const LOOKS = {
  nothing: "plain",
  learning: "plain",
  settled: "good",
  overfitting: "",
  "one-mode": "",
  slow: "",
  diverged: "error",
};
