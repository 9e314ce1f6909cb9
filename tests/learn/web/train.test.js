/** What the page of training decides without drawing. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import {
  AUGMENTATIONS,
  changedBlocks,
  choiceOf,
  EACH_NAMES,
  named,
  NETWORKS,
  SETTINGS,
} from "../../../src/stormlens/learn/web/train/choices.js";
import {
  lastEpoch,
  trainingPoints,
  validationPoints,
} from "../../../src/stormlens/learn/web/train/curves.js";
import {
  channelMaps,
  kernelMaps,
  layersWithMaps,
  usualMost,
} from "../../../src/stormlens/learn/web/train/insides.js";
import { layerWords, parametersOf } from "../../../src/stormlens/learn/web/train/panel.js";
import { Player } from "../../../src/stormlens/learn/web/train/player.js";
import { QUESTIONS } from "../../../src/stormlens/learn/web/train/questions.js";
import {
  answersOf,
  confusionOf,
  overfits,
  overfitsSince,
  read,
} from "../../../src/stormlens/learn/web/train/reading.js";
import { thinned } from "../../../src/stormlens/learn/web/train/tiles.js";
import { Training } from "../../../src/stormlens/learn/web/train/training.js";
import { doneTasks } from "../../../src/stormlens/learn/web/train/tasks.js";
import { understood } from "../../../src/stormlens/learn/web/base/component.js";
import { planOfZoo } from "../../../src/stormlens/learn/web/network/plan.js";
import { oracle } from "./oracles.js";

/** @typedef {import("../../../src/stormlens/learn/web/train/reading.js").Epoch} Epoch */
/** @typedef {import("../../../src/stormlens/learn/web/train/choices.js").Choice} Choice */

const WEB = new URL("../../../src/stormlens/learn/web/", import.meta.url);
const ZOO = JSON.parse(readFileSync(new URL("network/zoo.json", WEB), "utf-8"));
const CLASSES = ["Cellular", "QLCS", "Tropical", "Other", "Noise", "Missing"];
const DEFAULTS = Object.fromEntries(
  Object.entries(SETTINGS).map(([name, setting]) => [name, setting.default]),
);

/** @param {string} name */
function blocksOf(name) {
  return ZOO.networks.find((/** @type {any} */ network) => network.name === name).layers;
}

/** @param {any[]} layers */
function planOf(layers) {
  const zoo = { networks: [{ name: "changed", layers }] };
  const facts = { classes: CLASSES, minimum: 0, maximum: 80 };
  return planOfZoo(zoo, "changed", { ...facts, shape: [136, 136, 1] });
}

/**
 * Epochs from pairs of training and validation accuracy, losses falling alike.
 * @param {...[number, number, number?]} pairs The third is a validation loss.
 * @returns {Epoch[]}
 */
function epochs(...pairs) {
  return pairs.map(([accuracy, valAccuracy, valLoss = 1 / (accuracy + 1)], n) => ({
    epoch: n + 1,
    loss: 1.5 / (n + 1),
    accuracy,
    valAccuracy,
    valLoss,
  }));
}

const { cases, skip } = oracle("train.json");

describe("overfitting, as stormlens.verification.gap has it", { skip }, () => {
  it("is found at the same epochs", () => {
    for (const { history, overfits: told } of cases.cases) {
      const mine = history.map((/** @type {any} */ row) => ({
        ...row,
        valLoss: row.val_loss,
        valAccuracy: row.val_accuracy,
      }));
      const found = mine.map((/** @type {any} */ _, /** @type {number} */ n) =>
        overfits(mine.slice(0, n + 1)),
      );
      assert.deepEqual(found, told);
    }
  });
});

describe("what curves say", () => {
  const known = { classes: 6 };

  it("says overfitting after two epochs in a row, and since when", () => {
    const apart = epochs([0.6, 0.6], [0.7, 0.62], [0.7, 0.7], [0.8, 0.7], [0.9, 0.7]);
    assert.equal(overfitsSince(apart.slice(0, 2)), undefined);
    assert.equal(overfitsSince(apart.slice(0, 4)), undefined);
    assert.equal(overfitsSince(apart), 4);
    assert.deepEqual(read(apart, known), { kind: "overfitting", since: 4, risen: false });
    const surer = apart.map((epoch, n) => ({ ...epoch, valLoss: 0.5 + 0.1 * n }));
    assert.equal(read(surer, known).risen, true);
  });

  it("says that a loss has run away, while the epoch still runs", () => {
    assert.equal(read([], { ...known, runningLoss: 3 }).kind, "diverged");
    assert.equal(read([], { ...known, runningLoss: NaN }).kind, "diverged");
    assert.equal(read([], { ...known, runningLoss: 1.9 }).kind, "nothing");
    assert.equal(read(epochs([0.2, 0.2, NaN]), known).kind, "diverged");
  });

  it("says that every storm gets one answer", () => {
    const two = epochs([0.3, 0.4], [0.35, 0.4]);
    assert.equal(read(two, { ...known, answers: [1, 1, 1] }).kind, "one-mode");
    assert.equal(read(two, { ...known, answers: [1, 0, 1] }).kind, "learning");
  });

  it("tells slow from settled by how much there is left to learn", () => {
    const still = epochs([0.3, 0.3, 1.7], [0.3, 0.3, 1.7], [0.3, 0.3, 1.7]);
    const stuck = still.map((epoch) => ({ ...epoch, loss: 1.75 }));
    assert.equal(read(stuck, known).kind, "slow");
    const done = still.map((epoch) => ({ ...epoch, loss: 0.3, valLoss: 0.4 }));
    assert.equal(read(done, known).kind, "settled");
    const falling = done.map((epoch, n) => ({ ...epoch, valLoss: 0.6 - 0.1 * n }));
    assert.equal(read(falling, known).kind, "learning");
  });

  it("draws the lines between slow, learning and settled where the page says that they are", () => {
    const blind = Math.log(6);
    const kind = (/** @type {number} */ loss, /** @type {number} */ fell, valFell = 0) => {
      const at = (/** @type {number} */ n, /** @type {number} */ share) => 1 - (share * n) / 2;
      const epoch = { accuracy: 0.3, valAccuracy: 0.3 };
      const history = [0, 1, 2].map((n) => ({
        ...{ ...epoch, epoch: n + 1, loss: loss * at(n, fell), valLoss: at(n, valFell) },
      }));
      return read(history, known).kind;
    };
    assert.deepEqual([kind(0.68 * blind, 0.04), kind(0.68 * blind, 0.06)], ["slow", "settled"]);
    assert.deepEqual([kind(0.61 * blind, 0), kind(0.59 * blind, 0)], ["slow", "settled"]);
    assert.deepEqual([kind(0.3, 0, 0.025), kind(0.3, 0, 0.015)], ["learning", "settled"]);
  });

  it("counts answers by mode", () => {
    const answers = answersOf([0.1, 0.9, 0.6, 0.4, 0.2, 0.8], 2);
    assert.deepEqual([...answers], [1, 0, 1]);
    assert.deepEqual(confusionOf([1, 0, 0], answers, 2), [
      [1, 1],
      [0, 1],
    ]);
  });
});

describe("choices", () => {
  it("take what is a network's own from its recipe", () => {
    for (const [network, own] of Object.entries(NETWORKS)) {
      const choice = choiceOf({ ...DEFAULTS, network }, "A");
      assert.equal(choice.rate, own.rate);
      assert.equal(choice.dropout, null);
      assert.equal(choice.activation, null);
    }
    const same = choiceOf({ ...DEFAULTS, network: "chapter-relu", activation: "relu" }, "A");
    assert.equal(same.activation, null);
  });

  it("are read apart for A and B", () => {
    const settings = { ...DEFAULTS, batch: "8", [named("batch", "B")]: "128" };
    assert.equal(choiceOf(settings, "A").batch, 8);
    assert.equal(choiceOf(settings, "B").batch, 128);
    assert.equal(choiceOf(settings, "B").network, "chapter-relu");
    for (const name of EACH_NAMES) assert.ok(named(name, "B") in SETTINGS);
  });

  it("change the activation of convolutions alone", () => {
    const changed = changedBlocks(blocksOf("svrimg-3conv"), { dropout: null, activation: "tanh" });
    const bent = changed.filter(({ kind }) => kind === "Conv2D");
    assert.deepEqual(new Set(bent.map(({ activation }) => activation)), new Set(["tanh"]));
    const dense = changed.filter(({ kind }) => kind === "Dense");
    assert.deepEqual(
      dense.map(({ activation }) => activation),
      ["relu", "softmax"],
    );
    assert.equal(blocksOf("svrimg-3conv")[0].activation, "relu");
  });

  it("set every dropout, and put one in where there is none", () => {
    const rates = (/** @type {string} */ name, /** @type {number} */ dropout) =>
      planOf(changedBlocks(blocksOf(name), { dropout, activation: null }))
        .layers.filter(({ rate }) => rate !== undefined)
        .map(({ kind, rate }) => [kind, rate]);
    assert.deepEqual(rates("chapter-relu", 0.5), [["SpatialDropout2D", 0.5]]);
    assert.deepEqual(rates("chapter-linear", 0.5), [["SpatialDropout2D", 0.5]]);
    assert.deepEqual(rates("chapter-linear", 0), []);
    assert.deepEqual(rates("storm-residual", 0.1), [["Dropout", 0.1]]);
    assert.equal(rates("svrimg-3conv", 0.2).length, 4);
  });

  it("of the chapter's questions are settings of the page", () => {
    for (const [question, values] of Object.entries(QUESTIONS)) {
      for (const [name, value] of Object.entries(values)) {
        assert.deepEqual(understood(value, SETTINGS[name]), value, `${question}: ${name}`);
      }
    }
  });

  it("name augmentations, and none", () => {
    assert.equal(AUGMENTATIONS.none, undefined);
    assert.equal(AUGMENTATIONS.flips?.horizontal_flip, true);
  });
});

describe("pictures of a network", () => {
  const plan = planOf(blocksOf("storm-residual"));

  it("show all layers that give maps", () => {
    const layers = layersWithMaps(plan);
    assert.deepEqual(
      layers.map(({ kind, number }) => `${kind} ${number}`),
      [
        ...["Conv2D 1", "MaxPooling2D 1", "Conv2D 2", "MaxPooling2D 2", "Conv2D 3"],
        ...["MaxPooling2D 3", "Residual 1", "Conv2D 4", "MaxPooling2D 4", "Residual 2"],
      ],
    );
    for (const { step, shape } of layers) assert.deepEqual(plan.steps[step].shape, shape);
  });

  it("take kernels and channels out of what the engine gives", () => {
    const weights = Float32Array.from({ length: 9 * 16 }, (_, n) => n);
    const kernel = kernelMaps(plan, weights)[5];
    const at = (/** @type {any} */ map, /** @type {number} */ place) =>
      map.values[map.first + place * map.apart];
    assert.deepEqual([at(kernel, 0), at(kernel, 1), at(kernel, 8)], [5, 21, 133]);
    const [layer] = layersWithMaps(plan);
    const maps = channelMaps(layer, new Float32Array(134 * 134 * 16));
    assert.deepEqual([maps.length, maps[3].first, maps[3].apart, maps[3].rows], [16, 3, 16, 134]);
    assert.equal(channelMaps({ ...layer, shape: [2, 2, 128] }, []).length, 32);
  });

  it("leave out pixels that a tile does not show", () => {
    const values = Float32Array.from({ length: 6 * 6 * 2 }, (_, n) => n);
    const few = thinned({ values, rows: 6, columns: 6, first: 1, apart: 2 }, 3);
    assert.deepEqual([few.rows, few.columns], [3, 3]);
    assert.deepEqual([...Array.from(few.values)], [1, 5, 9, 25, 29, 33, 49, 53, 57]);
    const same = { values, rows: 6, columns: 6 };
    assert.equal(thinned(same, 6), same);
  });

  it("colour maps by what all but a few values are within", () => {
    const values = Float32Array.from({ length: 2000 }, (_, n) => (n < 1000 ? 0 : -1));
    values[0] = 100;
    assert.ok(Math.abs(usualMost(values) - 1) < 0.2);
    assert.equal(usualMost([0, 0]), 1);
    assert.equal(usualMost([NaN, 1]), 1);
  });

  it("count weights and name layers", () => {
    assert.equal(parametersOf(planOf(blocksOf("chapter-linear"))), 7931078);
    const words = layerWords(blocksOf("chapter-relu"), 6);
    assert.equal(words, "32 kernels 3 × 3 → drop 0.3 → pool 3 → 128 neurons → 6 neurons");
  });
});

describe("curves", () => {
  const history = epochs([0.5, 0.6], [0.7, 0.65]);
  const start = { ...history[0], epoch: 0, valAccuracy: 0.2 };
  const running = { step: 1, steps: 4, loss: 0.4, accuracy: 0.8 };
  const training = /** @type {any} */ ({ history, start, running });

  it("go on within the epoch that runs, and start before the first", () => {
    assert.deepEqual(trainingPoints(training, "accuracy"), [
      [1, 0.5],
      [2, 0.7],
      [2.25, 0.8],
    ]);
    assert.deepEqual(validationPoints(training, "valAccuracy"), [
      [0, 0.2],
      [1, 0.6],
      [2, 0.65],
    ]);
  });

  it("lie over an axis that grows in few steps", () => {
    assert.deepEqual([0, 5, 6, 21, 500].map(lastEpoch), [5, 5, 10, 30, 500]);
  });
});

describe("tasks", () => {
  const choice = choiceOf({ ...DEFAULTS }, "A");
  const healthy = epochs(
    ...Array.from({ length: 8 }, () => /** @type {[number, number]} */ ([0.7, 0.69])),
  );
  const trained = {
    choice,
    history: healthy,
    answers: [0, 1],
    drops: true,
    plan: { classes: CLASSES },
  };

  it("are done when they are done, and not before", () => {
    const none = { reach: false, overfit: false, remedy: false, rate: false };
    assert.deepEqual(doneTasks([]), none);
    assert.deepEqual(doneTasks([trained]), { ...none, remedy: true });
    assert.deepEqual(doneTasks([{ ...trained, drops: false }]), none);
    assert.deepEqual(doneTasks([{ ...trained, history: healthy.slice(1) }]), none);
    const flips = { ...trained, drops: false, choice: { ...choice, augmentation: "flips" } };
    assert.equal(doneTasks([flips]).remedy, true);
    const poor = healthy.map((one) => ({ ...one, accuracy: 0.6, valAccuracy: 0.59 }));
    assert.deepEqual(doneTasks([{ ...trained, history: poor }]), none);
    const apart = { ...trained, history: healthy.map((one) => ({ ...one, accuracy: 0.9 })) };
    assert.deepEqual(doneTasks([apart]), { ...none, overfit: true });
    const good = { ...trained, history: epochs([0.5, 0.85]) };
    assert.equal(doneTasks([good]).reach, true);
    const fast = { ...choice, rate: 0.1 };
    const lost = { ...trained, choice: fast, history: epochs([0.2, 0.2, NaN]) };
    assert.equal(doneTasks([lost]).rate, true);
    assert.equal(doneTasks([{ ...lost, choice }]).rate, false);
    for (const [loss, answers, due] of /** @type {const} */ ([
      [1.75, [0, 1], true], // it hardly moves
      [1, [1, 1], true], // one mode for every storm
      [1, [0, 1], false],
    ])) {
      const still = [1, 2, 3].map((epoch) => ({ ...healthy[0], epoch, loss }));
      const tried = { ...trained, choice: fast, history: still, answers: [...answers] };
      assert.equal(doneTasks([tried]).rate, due, String(loss));
    }
  });
});

describe("a training", () => {
  it("counts the boxes that it learnt from, of short batches too", async () => {
    for (const { count, batch, due } of [
      { count: 60, batch: 128, due: [60, 120] },
      { count: 40, batch: 32, due: [32, 40, 72] },
    ]) {
      const steps = Math.ceil(count / batch);
      let done = 0;
      const run = /** @type {any} */ ({
        step: async () => ({ step: (done++ % steps) + 1, steps, loss: 1, accuracy: 0 }),
        validate: async () => ({ loss: 1, accuracy: 0, probabilities: new Float32Array(0) }),
      });
      const plan = /** @type {any} */ ({ classes: ["a", "b"], layers: [] });
      const choice = /** @type {any} */ ({ batch });
      const training = new Training(run, plan, choice, count, new Uint8Array(0));
      const counted = [];
      for (const _ of due) {
        await training.step();
        counted.push(training.boxes);
      }
      assert.deepEqual(counted, due);
    }
  });
});

describe("the player", () => {
  /**
   * A training of two steps an epoch that notes what is done.
   * @param {string} name
   * @param {string[]} log
   */
  function fake(name, log) {
    return {
      history: /** @type {number[]} */ ([]),
      isLost: false,
      at: 0,
      async step() {
        await new Promise((resolve) => setTimeout(resolve));
        this.at += 1;
        if (this.at % 2 === 0) this.history.push(this.at / 2);
        log.push(`${name}${this.at}`);
      },
    };
  }

  /** @param {any[]} trainings @param {number} limit */
  function playerOf(trainings, limit) {
    /** @type {unknown[]} */
    const errors = [];
    /** @type {Player} */
    const player = new Player({
      trainings: () => trainings,
      epochs: () => limit,
      moved: () => {},
      epochDone: async () => {},
      failed: (error) => errors.push(error),
    });
    return { player, errors };
  }

  it("plays two trainings to their epochs, neither an epoch ahead", async () => {
    /** @type {string[]} */
    const log = [];
    const both = [fake("a", log), fake("b", log)];
    const { player } = playerOf(both, 3);
    await player.play();
    assert.deepEqual(
      both.map(({ history }) => history.length),
      [3, 3],
    );
    assert.ok(log.indexOf("b2") < log.indexOf("a3") && log.indexOf("a2") < log.indexOf("b3"));
    assert.ok(player.isDone);
    assert.equal(player.state, "paused");
  });

  it("lets a training that was begun anew catch up alone", async () => {
    const both = [fake("a", []), fake("b", [])];
    both[0].history = [1, 2];
    both[0].at = 4;
    const { player } = playerOf(both, 3);
    await player.epoch();
    assert.deepEqual(
      both.map(({ at }) => at),
      [4, 2],
    );
  });

  it("pauses after the present step, and goes on from there", async () => {
    const one = fake("a", []);
    const { player } = playerOf([one], 100);
    const playing = player.play();
    await player.pause();
    await playing;
    assert.equal(one.at, 1);
    await player.step();
    assert.equal(one.at, 2);
  });

  it("stops one where the other fails", async () => {
    const one = fake("a", []);
    const broken = { ...fake("b", []), step: () => Promise.reject(new Error("gone")) };
    const { player, errors } = playerOf([one, broken], 3);
    await player.play();
    assert.deepEqual([one.at, errors.length, player.state], [1, 1, "paused"]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(one.at, 1);
  });

  it("knows when nothing can be played", async () => {
    const [lost, one] = [{ ...fake("a", []), isLost: true }, fake("b", [])];
    const can = (/** @type {any[]} */ trainings, /** @type {number} */ limit) => {
      const { player } = playerOf(trainings, limit);
      return [player.isStuck, player.canPlay];
    };
    assert.deepEqual(can([lost], 3), [true, false]);
    assert.deepEqual(can([lost, one], 3), [false, true]);
    one.history = new Array(200).fill(1);
    assert.deepEqual(can([one], 199), [false, true]);
    assert.deepEqual(can([one], 200), [false, false]);
    one.history.pop();
    assert.deepEqual(can([one], 200), [false, true]);
  });

  it("leaves out what is lost, and says what failed", async () => {
    const lost = { ...fake("a", []), isLost: true };
    const broken = { ...fake("b", []), step: () => Promise.reject(new Error("gone")) };
    const { player, errors } = playerOf([lost, broken], 3);
    await player.play();
    assert.equal(lost.at, 0);
    assert.equal(String(errors[0]), "Error: gone");
    assert.equal(player.state, "paused");
  });
});
