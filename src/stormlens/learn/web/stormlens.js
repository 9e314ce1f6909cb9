/**
 * All components by name, each loaded when its element is first seen.
 *
 * A page that loads this module may hold `<stormlens-neuron>`, `<stormlens-inside>` and the rest.
 */

/** @typedef {typeof import("./base/component.js").Component} Kind */

/** @type {Readonly<Record<string, () => Promise<Kind>>>} In the order of the chapter. */
export const COMPONENTS = {
  neuron: async () => (await import("./ideas/neuron.js")).Neuron,
  "pool-and-fire": async () => (await import("./ideas/pool-and-fire.js")).PoolAndFire,
  "convolution-walker": async () =>
    (await import("./ideas/convolution-walker.js")).ConvolutionWalker,
  "augmentation-studio": async () =>
    (await import("./ideas/augmentation-studio.js")).AugmentationStudio,
  train: async () => (await import("./train/train.js")).Train,
  inside: async () => (await import("./inside/inside.js")).Inside,
};

/**
 * Load a component and define its element.
 * @param {string} slug
 * @returns {Promise<Kind>}
 */
export async function load(slug) {
  const kind = await COMPONENTS[slug]();
  kind.define();
  return kind;
}

/** Load each when its element comes near the window. @param {ParentNode} [within] */
export function loadShown(within = document) {
  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        void load(target.localName.replace("stormlens-", ""));
      }
    },
    { rootMargin: "100% 0px" },
  );
  const tags = Object.keys(COMPONENTS).map((slug) => `stormlens-${slug}`);
  for (const element of within.querySelectorAll(tags.join(", "))) near.observe(element);
}

if (typeof document !== "undefined") loadShown();
