"""What a measurement found, as plain data."""

import math
import statistics
from dataclasses import asdict, dataclass, field
from typing import Any

from stormlens.bench._roofline import Machine


@dataclass(frozen=True)
class Measurement:
    """
    One contender in one task.

    Attributes
    ----------
    task : str
        One of `TASKS`.
    model : str
        Network; empty in augmentation.
    contender : str
        Name.
    images : int
        In one pass.
    first : float
        Seconds of the first pass, compilation included.
    seconds : tuple of float
        Of each pass after it.
    peak_bytes : int or None
        Peak resident memory of its process; None where the system does not report it.
    ratio : float
        Median seconds over Stormlens's; NaN where Stormlens was not measured.
    difference : float or None
        Largest difference of its class probabilities from Stormlens's, in prediction.
    """

    task: str
    model: str
    contender: str
    images: int
    first: float
    seconds: tuple[float, ...]
    peak_bytes: int | None = None
    ratio: float = math.nan
    difference: float | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Task, model and contender: what was measured."""
        return self.task, self.model, self.contender

    @property
    def median(self) -> float:
        """Seconds of the median pass."""
        return statistics.median(self.seconds)

    @property
    def rate(self) -> float:
        """Images a second of the median pass."""
        return self.images / self.median

    def to_dict(self) -> dict[str, Any]:
        """
        The measurement as plain values for JSON.

        Returns
        -------
        values : dict
            The attributes, with `median`, `rate`, and None for a ratio that is not defined.
        """
        ratio = None if math.isnan(self.ratio) else self.ratio
        return {**asdict(self), "median": self.median, "rate": self.rate, "ratio": ratio}


@dataclass(frozen=True)
class Bound:
    """
    The roofline of a network's epoch.

    Attributes
    ----------
    model : str
        Network.
    gflop, gbyte : float
        Floating-point operations and bytes of an epoch, in thousands of millions.
    seconds : float
        Lower bound of an epoch on this machine.
    ratio : float or None
        Stormlens's median epoch over it; None where Stormlens was not measured.
    """

    model: str
    gflop: float
    gbyte: float
    seconds: float
    ratio: float | None


@dataclass(frozen=True)
class Results:
    """
    Everything that one run measured.

    Attributes
    ----------
    machine : Machine
        Best rates, measured in the same rounds.
    host : dict of str to str
        The processor, cores, memory, system, Python and date.
    versions : dict of str to str
        Of every library.
    measurements : list of Measurement
        In the order of tasks, networks and contenders.
    bounds : list of Bound
        One for each network that was trained.
    notes : list of str
        Why a contender was left out or ended early; a sentence each.
    epochs : int
        Passes that were counted, after the first.
    images : int
        SIMULATED storm boxes.
    command : str
        The command line, to repeat it; empty from Python.
    """

    machine: Machine
    host: dict[str, str]
    versions: dict[str, str]
    measurements: list[Measurement]
    bounds: list[Bound]
    notes: list[str] = field(default_factory=list)
    epochs: int = 0
    images: int = 0
    command: str = ""

    def groups(self) -> dict[tuple[str, str], list[Measurement]]:
        """
        Measurements that may be compared.

        Returns
        -------
        groups : dict
            By (task, model), in order.
        """
        groups: dict[tuple[str, str], list[Measurement]] = {}
        for entry in self.measurements:
            groups.setdefault((entry.task, entry.model), []).append(entry)
        return groups

    def to_dict(self) -> dict[str, Any]:
        """
        The results as one JSON document.

        Returns
        -------
        values : dict
            The attributes, with `simulated` true: all boxes come from the simulator.
        """
        measurements = [entry.to_dict() for entry in self.measurements]
        return {**asdict(self), "measurements": measurements, "simulated": True}
