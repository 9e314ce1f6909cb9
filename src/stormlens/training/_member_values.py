"""What a checkpoint holds of each network in training, and the names of its groups of tensors."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from stormlens.training._checkpoint import Checkpoint
from stormlens.training._step import State, Totals


class MemberValues(NamedTuple):
    """
    Arrays of one member, between two epochs; each field is a group of the checkpoint.

    Attributes
    ----------
    weights, variables : list of array
        As in `State`.
    optimiser : list of array
        Leaves of the optimiser's state.
    average : list of array
        Leaves of the averaged weights; empty if the recipe does not average.
    best : list of array
        `values_to_keep` after the best epoch so far; empty without early stopping.
    """

    weights: list[Any]
    variables: list[Any]
    optimiser: list[Any]
    average: list[Any]
    best: list[Any]

    @classmethod
    def of(cls, state: State, best: list[Any]) -> "MemberValues":
        """Take the arrays of a member's state."""
        optimiser, average = map(jax.tree.leaves, (state.optimiser, state.average))
        return cls(state.weights, state.variables, optimiser, average, best)

    def leaves(self) -> list[Any]:
        """Leaves of the state at the start of an epoch, in the order of `jax.tree.leaves`."""
        zeros = Totals.zero()
        return [*self.weights, *self.variables, *self.optimiser, *zeros, *self.average]

    def kinds(self) -> list[list[tuple[tuple[int, ...], str]]]:
        """Shape and kind of number of each array, by group; two networks alike have the same."""
        return [[(np.shape(array), str(array.dtype)) for array in group] for group in self]


def values_to_keep(state: State) -> list[Any]:
    """
    Arrays that the trained classifier takes from a member.

    Parameters
    ----------
    state : State

    Returns
    -------
    values : list of Array
        Weights, averaged if the recipe averages, then the other variables.
    """
    return [*state.kept, *state.variables]


def groups_of(members: Sequence[MemberValues]) -> dict[str, list[Any]]:
    """
    Name the arrays of all members as a checkpoint does.

    Parameters
    ----------
    members : sequence of MemberValues

    Returns
    -------
    groups : dict of str to list of array
        Keys are the fields of `MemberValues`; an ensemble's begin with the member's number, such
        as ``"00.weights"``.
    """
    return {
        f"{prefix}{field}": group
        for prefix, member in zip(_prefixes(len(members)), members, strict=True)
        for field, group in member._asdict().items()
    }


def read_members(checkpoint: Checkpoint, count: int) -> list[MemberValues]:
    """
    Read all members' arrays from a checkpoint.

    Parameters
    ----------
    checkpoint : Checkpoint
    count : int
        Number of members. Groups that the checkpoint lacks are empty.

    Returns
    -------
    members : list of MemberValues
    """
    return [
        MemberValues(*(checkpoint.group(f"{prefix}{field}") for field in MemberValues._fields))
        for prefix in _prefixes(count)
    ]


def _prefixes(count: int) -> list[str]:
    return [""] if count == 1 else [f"{number:02d}." for number in range(count)]
