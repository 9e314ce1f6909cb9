/**
 * Plays trainings: one or two, epoch by epoch, each in a worker of its own. Two wait for each other
 * at the end of every epoch, so that neither runs ahead of the other in the charts.
 */

import { MOST_EPOCHS } from "./choices.js";

/** @typedef {import("./training.js").Training} Training */

/**
 * @typedef {object} Watcher
 * @property {() => readonly Training[]} trainings Those to be played.
 * @property {() => number} epochs After how many to pause.
 * @property {() => void} moved Something is to be drawn.
 * @property {(training: Training) => Promise<void>} epochDone
 * @property {(error: unknown) => void} failed
 */

export class Player {
  /** @type {"paused" | "playing" | "stepping"} */
  state = "paused";
  #stop = false;
  /** What runs, to be waited for. @type {Promise<void>} */
  #work = Promise.resolve();

  /** @param {Watcher} watcher */
  constructor(watcher) {
    this.watcher = watcher;
  }

  /** Play until the epochs are done or it is paused. */
  play() {
    return this.#run("playing", async () => {
      while (!this.#stop && this.#due().length > 0) await this.#epochs(this.#due());
    });
  }

  /** To the end of the epoch. */
  epoch() {
    return this.#run("stepping", () => this.#epochs(this.#trainable()));
  }

  /** One batch each. */
  step() {
    return this.#run("stepping", () => this.#each(this.#trainable(), (one) => this.#step(one)));
  }

  /** Pause; resolved once nothing runs any more. */
  async pause() {
    this.#stop = true;
    await this.#work;
  }

  /** Whether all have done their epochs. */
  get isDone() {
    return this.#due().length === 0;
  }

  /** Whether none can go on, as their weights are no numbers any more. */
  get isStuck() {
    return this.#trainable().length === 0;
  }

  /** Whether there is something to play, if need be after more epochs than were asked for. */
  get canPlay() {
    return !this.isStuck && (!this.isDone || this.watcher.epochs() < MOST_EPOCHS);
  }

  #trainable() {
    return this.watcher.trainings().filter((training) => !training.isLost);
  }

  #due() {
    const epochs = this.watcher.epochs();
    return this.#trainable().filter(({ history }) => history.length < epochs);
  }

  /** @param {readonly Training[]} trainings Those that are behind catch up first. */
  async #epochs(trainings) {
    const least = Math.min(...trainings.map(({ history }) => history.length));
    await this.#each(trainings, async (training) => {
      while (!this.#stop && training.history.length === least && !training.isLost) {
        await this.#step(training);
      }
    });
  }

  /** @param {Training} training */
  async #step(training) {
    const before = training.history.length;
    await training.step();
    if (training.history.length > before) await this.watcher.epochDone(training);
    this.watcher.moved();
  }

  /**
   * All at once; where one fails, the others stop after their present step.
   * @param {readonly Training[]} trainings
   * @param {(training: Training) => Promise<void>} act
   */
  async #each(trainings, act) {
    const stop = (/** @type {unknown} */ error) => {
      this.#stop = true;
      throw error;
    };
    const ended = await Promise.allSettled(trainings.map((one) => act(one).catch(stop)));
    for (const one of ended) if (one.status === "rejected") throw one.reason;
  }

  /** @param {"playing" | "stepping"} state @param {() => Promise<void>} act */
  async #run(state, act) {
    if (this.state !== "paused") return;
    this.state = state;
    this.#stop = false;
    this.watcher.moved();
    this.#work = act()
      .catch((error) => this.watcher.failed(error))
      .finally(() => {
        this.state = "paused";
        this.watcher.moved();
      });
    await this.#work;
  }
}
