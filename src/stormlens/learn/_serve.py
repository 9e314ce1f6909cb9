"""The components on pages of their own, from a server on this machine that needs no network."""

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import panel as pn
import xarray as xr

from stormlens.errors import InputError, unknown
from stormlens.learn._augmentation_studio import AugmentationStudio
from stormlens.learn._base import Component, html
from stormlens.learn._convolution_walker import ConvolutionWalker
from stormlens.learn._hosts import HOST, OwnHosts, origins
from stormlens.learn._network_microscope import NetworkMicroscope
from stormlens.learn._neuron import Neuron
from stormlens.learn._pool_and_fire import PoolAndFire
from stormlens.models import Classifier

_PATIENCE = 20  # seconds

COMPONENTS: Mapping[str, type[Component]] = {
    component.slug: component
    for component in (
        Neuron,
        PoolAndFire,
        ConvolutionWalker,
        AugmentationStudio,
        NetworkMicroscope,
    )
}
"""Components by the name that `stormlens learn` calls them, in the order of the chapter."""


def serve(
    names: Sequence[str] | None = None,
    *,
    dataset: xr.Dataset | None = None,
    classifier: Classifier | None = None,
    port: int = 0,
    hosts: Sequence[str] = (),
    show: bool = True,
    started: Callable[[str], None] | None = None,
    threaded: bool = False,
) -> Any:
    """
    Give components a page each, and a front page that leads to them.

    Parameters
    ----------
    names : sequence of str, optional
        As in `COMPONENTS`; all unless told.
    dataset : xarray.Dataset, optional
        Storms to show; a few simulated ones unless told.
    classifier : Classifier, optional
        Network for the microscope; one with random weights, which says so, unless told.
    port : int, optional
        Where the pages are served, on this machine alone; any free port unless told.
    hosts : sequence of str, optional
        Names under which a proxy or JupyterHub shows the pages, beside 127.0.0.1 and localhost,
        with a port where the browser's address has one; requests under any other are refused.
    show : bool, optional
        Open the first page in a browser.
    started : callable, optional
        Called with the address once pages are about to be served.
    threaded : bool, optional
        Return at once and serve from a thread; else serve until interrupted.

    Returns
    -------
    server
        Where `threaded`: has a method `stop`.

    Raises
    ------
    InputError
        If a name is unknown or none of a host, or the port cannot be had.
    """
    chosen = list(COMPONENTS) if names is None else list(names)
    for name in chosen:
        if name not in COMPONENTS:
            raise unknown("component", name, COMPONENTS, "See `stormlens learn --help`.")
    port = _free_port(port)
    pages = {name: _page(name, chosen, dataset, classifier) for name in chosen}
    first = chosen[0] if len(chosen) == 1 else ""
    if started is not None:
        started(f"http://{HOST}:{port}/{first}")
    server = pn.serve(
        {"/": _front(chosen), **pages},
        port=port,
        address=HOST,
        websocket_origin=origins(port, hosts),
        auth_provider=OwnHosts(hosts),
        title={"/": "Stormlens", **{name: COMPONENTS[name].title for name in chosen}},
        show=show,
        verbose=False,
        threaded=threaded,
    )
    if threaded:
        _wait_for(port)
    return server


def _wait_for(port: int) -> None:
    """Return once the pages of a thread can be had."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"The server on port {port} did not start within {_PATIENCE} s.")


def _page(
    name: str,
    chosen: Sequence[str],
    dataset: xr.Dataset | None,
    classifier: Classifier | None,
) -> Callable[[], pn.Column]:
    given: dict[str, Any] = {} if name == Neuron.slug else {"dataset": dataset}
    if name == NetworkMicroscope.slug:
        given["classifier"] = classifier

    def page() -> pn.Column:
        # Made anew for each visitor, so that two windows do not move each other's sliders.
        return pn.Column(_navigation(chosen, name), COMPONENTS[name](**given), margin=(0, 16))

    return page


def _navigation(chosen: Sequence[str], here: str) -> pn.pane.HTML:
    links = [
        f"<b>{COMPONENTS[name].title}</b>"
        if name == here
        else f"<a href='{name}'>{COMPONENTS[name].title}</a>"
        for name in chosen
    ]
    return html(f"<nav><a href='.'>Stormlens</a> &nbsp; {' &nbsp; '.join(links)}</nav>")


def _front(chosen: Sequence[str]) -> Callable[[], pn.Column]:
    entries = "".join(
        f"<li><a href='{name}'>{COMPONENTS[name].title}</a><p>{COMPONENTS[name].lead}</p></li>"
        for name in chosen
    )

    def page() -> pn.Column:
        words = "<h2>Stormlens: learn by touching</h2><p>Pages answer on this machine alone.</p>"
        tiles = html(f"{words}<ul class='tiles'>{entries}</ul>", sizing_mode="stretch_width")
        return pn.Column(tiles, margin=(8, 16), sizing_mode="stretch_width")

    return page


def _free_port(port: int) -> int:
    """The port asked for, or any free one for 0."""
    if not 0 <= port <= 65535:
        raise InputError(f"Port {port} does not exist; ports go from 1 to 65535.")
    with socket.socket() as probe:
        # As the server will: a port that was left a moment ago counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise InputError(
                f"Port {port} cannot be had ({error.strerror}); choose another with --port, or "
                "leave it out for any free one."
            ) from error
        return int(probe.getsockname()[1])
