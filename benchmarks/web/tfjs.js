/* The chapter's networks in TensorFlow.js, a step of training at a time. */

const CLASSES = 6;
const SIDE = 136;

/** Networks as stormlens.models has them: filters of each convolution, and what lies between. */
const NETWORKS = {
  "chapter-linear": { filters: [32], activation: "linear", spatial: 0, dropout: 0 },
  "chapter-relu": { filters: [32], activation: "relu", spatial: 0.3, dropout: 0 },
  "svrimg-3conv": { filters: [32, 64, 128], activation: "relu", spatial: 0.3, dropout: 0.6 },
};

function build(name, batch) {
  const { filters, activation, spatial, dropout } = NETWORKS[name];
  const model = tf.sequential();
  filters.forEach((count, i) => {
    const inputShape = i === 0 ? { inputShape: [SIDE, SIDE, 1] } : {};
    model.add(tf.layers.conv2d({ filters: count, kernelSize: 3, activation, ...inputShape }));
    if (spatial > 0) {
      // Whole channels, as SpatialDropout2D switches off.
      model.add(tf.layers.dropout({ rate: spatial, noiseShape: [batch, 1, 1, count] }));
    }
    model.add(tf.layers.maxPooling2d({ poolSize: 3 }));
  });
  model.add(tf.layers.flatten());
  model.add(tf.layers.dense({ units: 128, activation: "relu" }));
  if (dropout > 0) model.add(tf.layers.dropout({ rate: dropout }));
  model.add(tf.layers.dense({ units: CLASSES, activation: "softmax" }));
  model.compile({ optimizer: tf.train.adam(1e-4), loss: "categoricalCrossentropy" });
  return model;
}

/**
 * Seconds of each of some steps, after one that is not counted.
 *
 * `boxes` are bytes of whole dBZ; a batch goes to the backend anew each step, as ours does.
 */
async function timeSteps(backend, name, batch, steps, boxes) {
  tf.wasm.setWasmPaths("node_modules/@tensorflow/tfjs-backend-wasm/dist/");
  if (!(await tf.setBackend(backend))) throw new Error(`no backend ${backend}`);
  await tf.ready();
  const model = build(name, batch);
  const seconds = [];
  for (let step = -1; step < steps; ++step) {
    const pixels = boxes.subarray(0, batch * SIDE * SIDE);
    const start = performance.now();
    const x = tf.tensor4d(Float32Array.from(pixels, (v) => v / 80), [batch, SIDE, SIDE, 1]);
    const codes = Int32Array.from({ length: batch }, (_, i) => (i + step + 1) % CLASSES);
    const y = tf.oneHot(tf.tensor1d(codes, "int32"), CLASSES);
    const loss = await model.trainOnBatch(x, y);
    if (!Number.isFinite(Number(loss))) throw new Error(`the loss is ${loss}`);
    x.dispose();
    y.dispose();
    if (step >= 0) seconds.push((performance.now() - start) / 1000);
  }
  model.dispose();
  return seconds;
}
