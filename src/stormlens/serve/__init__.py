"""
A classifier that answers over HTTP: boxes or radar files in, modes and probabilities out.

Requests that arrive together share a forward pass. What a client sends is kept in memory, within
limits. Formats that are hard to read are read by processes of their own.
"""

from typing import TYPE_CHECKING

from stormlens._lazy import on_first_use

if TYPE_CHECKING:
    from stormlens.serve._app import create_app
    from stormlens.serve._limits import Limits
    from stormlens.serve._server import serve
    from stormlens.serve._token import read_token

__all__ = ["Limits", "create_app", "read_token", "serve"]

on_first_use(
    __name__,
    {
        "_app": "create_app",
        "_limits": "Limits",
        "_server": "serve",
        "_token": "read_token",
    },
)
