"""What the server gives, to whom, and what it refuses."""

import gzip
import http.client
import json
import select
import socket
import threading
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from patience import PATIENCE

from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.hosts import addresses
from stormlens.learn import COMPONENTS, _server, _storms, serve
from stormlens.learn._site import WEB
from stormlens.models import Classifier, build


@pytest.fixture(scope="module")
def server():
    allowed = ["Hub.example.org", "localhost:8888"]
    held = serve(hosts=allowed, show=False, threaded=True)
    yield held
    held.stop()


class Answer:
    """Status, headers and body of a request with headers of its own."""

    def __init__(self, server, path, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=PATIENCE)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body, headers=names)
        answer = connection.getresponse()
        self.status, self.body = answer.status, answer.read()
        self.headers = {name.lower(): value for name, value in answer.getheaders()}
        connection.close()

    @property
    def text(self):
        return self.body.decode()


def test_the_address_is_the_first_page_and_a_name_opens_its_own():
    found = []
    for page in (None, "neuron"):
        server = serve(page, started=found.append, show=False, threaded=True)
        with urllib.request.urlopen(server.addresses[0], timeout=PATIENCE) as answer:
            assert b"<title>Stormlens" in answer.read()
        server.stop()
    assert [address.partition("/#")[2] for (address,) in found] == ["", "/neuron"]
    assert all(address.startswith("http://127.0.0.1:") for (address,) in found)


def test_pages_are_the_components_of_the_web_in_their_order():
    text = (WEB / "stormlens.js").read_text()
    places = [text.index(f'(await import("./{path}"))') for path in _modules_of(text)]
    assert places == sorted(places)
    assert [Path(path).stem for path in _modules_of(text)] == list(COMPONENTS)


def _modules_of(text):
    return [part.partition('"')[0] for part in text.split('(await import("./')[1:]]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/stormlens.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/storms/storms.json", "application/json"),
        ("/storms/few-0.bin", "application/octet-stream"),
        ("/networks/networks.json", "application/json"),
        ("/networks/shipped/weights.safetensors", "application/octet-stream"),
    ],
)
def test_files_come_with_their_kind_and_with_what_a_page_may_do(server, path, kind):
    answer = Answer(server, path)
    assert answer.status == 200
    assert answer.headers["content-type"] == kind
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self' 'wasm-unsafe-eval';" in policy
    assert "http" not in policy
    assert int(answer.headers["content-length"]) == len(answer.body) > 0


def test_a_head_has_all_but_the_body_and_other_methods_are_refused(server):
    whole, head = Answer(server, "/app.js"), Answer(server, "/app.js", "HEAD")
    assert head.body == b""
    assert head.headers["content-length"] == whole.headers["content-length"]
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert Answer(server, "/app.js", method).status == 501


def test_what_a_browser_has_is_not_sent_again(server):
    tag = Answer(server, "/app.js").headers["etag"]
    again = Answer(server, "/app.js", If_None_Match=f'"other", {tag}')
    assert (again.status, again.body) == (304, b"")
    assert Answer(server, "/app.js", If_None_Match='"other"').status == 200


def test_text_travels_small_where_a_browser_takes_it_so(server):
    plain = Answer(server, "/base/strings.js")
    small = Answer(server, "/base/strings.js", Accept_Encoding="br, gzip")
    assert small.headers["content-encoding"] == "gzip"
    assert gzip.decompress(small.body) == plain.body
    assert len(small.body) < len(plain.body) / 2
    assert small.headers["etag"] != plain.headers["etag"]
    assert plain.headers["vary"] == small.headers["vary"] == "Accept-Encoding"
    again = {"Accept_Encoding": "gzip", "If_None_Match": small.headers["etag"]}
    assert Answer(server, "/base/strings.js", **again).status == 304
    packed = Answer(server, "/storms/few-0.bin", Accept_Encoding="gzip")
    assert "content-encoding" not in packed.headers


def test_a_connection_is_kept_for_the_next_request_but_not_behind_a_body(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=PATIENCE)
    for _ in range(2):
        connection.request("GET", "/icon.svg")
        assert connection.getresponse().read().startswith(b"<svg")
    held = connection.sock
    assert held is not None
    connection.request("GET", "/icon.svg", body="GET /app.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert connection.getresponse().read().startswith(b"<svg")
    assert held.recv(1) == b""
    connection.close()


@pytest.mark.parametrize(
    "path",
    [
        "/../_server.py",
        "/%2e%2e/_server.py",
        "/..%2f_server.py",
        "/storms/../../_server.py",
        "//etc/passwd",
        "/etc/passwd",
        "/app.js/",
        "/app.js%00",
        "/storms",
        "/storms/",
        "/.git/config",
        "/%ff",
        "/tests",
    ],
)
def test_nothing_else_can_be_had(server, path):
    answer = Answer(server, path)
    assert answer.status == 404
    assert answer.text == "There is no such page; begin at the address printed.\n"
    assert answer.headers["content-type"].startswith("text/plain")


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
        ("192.168.1.20:{port}", 403),
        ("", 403),
    ],
)
def test_pages_are_for_requests_to_known_names(server, host, status):
    for path in ("/", "/storms/storms.json", "/nothing"):
        answer = Answer(server, path, Host=host.format(port=server.server_port))
        assert (answer.status == 403) == (status == 403), path
        if status == 403:
            assert "answers here as 127.0.0.1, hub.example.org, localhost alone" in answer.text


def test_a_class_joins_under_any_number_of_this_machine_and_its_name(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "Teacher")
    server = serve(host="0.0.0.0", show=False, threaded=True)
    try:
        for host in ("192.168.1.20:80", "teacher", "teacher.local", "127.0.0.1", "[::1]"):
            assert Answer(server, "/", Host=host).status == 200, host
        for host in ("evil.example", "192.168.1.20.evil.example", "pupil.local"):
            assert Answer(server, "/", Host=host).status == 403, host
        assert server.addresses[-1] == f"http://127.0.0.1:{server.server_port}/"
        assert "0.0.0.0" not in str(server.addresses)
    finally:
        server.stop()


def test_addresses_are_as_a_browser_takes_them():
    assert addresses("::1", 80) == ["http://[::1]:80/"]
    assert addresses("10.0.0.7", 8000) == ["http://10.0.0.7:8000/"]


@pytest.mark.parametrize("name", ["*", "http://hub.example.org", "a b", "", "hub:port", "\x1b[2J"])
def test_names_that_are_none_of_a_host_get_their_sentence(name):
    with pytest.raises(InputError, match="is not a host name; write it as the browser"):
        serve(hosts=[name], show=False, threaded=True)


def test_unknown_pages_ports_and_addresses_get_their_sentence():
    with pytest.raises(InputError, match=r"Unknown page 'neurn'\. Did you mean 'neuron'"):
        serve("neurn")
    with pytest.raises(InputError, match="Port 70000 does not exist; ports go from 1 to 65535"):
        serve(port=70000)
    for host in ("203.0.113.9", "no.such.host.invalid"):
        with pytest.raises(InputError, match=rf"{host} is not an address of this machine; leave"):
            serve(host=host)
    with pytest.raises(InputError, match=r"An empty name is not an address of this machine; leave"):
        serve(host="", threaded=True, show=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match=r"cannot be used .* choose another with --port"):
            serve(port=taken.getsockname()[1])


def test_a_port_that_is_not_for_everybody_gets_its_sentence(monkeypatch):
    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(_server, "Server", refuse)
    with pytest.raises(InputError, match=r"Port 80 may not be used by this user .* above 1023"):
        serve(port=80)


def test_a_part_that_is_made_is_waited_for_while_other_files_are_served(monkeypatch, tmp_path):
    may_go_on = threading.Event()

    def slowly():
        may_go_on.wait(PATIENCE)
        return {}, {"train-1.bin": lambda: b"made"}

    monkeypatch.setattr(_storms, "_simulated", slowly)
    monkeypatch.setenv("STORMLENS_CACHE", str(tmp_path))
    server = serve(show=False, threaded=True)
    try:
        asked = socket.create_connection(("127.0.0.1", server.server_port))
        asked.sendall(b"GET /storms/train-1.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert Answer(server, "/app.js").status == 200
        assert not select.select([asked], [], [], 0.2)[0]
        may_go_on.set()
        assert asked.recv(20).startswith(b"HTTP/1.1 200")
        asked.close()
    finally:
        may_go_on.set()
        server.stop()


def test_what_cannot_be_made_gets_a_sentence(monkeypatch, tmp_path):
    def refuse():
        raise InputError("No storms today.")

    monkeypatch.setattr(_storms, "_simulated", refuse)
    monkeypatch.setenv("STORMLENS_CACHE", str(tmp_path))
    server = serve(show=False, threaded=True)
    try:
        answer = Answer(server, "/storms/train-1.bin")
        assert answer.status == 500
        assert answer.text == "storms/train-1.bin cannot be read: No storms today.\n"
    finally:
        server.stop()


def test_own_storms_and_an_own_network_are_served():
    images = np.zeros((6, 136, 136), np.uint8)
    images[:, 40:60, 40:60] = 45
    boxes = make_dataset(images, [0, 1, 0, 1, 0, 1], source="by hand")
    classifier = Classifier(build("chapter-linear", seed=1), "chapter-linear")
    server = serve(dataset=boxes, classifier=classifier, title="Mine", show=False, threaded=True)
    try:
        catalogue = json.loads(Answer(server, "/storms/storms.json").body)
        assert catalogue["source"] == "by hand"
        assert list(catalogue["splits"]) == ["few", "test"]
        assert Answer(server, "/storms/few-0.bin").status == 200
        assert Answer(server, "/storms/train-0.bin").status == 404
        listed = json.loads(Answer(server, "/networks/networks.json").body)
        assert [network["title"] for network in listed][:1] == ["Mine"]
        card = json.loads(Answer(server, "/networks/own/classifier.json").body)
        assert card["architecture"] == "chapter-linear"
        assert Answer(server, "/networks/shipped/classifier.json").status == 200
    finally:
        server.stop()
