"""From a classifier to the ASGI application that answers for it."""

from pathlib import Path
from typing import TYPE_CHECKING

from stormlens.hosts import HOST, OwnHosts
from stormlens.models import Classifier
from stormlens.serve._gate import Gate
from stormlens.serve._limits import Limits
from stormlens.serve._service import Service
from stormlens.serve._token import Bearer

if TYPE_CHECKING:
    from fastapi import FastAPI


def create_app(
    classifier: Classifier,
    *,
    note: str = "",
    folder: Path | None = None,
    limits: Limits | None = None,
    keep: Path | None = None,
    token: str | None = None,
    hosts: OwnHosts | None = None,
) -> Gate:
    """
    The service as an ASGI application, for a server of one's own.

    Parameters
    ----------
    classifier : Classifier
        Who answers.
    note : str, optional
        What is to be said of it in every answer; by default that SIMULATED storms trained it, if
        they did.
    folder : Path, optional
        Where its files lie, with its appraisal, for the card.
    limits : Limits, optional
        Bounds of a request and of all together.
    keep : Path, optional
        Folder of the jobs; without, none are taken.
    token : str, optional
        What clients must know; by default anybody is answered.
    hosts : OwnHosts, optional
        Names under which it answers; by default those of this machine.

    Returns
    -------
    app : Gate

    """
    service = Service(classifier, note, limits or Limits(), keep)
    bearer = Bearer(token)

    def make_inner() -> "FastAPI":
        from stormlens.serve._operations import operations

        return operations(service, folder, bearer.is_asked)

    return Gate(service, make_inner, bearer, hosts or OwnHosts(HOST, []))
