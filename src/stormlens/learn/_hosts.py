"""
Under which names the pages answer, so that no page of another server can look at them.

A browser that is told by anybody's name server that evil.example is this machine shows the page
of that name what it finds here. So the name in a request must be one of ours. A number is no name
that somebody else could give out: where other machines are let in, any number will do.
"""

import re
import socket
from collections.abc import Sequence
from ipaddress import ip_address

from stormlens.errors import InputError

HOST = "127.0.0.1"
"""Address that is listened on unless told."""

_OWN = (HOST, "localhost")
_NAME = re.compile(r"[a-z0-9._-]+(:\d{1,5})?")


def check_names(names: Sequence[str]) -> None:
    """
    Refuse what is no name of a host.

    Parameters
    ----------
    names : sequence of str
        Each with a port where the browser's address has one.

    Raises
    ------
    InputError
        If one is no name.
    """
    for name in names:
        if not _NAME.fullmatch(name.lower()):
            raise InputError(
                f"{name!r} is no name of a host; write it as the browser's address has it, such "
                "as hub.example.org or localhost:8888."
            )


class OwnHosts:
    """
    Tells whether a request is made to a name of ours.

    Parameters
    ----------
    host : str
        Address that is listened on.
    allowed : sequence of str
        Names beside those of this machine, as `check_names` takes them.
    """

    def __init__(self, host: str, allowed: Sequence[str]) -> None:
        self.is_open = not _is_loopback(host)
        names = {*_OWN, host.lower(), *(name_of(name) for name in allowed)}
        if self.is_open:
            machine = socket.gethostname().lower()
            names |= {machine, f"{machine}.local"}
        self.names = names - {"", "0.0.0.0", "::"}

    def __contains__(self, asked: str) -> bool:
        name = name_of(asked)
        return name in self.names or (self.is_open and _is_number(name))

    def __str__(self) -> str:
        return ", ".join(sorted(self.names))


def name_of(host: str) -> str:
    """
    A host without its port.

    Parameters
    ----------
    host : str
        As a request names it.

    Returns
    -------
    name : str
        In lower case; an address of version 6 without its brackets.

    Examples
    --------
    >>> name_of("Localhost:8888"), name_of("[::1]:80")
    ('localhost', '::1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def addresses(host: str, port: int) -> list[str]:
    """
    Where pages can be opened, the address to be given first.

    Parameters
    ----------
    host : str
        Address that is listened on.
    port : int

    Returns
    -------
    addresses : list of str
        For 0.0.0.0 and "::", this machine's own numbers, as far as it knows them.
    """
    hosts = _numbers(host) if host in ("0.0.0.0", "::") else [host]
    return [f"http://{f'[{name}]' if ':' in name else name}:{port}/" for name in hosts]


def _numbers(host: str) -> list[str]:
    """Numbers of this machine in its network; no packet is sent to find out."""
    family, elsewhere = (
        (socket.AF_INET6, "2001:db8::1") if ":" in host else (socket.AF_INET, "192.0.2.1")
    )
    found = []
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((elsewhere, 9))
            found.append(str(probe.getsockname()[0]))
        except OSError:
            pass  # in no network
    return [*found, "::1" if ":" in host else HOST]


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
