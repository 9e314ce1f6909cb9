/**
 * All words of the pages, in English. To translate them, write a table of the same names and give
 * it to `useStrings` before the pages are made; what it lacks stays English.
 *
 * `{name}` is where a value goes. "language" is the code that browsers know the table's language by.
 */

/** @type {Record<string, string>} */
export const ENGLISH = {
  language: "en",
  simulated: "SIMULATED",
  "simulated.why": "Made by a program from a seed; seen by no radar.",
  "simulated.network": "Trained on SIMULATED storms: its answers on real ones are a guess.",
  copy: "Copy",
  copied: "Copied.",
  "copy.by-hand": "Selected: copy it with your keyboard.",
  tasks: "Try it",
  "tasks.count": "{done} of {all} done",
  "tasks.done": "Done: {task}",
  "control.type": "{label}, as a number",
  "picture.no-echo": "no echo",
  "picture.pixel": "row {row} from the south, column {column} from the west: {value}",
  "mode.Cellular": "Cellular",
  "mode.QLCS": "QLCS",
  "mode.Tropical": "Tropical",
  "mode.Other": "Other",
  "mode.Noise": "Noise",
  "mode.Missing": "Missing",
  loading: "Loading…",
  "fetch.gone": "{path} cannot be fetched: the server is gone or out of reach. Reload later.",
  "fetch.missing": "{path} cannot be fetched ({status}): these pages are not complete.",
  "browser.lacks": "This browser lacks {what}, which this page needs. {versions}",
  "browser.plainer":
    "This browser lacks {what}: the page works, but looks plainer than it should. {versions}",
  "browser.versions":
    "Chrome and Edge 123, Firefox 120, Safari 17.5 and all that came later have it.",
  "browser.module-workers": "workers that are modules",
  "worker.none":
    "This browser lets no page compute behind the scenes (in a worker), which networks need; " +
    "allow it, or use a current Chrome, Edge, Firefox or Safari.",
  "picture.none": "This browser draws no pictures: its canvas is switched off.",
  "split.few": "few",
  "split.train": "train",
  "split.validation": "validation",
  "split.test": "test",
  "storm.choose": "Storm",
  "storm.all": "Storms",
  "storm.number": "Storm {number}",
  "storm.of-mode": "Storm {number}: {mode}",

  // ------------------------------------------------------------------ shell
  "shell.title": "Stormlens",
  "shell.page-title": "{title} – Stormlens",
  "shell.skip": "Skip to the content",
  "shell.pages": "Pages",
  "shell.heading": "From a storm's picture to its mode, by hand",
  "shell.welcome":
    "Six pages in the order of the chapter: what a neuron, a pool and a convolution do, how a " +
    "network learns from storms, and what goes on inside one that has learnt.",
  "shell.theme": "Colours",
  "shell.theme.system": "System",
  "shell.theme.light": "Light",
  "shell.theme.dark": "Dark",
  "shell.theme.projector": "Projector",
  "shell.share": "Copy link",
  "shell.shared": "Link copied",
  "shell.share.by-hand": "Copy the address",
  "shell.simulated":
    "Storms here are made by a program unless a page says otherwise. Each network says what it " +
    "learnt from.",
  "shell.own": "Storms here: {source}. Each network says what it learnt from.",
  "shell.where": "Everything is computed in this browser; nothing leaves it.",
  "shell.neighbours": "Go on",
  "shell.before": "Before",
  "shell.next": "Next",
  "shell.gone":
    "{title} cannot be fetched: the server is gone or out of reach. Reload the page later.",
  "shell.no-page": "There is no page called {slug}. Choose one from the menu above.",

  // ------------------------------------------------------------------ errors of files and engine
  "file.damaged": "{file} is damaged: {reason}. Get or write it again.",
  "file.png.none": "{file} is not a PNG image; get the original file.",
  "file.png.short": "{file} is a PNG image cut short; get it again.",
  "file.png.damaged": "the image in it cannot be decoded",
  "file.png.large": "{file} is {rows} x {columns} pixels; images over {most} are refused.",
  "file.npy.none": "{file} is no NPY file; write it with numpy.save from numbers.",
  "file.npy.header": "{file} has an NPY header that cannot be read; write it with numpy.save.",
  "file.npy.kind":
    "{file} holds values of kind {kind}, which are not read; write numbers, as astype('uint8').",
  "file.npy.short": "{file} is cut short: it has {found} of {due} bytes; write it again.",
  "file.npy.large": "{file} holds too many values for a page; save fewer boxes in a file.",
  "file.box.kind":
    "{file} is {kind}; a storm box keeps its dBZ as palette indices (PNG) or as numbers (NPY).",
  "file.box.kind.grey": "a grey picture",
  "file.box.kind.colour": "a picture in colours",
  "file.box.kind.grey with opacity": "a grey picture with transparency",
  "file.box.kind.colour with opacity": "a picture in colours with transparency",
  "file.box.bits":
    "{file} has palette indices of {bits} bits, which end at {most}: higher dBZ are lost. Write " +
    "it again with a palette of 256 colours.",
  "file.box.shape": "{file}: images are {found} pixels; this network takes {due}.",
  "file.box.array": "{file}: an array of shape ({shape}) is no box (rows, columns), nor several.",
  "file.box.truth": "{file} holds True and False, which are no reflectivity in dBZ.",
  "file.box.high":
    "{file}: image {image} has {value} at row {row}, column {column}, which is above 80; values " +
    "run from 0 (no echo) to 80 dBZ.",
  "file.box.low":
    "{file}: image {image} has {value} at row {row}, column {column}, which is negative; write 0 " +
    "where there is no echo.",
  "file.box.finite":
    "{file}: image {image} has {value} at row {row}, column {column}; write 0 where there is no " +
    "echo.",
  "file.box.suffix": "{file} is neither a PNG nor an NPY file, nor a network's.",
  "file.json": "it is no JSON that can be read",
  "file.network.model":
    "{file} is a model's own file, which a page cannot read. Show it by `stormlens learn --run RUN`, " +
    "or drop classifier.json and weights.safetensors of a run.",
  "file.network.no-card":
    "{files}: classifier.json is missing; drop it together with weights.safetensors.",
  "file.network.no-weights":
    "weights.safetensors is missing; drop it together with classifier.json.",
  "file.network.no-steps":
    "This classifier is a network of one's own, and network.json with its layers is missing. " +
    "Show it by `stormlens learn --run RUN`, or export it with `--export DIR` and drop all its files.",
  "file.network.format": "{file} is not of format 1: no classifier that these pages can read.",
  "file.network.channels": "This network takes images of several channels; these pages have one.",
  "file.network.other-time":
    "{file} is not the file that {card} was written with; drop both from the same run.",
  "file.tensors.header": "its header cannot be read",
  "file.tensors.place": "tensor {name} is not where the header says",
  "file.tensors.finite": "tensor {name} holds values that are not finite",
  "file.tensors.length": "it is longer than its header says",
  "file.tensors.kind":
    "{file}: tensor {name} holds numbers of kind {kind}; weights are 32-bit floats (F32).",

  // ------------------------------------------------------------------ errors of networks
  "network.stopped": "The engine was stopped; reload the page.",
  "network.lost": "The worker that computes was not found; reload the page.",
  "network.ended": "The worker that computes has ended ({message}); reload the page.",
  "network.trapped":
    "This browser ran out of memory while it computed; close other pages and reload this one.",
  "network.failed": "The worker that computes failed ({message}); reload the page.",
  "network.memory":
    "This browser gives no memory for {megabytes} MB more, which the network needs; close other " +
    "pages, or choose a smaller network.",
  "network.shared":
    "This browser gives no {megabytes} MB of memory to share; choose one thread.",
  "network.unknown": "There is no network named {name}; there are {names}.",
  "network.named": "Network {network}",
  "network.no-classifier": "{where} holds no classifier; choose the one that a training left.",
  "network.no-name":
    "{where} names no network that is known here; show its run by `stormlens learn --run RUN`, " +
    "which writes a network.json beside it.",
  "network.format": "{where} is none that these pages can read; export the run again.",
  "network.layers":
    "{where}: layer {number} does not follow on the one before it; export the run again.",
  "network.left-over": "{where}: steps are left over by its layers; export the run again.",
  "network.shape":
    "{where}: input_shape must be rows, columns and channels of an image; export the run again.",
  "network.classes": "{where}: classes must be a list of names; export the run again.",
  "network.bounds": "{where}: maximum must be a number above minimum; export the run again.",
  "network.step": "{where}: step {number} is none that these pages know; export the run again.",
  "network.fit":
    "Step {number} ({kind}) of network {network} does not fit the {given} values that it is " +
    "given; export the run again.",
  "network.size":
    "Images of {rows} x {columns} pixels are too small or too large for network {network}.",
  "network.end":
    "{where}: the network gives {given} values for {classes} classes; export the run again.",
  "network.kept":
    "{where}: a map is kept twice, or added without being kept; export the run again.",
  "network.block": "Network {network} has a layer {kind}, which these pages do not know.",
  "network.weights.lack": "The weights of network {network} lack {name}; choose its own file.",
  "network.weights.size":
    "Weights {name} hold {found} values, but network {network} has {due} there; choose its own " +
    "file.",
  "network.weights.finite":
    "Weights {name} of network {network} hold values that are no numbers; train it again.",
  "network.no-weights": "The network has no weights called {name}.",
  "network.box":
    "Network {name} takes boxes of {rows} x {columns} pixels; these are {found} values.",
  "network.class": "There is no class {code}; they run from 0 to {last}.",
  "network.no-map": "Step {step} gives no map; Grad-CAM needs one, as of a convolution.",
  "network.square": "A square of {size} pixels does not fit the box; give 1 to {most}.",
  "network.gaps": "Steps of {stride} pixels leave gaps between squares; give 1 to {size}.",
  "network.split":
    "Split {split} holds {values} values for {boxes} boxes; network {network} takes {size} a box.",
  "network.label": "Split {split}: label {label} is none of the {classes} classes.",
  "network.constant": "All values of split {split} are {value}: there is nothing to learn from.",
  "network.rate": "The learning rate is {learningRate}; it must lie above 0 and up to 1.",
  "network.batch": "The batch size is {batchSize}; it must be a whole number from 1 to 1024.",
  "network.dropout": "Dropout is {dropout}; it must lie from 0 to below 1.",
  "network.softmax":
    "Network {network} does not end in a softmax, so these pages cannot train it.",
  "network.normalises":
    "Network {network} normalises its values, which these pages show but do not train.",

  // ------------------------------------------------------------------ the ideas' numbers
  "concepts.window-too-large":
    "A window of {window} x {window} is larger than the grid of {rows} x {columns}; take a " +
    "smaller one.",
  "concepts.kernel-too-large":
    "A kernel of {kernelRows} x {kernelColumns} is larger than the grid of {rows} x {columns}.",
  "concepts.no-output-pixel":
    "There is no output pixel ({row}, {column}); rows go from 0 to {lastRow} and columns from 0 " +
    "to {lastColumn}.",
  "concepts.even-kernel": "A classical kernel has a middle, so its size is odd, not {size}.",
  "notebook.which": "Say which component to show, as {names}.",
  "storms.damaged": "{name} is damaged: it does not hold the storms that it should. Reload the page.",
  "storms.rounded": "Values of all but the first few are rounded to {step} dBZ.",
  "storms.left-out": "Of {all} boxes, {count} are here.",
  "storms.no-split": "There are no {name} storms here; choose others.",

  // ------------------------------------------------------------------ neuron
  "neuron.title": "One neuron",
  "neuron.lead":
    "It weighs its inputs, adds them up, and a function f makes an answer of the sum. Drag a circle " +
    "or a label, and follow the numbers.",
  "neuron.task.negative": "Choose ReLU and make z negative. What does the neuron answer?",
  "neuron.task.linear": "Now change nothing but the function, to linear. What are z and a?",
  "neuron.task.half":
    "Which function makes a probability of any z? Choose it, and bring its answer near one half.",
  "neuron.label.x1": "Input x₁",
  "neuron.label.x2": "Input x₂",
  "neuron.label.w1": "Weight w₁",
  "neuron.label.w2": "Weight w₂",
  "neuron.label.bias": "Bias b",
  "neuron.label.activation": "Activation function f",
  "neuron.symbol.x1": "x₁",
  "neuron.symbol.x2": "x₂",
  "neuron.symbol.w1": "w₁",
  "neuron.symbol.w2": "w₂",
  "neuron.symbol.bias": "b",
  "neuron.activation.linear": "linear",
  "neuron.activation.relu": "ReLU",
  "neuron.activation.leaky_relu": "leaky ReLU",
  "neuron.activation.sigmoid": "sigmoid",
  "neuron.activation.tanh": "tanh",
  "neuron.activation.gelu": "GELU",
  "neuron.drag": "Drag to the right or up for more, to the left or down for less",
  "neuron.drawing":
    "A neuron: x₁ = {x1} times w₁ = {w1}, plus x₂ = {x2} times w₂ = {w2}, plus b = {bias}, is " +
    "z = {z}; {activation} of it is a = {a}.",
  "neuron.legend": "An arrow is as thick as its weight is large: orange above 0, blue below.",
  "neuron.reset": "Start again",
  "neuron.curve.title": "What f makes of any z",
  "neuron.curve.x": "z",
  "neuron.curve.y": "a = f(z)",
  "neuron.curve.words": "The curve of {activation}: at z = {z} it is a = {a}, with slope {slope}.",
  "neuron.curve.slope":
    "Slope there (green): {slope}. Where f is flat, training gets no hint: a neuron learns nothing.",
  "neuron.field.title": "What it answers to any inputs",
  "neuron.field.line":
    "Drag the point. On the dashed line z is 0; training turns and shifts this line.",
  "neuron.field.words":
    "Answers to every pair of inputs; the point stands at x₁ = {x1}, x₂ = {x2}, where z = {z} " +
    "and a = {a}. Arrow keys move it.",

  // ------------------------------------------------------------------ pool-and-fire
  "pool-and-fire.title": "Pool and fire",
  "pool-and-fire.lead":
    "Each patch keeps its strongest echo alone, and a neuron fires if that is enough. Drag the " +
    "patches over the storm, then move the neuron's numbers.",
  "pool-and-fire.task.silent": "Find a threshold at which no patch fires.",
  "pool-and-fire.task.alone":
    "Give the weight 2 or more, and make it fire at convection alone again: only at the strongest " +
    "of the three, 40 dBZ or more.",
  "pool-and-fire.task.nothing":
    "Make it fire even at a patch without any echo. Which number must pass which?",
  "pool-and-fire.label.threshold": "Threshold",
  "pool-and-fire.label.weight": "Weight w",
  "pool-and-fire.label.bias": "Bias b",
  "pool-and-fire.label.size": "Patch size",
  "pool-and-fire.label.everywhere": "Light up every place where it would fire",
  "pool-and-fire.pixels": "px",
  "pool-and-fire.chapter": "The chapter's places",
  "pool-and-fire.of-split": "{words}, of {name}",
  "pool-and-fire.patch": "Patch {number}",
  "pool-and-fire.patch.words":
    "Patch {number}, {size} by {size} pixels: its maximum is {most}, in row {row} from the " +
    "south, column {column} from the west.",
  "pool-and-fire.fires": "fires",
  "pool-and-fire.silent": "silent",
  "pool-and-fire.bar.pooled": "max pool",
  "pool-and-fire.bar.z": "z",
  "pool-and-fire.bar.a": "ReLU(z)",
  "pool-and-fire.worked": "z = {weight} · {pooled} {bias} − {threshold} = {z}",
  "pool-and-fire.said.none": "No patch fires.",
  "pool-and-fire.said.one": "Patch {patches} fires.",
  "pool-and-fire.said.many": "Patches {patches} fire.",
  "pool-and-fire.formula":
    "z = {weight} · max(patch) + ({bias}) − {threshold} and a = max(0, z): it fires above " +
    "{needed}, the dotted mark.",
  "pool-and-fire.map.words":
    "{storm}. Patch {number} begins at row {row}, column {column}. {said} Arrow keys move this " +
    "patch, and 1 to 3 choose another.",

  // ------------------------------------------------------------------ convolution-walker
  "convolution-walker.title": "Convolution walker",
  "convolution-walker.lead":
    "Drag the window over the storm. Nine pixels times nine weights add up to one number, and all " +
    "such numbers make the picture on the right.",
  "convolution-walker.task.edge":
    "With the edge kernel, find a place where the sum is above 200.",
  "convolution-walker.task.north":
    "Type a kernel of your own that answers to change from south to north, and to nothing else.",
  "convolution-walker.task.identity": "Find a kernel that gives the storm back as it is.",
  "convolution-walker.label.kernel_name": "Kernel",
  "convolution-walker.kernel.identity": "identity",
  "convolution-walker.kernel.edge": "edge",
  "convolution-walker.kernel.sobel x": "sobel x",
  "convolution-walker.kernel.sobel y": "sobel y",
  "convolution-walker.kernel.laplacian": "laplacian",
  "convolution-walker.kernel.laplacian, diagonal": "laplacian, diagonal",
  "convolution-walker.kernel.sharpen": "sharpen",
  "convolution-walker.kernel.blur": "blur",
  "convolution-walker.kernel.gaussian": "gaussian",
  "convolution-walker.kernel.your own": "your own",
  "convolution-walker.arithmetic": "Pixels times weights, added up",
  "convolution-walker.pixels": "pixels, dBZ",
  "convolution-walker.pixels.words": "Pixels in dBZ, row by row from the north: {values}",
  "convolution-walker.weights": "weights, yours to type",
  "convolution-walker.weights.turned": "weights, turned",
  "convolution-walker.weight": "Weight on the {place} pixel",
  "convolution-walker.place.nw": "north-western",
  "convolution-walker.place.n": "northern",
  "convolution-walker.place.ne": "north-eastern",
  "convolution-walker.place.w": "western",
  "convolution-walker.place.middle": "middle",
  "convolution-walker.place.e": "eastern",
  "convolution-walker.place.sw": "south-western",
  "convolution-walker.place.s": "southern",
  "convolution-walker.place.se": "south-eastern",
  "convolution-walker.products": "products",
  "convolution-walker.products.words": "Products, row by row from the north: {values}",
  "convolution-walker.sum": "their sum",
  "convolution-walker.where": "at row {row}, column {column} of the response",
  "convolution-walker.response": "All sums",
  "convolution-walker.map.words":
    "{storm}. The window's south-western pixel is at row {row}, column {column}; the sum there is " +
    "{total}. Arrow keys move the window.",
  "convolution-walker.sums.words":
    "The response to {storm}: {total} at row {row}, column {column}. Arrow keys move the place.",
  "convolution-walker.label.row": "Row of the response, from the south",
  "convolution-walker.label.column": "Column of the response, from the west",
  "convolution-walker.label.turned": "Turn the kernel by 180° first",
  "convolution-walker.sense.straight":
    "Correlation, as a Keras layer computes it: the weights lie on the pixels as typed.",
  "convolution-walker.sense.turned":
    "Convolution, as scipy.signal.convolve computes it: the kernel is turned by 180 degrees, so " +
    "that its north-western weight meets the south-eastern pixel.",
  "convolution-walker.walk": "Walk",
  "convolution-walker.walk.stop": "Stop",
  "convolution-walker.walk.step": "One step on",
  "convolution-walker.answers": "What this kernel answers to",
  "convolution-walker.answers.even": "1 dBZ everywhere",
  "convolution-walker.answers.east": "1 dBZ more with each pixel to the east",
  "convolution-walker.answers.north": "1 dBZ more with each pixel to the north",

  // ------------------------------------------------------------------ augmentation-studio
  "augmentation-studio.title": "Augmentation studio",
  "augmentation-studio.lead":
    "Turn, shift and stretch a storm by chance, as training does, and find ranges whose storms " +
    "could all be real.",
  "augmentation-studio.task.sound":
    "Get nine draws that differ from each other, with no warning against them.",
  "augmentation-studio.task.far":
    "Make the storm report leave the centre by more than 100 km, and read how far it went.",
  "augmentation-studio.task.spiral":
    "Choose a Tropical storm, get nine spirals that turn the right way, then find a setting that " +
    "turns some the wrong way.",
  "augmentation-studio.original": "As it is",
  "augmentation-studio.original.words": "{storm}, as it is; the storm report lies at the centre.",
  "augmentation-studio.again": "New draws",
  "augmentation-studio.marks": "Cross: the storm report. Ring: the centre.",
  "augmentation-studio.draw":
    "Draw {number}: turned by {turn}°, {mirrored}; the storm report lies {where}.",
  "augmentation-studio.mirrored": "as in a mirror",
  "augmentation-studio.not-mirrored": "not mirrored",
  "augmentation-studio.at-centre": "at the centre",
  "augmentation-studio.away": "{km} km {direction}",
  "augmentation-studio.outside": "{km} km {direction}: outside",
  "augmentation-studio.direction.0": "E",
  "augmentation-studio.direction.1": "NE",
  "augmentation-studio.direction.2": "N",
  "augmentation-studio.direction.3": "NW",
  "augmentation-studio.direction.4": "W",
  "augmentation-studio.direction.5": "SW",
  "augmentation-studio.direction.6": "S",
  "augmentation-studio.direction.7": "SE",
  "augmentation-studio.presets": "Set all as in",
  "augmentation-studio.preset.chapter": "the chapter",
  "augmentation-studio.preset.SVRIMG notebook": "SVRIMG",
  "augmentation-studio.preset.none": "nothing",
  "augmentation-studio.group.move": "Where things are",
  "augmentation-studio.group.edge": "Beyond the edge",
  "augmentation-studio.group.radar": "As another radar would show it",
  "augmentation-studio.label.rotation_range": "Rotation, either way",
  "augmentation-studio.label.width_shift_range": "Shift east or west, of the width",
  "augmentation-studio.label.height_shift_range": "Shift north or south, of the height",
  "augmentation-studio.label.shear_range": "Shear, either way",
  "augmentation-studio.label.zoom_range": "Zoom, from and to (under 1 enlarges)",
  "augmentation-studio.label.horizontal_flip": "Flip east and west",
  "augmentation-studio.label.vertical_flip": "Flip north and south",
  "augmentation-studio.label.fill_mode": "Fill with",
  "augmentation-studio.label.cval": "cval: what constant fills in",
  "augmentation-studio.label.offset_range": "Echo stronger or weaker by up to",
  "augmentation-studio.label.scale_range": "Echo times, from and to",
  "augmentation-studio.label.cutoff_range": "Weak echo cut off, below up to",
  "augmentation-studio.label.dropout_range": "Unseen by a radar that is off, share up to",
  "augmentation-studio.lowest": "{label}: lowest",
  "augmentation-studio.highest": "{label}: highest",
  "augmentation-studio.fill.reflect": "reflect",
  "augmentation-studio.fill.nearest": "nearest",
  "augmentation-studio.fill.constant": "constant",
  "augmentation-studio.fill.wrap": "wrap",
  "augmentation-studio.toml": "In the recipe (TOML)",
  "augmentation-studio.python": "In Python",
  "augmentation-studio.python.unit": "in dBZ",
  "augmentation-studio.advice": "What to think of it",
  "augmentation-studio.warnings.0": "No warning.",
  "augmentation-studio.warnings.1": "1 warning: {subjects}.",
  "augmentation-studio.warnings": "{count} warnings: {subjects}.",
  "augmentation-studio.advice.rest": "All ranges are at rest: nine times the same storm.",
  "augmentation-studio.advice.subject.sound": "sound",
  "augmentation-studio.advice.sound":
    "The report stays at the centre, and storms keep their look.",
  "augmentation-studio.advice.subject.shift.both": "report moves",
  "augmentation-studio.advice.subject.shift.x": "report moves",
  "augmentation-studio.advice.subject.shift.y": "report moves",
  "augmentation-studio.advice.shift.both":
    "The storm report leaves the centre by up to {x} km east or west and {y} km north or south, " +
    "{both} km in all, but the label holds for the storm at the centre; the archive's authors " +
    "advise against shifts.",
  "augmentation-studio.advice.shift.x":
    "The storm report leaves the centre by up to {x} km east or west but the label holds for the " +
    "storm at the centre; the archive's authors advise against shifts.",
  "augmentation-studio.advice.shift.y":
    "The storm report leaves the centre by up to {y} km north or south but the label holds for " +
    "the storm at the centre; the archive's authors advise against shifts.",
  "augmentation-studio.advice.subject.rotation": "rotation",
  "augmentation-studio.advice.rotation":
    "Turns of up to {turn} degrees bring the stratiform rain of a squall line to the wrong side: " +
    "most lines move towards the east and trail it behind them (Parker and Johnson 2000). The " +
    "archive's own notebook stops at {most} degrees.",
  "augmentation-studio.advice.subject.vertical-flip": "vertical flip",
  "augmentation-studio.advice.vertical-flip":
    "North and south change places: Tropical spirals turn clockwise, as no cyclone does north of " +
    "the equator, and the strong end of a leading line with its stratiform rain moves from the " +
    "south to the north (Houze et al. 1990).",
  "augmentation-studio.advice.subject.horizontal-flip": "horizontal flip",
  "augmentation-studio.advice.horizontal-flip":
    "East and west change places: the stratiform rain behind a line comes to lie ahead of it, " +
    "which is rarer (Parker and Johnson 2000), and a Tropical spiral turns the wrong way.",
  "augmentation-studio.advice.subject.zoom": "zoom",
  "augmentation-studio.advice.zoom":
    "A pixel is {pixel} km wide, so size tells: at these factors a cell {cell} km across is drawn " +
    "{small} to {large} km across, and a line differs from cells by its length of 100 km or more " +
    "(Smith et al. 2012).",
  "augmentation-studio.advice.subject.stretching": "stretching",
  "augmentation-studio.advice.stretching":
    "Shear and uneven zoom can make a round cell {ratio} times as long as wide; a line differs " +
    "from cells by being three times as long as wide (Smith et al. 2012).",
  "augmentation-studio.advice.subject.fill": "fill: {mode}",
  "augmentation-studio.advice.fill":
    "Of the pixels of these nine images, {share}\u00a0% lie beyond the edge and are {what}.",
  "augmentation-studio.advice.fill.little": "under 1",
  "augmentation-studio.advice.fill.reflect": "the box once more, as its mirror image",
  "augmentation-studio.advice.fill.nearest":
    "drawn out from the outermost pixels, as streaks that no storm has",
  "augmentation-studio.advice.fill.wrap": "taken from the opposite side of the box",
  "augmentation-studio.advice.fill.constant": "blank: echo is cut off",
  "augmentation-studio.advice.fill.echo": "invented echo of {cval} dBZ",
  "augmentation-studio.advice.subject.cval": "cval",
  "augmentation-studio.advice.cval": "cval is used with the fill mode constant only.",
  "augmentation-studio.advice.subject.small": "too small to see",
  "augmentation-studio.advice.small":
    "{name} is {value} degrees: under one degree it moves nothing that can be seen.",
  "augmentation-studio.advice.cutoff":
    "cutoff_range is {value} dBZ: beyond {most} dBZ it takes whole storms away.",
  "augmentation-studio.advice.dropout":
    "dropout_range is {value}: beyond {most} it takes whole storms away.",

  // ------------------------------------------------------------------ train
  "train.title": "Train",
  "train.lead":
    "Watch a network learn in this browser, and break it. Press Play, and see what it makes of " +
    "storms that it has never been shown.",
  "train.task.reach": "Reach a validation accuracy of 85 %.",
  "train.task.overfit": "Make a network overfit, so that the page says so.",
  "train.task.remedy":
    "Stop it by dropout or augmentation: 8 epochs or more, validation above 60 %, and no " +
    "overfitting.",
  "train.task.rate": "See what becomes of a learning rate of 0.1.",
  "train.no-storms":
    "These pages hold no labelled storms to learn from and to validate on; open them with " +
    "stormlens learn.",
  "train.loading": "Fetching storms: {done} of {all}",
  "train.preparing": "Drawing first weights…",
  "train.bar": "Training",
  "train.play": "▶ Play",
  "train.play.more": "▶ 10 more",
  "train.pause": "❚❚ Pause",
  "train.step": "Step",
  "train.one-epoch": "Epoch",
  "train.reset": "Reset",
  "train.far": "Epoch {epoch} of {epochs}",
  "train.far.running": "Epoch {epoch} of {epochs}, batch {step} of {steps}",
  "train.speed": "{rate} boxes/s",
  "train.settings": "Settings",
  "train.summary": "{network}, {storms} storms, rate {rate}{more}",
  "train.summary.compare": ", beside B",
  "train.settings.help":
    "A new rate or augmentation takes effect at once, and the charts mark it. Anything else " +
    "begins again at epoch 0. A link repeats all settings; weights are never in it.",
  "train.network": "Network",
  "train.network.B": "{network}, for B",
  "train.slot.B": "B",
  "train.parameters": "{parameters} weights to learn",
  "train.block.Conv2D": "{filters} kernels {size} × {size}",
  "train.block.MaxPooling2D": "pool {size}",
  "train.block.AveragePooling2D": "mean pool {size}",
  "train.block.SpatialDropout2D": "drop {rate}",
  "train.block.Dropout": "drop {rate}",
  "train.block.Dense": "{units} neurons",
  "train.block.Residual": "residual",
  "train.block.GlobalMeanMax": "mean and max",
  "train.label.compare": "Compare two settings, A and B",
  "train.label.storms": "Storms to learn from",
  "train.label.dropout": "Dropout",
  "train.label.activation": "Activation of convolutions",
  "train.label.augmentation": "Augmentation",
  "train.label.rate": "Learning rate",
  "train.label.batch": "Batch size",
  "train.label.epochs": "Pause after epochs",
  "train.label.seed": "Seed of weights and order",
  "train.label.B": "{label}, for B",
  "train.own": "{value} (own)",
  "train.storms.count": "the first {count}",
  "train.storms.all": "all {count}",
  "train.augmentation.none": "none",
  "train.augmentation.flips": "flips",
  "train.augmentation.chapter": "the chapter's ranges",
  "train.augmentation.archive": "turns up to 55°",
  "train.augmentation.shipped": "zooms in, flips",
  "train.varied": "The storm beside, as augmentation shows it: four times",
  "train.accuracy": "Accuracy",
  "train.loss": "Loss",
  "train.loss.help":
    "Training figures are means over the epoch as it runs, with dropout and augmentation at " +
    "work; validation is asked at its end, with the whole network.",
  "train.rules": "How the page decides what to say",
  "train.rules.overfitting":
    "Overfitting: for two epochs in a row, training accuracy is over 5 points above validation " +
    "accuracy, or validation loss is 10 % and 0.05 above its lowest; as " +
    "stormlens.verification.gap has it.",
  "train.rules.diverged":
    "Ran away: the loss is over one and a half times that of knowing nothing, or no number any " +
    "more.",
  "train.rules.one-mode":
    "One mode: from the second epoch on, all validation storms get one answer.",
  "train.rules.slow":
    "Hardly moves: the training loss has fallen by less than 5 % in three epochs, and is over " +
    "six tenths of that of knowing nothing.",
  "train.blind": "knows nothing: {loss}",
  "train.epoch": "epoch",
  "train.line.training": "training",
  "train.line.validation": "validation",
  "train.short.training": "train",
  "train.short.validation": "val.",
  "train.chart.words": "{slot} after epoch {epoch}: training {training}, validation {validation}.",
  "train.chart.words.start": "{slot} before the first epoch: validation {validation}.",
  "train.mark.overfits": "overfits",
  "train.mark.rate": "rate",
  "train.mark.augmentation": "augmentation",
  "train.figures": "Epoch {epoch}: training {training}, validation {validation}.",
  "train.figures.start": "Before the first epoch: validation {validation}.",
  "train.reading.nothing":
    "It has learnt nothing yet: its weights are random, and so are its answers. Press Play.",
  "train.reading.learning":
    "Still learning: training {training}, validation {validation}. Let it go on.",
  "train.reading.settled":
    "Settled: training {training}, validation {validation}, {gap} points apart. It reads new " +
    "storms about as well as those that it learns from.",
  "train.reading.overfitting":
    "Overfitting since epoch {since}: training {training}, validation {validation}. It knows " +
    "the storms that it learns from {gap} points better than new ones: some of what it learns " +
    "is true of those alone.",
  "train.reading.risen":
    "The validation loss has risen from its lowest: it grows surer of answers that are wrong.",
  "train.reading.one-mode":
    "It answers {mode} to every storm: its accuracy is that mode's share, and no more. Early " +
    "on this passes; if it stays, nothing is learnt.",
  "train.reading.slow":
    "It hardly moves: the loss has fallen by less than 5 % in three epochs. Is the learning " +
    "rate too small?",
  "train.reading.diverged":
    "It ran away: the loss is far above that of knowing nothing. The steps are too large. It " +
    "may come back, but a smaller learning rate would not go there.",
  "train.compared.finding":
    "After {epochs} epochs {better} is {points} points better on validation. With {boxes} " +
    "boxes, chance alone seldom makes more than {doubt}.",
  "train.compared.chance":
    "After {epochs} epochs they are {points} points apart on validation. With {boxes} boxes, " +
    "up to {doubt} points may be chance: no finding.",
  "train.look": "Look inside",
  "train.storm": "One new storm",
  "train.storm.before": "The storm before",
  "train.storm.next": "The next storm",
  "train.storm.words": "Validation storm {number}, mode {truth}, seen from above, north up.",
  "train.answer": "Its answer now",
  "train.answer.right": "Storm {number} is {truth}, and the network says so ({sure} sure).",
  "train.answer.wrong": "Storm {number} is {truth}; the network says {answer} ({sure} sure).",
  "train.kernels": "Kernels of the first convolution",
  "train.kernels.help":
    "Red weights count for, blue against. They start at random; press one to read its numbers.",
  "train.kernels.show": "Shown",
  "train.kernels.now": "as they are",
  "train.kernels.change": "what was learnt",
  "train.kernel.name": "Kernel {number}",
  "train.maps": "What they find in the storm",
  "train.maps.help": "A map for each kernel of the layer: bright, or red, is where it answers.",
  "train.maps.few": "The first {shown} of {all} are shown.",
  "train.map.name": "Map {number}",
  "train.map.large": "Map {number}, enlarged",
  "train.layer": "Layer whose maps are shown",
  "train.layer.Conv2D": "Convolution {number}: {maps} maps, {rows} × {columns}",
  "train.layer.MaxPooling2D": "Pool {number}: {maps} maps, {rows} × {columns}",
  "train.layer.AveragePooling2D": "Mean pool {number}: {maps} maps, {rows} × {columns}",
  "train.layer.Residual": "Residual block {number}: {maps} maps, {rows} × {columns}",
  "train.matrix": "Right and wrong, mode by mode",
  "train.matrix.help":
    "The validation storms, a row for each true mode. Green is right. Press a number to see " +
    "its storms.",
  "train.matrix.caption": "Confusion matrix: rows are true modes, columns what the network says",
  "train.matrix.corner": "true \\ said",
  "train.cell": "{truth} called {answer}: {count} of {all}",
  "train.listed.mistakes":
    "The surest mistakes ({count} in all). Press one to look inside, or a number in the matrix " +
    "for its storms.",
  "train.listed.cell":
    "{truth} that the network calls {answer}: {count}. Press one to look inside.",
  "train.listed.none": "No {truth} is called {answer}.",
  "train.listed": "Validation storms",
  "train.listed.storm": "Storm {number}: {truth} called {answer}",
  "train.recipe": "The same with Stormlens",
  "train.recipe.of": "The same with Stormlens: {slot}",
  "train.recipe.help":
    "Save the recipe and run stormlens train recipe.toml in a shell, or take the Python.",
  "train.toml": "recipe.toml",
  "train.python": "Python",
  "train.recipe.model": "the Python beside makes it",
  "train.recipe.count": "the first of every split",
  "train.recipe.save": "for the recipe",
  "train.recipe.note":
    "Curves will look alike and not be the same: first weights and order are drawn by other " +
    "means, and this page rounds storms to 2 dBZ.",
  "train.recipe.shipped":
    "The classifier in the box has this network, and learnt longer, from more storms and by " +
    "more devices: see stormlens recipes.",
  "train.recipe.changed":
    "This training was changed on its way; the recipe has its last settings from the first " +
    "epoch on.",
  "train.questions": "The chapter asks",
  "train.question.set": "Set it up",
  "train.question.answer": "Answer",
  "train.question.reading":
    "Over 90 % after ten epochs: fantastic, right? What is your interpretation of the curves?",
  "train.question.reading.set": "The chapter's first network, 20 epochs.",
  "train.question.reading.answer":
    "The 90 % are storms whose answers it was shown, epoch after epoch. What counts is the " +
    "dashed line. In a network that generalises well both would lie on top of each other; here " +
    "they part, and the validation loss turns up: it overfits.",
  "train.question.data": "How much do more storms help?",
  "train.question.data.set": "60 storms beside 600.",
  "train.question.data.answer":
    "Look at the gap. With 60 storms it opens within a few epochs and stays: they are soon " +
    "known by heart. The more storms there are, the less of them is worth learning by heart.",
  "train.question.dropout":
    "Dropout removes data at random in every training step. What does that do to both curves?",
  "train.question.dropout.set": "The first network beside the second, with ReLU and dropout 0.3.",
  "train.question.dropout.answer":
    "Training gets harder and its curve lower, since it is measured with three channels in ten " +
    "switched off. The gap narrows. Whether validation gains is another matter: see whether " +
    "110 boxes can tell.",
  "train.question.activation": "What does a ReLU behind the convolution change?",
  "train.question.activation.set": "The same network, linear and with ReLU.",
  "train.question.activation.answer":
    "Maps fall silent where a kernel finds nothing: look at them. In this network little " +
    "depends on it, since the maximum of the pool is a bend of its own. Try sigmoid, too.",
  "train.question.augmentation":
    "Train it, then go on with varied storms at a tenth of the learning rate. How did it do?",
  "train.question.augmentation.set": "Goes on with the training that is there.",
  "train.question.augmentation.answer":
    "Training accuracy falls, for the exam has become harder: no storm is shown twice in the " +
    "same way. Validation stays about where it was, and the gap is gone. It promises less, and " +
    "keeps it.",
  "train.question.rate":
    "If it learns too quickly it may jump to conclusions, too slowly and it may never get " +
    "there. Where is the balance?",
  "train.question.rate.set": "A rate of 0.00001 beside 0.01.",
  "train.question.rate.answer":
    "Far too low is a smooth curve that has not got far. Far too high shoots up at first, and " +
    "may end in one mode for every storm. In between it falls quickly; there is no formula, " +
    "one tries.",
  "train.question.batch": "How many storms should have a say in each step?",
  "train.question.batch.set": "Batches of 8 beside 128.",
  "train.question.batch.answer":
    "Small batches take many noisy steps and get further in an epoch. Large ones take few calm " +
    "steps, and want a higher learning rate. The two belong together.",
  "train.question.complex":
    "If the model is not complex enough, one may add to it. Does a deeper network do better?",
  "train.question.complex.set":
    "The chapter's first network beside the archive's three convolutions.",
  "train.question.complex.answer":
    "The deeper one has fewer weights, not more: its pools leave little for the dense layer. " +
    "It learns more slowly at first, and memorises less.",

  // ------------------------------------------------------------------ inside
  "inside.title": "Inside",
  "inside.lead":
    "Follow a storm through a trained network, number by number, to its answer. Click any map, " +
    "then any pixel of it.",
  "inside.task.pool": "Go to the strongest number of a layer and follow it into its pool.",
  "inside.task.paint": "Paint or erase echo until the answer changes.",
  "inside.task.wrong": "Find a storm that the network gets wrong.",
  "inside.busy": "Getting the network and storms…",
  "inside.label.storms": "Storms",
  "inside.label.only": "Mode",
  "inside.label.order": "Order",
  "inside.label.network": "Network",
  "inside.label.view": "What to look at",
  "inside.label.method": "Method",
  "inside.label.brush": "Brush",
  "inside.label.size": "Width of the brush",
  "inside.label.erase": "Erase instead of painting",
  "inside.shelf.few": "{count} of all modes",
  "inside.shelf.train": "{count} that training used",
  "inside.shelf.validation": "{count} kept for validation",
  "inside.shelf.test": "{count} kept for the test",
  "inside.only.all": "All",
  "inside.order.file": "As they come",
  "inside.order.wrong": "Most wrong first",
  "inside.order.unsure": "Most unsure first",
  "inside.open": "Open your own…",
  "inside.network.shipped": "The classifier that comes with Stormlens",
  "inside.trained.on": "Trained on {source}.",
  "inside.trained.real": "Trained on storms that were not simulated.",
  "inside.trained.unknown": "Nothing is known of the storms that it was trained on.",
  "inside.own": "Yours",
  "inside.own.network": "from your files",
  "inside.folder":
    "Folder {folder} holds no network (classifier.json) and no boxes (PNG, NPY) at its top.",
  "inside.not-yet": "The network is still being fetched; open your boxes once it is there.",
  "inside.unreadable": "{file} cannot be read; choose it again.",
  "inside.storms.list": "Storms to choose from",
  "inside.storms.one": "storm {number}",
  "inside.storms.truth": "labelled {mode}",
  "inside.storms.answer": "answered {mode}, {percent}",
  "inside.asking": "Asking the network: {done} of {all} storms",
  "inside.wrong.count": "The network gets {wrong} of these {all} storms wrong.",
  "inside.sizes":
    "These storms are {found} pixels, and this network takes {due}: choose other storms or drop " +
    "boxes of that size.",
  "inside.now": "Storm {number}: {mode}, {percent}.",
  "inside.truth.right": "That is its label.",
  "inside.truth.wrong": "Wrong: its label is {mode}.",
  "inside.truth.unknown": "Nobody labelled it.",
  "inside.painted": "(with your paint)",
  "inside.temperature": "Probabilities at the classifier's own temperature, {temperature}.",
  "inside.orientations":
    "Stormlens asks {count} turned and flipped copies of a box and takes the mean; here is one.",
  "inside.steps": "These storms are kept in steps of 2 dBZ.",
  "inside.not-linked": "Your own files and paint stay in this browser: a link cannot hold them.",
  "inside.grey":
    "{file} is grey, and only you know what its grey stands for (the top row is taken for north):",
  "inside.grey.scale": "dBZ for each step of grey",
  "inside.grey.offset": "dBZ of grey 0",
  "inside.grey.value": "grey",
  "inside.grey.read": "Read it",
  "inside.view.pixel": "Follow a number",
  "inside.view.why": "Why this answer",
  "inside.view.paint": "What if",

  "inside.storm": "Storm",
  "inside.answer": "Answer",
  "inside.answer.words": "{mode}, {percent}",
  "inside.residual": "Res {number} {name}",
  "inside.step.convolution": "Conv",
  "inside.step.dense": "Dense",
  "inside.step.highest": "Max pool",
  "inside.step.mean": "Mean pool",
  "inside.step.activation": "{activation}",
  "inside.step.scale": "Scale",
  "inside.step.normalise": "Normalise",
  "inside.step.neighbours": "Local response",
  "inside.step.global mean": "Global mean",
  "inside.step.global highest": "Global max",
  "inside.step.global both": "Mean, max",
  "inside.step.add": "sum",
  "inside.about.storm": "radar echo, north up",
  "inside.about.convolution": "convolution with a kernel of {window}",
  "inside.about.dense": "each unit adds up all values before it, times its weights",
  "inside.about.highest": "the highest value of each {window} window",
  "inside.about.mean": "the mean of each {window} window",
  "inside.about.activation": "{activation} of each value",
  "inside.about.scale": "each map times a factor, plus an offset",
  "inside.about.normalise": "the values of each pixel, less their mean, over their deviation",
  "inside.about.neighbours": "each map over a power of its neighbours' squares",
  "inside.about.global mean": "the mean of each map",
  "inside.about.global highest": "the highest value of each map",
  "inside.about.global both": "first the mean, then the highest value of each map",
  "inside.about.add": "what the block made, plus what it was given, then {activation}",
  "inside.about.activated": "{words}, then {activation}",
  "inside.activation.linear": "linear",
  "inside.activation.relu": "ReLU",
  "inside.activation.tanh": "tanh",
  "inside.activation.sigmoid": "sigmoid",
  "inside.activation.elu": "ELU",
  "inside.activation.selu": "SELU",
  "inside.activation.softplus": "softplus",
  "inside.activation.softsign": "softsign",
  "inside.activation.silu": "SiLU",
  "inside.activation.exponential": "exp",
  "inside.activation.hard_sigmoid": "hard sigmoid",
  "inside.activation.gelu": "GELU",
  "inside.activation.softmax": "softmax",
  "inside.of": "{shown} of {all}",
  "inside.scale": "{low} to {high}",
  "inside.scale.dbz": "0 to 80 dBZ",
  "inside.tile": "map {map} of {name}",
  "inside.strip": "values of {name}",
  "inside.map": "{name}, map {map}",
  "inside.map.title": "The chosen map",
  "inside.before": "The map before",
  "inside.after": "The next map",
  "inside.strongest": "Strongest here",
  "inside.strongest.layer": "Strongest of the layer",
  "inside.all": "All {count} maps",
  "inside.all.hide": "Fewer maps",
  "inside.where.value": "value {unit}: {value}",
  "inside.sum": "How {value} came about",
  "inside.sum.storm": "What the network is given",
  "inside.sum.words": "{name} gives {value}",
  "inside.scaled": "({dbz} dBZ − {low}) ÷ {span} = {value}",
  "inside.window": "window",
  "inside.kernel": "kernel",
  "inside.products": "products",
  "inside.adds": "add up to",
  "inside.grid": "{label}, from the south-west: {numbers}",
  "inside.bias": "bias",
  "inside.rest": "of {count} more maps",
  "inside.rest.values": "{count} more values",
  "inside.total": "Together:",
  "inside.given": "It is given {value}.",
  "inside.agrees": "The network has {value} there too.",
  "inside.differs": "But the network has {value} there.",
  "inside.softmax": "e to the power of {score} is {power}; all classes together have {all}. Its share:",
  "inside.origin.cell": "{name}, map {channel}, row {row}, column {column}",
  "inside.origin.unit": "{name}, value {unit}",
  "inside.origin.mean": "mean of map {map}",
  "inside.origin.most": "highest of map {map}",
  "inside.pool.highest": "The highest of {count}:",
  "inside.pool.mean": "The mean of {count}:",
  "inside.pool.from": "It comes from row {row}, column {column} of {name}",
  "inside.pool.title": "Does the pool keep it?",
  "inside.pool.none": "No window of {name} reaches this edge: it is left out.",
  "inside.pool.wins": "It wins: {value} is the highest of {count} in this window of {name}.",
  "inside.pool.loses": "It loses: {value} is below {other} in this window of {name}.",
  "inside.pool.shares": "It adds a share of 1/{count}: the mean in {name} is {other}.",
  "inside.pool.follow": "Follow to {name}",
  "inside.add.why": "A residual block adds what it was given to what it made of it.",
  "inside.normalise": "{own}, less the mean of {count} maps here, over their deviation, scaled:",
  "inside.neighbours":
    "{own} over ({k} + {alpha} × squares of {count} maps around it) to the power of {beta}:",
  "inside.global.mean": "The mean of its {count} numbers:",
  "inside.global.most": "The highest of its {count} numbers:",
  "inside.follow.title": "Follow it to the answer",
  "inside.follow.lead": "The same storm once more, with this one number set to 0:",
  "inside.follow.none": "nothing from here on",
  "inside.follow.step": "step",
  "inside.follow.count": "changed",
  "inside.follow.map": "most: map",
  "inside.follow.change": "from → to",
  "inside.follow.score": "score {before} → {after}",

  "inside.why.mode": "Score of",
  "inside.why.answer": "the answer",
  "inside.why.busy": "Computing…",
  "inside.why.progress": "Computing: {done} of {all} squares",
  "inside.why.no-convolution":
    "This network has no convolution, and Grad-CAM weighs the maps of one: choose another method.",
  "inside.why.gradient": "Gradient",
  "inside.why.grad-cam": "Grad-CAM",
  "inside.why.occlusion": "Occlusion",
  "inside.why.gradient.unit": "per dBZ",
  "inside.why.grad-cam.unit": "",
  "inside.why.occlusion.unit": "of the score",
  "inside.why.gradient.read":
    "Where it is red or orange, a little more echo would raise the score of {mode}; where it is blue, lower it.",
  "inside.why.gradient.not":
    "It tells of tiny changes only, pixel by pixel: not of what happens when a whole cell goes.",
  "inside.why.grad-cam.read":
    "The stronger the colour, the more the last convolution's maps that speak for {mode} respond there.",
  "inside.why.grad-cam.not":
    "It is as coarse as those maps, says nothing of what speaks against, and is no measure of size.",
  "inside.why.occlusion.read":
    "Red or orange: wiping the echo out in a square of 16 pixels there lowers the score of {mode}. Blue: raises it.",
  "inside.why.occlusion.not":
    "A hole in a storm is a storm that no radar saw: the network was never taught what to say of it.",
  "inside.why.words":
    "{method} for {mode}: strongest at row {row} from the south, column {column} from the west, {value}",
  "inside.pixels": "pixels",
  "inside.undo": "Undo",
  "inside.reset": "The storm as it was",
  "inside.paint.lead": "Draw on the storm: maps and probabilities follow as you go.",
  "inside.paint.answer": "What the network says now",
  "inside.paint.link":
    "A mark on a bar is the storm as it was. Paint is not kept in a link.",
  "inside.paint.words": "The storm to paint on. The answer: {answer}",

  // ------------------------------------------------------------------ end
};

/** @type {Record<string, string>} */
let table = {};

/**
 * Take words from another table.
 * @param {Record<string, string>} words
 */
export function useStrings(words) {
  table = words;
}

/** The word for a storm mode; classes of own data are called as they are. @param {string} name */
export function modeWords(name) {
  return knownWords("mode", name);
}

/** The word for a split of the storms. @param {string} name */
export function splitWords(name) {
  return knownWords("split", name);
}

/** @param {string} group @param {string} name As data has it. */
function knownWords(group, name) {
  const key = `${group}.${name}`;
  return Object.hasOwn(ENGLISH, key) ? t(key) : name;
}

/** A whole number, its thousands apart. @param {number} value */
export function wholeWords(value) {
  return Math.round(value).toLocaleString(t("language"));
}

/**
 * Words by name.
 * @param {string} name
 * @param {Record<string, unknown>} [values]
 * @returns {string}
 */
export function t(name, values = {}) {
  const words = table[name] ?? ENGLISH[name];
  if (words === undefined) throw new Error(`There are no words called ${name} in strings.js.`);
  return words.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
}
