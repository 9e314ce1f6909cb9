"""Pages, addresses and refusals of the server."""

import socket
import urllib.request

import pytest

from stormlens.errors import InputError
from stormlens.learn import COMPONENTS, serve


def fetch(address):
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.read().decode()


def test_each_component_has_its_page_and_nothing_comes_from_elsewhere():
    addresses = []
    server = serve(started=addresses.append, show=False, threaded=True)
    try:
        front = addresses[0]
        assert front.startswith("http://127.0.0.1:")
        for name in ("", *COMPONENTS):
            page = fetch(front + name)
            assert "https://" not in page.replace("https://127.0.0.1", "")
            assert (COMPONENTS[name].title if name else "Stormlens") in page
    finally:
        server.stop()


def test_one_component_alone_is_the_address_given():
    addresses = []
    server = serve(["neuron"], started=addresses.append, show=False, threaded=True)
    try:
        assert addresses[0].endswith("/neuron")
        assert "One neuron" in fetch(addresses[0])
    finally:
        server.stop()


def test_unknown_components_and_ports_get_their_sentence():
    with pytest.raises(InputError, match=r"Unknown component 'neurn'\. Did you mean 'neuron'"):
        serve(["neurn"])
    with pytest.raises(InputError, match="Port 70000 does not exist; ports go from 1 to 65535"):
        serve(port=70000)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match=r"cannot be had .* choose another with --port"):
            serve(port=taken.getsockname()[1])
