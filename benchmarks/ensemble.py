"""
What an ensemble costs beside one network, and what bounds it: seconds, processor seconds, memory.

    python benchmarks/ensemble.py [--recipe NAME] [--members 10] [--boxes 320] [--epochs 3]

Whole trainings (SIMULATED boxes, a run folder with checkpoints, nothing scored) are processes of
their own, one network and the ensemble in turns, so that a machine that drifts or is shared treats
both alike; the ratio is of the medians. "a step" is from the second epoch on, with nothing compiled
any more. Then the parts of a step are timed in one process: what all members share (gathering,
augmenting and mixing the batch), and what each does with it.

By Amdahl's law n members cost at least share + n (1 - share) times one. The roofline is what
arithmetic and memory alone ask of the machine for a member's own part: each weight is read for the
forward pass and, with both moments of Adam, read and written on the way back; no two members have a
weight, a feature map or a winner of a pool in common. "Ratio at the roofline" is of members that
reach it to one network as it is: no sharing can cost less.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormlens.bench import Machine

MEBI = 2**20
_ROWS = 1024  # of the products that show the machine's rate
_COPY = 2**26  # values, well over a processor's cache

# A process of its own: a child's peak memory is at least what its parent had when it began.
_TRAIN = """
import json, sys, tempfile, time
from stormlens import datasets
from stormlens.training import fit, load_recipe
name, members, boxes, epochs = sys.argv[1], *map(int, sys.argv[2:5])
counts = {"train": boxes, "validation": max(boxes // 9, 1)}  # as in the archive
splits = {s: datasets.load("simulated", s, count=n, seed=1) for s, n in counts.items()}
recipe = load_recipe(name).with_changes(members=members, epochs=epochs)
began = time.perf_counter()
with tempfile.TemporaryDirectory() as run:
    history = fit(recipe, splits, run, progress=False).history
steps = -(-boxes // recipe.batch_size)
told = sorted(row["seconds"] / steps for row in history[1:])
print(json.dumps([time.perf_counter() - began, told[len(told) // 2]]))
"""


def train(recipe: str, members: int, boxes: int, epochs: int) -> dict[str, float]:
    """One training in a process: seconds of all of it, of the processor and a step, and MiB."""
    command = [sys.executable, "-c", _TRAIN, recipe, *map(str, (members, boxes, epochs))]
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(command, stdout=told)
        _, status, used = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"{recipe} with {members} members failed.")
        told.seek(0)
        fit, step = json.loads(told.read())
    scale = MEBI if sys.platform == "darwin" else 2**10
    return {
        "training, s": fit,
        "process, processor s": used.ru_utime + used.ru_stime,
        "a step with validation's share, ms": 1e3 * step,
        "peak memory, MiB": used.ru_maxrss / scale,
    }


def compare(recipe: str, members: int, boxes: int, epochs: int, repeats: int) -> None:
    """Print one network beside an ensemble."""
    runs: dict[int, list[dict[str, float]]] = {1: [], members: []}
    for _ in range(repeats):
        for count, found in runs.items():
            found.append(train(recipe, count, boxes, epochs))
    print(f"\n{recipe}, {boxes} boxes, {epochs} epochs, medians of {repeats}\n")
    print(f"| what | one | {members} members | ratio |\n| --- | ---: | ---: | ---: |")
    for name in runs[1][0]:
        one, many = (statistics.median(run[name] for run in runs[n]) for n in (1, members))
        print(f"| {name} | {one:.3g} | {many:.4g} | {many / one:.2f} |")


def parts(recipe_name: str, members: int, boxes: int, repeats: int) -> None:
    """Print what a step's members share, what each does alone, and the bounds."""
    import jax

    from stormlens import datasets
    from stormlens.training import Split, Trainer, load_recipe

    recipe = load_recipe(recipe_name).with_changes(members=2)
    split = Split.of(datasets.load("simulated", "train", count=boxes, seed=1))
    both = Trainer.begin(recipe, {"train": split}).members
    key, order = both.begin(1)
    shared, own = [], []
    for _ in range(repeats + 2):
        began = clocks()
        batch = jax.block_until_ready(both.draw(key, order, 0))
        middle = clocks()
        both.update(0, batch)
        shared.append(tuple(b - a for a, b in zip(began, middle, strict=True)))
        own.append(tuple(b - a for a, b in zip(middle, clocks(), strict=True)))
    machines = rates(repeats)
    print(f"\n{recipe_name}, a step of {recipe.batch_size}, medians of {repeats}\n")
    print(
        "| clock | shared, ms | a member's own, ms | share | least ratio by Amdahl's law | own "
        "part at the roofline, ms: arithmetic, memory | ratio at the roofline |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for place, (clock, machine) in enumerate(zip(("wall", "processor"), machines, strict=True)):
        all_, each = (1e3 * statistics.median(t[place] for t in part[2:]) for part in (shared, own))
        share = all_ / (all_ + each)
        row = [clock, f"{all_:.2f}", f"{each:.2f}", f"{share:.1%}"]
        row.append(f"{share + members * (1 - share):.2f}")
        bound = roofline(recipe_name, recipe.batch_size, machine)
        if bound is None:
            row += ["unknown", "unknown"]
        else:
            arithmetic, memory, least = (1e3 * seconds for seconds in bound)
            row += [f"{arithmetic:.2f}, {memory:.2f}"]
            row += [f"{(all_ + members * least) / (all_ + each):.2f}"]
        print(f"| {' | '.join(row)} |")


def rates(repeats: int) -> list["Machine"]:
    """
    What the machine does at its best by each clock: on all cores, and of a processor second.

    The second is worth more on a machine that is shared: who waits for a core uses none.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    from stormlens.bench import Machine

    left = jnp.ones((_ROWS, _ROWS), jnp.float32)
    product = jax.jit(jnp.matmul)
    source, target = np.ones((2, _COPY), np.float32)
    best = [Machine(), Machine()]
    for _ in range(repeats + 1):
        began = clocks()
        product(left, left).block_until_ready()
        middle = clocks()
        np.copyto(target, source)
        for place, (a, b, c) in enumerate(zip(began, middle, clocks(), strict=True)):
            found = Machine(2e-9 * _ROWS**3 / (b - a), 2e-9 * source.nbytes / (c - b))
            best[place] = best[place].best(found)
    return best


def clocks() -> tuple[float, float]:
    """Seconds of the clock and of this process's processors."""
    return time.perf_counter(), time.process_time()


def roofline(recipe: str, batch: int, machine: "Machine") -> tuple[float, float, float] | None:
    """Seconds that arithmetic, memory, and the longer of both layer by layer ask of a step."""
    from stormlens.bench import describe, work
    from stormlens.errors import InputError
    from stormlens.models import build
    from stormlens.training import load_recipe

    try:
        steps = work(describe(build(load_recipe(recipe).model)), batch)
    except InputError:  # a network that the roofline does not know
        return None
    arithmetic = sum(step.flops for step in steps) / machine.gflops / 1e9
    memory = sum(step.bytes for step in steps) / machine.gbytes / 1e9
    return arithmetic, memory, sum(step.seconds(machine) for step in steps)


def main() -> None:
    """Measure, and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--recipe", action="append", help="may be repeated")
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--boxes", type=int, default=320)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores; load of the last 1, 5 and 15 minutes: {load}")
    recipes = options.recipe or ("chapter-relu", "svrimg-3conv")
    sizes = options.members, options.boxes
    for recipe in recipes:
        compare(recipe, *sizes, options.epochs, options.repeats)
    for recipe in recipes:  # last, for a child's peak memory is at least what its parent has
        parts(recipe, *sizes, 5 * options.repeats)


if __name__ == "__main__":
    main()
