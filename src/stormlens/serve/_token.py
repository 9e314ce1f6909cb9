"""The word that a client must know, if there is one, compared in constant time."""

import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path

from stormlens.errors import InputError
from stormlens.storage import read_file

VARIABLE = "STORMLENS_TOKEN"
_LEAST, _MOST = 16, 1024
_MAKE = "python -c 'import secrets; print(secrets.token_urlsafe(32))'"


def read_token(path: Path | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """
    The token of a file, or of the environment.

    Parameters
    ----------
    path : Path or None
        File with the token in it; blanks around it do not count.
    environment : mapping, optional
        Where STORMLENS_TOKEN is looked for, if no file is given.

    Returns
    -------
    token : str or None
        None if there is none.

    Raises
    ------
    InputError
        If the file cannot be read, or the token is too short or holds more than printable ASCII.
    """
    if path is None:
        text, where = environment.get(VARIABLE), VARIABLE
        if text is None:
            return None
    else:
        text, where = read_file(path, 4 * _MOST).decode("utf-8", "replace"), str(path)
    token = text.strip()
    if not _LEAST <= len(token) <= _MOST or not all("!" <= letter <= "~" for letter in token):
        # The token itself is not quoted: sentences end up in logs.
        raise InputError(
            f"The token in {where} must have {_LEAST} to {_MOST} printable ASCII characters and no "
            f"blank; make one with {_MAKE}."
        )
    return token


class Bearer:
    """
    Tells whether a request knows the token.

    Parameters
    ----------
    token : str or None
        None lets all requests in.
    """

    def __init__(self, token: str | None) -> None:
        self._digest = None if token is None else _digest(token.encode())

    @property
    def is_asked(self) -> bool:
        """Whether there is a token to be known."""
        return self._digest is not None

    def knows(self, authorization: bytes | None) -> bool:
        """
        Whether a header carries the token.

        Parameters
        ----------
        authorization : bytes or None
            The header's value.

        Returns
        -------
        knows : bool
            The time that it takes to find out says nothing of where they differ.
        """
        if self._digest is None:
            return True
        scheme, _, given = (authorization or b"").partition(b" ")
        is_same = hmac.compare_digest(_digest(given.strip()), self._digest)
        return scheme.lower() == b"bearer" and is_same


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
