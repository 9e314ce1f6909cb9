"""Fixtures: a small archive, a server that offers it, and an empty cache."""

import http.server
import shutil
import threading

import pytest
from small_archive import Server, handler_of, write_archive, write_grids

from stormlens.datasets.svrimg import _download


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
    """A small archive that no test changes."""
    return write_archive(tmp_path_factory.mktemp("pristine")).parent


@pytest.fixture
def archive(pristine, tmp_path):
    """Folder of a small archive, to be changed by a test as it likes."""
    shutil.copytree(pristine, tmp_path / "svrimg")
    return tmp_path / "svrimg" / "data"


@pytest.fixture
def grids(archive):
    """Geography and example mosaic, in addition."""
    write_grids(archive.parent)


@pytest.fixture
def server(archive, monkeypatch):
    """The small archive on a local port, named by the environment as a user would."""
    holder = {}
    http_server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), handler_of(lambda: holder["server"])
    )
    http_server.daemon_threads = False
    holder["server"] = Server(f"http://127.0.0.1:{http_server.server_port}/data", archive.parent)
    thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("STORMLENS_SVRIMG_URL", holder["server"].url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(_download, "_PAUSE_SECONDS", 0.0)
    yield holder["server"]
    http_server.shutdown()
    thread.join()
    http_server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, named by the environment as a user would."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("STORMLENS_CACHE", str(folder))
    return folder
