"""How much a server takes on: of one request, and of all together."""

from dataclasses import dataclass, fields

from stormlens.errors import InputError

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """
    Bounds of a server; what is beyond them is refused with a sentence.

    Attributes
    ----------
    body_mib : int
        Largest body of a request, MiB.
    boxes : int
        Boxes of one request, or cut from one radar file.
    seconds : float
        How long a request may take, from its first byte to its answer.
    requests : int
        Requests that are computed or wait for it at once.
    bodies_mib : int
        Bodies of all requests that are kept in memory at once, MiB.
    connections : int
        Connections that are open at once.
    decoders : int
        Processes that read NetCDF and radar files.
    decoder_mib : int
        Memory that each of them may take, MiB.
    decoder_seconds : float
        Time of a processor that a file may take to read.
    jobs : int
        Jobs that are kept at once, waiting and done.
    jobs_mib : int
        Their files together, MiB.
    keep_days : float
        How long a job is kept once it is done.

    Raises
    ------
    InputError
        If one is not above 0.
    """

    body_mib: int = 64
    boxes: int = 1024
    seconds: float = 30.0
    requests: int = 512
    bodies_mib: int = 512
    connections: int = 1024
    decoders: int = 2
    decoder_mib: int = 2048
    decoder_seconds: float = 20.0
    jobs: int = 1000
    jobs_mib: int = 1024
    keep_days: float = 7.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not 0 < value <= 1e9:
                raise InputError(f"The limit {each.name} is {value}; give a number above 0.")
        if self.bodies_mib < self.body_mib:
            raise InputError(
                f"The limit bodies_mib, {self.bodies_mib}, is less than one body may have "
                f"({self.body_mib} MiB); raise it, or lower body_mib."
            )
