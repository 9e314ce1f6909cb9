/** The recipe and the Python that train the same network with Stormlens itself. */

import { t } from "../base/strings.js";
import { toArguments, toToml } from "../ideas/recipe-text.js";
import { AUGMENTATIONS, NETWORKS } from "./choices.js";

/** @typedef {import("./choices.js").Choice} Choice */

/**
 * @typedef {object} Source Where a page's storms come from.
 * @property {boolean} simulated
 * @property {number} count Boxes in the whole training split.
 */

const NAME = "from-the-page";
const OWN_NETWORK = "my-network.keras";

/** @param {Choice} choice Whether stormlens knows its network by name. */
function isNamed({ dropout, activation }) {
  return dropout === null && activation === null;
}

/**
 * A recipe that stormlens reads.
 * @param {Choice} choice
 * @param {Source} source
 * @returns {string}
 */
export function toml(choice, source) {
  const lines = [
    `name = "${NAME}"`,
    isNamed(choice)
      ? `model = "${choice.network}"`
      : `model = "${OWN_NETWORK}"  # ${t("train.recipe.model")}`,
    'optimiser = "adam"',
    `learning_rate = ${asNumber(choice.rate)}`,
    `batch_size = ${choice.batch}`,
    `epochs = ${choice.epochs}`,
    `seed = ${choice.seed}`,
  ];
  const augmentation = AUGMENTATIONS[choice.augmentation];
  if (augmentation) lines.push("", ...toToml(augmentation).trimEnd().split("\n"));
  if (source.simulated) {
    lines.push("", "[data]", 'name = "simulated"');
    // A smaller set is the first of a larger one.
    if (choice.storms < source.count) {
      lines.push(`count = ${choice.storms}  # ${t("train.recipe.count")}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/**
 * Python that does what the page does.
 * @param {Choice} choice
 * @param {Source} source
 * @returns {string}
 */
export function python(choice, source) {
  const augmentation = AUGMENTATIONS[choice.augmentation];
  const lines = [
    ...(isNamed(choice)
      ? ["import stormlens"]
      : [
          "import os",
          "",
          'os.environ["KERAS_BACKEND"] = "jax"',
          "import keras",
          "import stormlens",
        ]),
    ...(augmentation ? ["from stormlens.augment import Augmentation"] : []),
    "",
    ...(isNamed(choice) ? [] : ownNetwork(choice)),
    "recipe = stormlens.Recipe(",
    `    name="${NAME}",`,
    `    model="${isNamed(choice) ? choice.network : OWN_NETWORK}",`,
    `    learning_rate=${asNumber(choice.rate)},`,
    `    batch_size=${choice.batch},`,
    `    epochs=${choice.epochs},`,
    `    seed=${choice.seed},`,
    ...(augmentation ? augmentationLines(augmentation) : []),
    ")",
    source.simulated
      ? 'splits = stormlens.load_splits("simulated")'
      : 'splits = stormlens.load_splits("path/to/the/storms")',
    ...(choice.storms < source.count
      ? [`splits["train"] = splits["train"].isel(storm=slice(${choice.storms}))`]
      : []),
    `fitted = stormlens.fit(recipe, splits${isNamed(choice) ? "" : ", model=model"})`,
    "",
    "for epoch in fitted.history:",
    "    print(epoch)",
    "print(stormlens.verification.gap(fitted.history).sentence)",
  ];
  return `${lines.join("\n")}\n`;
}

/** @param {import("./choices.js").Augmentation} augmentation */
function augmentationLines(augmentation) {
  const given = toArguments(augmentation).map((one) => `        ${one},`);
  return ["    augmentation=Augmentation(", ...given, "    ),"];
}

/** Lines that build a network by name and change it. @param {Choice} choice */
function ownNetwork({ network, dropout, activation, seed }) {
  // The chapter's first network is its second without dropout, and linear.
  const adds = network === "chapter-linear" && dropout !== null && dropout > 0;
  const base = adds ? "chapter-relu" : network;
  const bend = activation ?? (adds ? NETWORKS[network].activation : null);
  return [
    `model = stormlens.models.build("${base}", seed=${seed})`,
    "for layer in model.layers:",
    ...(bend === null
      ? []
      : [
          "    if isinstance(layer, keras.layers.Conv2D):",
          `        layer.activation = keras.activations.get("${bend}")`,
        ]),
    ...(dropout === null
      ? []
      : ["    if isinstance(layer, keras.layers.Dropout):", `        layer.rate = ${dropout}`]),
    `model.save("${OWN_NETWORK}")  # ${t("train.recipe.save")}`,
    "",
  ];
}

/**
 * 0.00001 rather than 1e-5, which TOML and Python read too, but not every newcomer.
 * @param {number} value
 */
function asNumber(value) {
  return value.toFixed(6).replace(/0+$/, "").replace(/\.$/, ".0");
}
