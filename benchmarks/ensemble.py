"""
What an ensemble costs beside one network, and what bounds it: seconds, processor seconds, memory.

    python benchmarks/ensemble.py [--recipe NAME] [--members 10] [--boxes 320] [--epochs 3]

Whole trainings (SIMULATED boxes, a run folder with checkpoints, nothing scored) are processes of
their own, one network and the ensemble in turns, so that a machine that drifts or is shared treats
both alike; the ratio is of the medians. "a step" is from the second epoch on, with nothing compiled
any more. Then the parts of a step are timed in one process: what all members share (gathering,
augmenting and mixing the batch), and what each does with it.

By Amdahl's law n members cost at least share + n (1 - share) times one. The roofline adds what
arithmetic and memory alone ask of the machine for a member's own part: each weight is read for the
forward pass and, with both moments of Adam, read and written on the way back; no two members have a
weight, a feature map or a winner of a pool in common.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

MEBI = 2**20

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
    import numpy as np

    from stormlens import datasets
    from stormlens.bench import measure_machine
    from stormlens.training import load_recipe
    from stormlens.training._fit import _new_classifier
    from stormlens.training._members import Members
    from stormlens.training._split import Split
    from stormlens.training._step import Arrays

    recipe = load_recipe(recipe_name).with_changes(members=2)
    split = Split.of(datasets.load("simulated", "train", count=boxes, seed=1))
    classifier = _new_classifier(recipe, split, None, None)
    bounds, factors = (classifier.minimum, classifier.maximum), np.ones(len(classifier.classes))
    held = Members(classifier.network.members, recipe, bounds, factors, Arrays.of(split), None)
    key, order = held.begin(1)
    given = held.train.images, held.train.codes, order, key, 0, held.train.taught
    shared, own = [], []
    for _ in range(repeats + 2):
        began = clocks()
        batch = jax.block_until_ready(held._draw(*given))
        middle = clocks()
        held.states[0] = held._step(held.states[0], batch, jax.numpy.int32(0))
        jax.block_until_ready(held.states[0].totals)
        shared.append(tuple(b - a for a, b in zip(began, middle, strict=True)))
        own.append(tuple(b - a for a, b in zip(middle, clocks(), strict=True)))
    machine = measure_machine()
    print(f"\n{recipe_name}, a step of {recipe.batch_size}, medians of {repeats}\n")
    print("| clock | shared, ms | a member's own, ms | share | least ratio by Amdahl's law |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for place, clock in enumerate(("wall", "processor")):
        all_, each = (1e3 * statistics.median(t[place] for t in part[2:]) for part in (shared, own))
        share = all_ / (all_ + each)
        least = share + members * (1 - share)
        print(f"| {clock} | {all_:.2f} | {each:.2f} | {share:.1%} | {least:.2f} |")
    bound = roofline(recipe_name, recipe.batch_size, machine)
    if bound is None:
        print("\nThe roofline knows no such network.")
        return
    arithmetic, memory, least = bound
    one = statistics.median(t[0] for t in own[2:]) + statistics.median(t[0] for t in shared[2:])
    print(
        f"\nRoofline ({machine.gflops:.0f} GFLOP/s, {machine.gbytes:.1f} GB/s): a member's own "
        f"part takes {1e3 * least:.2f} ms at least (arithmetic {1e3 * arithmetic:.2f}, memory "
        f"{1e3 * memory:.2f}), so that {members} members at the roofline, all else free, would "
        f"cost {members * least / one:.2f} times one network as it is."
    )


def clocks() -> tuple[float, float]:
    """Seconds of the clock and of this process's processors."""
    return time.perf_counter(), time.process_time()


def roofline(recipe: str, batch: int, machine: object) -> tuple[float, float, float] | None:
    """Seconds that arithmetic, memory, and the longer of both layer by layer ask of a step."""
    from stormlens.bench import describe, work
    from stormlens.errors import InputError
    from stormlens.models import build
    from stormlens.training import load_recipe

    try:
        steps = work(describe(build(load_recipe(recipe).model)), batch)
    except InputError:
        return None
    arithmetic = sum(step.flops for step in steps) / machine.gflops / 1e9  # type: ignore[attr-defined]
    memory = sum(step.bytes for step in steps) / machine.gbytes / 1e9  # type: ignore[attr-defined]
    return arithmetic, memory, sum(step.seconds(machine) for step in steps)  # type: ignore[arg-type]


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
