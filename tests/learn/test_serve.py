"""Pages, addresses and refusals of the server."""

import http.client
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


def answer_to(port, path, **headers):
    """Status and body of a request with headers of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",  # RFC 6455, section 1.3
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "bokeh, none",
}


@pytest.fixture(scope="module")
def port():
    addresses = []
    allowed = ["Hub.example.org", "localhost:8888"]
    server = serve(["neuron"], hosts=allowed, started=addresses.append, show=False, threaded=True)
    yield int(addresses[0].rpartition(":")[2].partition("/")[0])
    server.stop()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("LOCALHOST", 200),
        ("hub.example.org", 200),
        ("hub.example.org:443", 200),
        ("localhost:8888", 200),
        ("evil.example:{port}", 403),
        ("127.0.0.1.evil.example:{port}", 403),
        ("evil.hub.example.org", 403),
        ("0.0.0.0:{port}", 403),
        ("[::1]:{port}", 403),
    ],
)
def test_pages_are_for_requests_to_known_names(port, host, status):
    for path in ("/", "/neuron", "/neuron/autoload.js?bokeh-autoload-element=1", "/neuron/ws"):
        found, body = answer_to(port, path, Host=host.format(port=port))
        assert (found == 403) == (status == 403), path
        if status == 403:
            assert "answers here as 127.0.0.1, hub.example.org, localhost alone" in body
            assert "neuron" not in body


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:{port}", "http://127.0.0.1:{port}", 101),
        ("localhost:{port}", "http://localhost:{port}", 101),
        ("127.0.0.1:{port}", "https://hub.example.org", 101),  # as proxies pass it on
        ("localhost:8888", "http://localhost:8888", 101),
        ("127.0.0.1:{port}", "http://evil.example", 403),
        ("127.0.0.1:{port}", "http://evil.example:{port}", 403),
        ("127.0.0.1:{port}", "http://127.0.0.1:1", 403),
        ("evil.example:{port}", "http://evil.example:{port}", 403),
        ("evil.example:{port}", "http://127.0.0.1:{port}", 403),
        ("127.0.0.1:{port}", "null", 403),
    ],
)
def test_websockets_are_for_pages_of_known_names(port, host, origin, status):
    headers = {**UPGRADE, "Host": host.format(port=port), "Origin": origin.format(port=port)}
    with socket.create_connection(("127.0.0.1", port), timeout=60) as wire:
        lines = ["GET /neuron/ws HTTP/1.1", *(f"{key}: {value}" for key, value in headers.items())]
        wire.sendall("\r\n".join([*lines, "", ""]).encode())
        assert wire.recv(100).split(b" ", 2)[1] == str(status).encode()


@pytest.mark.parametrize("name", ["*", "http://hub.example.org", "a b", "", "hub:port", "\x1b[2J"])
def test_names_that_are_none_of_a_host_get_their_sentence(name):
    with pytest.raises(InputError, match="is no name of a host; write it as the browser"):
        serve(["neuron"], hosts=[name], show=False, threaded=True)
