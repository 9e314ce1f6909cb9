"""
Families of settings that simulated boxes are drawn from, and how they are drawn.

A box has a family of each kind: which storm is painted, which radar network sees it, which
product shows it. Some families are held out: the wide mixture that networks train on never
draws them, so that a network can be judged on settings that it has not met.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets._simulated import (
    _convection,
    _cyclones,
    _echoes,
    _lines,
    _products,
    _rain,
    _sensors,
)
from stormlens.datasets._simulated._cellular import cellular
from stormlens.datasets._simulated._missing import missing
from stormlens.datasets._simulated._noise import noise
from stormlens.datasets._simulated._other import other
from stormlens.datasets._simulated._qlcs import qlcs
from stormlens.datasets._simulated._tropical import tropical
from stormlens.errors import InputError, unknown

KINDS = STORM, NETWORK, PRODUCT = "storm", "network", "product"
"""What a family settles."""


@dataclass(frozen=True)
class Family:
    """
    One way for a part of a simulated box to be.

    Attributes
    ----------
    name : str
        Unique among all families.
    kind : {"storm", "network", "product"}
        What it settles.
    mode : str or None
        The mode of a storm family.
    held_out : bool
        Whether `simulated-wide` never draws it.
    weights : dict of str to float
        Share of the boxes, by mixture; compared within a kind and mode.
    make : callable or Product
        The painter of a storm, ``make(scene)``; what a network sees of it, ``make(scene, dbz)``;
        or the product. None where a mixture settles it.
    """

    name: str
    kind: str
    mode: str | None
    held_out: bool
    weights: dict[str, float]
    make: Any


def _storms(mode: str, *rows: tuple[str, Callable[..., Any] | None, float, float]) -> list[Family]:
    """A mode's families: name, painter, weight in the archive's mixture and in the wide one."""
    return [
        Family(name, STORM, mode, False, {"archive": archive, "wide": wide}, paint)
        for name, paint, archive, wide in rows
    ]


def _held_out(mode: str, name: str, paint: Callable[..., Any]) -> Family:
    return Family(name, STORM, mode, True, {"archive": 0.02, "wide": 0.1}, paint)


def _others(kind: str, *rows: tuple[str, Any, float, bool]) -> list[Family]:
    """Families of a kind: name, maker, weight in the wide mixture, whether held out."""
    archive = rows[0][0]  # the first is the archive's own
    return [
        Family(name, kind, None, held_out, {"archive": float(name == archive), "wide": wide}, make)
        for name, make, wide, held_out in rows
    ]


CUT_AWAY = "cut away"
"""A storm of another mode's family of which too little is left: Missing."""

FAMILIES: tuple[Family, ...] = (
    *_storms(
        "Cellular",
        ("archive cells", cellular, 0.7, 0.2),
        ("supercells", _convection.supercells, 0.12, 0.2),
        ("multicells", _convection.multicells, 0.06, 0.18),
        ("pulse storms", _convection.pulse_storms, 0.04, 0.16),
        ("broken line", _convection.broken_line, 0.04, 0.14),
        ("cells in anvil rain", _convection.cells_in_anvil_rain, 0.02, 0.12),
    ),
    _held_out("Cellular", "splitting pairs", _convection.splitting_pairs),
    *_storms(
        "QLCS",
        ("archive line", qlcs, 0.7, 0.18),
        ("trailing stratiform", _lines.trailing_stratiform, 0.1, 0.16),
        ("leading stratiform", _lines.leading_stratiform, 0.03, 0.08),
        ("parallel stratiform", _lines.parallel_stratiform, 0.03, 0.1),
        ("bow echo", _lines.bow_echo, 0.06, 0.14),
        ("mature complex", _lines.mature_complex, 0.02, 0.22),
        ("lobed complex", _lines.lobed_complex, 0.0, 0.28),
        ("training line", _lines.training_line, 0.02, 0.1),
        ("narrow line", _lines.narrow_line, 0.02, 0.1),
        ("gapped line", _lines.gapped_line, 0.02, 0.14),
    ),
    _held_out("QLCS", "wave pattern", _lines.wave_pattern),
    *_storms(
        "Tropical",
        ("archive rain bands", tropical, 0.9, 0.16),
        ("whole cyclone", _cyclones.whole_cyclone, 0.05, 0.28),
        ("open eye", _cyclones.open_eye, 0.02, 0.18),
        ("decaying cyclone", _cyclones.decaying_cyclone, 0.05, 0.18),
        ("outer bands", _cyclones.outer_bands, 0.04, 0.2),
        ("spiral streaks", _cyclones.spiral_streaks, 0.0, 0.16),
    ),
    _held_out("Tropical", "annular cyclone", _cyclones.annular_cyclone),
    *_storms(
        "Other",
        ("archive showers", other, 0.8, 0.06),
        ("frontal band", _rain.frontal_band, 0.04, 0.17),
        ("winter bands", _rain.winter_bands, 0.04, 0.1),
        ("cut-off low", _rain.cut_off_low, 0.04, 0.1),
        ("thin lines", _rain.thin_lines, 0.02, 0.16),
        ("outflow boundary", _rain.outflow_boundary, 0.01, 0.14),
        ("lake effect", _rain.lake_effect, 0.02, 0.09),
        ("embedded showers", _rain.embedded_showers, 0.03, 0.12),
        ("decaying complex", _rain.decaying_complex, 0.02, 0.28),
        ("ragged rain", _rain.ragged_rain, 0.01, 0.3),
        ("anvil debris", _rain.anvil_debris, 0.0, 0.24),
        ("scattered showers", _rain.scattered_showers, 0.02, 0.4),
        ("weak showers", _rain.weak_showers, 0.04, 0.17),
        ("steady rain", _rain.steady_rain, 0.01, 0.1),
    ),
    _held_out("Other", "sea breeze", _rain.sea_breeze),
    *_storms(
        "Noise",
        ("archive noise", noise, 0.9, 0.05),
        ("chaff", _echoes.chaff, 0.04, 0.14),
        ("ground clutter", _echoes.ground_clutter, 0.06, 0.2),
        ("migration", _echoes.migration, 0.0, 0.24),
        ("roosts", _echoes.roosts, 0.0, 0.12),
        ("interference", _echoes.interference, 0.04, 0.2),
        ("second trip", _echoes.second_trip, 0.04, 0.14),
    ),
    _held_out("Noise", "bloom", _echoes.bloom),
    *_storms(
        "Missing",
        ("archive gaps", missing, 1.0, 0.1),
        ("blank", _echoes.nothing, 0.0, 0.28),
        (CUT_AWAY, None, 0.0, 0.6),
    ),
    *_others(
        NETWORK,
        ("archive network", _sensors.archive_network, 0.36, False),
        ("clean mosaic", _sensors.clean_mosaic, 0.22, False),
        ("patched mosaic", _sensors.patched_mosaic, 0.14, False),
        ("one radar", _sensors.one_radar, 0.28, False),
        ("few radars", _sensors.few_radars, 0.12, True),
    ),
    *_others(
        PRODUCT,
        ("archive product", _products.ARCHIVE, 0.3, False),
        ("fine steps", _products.FINE_STEPS, 0.12, False),
        ("coarse steps", _products.COARSE_STEPS, 0.17, False),
        ("thresholds", _products.THRESHOLDS, 0.15, False),
        ("rain rates", _products.RAIN_RATES, 0.15, False),
        ("lowest scan", _products.LOWEST_SCAN, 0.14, False),
        ("smooth", _products.SMOOTH, 0.1, True),
    ),
)
"""All families, in the order of the modes."""

HELD_OUT: tuple[str, ...] = tuple(family.name for family in FAMILIES if family.held_out)
"""Names of the families that `simulated-wide` never draws."""

_NOT_SHOWN = {("Noise", "rain rates"), ("Missing", "rain rates")}
"""Modes that a product does not show: rain rates are made of echo that was checked to be rain,
and say themselves where there is none to be had."""

_BY_NAME = {family.name: family for family in FAMILIES}


@dataclass(frozen=True)
class Mixture:
    """
    From which families boxes are drawn, and how often.

    Attributes
    ----------
    name : {"archive", "wide"}
        Which weights.
    without : tuple of str
        Families that are never drawn, but where `one_of` names them.
    one_of : tuple of str
        Families of which each box has one, the others of its families being as usual; none
        where empty.

    Raises
    ------
    InputError
        If a family does not exist, or nothing is left to draw from.
    """

    name: str
    without: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (*self.without, *self.one_of):
            if name not in _BY_NAME:
                raise unknown("family of simulated boxes", name, _BY_NAME)
        for kind in (NETWORK, PRODUCT):
            if all(family.name in self.without for family in FAMILIES if family.kind == kind):
                raise InputError(f"Without {', '.join(self.without)} no {kind} is left; keep one.")

    def draw(self, rng: np.random.Generator, mode: str) -> dict[str, Family]:
        """
        The families of a box.

        Parameters
        ----------
        rng : numpy.random.Generator
            The box's own.
        mode : str
            The box's.

        Returns
        -------
        families : dict of str to Family
            By kind.
        """
        chosen = {kind: self._draw_kind(rng, kind, mode) for kind in KINDS}
        fitting = [_BY_NAME[name] for name in self.one_of if _BY_NAME[name].mode in (None, mode)]
        if mode == "Missing":  # its gaps take the place of a network
            fitting = [family for family in fitting if family.kind != NETWORK]
        if fitting:
            special = fitting[int(rng.random() * len(fitting))]
            chosen[special.kind] = special
        return chosen

    def _draw_kind(self, rng: np.random.Generator, kind: str, mode: str) -> Family:
        families, shares = _table(self.name, self.without, kind, mode)
        return families[int(np.searchsorted(shares, rng.random(), side="right"))]


@lru_cache(maxsize=256)
def _table(
    mixture: str, without: tuple[str, ...], kind: str, mode: str
) -> tuple[list[Family], NDArray[np.float64]]:
    """What may be drawn, and the cumulative shares."""
    drawn = [
        family
        for family in FAMILIES
        if family.kind == kind
        and family.mode in (None, mode)
        and family.name not in without
        and (mode, family.name) not in _NOT_SHOWN
        and family.weights[mixture] > 0
    ]
    if not drawn:
        raise InputError(f"Without {', '.join(without)} no family is left for {mode}; keep one.")
    shares = np.cumsum([family.weights[mixture] for family in drawn])
    return drawn, shares[:-1] / shares[-1]
