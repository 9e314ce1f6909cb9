"""The archive of volumes, played by a server on this machine."""

import http.server
import threading
import urllib.parse
from xml.sax.saxutils import escape

import numpy as np
import pytest
from nexrad_files import Turn, code, volume

from stormlens.errors import InputError
from stormlens.readers import check_volume_request, fetch_nexrad, nexrad_volumes, read
from stormlens.readers._bucket import is_passed_over, is_volume_request

NAMES = [
    "2013/05/20/KTLX/KTLX20130520_195500_V06.gz",
    "2013/05/20/KTLX/KTLX20130520_195500_V06_MDM",
    "2013/05/20/KTLX/KTLX20130520_200345_V06.gz",
    "2013/05/20/KTLX/KTLX20130520_200345.001",
    "2013/05/20/KTLX/KTLX20130520_201200.Z",
    "2013/05/20/KTLX/KTLX20130520_201643_V06.gz",
    "2013/05/20/KTLX/KTLX20130520_235800_V06.gz",
    "2013/05/21/KTLX/KTLX20130521_000230_V06.gz",
    "2005/08/28/KLIX/KLIX20050828_180149.gz",
]
PAGE = 3


class Store(http.server.BaseHTTPRequestHandler):
    """ListObjectsV2 in pages of three keys, and the objects."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.server.asked.append(url.path)
        if "list-type" in query:
            return self._answer(200, self.server.page or self._page(query).encode())
        content = self.server.objects.get(url.path.lstrip("/"))
        return self._answer(404, b"") if content is None else self._answer(200, content)

    def _page(self, query):
        keys = sorted(k for k in self.server.objects if k.startswith(query["prefix"]))
        at = int(query.get("continuation-token", 0))
        rows = "".join(
            f"<Contents><Key>{escape(k)}</Key><Size>{len(self.server.objects[k])}</Size></Contents>"
            for k in keys[at : at + PAGE]
        )
        more = at + PAGE < len(keys)
        token = f"<NextContinuationToken>{at + PAGE}</NextContinuationToken>" if more else ""
        space = "http://s3.amazonaws.com/doc/2006-03-01/"
        return f'<ListBucketResult xmlns="{space}">{rows}{token}</ListBucketResult>'

    def _answer(self, status, content):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) + self.server.lie))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def store(monkeypatch, tmp_path):
    codes = np.full((36, 100), code(30), np.uint8)
    content = volume([Turn(0.5, {"REF": codes}, spacing=1000)])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
    server.objects, server.asked = dict.fromkeys(NAMES, content), []
    server.lie, server.page = 0, None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("STORMLENS_NEXRAD_BUCKET", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("STORMLENS_CACHE", str(tmp_path / "cache"))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_span_over_midnight_lists_volumes_only(store):
    found = nexrad_volumes("KTLX", "2013-05-20T20:00", "2013-05-21T00:30")
    assert [v.key for v in found] == [NAMES[2], NAMES[5], NAMES[6], NAMES[7]]
    assert found[0].time == np.datetime64("2013-05-20T20:03:45")


def test_the_volume_nearest_to_a_time_is_fetched_once(store):
    path = fetch_nexrad("KTLX@2013-05-20T20:15")
    assert path.name == "KTLX20130520_201643_V06.gz"
    assert read(path).reflectivity.values.max() == 30
    before = len(store.asked)
    volume_there = nexrad_volumes("KTLX", "2013-05-20T20:16", "2013-05-20T20:17")[0]
    assert fetch_nexrad(volume_there) == path
    assert not [url for url in store.asked[before:] if url.endswith(".gz")]


def test_a_time_with_an_offset_is_understood(store):
    assert fetch_nexrad("KTLX@2013-05-20T15:15-05:00").name == "KTLX20130520_201643_V06.gz"


def test_old_names_without_a_version_are_volumes(store):
    assert len(nexrad_volumes("KLIX", "2005-08-28T00", "2005-08-29T00")) == 1


@pytest.mark.parametrize(
    ("request_text", "sentence"),
    [
        ("KTLX@2013-05-19T20:15", "no volume of KTLX within 15 minutes"),
        ("KTLX@yesterday", "'yesterday' is no time"),
        ("KTLX", "asks for no volume"),
    ],
)
def test_what_cannot_be_had_is_said(store, request_text, sentence):
    with pytest.raises(InputError, match=sentence):
        fetch_nexrad(request_text)


def test_a_bucket_that_moved_is_said(store, monkeypatch):
    del store.objects[NAMES[5]]
    volumes = nexrad_volumes("KTLX", "2013-05-20T20:00", "2013-05-20T20:05")
    store.objects.clear()
    with pytest.raises(InputError, match="set STORMLENS_NEXRAD_BUCKET to its new name"):
        fetch_nexrad(volumes[0])


def test_an_object_cut_short_leaves_no_file(store, tmp_path):
    volumes = nexrad_volumes("KTLX", "2013-05-20T20:00", "2013-05-20T20:05")
    store.lie = 10
    with pytest.raises(InputError, match=r"cannot be reached|came with"):
        fetch_nexrad(volumes[0])
    assert not list((tmp_path / "cache").rglob("*.gz"))


@pytest.mark.slow
def test_no_server_is_said(monkeypatch):
    monkeypatch.setenv("STORMLENS_NEXRAD_BUCKET", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="cannot be reached"):
        nexrad_volumes("KTLX", "2013-05-20T20", "2013-05-20T21")


@pytest.mark.parametrize("page", [b"<html></html>", b"{}", b"<!DOCTYPE a><ListBucketResult/>"])
def test_a_page_that_is_no_listing_is_said(store, page):
    store.page = page
    with pytest.raises(InputError, match="no listing of objects"):
        nexrad_volumes("KTLX", "2013-05-20T20", "2013-05-20T21")


def test_names():
    assert is_volume_request("KTLX@2013-05-20T20:15")
    assert not is_volume_request("KTLX20130520_201643_V06.gz")
    assert [is_passed_over(name) for name in NAMES[:5]] == [False, True, False, True, True]


@pytest.mark.parametrize("time", ["2013", "2013-05", "2013-05-20", "20130520", "0001-01-01T00"])
def test_less_than_a_date_and_an_hour_is_no_moment(time):
    with pytest.raises(InputError, match=r"no time; write a date and an hour|outside the years"):
        check_volume_request(f"KTLX@{time}")
    with pytest.raises(InputError, match=r"no time; write a date and an hour|outside the years"):
        nexrad_volumes("KTLX", np.datetime64(time) if "-" in time else time, "2013-05-20T21")


def test_a_request_is_looked_at_without_the_archive():
    check_volume_request("KTLX@2013-05-20T20:15")
    with pytest.raises(InputError, match="'yesterday' is no time"):
        check_volume_request("KTLX@yesterday")
