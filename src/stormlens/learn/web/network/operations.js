/**
 * What the steps of a plan compute, forward and back, by the compiled kernels.
 *
 * An operation reads and writes memory that the chain gives it; `tensors` hold its weights. In a
 * training it changes them on the way back, as soon as their gradient is known: the gradient of
 * its inputs is computed before.
 */

import { Arena } from "./wasm.js";
import { ACTIVATIONS, asMap, sizeOf } from "./plan.js";

/**
 * @typedef {import("./plan.js").Step} Step
 * @typedef {import("./plan.js").Shape} Shape
 * @typedef {import("./wasm.js").Machine} Machine
 * @typedef {import("./tensors.js").Tensors} Tensors
 *
 * @typedef {object} Pass One way through a chain.
 * @property {number} count Images.
 * @property {boolean} areBytes Whether the images are bytes, to be scaled as they are read.
 * @property {number} low Value of bytes that becomes 0.
 * @property {number} span From there to what becomes 1.
 * @property {import("../base/random.js").Random | null} random Of dropout; null outside training.
 * @property {number} adam Where the numbers of a step of Adam are; 0 where weights stay.
 *
 * @typedef {object} Way Where an operation's numbers lie on the way back.
 * @property {number} input
 * @property {number} output
 * @property {number} gradient Of the output; it may be changed.
 * @property {number} to Where that of the input goes; 0 where nobody asks for it.
 */

const FILTERS_TOGETHER = 16; // what the kernels of `same` convolutions come in
const FEWEST_TILE_CHANNELS = 8; // from which Winograd's tiles pay

/** What a chain is made of; here one that changes nothing. */
export class Operation {
  /** @param {Machine} machine @param {Shape} input @param {Shape} output */
  constructor(machine, input, output) {
    this.machine = machine;
    this.code = machine.code;
    this.arena = new Arena(machine);
    this.input = asMap(input);
    this.output = asMap(output);
    this.inputs = sizeOf(input);
    this.outputs = sizeOf(output);
    /** Whether it is given the images; the chain sets it. */
    this.isFirst = false;
  }

  /** Whether it leaves its values where they are. */
  get isAlias() {
    return true;
  }

  /** Whether the first operation may be given bytes. */
  get takesBytes() {
    return false;
  }

  /** Whether a gradient of values that are zero counts on the way back. */
  get needsZeros() {
    return true;
  }

  /**
   * Memory for so many images.
   * @param {number} _capacity
   * @param {boolean} _training
   */
  prepare(_capacity, _training) {}

  /**
   * @param {number} _input
   * @param {number} _output
   * @param {Pass} _pass
   */
  forward(_input, _output, _pass) {}

  /**
   * @param {Way} way
   * @param {Pass} _pass
   * @returns {number} Where the gradient of the input is: `to`, or where that of the output was.
   */
  backward(way, _pass) {
    return way.gradient;
  }

  free() {
    this.arena.free();
  }
}

/** One that writes its values to a place of their own. */
class Writing extends Operation {
  get isAlias() {
    return false;
  }
}

/**
 * A step's layout as the kernels read it; see ops/native/web/layout.hpp.
 * @param {Step} step
 * @param {{relu?: boolean, pool?: number}} [more]
 */
function layoutOf(step, { relu = false, pool = 1 } = {}) {
  const [height, width, channels] = asMap(step.input);
  const [outHeight, outWidth, filters] = asMap(step.shape);
  return [
    ...[height, width, channels],
    ...[...step.window, ...step.strides, ...step.dilation],
    ...[step.padding[0], step.padding[2], step.groups, filters, outHeight, outWidth],
    ...[pool, Math.floor(outHeight / pool), Math.floor(outWidth / pool), relu ? 1 : 0],
  ];
}

/** What has a kernel and a bias. */
class Weighted extends Writing {
  /** @param {Machine} machine @param {Step} step @param {Shape} output @param {Tensors} tensors */
  constructor(machine, step, output, tensors) {
    super(machine, step.input, output);
    this.step = step;
    this.kernel = tensors.of(step.kernel);
    this.bias = tensors.of(step.bias);
    this.kernelGradient = 0;
    this.biasGradient = 0;
  }

  /** @param {number} _capacity @param {boolean} training */
  prepare(_capacity, training) {
    if (training) this.biasGradient = this.arena.floats(this.bias.size);
  }

  /** @param {import("./tensors.js").Place} tensor @param {number} gradient @param {Pass} pass */
  descend(tensor, gradient, pass) {
    const { pointer, mean, square, size } = tensor;
    this.code.adam_step(pass.adam, gradient, pointer, mean, square, size);
  }
}

/** A convolution of any kind, whose map is written whole. */
export class Convolution extends Weighted {
  /**
   * @param {Machine} machine
   * @param {Step} step
   * @param {Tensors} tensors
   * @param {{relu?: boolean, exact?: boolean}} [how] Exact where alike patches must give alike
   *   sums to the bit, so that ties of a pool fall as they do elsewhere.
   */
  constructor(machine, step, tensors, { relu = false, exact = false } = {}) {
    super(machine, step, step.shape, tensors);
    this.relu = relu;
    this.layout = this.arena.copyOfWholes(layoutOf(step, { relu }));
    this.byTiles = !exact && takesTiles(step);
    this.backByTiles = takesSameTiles(step);
  }

  get needsZeros() {
    return !this.relu;
  }

  /** @param {number} capacity @param {boolean} training */
  prepare(capacity, training) {
    super.prepare(capacity, training);
    if (training) this.kernelGradient = this.arena.floats(this.kernel.size);
  }

  /** @param {number} input @param {number} output @param {Pass} pass */
  forward(input, output, pass) {
    const { kernel, bias, layout, code } = this;
    const given = [layout, pass.count, input, kernel.pointer, bias.pointer];
    const run = this.byTiles ? code.tiles_forward : code.patches_forward;
    run(...given, output);
  }

  /** @param {Way} way @param {Pass} pass */
  backward({ input, output, gradient, to }, pass) {
    const {
      code,
      layout,
      kernel,
      output: [rows, columns, filters],
    } = this;
    const { count, adam } = pass;
    const cells = count * rows * columns;
    const relu = ACTIVATIONS.indexOf("relu");
    if (this.relu) {
      code.activation_gradient(relu, 0, Infinity, 0, output, output, gradient, cells, filters);
    }
    if (to !== 0) {
      const run = this.backByTiles ? code.same_image_gradient : code.patches_image_gradient;
      run(layout, count, kernel.pointer, gradient, to);
    }
    if (adam !== 0) {
      const run = this.backByTiles ? code.same_weight_gradient : code.patches_weight_gradient;
      run(layout, count, input, gradient, this.kernelGradient);
      code.add_rows(gradient, cells, filters, this.biasGradient);
      this.descend(kernel, this.kernelGradient, pass);
      this.descend(this.bias, this.biasGradient, pass);
    }
    return to;
  }
}

/** A convolution, relu where asked, spatial dropout and a max pool at once. */
export class PooledConvolution extends Weighted {
  /**
   * @param {Machine} machine
   * @param {Step} step
   * @param {number} pool Side of its windows, 2 or 3.
   * @param {Tensors} tensors
   * @param {{relu: boolean, rate: number, before: Operation | undefined}} how Rate of spatial
   *   dropout, and what gives it its images.
   */
  constructor(machine, step, pool, tensors, { relu, rate, before }) {
    const [rows, columns, filters] = step.shape;
    super(machine, step, [Math.floor(rows / pool), Math.floor(columns / pool), filters], tensors);
    this.layout = this.arena.copyOfWholes(layoutOf(step, { relu, pool }));
    this.relu = relu;
    this.rate = rate;
    this.byTiles = takesTiles(step);
    /** @type {PooledConvolution | null} */
    this.before = before instanceof PooledConvolution ? before : null;
    this.mask = 0;
    this.argmax = 0; // address of which position each pool's maximum has
  }

  get takesBytes() {
    return true;
  }

  get needsZeros() {
    return !this.relu;
  }

  /** @param {number} capacity @param {boolean} training */
  prepare(capacity, training) {
    super.prepare(capacity, training);
    if (!training) return;
    this.kernelGradient = this.arena.floats(this.kernel.size);
    this.argmax = this.arena.bytes(capacity * this.outputs);
    if (this.rate > 0) this.mask = this.arena.floats(capacity * this.output[2]);
  }

  /** Factors of its channels in this pass, or 0. @param {Pass} pass @returns {number} */
  maskOf(pass) {
    return pass.random === null ? 0 : this.mask;
  }

  /** Those of the channels that it is given. @param {Pass} pass @returns {number} */
  keepOf(pass) {
    return this.before === null ? 0 : this.before.maskOf(pass);
  }

  /** @param {number} input @param {number} output @param {Pass} pass */
  forward(input, output, pass) {
    const { code, layout, kernel, bias, machine } = this;
    const { count, areBytes, low, span, random } = pass;
    const mask = this.maskOf(pass);
    if (mask !== 0 && random !== null) {
      drawFactors(machine.floats(mask, count * this.output[2]), this.rate, random);
    }
    const weights = [kernel.pointer, bias.pointer];
    // Winograd's tiles round more. Adam's first steps divide by gradients near 0 and would amplify
    // that, so training never uses them: its numbers stay those of Python's.
    if (this.byTiles && random === null) {
      code.tiles_forward(layout, count, input, ...weights, output);
      return;
    }
    const argmax = pass.adam === 0 ? 0 : this.argmax;
    const images = [input, this.isFirst && areBytes ? 1 : 0, low, span];
    const keep = this.keepOf(pass);
    code.pooled_forward(layout, count, ...images, ...weights, mask, keep, output, argmax);
  }

  /** @param {Way} way @param {Pass} pass */
  backward({ input, gradient, to }, pass) {
    const { code, layout, kernel, argmax, kernelGradient, biasGradient } = this;
    const { count, areBytes, low, span } = pass;
    const [mask, keep] = [this.maskOf(pass), this.keepOf(pass)];
    if (to !== 0) {
      code.pooled_image_gradient(
        ...[layout, count, kernel.pointer, mask, keep, argmax, gradient, to],
      );
    }
    code.pooled_weight_gradient(
      ...[
        layout,
        count,
        input,
        this.isFirst && areBytes ? 1 : 0,
        low,
        span,
        mask,
        keep,
        argmax,
        gradient,
      ],
      ...[kernelGradient, biasGradient],
    );
    this.descend(kernel, kernelGradient, pass);
    this.descend(this.bias, biasGradient, pass);
    return to;
  }
}

/** A dense layer on flat values. */
export class Dense extends Weighted {
  /** @param {Machine} machine @param {Step} step @param {Tensors} tensors */
  constructor(machine, step, tensors) {
    super(machine, step, step.shape, tensors);
    /** Whether the layer before needs the gradients of zeros; the chain sets it. */
    this.all = true;
  }

  /** @param {number} input @param {number} output @param {Pass} pass */
  forward(input, output, pass) {
    const { inputs, outputs, kernel, bias } = this;
    this.code.dense_forward(
      ...[pass.count, inputs, outputs, input, kernel.pointer, bias.pointer, output],
    );
  }

  /** @param {Way} way @param {Pass} pass */
  backward({ input, gradient, to }, pass) {
    const { code, inputs, outputs, kernel, biasGradient } = this;
    const { count, adam } = pass;
    if (adam === 0) {
      code.dense_input_gradient(count, inputs, outputs, kernel.pointer, gradient, to);
      return to;
    }
    code.add_rows(gradient, count, outputs, biasGradient);
    code.dense_step(
      ...[adam, count, inputs, outputs, this.all ? 1 : 0, input, gradient],
      ...[kernel.pointer, kernel.mean, kernel.square, to],
    );
    this.descend(this.bias, biasGradient, pass);
    return to;
  }
}

/** An activation whose sums are kept beside its values. */
export class Activation extends Writing {
  /**
   * @param {Machine} machine
   * @param {Shape} shape
   * @param {string} name
   * @param {number[]} constants
   */
  constructor(machine, shape, name, constants) {
    super(machine, shape, shape);
    this.kind = ACTIVATIONS.indexOf(name);
    const own = name === "relu" && constants.length === 0 ? [0, Infinity, 0] : constants;
    this.constants = [own[0] ?? 0, own[1] ?? 0, own[2] ?? 0];
  }

  /** Rows of channels. @param {Pass} pass */
  rows(pass) {
    return pass.count * this.output[0] * this.output[1];
  }

  /** @param {number} input @param {number} output @param {Pass} pass */
  forward(input, output, pass) {
    copyFloats(this.machine, input, output, pass.count * this.outputs);
    const [a, b, c] = this.constants;
    this.code.activate(this.kind, a, b, c, output, this.rows(pass), this.output[2]);
  }

  /** @param {Way} way @param {Pass} pass */
  backward({ input, output, gradient }, pass) {
    const [a, b, c] = this.constants;
    this.code.activation_gradient(
      ...[this.kind, a, b, c, input, output, gradient, this.rows(pass), this.output[2]],
    );
    return gradient;
  }
}

/** The highest value or the mean of each window. */
export class Pool extends Writing {
  /** @param {Machine} machine @param {Step} step */
  constructor(machine, step) {
    super(machine, step.input, step.shape);
    this.isHighest = step.kind === "highest";
    this.layout = this.arena.copyOfWholes(layoutOf(step));
  }

  /** @param {number} input @param {number} output @param {Pass} pass */
  forward(input, output, pass) {
    const run = this.isHighest ? this.code.highest_forward : this.code.mean_forward;
    run(this.layout, pass.count, input, output);
  }

  /** @param {Way} way @param {Pass} pass */
  backward({ input, gradient, to }, pass) {
    if (to === 0) return 0;
    if (this.isHighest) this.code.highest_gradient(this.layout, pass.count, input, gradient, to);
    else this.code.mean_gradient(this.layout, pass.count, gradient, to);
    return to;
  }
}

/** Mean, highest value or both of each channel over the whole map. */
export class Whole extends Writing {
  /** @param {Machine} machine @param {Step} step */
  constructor(machine, step) {
    super(machine, step.input, step.shape);
    this.mean = step.kind === "global highest" ? 0 : 1;
    this.highest = step.kind === "global mean" ? 0 : 1;
  }

  /** @param {number} input @param {number} output @param {Pass} pass */
  forward(input, output, pass) {
    const [rows, columns, channels] = this.input;
    const { mean, highest } = this;
    this.code.whole(mean, highest, input, pass.count, rows * columns, channels, output);
  }

  /** @param {Way} way @param {Pass} pass */
  backward({ input, output, gradient, to }, pass) {
    if (to === 0) return 0;
    const [rows, columns, channels] = this.input;
    this.code.whole_gradient(
      ...[this.mean, this.highest, input, output, gradient, pass.count, rows * columns],
      ...[channels, to],
    );
    return to;
  }
}

/** A factor and an offset of each channel, of the values as they are or normalised before. */
export class Scale extends Writing {
  /** @param {Machine} machine @param {Step} step @param {Tensors} tensors */
  constructor(machine, step, tensors) {
    super(machine, step.input, step.shape);
    this.factor = tensors.of(step.kernel).pointer;
    this.offset = tensors.of(step.bias).pointer;
    this.normalises = step.kind === "normalise";
    this.epsilon = step.constants[0] ?? 0;
    this.nothing = this.arena.zeros(this.output[2]);
  }

  /** @param {number} input @param {number} output @param {Pass} pass */
  forward(input, output, pass) {
    const {
      code,
      epsilon,
      factor,
      offset,
      output: [height, width, channels],
    } = this;
    const rows = pass.count * height * width;
    copyFloats(this.machine, input, output, rows * channels);
    if (this.normalises) code.normalise(epsilon, factor, offset, output, rows, channels);
    else code.scale(factor, offset, output, rows, channels);
  }

  /** @param {Way} way @param {Pass} pass */
  backward({ input, gradient }, pass) {
    const {
      code,
      epsilon,
      factor,
      nothing,
      output: [height, width, channels],
    } = this;
    const rows = pass.count * height * width;
    if (this.normalises) {
      code.normalise_gradient(epsilon, factor, input, gradient, rows, channels);
    } else {
      code.scale(factor, nothing, gradient, rows, channels);
    }
    return gradient;
  }
}

/** Each value divided by a power of its neighbouring channels' squares. */
export class Neighbours extends Writing {
  /** @param {Machine} machine @param {Step} step */
  constructor(machine, step) {
    super(machine, step.input, step.shape);
    this.numbers = [step.window[0], ...step.constants];
  }

  /** @param {number} input @param {number} output @param {Pass} pass */
  forward(input, output, pass) {
    const [rows, columns, channels] = this.input;
    this.code.neighbours(...this.numbers, input, pass.count * rows * columns, channels, output);
  }

  /** @param {Way} way @param {Pass} pass */
  backward({ input, gradient, to }, pass) {
    if (to === 0) return 0;
    const [rows, columns, channels] = this.input;
    const cells = pass.count * rows * columns;
    this.code.neighbours_gradient(...this.numbers, input, gradient, cells, channels, to);
    return to;
  }
}

/** Where a block begins whose end adds what is given here. */
export class Keep extends Operation {
  /** Where the gradient of what is kept was put; the chain sets it. */
  gradient = 0;

  /** @param {number} capacity */
  prepare(capacity) {
    this.gradient = this.arena.floats(capacity * this.outputs);
  }

  /** @param {Way} way @param {Pass} pass */
  backward({ gradient }, pass) {
    this.code.add(this.gradient, gradient, pass.count * this.outputs);
    return gradient;
  }
}

/** The sum of what it is given and of what was kept. */
export class Add extends Writing {
  /** Where the kept map lies; the chain sets it. */
  kept = 0;

  /** @param {Machine} machine @param {Shape} shape @param {Keep} keep */
  constructor(machine, shape, keep) {
    super(machine, shape, shape);
    this.keep = keep;
  }

  /** @param {number} input @param {number} output @param {Pass} pass */
  forward(input, output, pass) {
    const count = pass.count * this.outputs;
    copyFloats(this.machine, input, output, count);
    this.code.add(this.kept, output, count);
  }

  /** @param {Way} way @param {Pass} pass */
  backward({ gradient }, pass) {
    copyFloats(this.machine, gradient, this.keep.gradient, pass.count * this.outputs);
    return gradient;
  }
}

/** Values, or whole channels, switched off at random in training. */
export class Dropout extends Writing {
  /** @param {Machine} machine @param {Shape} shape @param {number} rate @param {boolean} spatial */
  constructor(machine, shape, rate, spatial) {
    super(machine, shape, shape);
    this.rate = rate;
    this.spatial = spatial;
    this.factors = 0;
  }

  get each() {
    return this.spatial ? this.output[2] : this.outputs;
  }

  /** @param {number} capacity */
  prepare(capacity) {
    this.factors = this.arena.floats(capacity * this.each);
  }

  /** @param {number} values @param {Pass} pass */
  #multiply(values, pass) {
    const [rows, columns, channels] = this.output;
    if (this.spatial) {
      this.code.multiply_channels(this.factors, values, pass.count, rows * columns, channels);
    } else {
      this.code.multiply(this.factors, values, pass.count * this.outputs);
    }
  }

  /** @param {number} input @param {number} output @param {Pass} pass */
  forward(input, output, pass) {
    copyFloats(this.machine, input, output, pass.count * this.outputs);
    if (pass.random === null) return;
    const factors = this.machine.floats(this.factors, pass.count * this.each);
    drawFactors(factors, this.rate, pass.random);
    this.#multiply(output, pass);
  }

  /** @param {Way} way @param {Pass} pass */
  backward({ gradient }, pass) {
    if (pass.random !== null) this.#multiply(gradient, pass);
    return gradient;
  }
}

/**
 * Factors that switch off a share of what they multiply, and keep its expectation.
 * @param {Float32Array} factors
 * @param {number} rate
 * @param {import("../base/random.js").Random} random
 */
function drawFactors(factors, rate, random) {
  const kept = 1 / (1 - rate);
  for (let i = 0; i < factors.length; ++i) factors[i] = random.unit() < rate ? 0 : kept;
}

/** @param {Machine} machine @param {number} from @param {number} to @param {number} count */
function copyFloats(machine, from, to, count) {
  new Uint8Array(machine.memory.buffer).copyWithin(to, from, from + 4 * count);
}

/** Whether windows of one group lie side by side. @param {Step} step */
export function isSideBySide({ strides, dilation, groups }) {
  return groups === 1 && [...strides, ...dilation].every((n) => n === 1);
}

/** Whether Winograd's tiles serve a convolution. @param {Step} step */
function takesTiles(step) {
  const [rows, columns, filters] = step.shape;
  const few = Math.min(step.input[2], filters) < FEWEST_TILE_CHANNELS || rows * columns < 9;
  return isSideBySide(step) && step.window.every((n) => n === 3) && !few;
}

/** Whether they serve its gradients too. @param {Step} step */
function takesSameTiles(step) {
  const inSixteens = [step.input[2], step.shape[2]].every((n) => n % FILTERS_TOGETHER === 0);
  return takesTiles(step) && inSixteens && step.padding.every((n) => n === 1);
}
