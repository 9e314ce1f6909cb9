"""What is answered to a request that cannot be fulfilled: a status and a sentence."""

import json
from http import HTTPStatus

from stormlens.errors import printable


class Refusal(Exception):
    """
    An answer that refuses the request.

    Parameters
    ----------
    status : HTTPStatus
        4xx where the request is at fault, 503 and 504 where the server has too much to do.
    sentence : str
        What was wrong and what to do.
    """

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Headers that go with the status."""
        if self.status == HTTPStatus.UNAUTHORIZED:
            return [(b"www-authenticate", b"Bearer")]
        if self.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
            return [(b"retry-after", b"1")]
        if self.status == HTTPStatus.METHOD_NOT_ALLOWED:
            return [(b"allow", b"POST")]
        if self.status == HTTPStatus.REQUEST_TIMEOUT:
            return [(b"connection", b"close")]
        return []


def error_body(sentence: str) -> bytes:
    """
    A sentence as the JSON that every refusal has.

    Parameters
    ----------
    sentence : str

    Returns
    -------
    body : bytes
    """
    return json.dumps({"error": printable(" ".join(sentence.split()))}).encode()
