"""What is wrong with a request is said in one sentence, with the status that it has."""

import json

import numpy as np
import pytest
from serving import npy, png

BOX = np.full((136, 136), 30, np.uint8)
GOOD = npy(BOX)


def refused(answer, status, words):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    (key,) = answer.json()
    assert key == "error"
    assert words in answer.json()["error"]
    assert answer.json()["error"].endswith((".", "?", ")"))


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, "The body is empty"),
        (b"hello", 422, "of no kind that is read"),
        (npy(BOX[:100]), 422, "images are 100 x 136 pixels; 136 x 136 are needed"),
        (npy(BOX.astype(float) + np.nan), 422, "write 0 where there is no echo"),
        (npy(BOX + 60), 422, "which is above 80"),
        (npy(BOX.astype(complex)), 422, "are no reflectivity in dBZ"),
        (npy(np.array(["a"])), 422, "is not (storm, y, x)"),
        (npy(np.zeros((1025, 136, 136), np.uint8)), 413, "1025 boxes and 1024 are taken at once"),
        (GOOD[:5000], 422, "cannot be read as NPY"),
        (png(BOX)[:200], 422, "is a PNG image cut short"),
        (png(BOX) + b"more", 422, "goes on behind a PNG image"),
        (png(BOX[:50]), 422, "images are 50 x 136 pixels"),
        (b"\x89HDF\r\n\x1a\n" + bytes(500), 422, "The body"),
        (b"AR2V0006." + bytes(5000), 422, "The body"),
        (b"GRIB" + bytes(500), 422, "The body"),
        (b"CDF\x01" + bytes(500), 422, "The body"),
        (b"\x1f\x8b\x08" + bytes(500), 422, "The body"),
    ],
)
def test_bodies_that_cannot_be_read(server, content, status, words):
    refused(server.classify(content), status, words)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("colour=nws", "Unknown option 'colour'. Did you mean 'colors'?"),
        ("colors=red", "choose one of nws"),
        ("threshold=x", "threshold='x' cannot be"),
        ("threshold=0", "in 1 to 80"),
        ("threshold=40&threshold=50", "threshold is given twice"),
        ("minimum_area=-1", "0 or more"),
        ("minimum_area=inf", "cannot be"),
        ("stride=68", "it is for boxes by grid (in Python stride=)"),
        ("boxes=grid&threshold=40", "it is for boxes by storms"),
        ("at=35", "cannot be"),
        ("at=95,0", "cannot be"),
        ("at=35,-97&boxes=grid", "one of boxes= and at="),
        ("&".join(["at=35,-97"] * 33), "more than 32 times"),
        ("dbz_scale=0,1", "The scale of grey"),
        ("dbz_scale=1,0&colors=nws", "give one of them"),
        ("grid=nowhere", "is no grid"),
        ("site=95,0", "A radar's place"),
        ("quality_control=perhaps", "choose one of true, false"),
        ("field=%00", "give a name"),
        ("a", "write NAME=VALUE"),
        ("&".join(f"a{i}=1" for i in range(100)), "write NAME=VALUE"),
        ("threshold=" + "9" * 5000, "cannot be"),
    ],
)
def test_options_that_cannot_be(server, query, words):
    refused(server.classify(GOOD, path=f"/v1/classify?{query}"), 422, words)
    refused(server.classify(GOOD, path=f"/v1/jobs?{query}"), 422, words)


def test_types_of_bodies_and_answers(server):
    refused(server.classify(GOOD, Content_Type="text/csv"), 415, "A body of type text/csv")
    refused(server.classify(GOOD, Content_Encoding="gzip"), 415, "Content-Encoding")
    refused(server.classify(GOOD, Accept="text/html"), 406, "Answers are application/json or")
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    assert server.classify(GOOD, Accept=browser).status_code == 200


def test_what_is_not_there(server):
    refused(server.client.get("/"), 404, "There is nothing here")
    refused(server.client.get("/docs"), 404, "There is nothing here")
    refused(server.client.get("/v1/classify"), 405, "takes POST alone")
    assert server.client.get("/v1/classify").headers["allow"] == "POST"
    refused(server.client.put("/v1/card"), 405, "is not done here")
    refused(server.client.get("/v1/jobs/" + "0" * 32), 404, "There is no such job")
    refused(server.client.get("/v1/jobs/..%2f..%2fetc%2fpasswd"), 404, "There is")


def test_names_and_pages_of_others(server):
    for host in ("evil.example", "evil.example:80", "", "127.0.0.1.evil.example"):
        refused(server.classify(GOOD, Host=host), 403, "answers here as 127.0.0.1, localhost alone")
    for host in ("localhost", f"LOCALHOST:{server.port}"):
        assert server.classify(GOOD, Host=host).status_code == 200
    for origin in ("http://evil.example", "null", "http://[", f"http://evil.example:{server.port}"):
        refused(server.classify(GOOD, Origin=origin), 403, "Pages of other hosts may not ask")
    assert server.classify(GOOD, Origin=f"http://localhost:{server.port}").status_code == 200


def test_a_sentence_quotes_nothing_that_a_terminal_obeys(server):
    answer = server.classify(GOOD, path="/v1/classify?colors=%1b%5b2J%0a")
    refused(answer, 422, "colors=")
    assert "\x1b" not in json.loads(answer.content)["error"]
