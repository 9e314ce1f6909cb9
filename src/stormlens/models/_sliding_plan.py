"""
What a network does to one window, read from its steps, for windows to share.

Sharing needs a chain of convolutions of stride 1 without padding, each followed by
steps that look at one cell at a time and at most one pool whose stride is its side;
then flattening and dense layers. `read_plan` gives such a chain, or the reason why
there is none.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from stormlens.engine import Step
from stormlens.models._network import Floats, Network

_PLAIN_RELU = (0.0, float("inf"), 0.0)
_OF_CELLS = ("activation", "scale")


@dataclass(frozen=True, eq=False)
class Stage:
    """
    A convolution and what follows it up to the next.

    Attributes
    ----------
    kernel : ndarray of float32, shape (rows, columns, channels, filters)
    bias : ndarray of float32, shape (filters,)
    before, after : tuple of Step
        What is done to each cell before and after the pool.
    pool : int
        Side and stride of the pool window; 1 for no pool.
    averages : bool
        Whether the pool takes the mean, not the maximum.
    """

    kernel: Floats
    bias: Floats
    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    pool: int = 1
    averages: bool = False

    @property
    def window(self) -> tuple[int, int]:
        """Rows and columns of the kernel."""
        return self.kernel.shape[0], self.kernel.shape[1]

    @property
    def filters(self) -> int:
        """Of the convolution."""
        return self.kernel.shape[3]

    @property
    def fuses(self) -> bool:
        """Whether convolution, activation and pool are one operation."""
        return not self.averages and all(_is_plain_relu(step) for step in self.before)

    @property
    def rectifies(self) -> bool:
        """Whether that operation has an activation, relu."""
        return self.fuses and bool(self.before)


@dataclass
class Plan:
    """
    A network's stages and dense layers.

    Attributes
    ----------
    stages : list of Stage
    dense : list of Step
        "dense" first; what is done to each value may follow each.
    """

    stages: list[Stage] = field(default_factory=list)
    dense: list[Step] = field(default_factory=list)

    @property
    def outputs(self) -> int:
        """Classes."""
        return [weights_of(step)[1].size for step in self.dense if step.kind == "dense"][-1]

    def stride_near(self, wanted: int) -> int:
        """
        A stride with which windows share most.

        Windows whose starts differ by a multiple of what the pools reduce a map by look at the
        same pooled cells.

        Parameters
        ----------
        wanted : int
            Cells from window to window.

        Returns
        -------
        stride : int
            The nearest multiple of the sides of as many pools as half as much again holds.
        """
        shared = 1
        for stage in self.stages:
            if shared * stage.pool > 1.5 * wanted:
                break
            shared *= stage.pool
        return max(round(wanted / shared), 1) * shared


class _NoPlan(Exception):
    """Says what stands in the way."""


def read_plan(network: Network) -> Plan | str:
    """
    A network as stages and dense layers.

    Parameters
    ----------
    network : Network
        One image in, class probabilities out.

    Returns
    -------
    plan : Plan or str
        The reason, in words that complete "cannot be shared: ...", where it is no such chain.
    """
    steps = network.steps
    if steps is None:
        return network.why_none
    kinds = [step.kind for step in steps]
    if kinds.count("flatten") != 1:
        return "the network does not flatten its feature maps just once"
    plan, split = Plan(), kinds.index("flatten")
    try:
        for step in steps[:split]:
            _add_to_stages(plan, step)
        for step in steps[split + 1 :]:
            _require(step.kind in ("dense", *_OF_CELLS), f"{_named(step)} follows the flattening")
            plan.dense.append(step)
        starts = bool(plan.dense) and plan.dense[0].kind == "dense"
        _require(starts and bool(plan.stages), "convolutions and dense layers are both needed")
    except _NoPlan as reason:
        return str(reason)
    return plan


def _is_plain_relu(step: Step) -> bool:
    """Whether a step is max(0, x) and no more."""
    is_relu = step.kind == "activation" and step.activation == "relu"
    return is_relu and (step.constants or _PLAIN_RELU) == _PLAIN_RELU


def _require(fits: bool, reason: str) -> None:
    if not fits:
        raise _NoPlan(reason)


_NAMES = {
    "convolution": "a convolution",
    "highest": "a max pool",
    "mean": "an average pool",
    "activation": "an activation",
    "scale": "a scaling of channels",
    "normalise": "layer normalisation",
    "neighbours": "local response normalisation",
    "keep": "a residual sum",
    "dense": "a dense layer",
}


def _named(step: Step) -> str:
    return _NAMES.get(step.kind, f"a layer ({step.kind})")


def _add_to_stages(plan: Plan, step: Step) -> None:
    if step.kind == "convolution":
        _require(not any(step.padding), "a convolution pads its input")
        plain = step.strides == step.dilation == (1, 1) and step.groups == 1
        _require(plain, "a convolution has strides, dilation or groups")
        plan.stages.append(Stage(*weights_of(step), before=activation_of(step)))
        return
    _require(bool(plan.stages), f"{_named(step)} stands before any convolution")
    plan.stages[-1] = _extended(plan.stages[-1], step)


def _extended(stage: Stage, step: Step) -> Stage:
    """A stage with one more step: of each cell, or a pool."""
    if step.kind in _OF_CELLS:
        if stage.pool == 1:
            return replace(stage, before=(*stage.before, step))
        return replace(stage, after=(*stage.after, step))
    _require(step.kind in ("highest", "mean"), f"{_named(step)} is of a kind that cannot be shared")
    plain = step.strides == step.window and step.window[0] == step.window[1]
    _require(
        plain and not any(step.padding) and stage.pool == 1,
        f"{_named(step)} is of a kind that cannot be shared: overlapping, oblong, padded or one "
        "of two without a convolution between",
    )
    return replace(stage, pool=step.window[0], averages=step.kind == "mean")


def activation_of(step: Step) -> tuple[Step, ...]:
    """
    What a convolution or dense layer does at last, as a step of its own.

    Parameters
    ----------
    step : Step

    Returns
    -------
    steps : tuple of Step
        None where it does nothing more.
    """
    if step.activation == "linear":
        return ()
    return (Step("activation", activation=step.activation, constants=step.constants),)


def weights_of(step: Step) -> tuple[Floats, Floats]:
    """
    Kernel and bias.

    Parameters
    ----------
    step : Step
        "convolution" or "dense".

    Returns
    -------
    kernel, bias : ndarray of float32
    """
    return np.asarray(step.kernel), np.asarray(step.bias)
