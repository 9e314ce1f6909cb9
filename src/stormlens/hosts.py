"""
Where a server listens, and the host names that it answers to.

Anybody's name server can say that evil.example is this machine (DNS rebinding). A browser then lets
the page of that name read what this server answers. So the host in a request must be one of the
server's own names. Nobody can give out a numeric address in that way, so a server that listens to
other machines answers to any.
"""

import errno
import re
import socket
from collections.abc import Sequence
from ipaddress import ip_address

from stormlens.errors import InputError

HOST = "127.0.0.1"
"""Default address to listen on: this machine alone."""

_OWN = (HOST, "localhost")
_NOT_OURS = (errno.EADDRNOTAVAIL, errno.EINVAL, errno.EAFNOSUPPORT)
_NAME = re.compile(r"[a-z0-9._-]+(:\d{1,5})?")


def check_names(names: Sequence[str]) -> None:
    """
    Refuse what cannot be the name of a host.

    Parameters
    ----------
    names : sequence of str
        Each with a port if the browser's address has one.

    Raises
    ------
    InputError
        If one cannot be a name.
    """
    for name in names:
        if not _NAME.fullmatch(name.lower()):
            raise InputError(
                f"{name!r} is not a host name; write it as the browser's address has it, such "
                "as hub.example.org or localhost:8888."
            )


def check_address(host: str, port: int) -> None:
    """
    Refuse an address that cannot be listened on, before anything is opened.

    Parameters
    ----------
    host : str
        Address or name.
    port : int
        0 for any free one.

    Raises
    ------
    InputError
        If the address is empty, which a socket would take for all addresses, or the port does not
        exist.
    """
    if not host.strip():
        raise _not_an_address("An empty name")
    if not 0 <= port <= 65535:
        raise InputError(f"Port {port} does not exist; ports go from 1 to 65535.")


def cannot_listen(error: OSError, host: str, port: int) -> InputError:
    """
    The error for an address that the system refuses.

    Parameters
    ----------
    error : OSError
        From binding to it.
    host, port
        What was asked for.

    Returns
    -------
    error : InputError
        To be raised by the caller.
    """
    if isinstance(error, PermissionError):
        return InputError(
            f"Port {port} may not be used by this user ({error.strerror}); choose one above 1023 "
            "with --port, or leave it out for any free one."
        )
    if isinstance(error, socket.gaierror) or error.errno in _NOT_OURS:
        return _not_an_address(host)
    return InputError(
        f"Port {port} cannot be used ({error.strerror}); choose another with --port, or leave "
        "it out for any free one."
    )


def _not_an_address(host: str) -> InputError:
    return InputError(
        f"{host} is not an address of this machine; leave out --host for this machine alone, or "
        "give 0.0.0.0 to let others in."
    )


class OwnHosts:
    """
    The names that a server answers to; ``name in hosts`` decides about a request.

    Parameters
    ----------
    host : str
        Address that is listened on.
    allowed : sequence of str
        Further names, as `check_names` takes them.
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
        As in a request.

    Returns
    -------
    name : str
        In lower case; an IPv6 address without its brackets.

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
    The URLs at which a server answers, the one to show first.

    Parameters
    ----------
    host : str
        Address that is listened on.
    port : int

    Returns
    -------
    addresses : list of str
        For 0.0.0.0 and "::", this machine's own addresses, as far as it knows them.
    """
    hosts = _own_addresses(host) if host in ("0.0.0.0", "::") else [host]
    return [f"http://{f'[{name}]' if ':' in name else name}:{port}/" for name in hosts]


def _own_addresses(host: str) -> list[str]:
    """As far as known: connecting a UDP socket makes the system choose one, and sends no packet."""
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
