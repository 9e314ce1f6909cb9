"""What a run over an archive left, whether it built a store or labelled one."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """
    What a run left.

    Attributes
    ----------
    boxes : int
        In the store, or in the table, now.
    added : int
        By this run.
    problems : list of str
        A sentence for all that is passed over, by this run or before.
    seconds : float
        That this run took.
    simulated : bool
        Whether a simulator made any of the boxes.
    lacking : list of str
        What each radar file lacks that this run read without being whole.
    """

    boxes: int
    added: int
    problems: list[str]
    seconds: float
    simulated: bool
    lacking: list[str] = field(default_factory=list)
