"""
`run`: every contender in turn on the same boxes, and the machine's own limits.

One task and network at a time: the contenders' processes are started, do a first
pass each, which may compile, and then take turns, one pass each a round.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from stormlens.bench._contenders import OURS, PEERS, STORMLENS, TASKS, Contender, versions
from stormlens.bench._host import describe_host
from stormlens.bench._job import BATCH, Job
from stormlens.bench._network import Layer
from stormlens.bench._prepare import write_images, write_networks
from stormlens.bench._race import Group, Note, Race, run_race
from stormlens.bench._results import Bound, Measurement, Results
from stormlens.bench._roofline import Machine, epoch_seconds, epoch_work
from stormlens.errors import InputError, install_line, unknown

Networks = dict[str, list[Layer]]

MODELS = ("chapter-linear", "chapter-relu", "svrimg-3conv")


@dataclass(frozen=True)
class Settings:
    """
    What to measure.

    Attributes
    ----------
    tasks : tuple of str
        Of `TASKS`.
    models : tuple of str
        Networks of the zoo, for training and prediction.
    peers : tuple of str
        Names of `PEERS`.
    epochs : int
        Passes to count, 1 or more; an uncounted one comes first.
    images : int
        Simulated boxes, 32 or more: one batch.

    Raises
    ------
    InputError
        If a name is unknown or a number too low.
    """

    tasks: tuple[str, ...] = TASKS
    models: tuple[str, ...] = MODELS
    peers: tuple[str, ...] = tuple(peer.name for peer in PEERS)
    epochs: int = 3
    images: int = 1331

    def __post_init__(self) -> None:
        known = {"task": (self.tasks, TASKS), "peer": (self.peers, [p.name for p in PEERS])}
        for kind, (names, options) in known.items():
            for name in names:
                if name not in options:
                    raise unknown(kind, name, options)
        if self.epochs < 1:
            raise InputError(f"--epochs is {self.epochs}; count 1 or more after the first.")
        if self.images < BATCH:
            raise InputError(f"--images is {self.images}; give {BATCH} or more, one batch.")


def run(settings: Settings, *, command: str = "", note: Note = lambda sentence: None) -> Results:
    """
    Measure Stormlens and every installed peer.

    Parameters
    ----------
    settings : Settings
        What to measure.
    command : str, optional
        Recorded in the results.
    note : callable, optional
        Called with a sentence of progress.

    Returns
    -------
    results : Results

    Raises
    ------
    InputError
        If a network is unknown or has layers that the peers cannot build.
    """
    contenders, left_out = _who(settings)
    for sentence in left_out:
        note(sentence)
    race = Race(notes=left_out)
    with tempfile.TemporaryDirectory(prefix="stormlens-bench-") as name:
        folder = Path(name)
        networks = _write_arrays(settings, contenders, folder)
        for group in _groups(settings, contenders, folder, networks):
            race += run_race(group, settings.images, settings.epochs, note)
    return Results(
        race.machine,
        describe_host(),
        versions(contenders),
        race.measurements,
        _bounds(settings, networks, race.machine, race.measurements),
        race.notes,
        settings.epochs,
        settings.images,
        command,
    )


def _who(settings: Settings) -> tuple[list[Contender], list[str]]:
    """Contenders that can run, and a sentence for each that cannot."""
    contenders, left_out = list(OURS), []
    for peer in PEERS:
        if peer.name not in settings.peers or not set(peer.tasks) & set(settings.tasks):
            continue
        if missing := peer.missing():
            left_out.append(
                f"{peer.name} is left out: it needs {' and '.join(missing)}; in the clone of "
                f"Stormlens, run `{install_line('bench')}`"
            )
        else:
            contenders.append(peer)
    return contenders, left_out


def _write_arrays(settings: Settings, contenders: list[Contender], folder: Path) -> Networks:
    from stormlens.bench._stormlens import boxes

    names = () if settings.tasks == ("augment",) else settings.models
    networks = write_networks(folder, names, graphs=any("onnx" in c.modules for c in contenders))
    write_images(folder, *boxes(settings.images))
    return networks


def _groups(
    settings: Settings, contenders: list[Contender], folder: Path, networks: Networks
) -> list[Group]:
    """Contenders by task and network; the arrays lie in the folder."""
    from stormlens.bench._stormlens import chapter_augmentation

    ranges = chapter_augmentation()

    def race(task: str, model: str) -> Group:
        layers = tuple(networks.get(model, ()))
        return [
            (c, Job(c.name, task, c.home, str(folder), model, layers, ranges))
            for c in contenders
            if task in c.tasks
        ]

    return [
        race(task, model)
        for task in settings.tasks
        for model in (settings.models if task != "augment" else ("",))
    ]


def _bounds(
    settings: Settings, networks: Networks, machine: Machine, measurements: list[Measurement]
) -> list[Bound]:
    """The roofline of each network that was trained."""
    bounds = []
    for name, layers in networks.items() if "train" in settings.tasks else ():
        parts = epoch_work(layers, settings.images, BATCH)
        seconds = epoch_seconds(layers, settings.images, BATCH, machine)
        ours = next((m.median for m in measurements if m.key == ("train", name, STORMLENS)), None)
        gflop, gbyte = sum(p.flops for p in parts) / 1e9, sum(p.bytes for p in parts) / 1e9
        bounds.append(Bound(name, gflop, gbyte, seconds, None if ours is None else ours / seconds))
    return bounds
