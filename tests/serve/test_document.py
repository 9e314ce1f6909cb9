"""The OpenAPI document says what the server does, and what is made from it breaks nothing."""

from urllib.parse import urlencode

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from serving import ARROW, Running, npy

from stormlens.serve._question import OPTIONS

TOKEN = "a-token-of-some-length"
GOOD = npy(np.full((136, 136), 30, np.uint8))


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    server = Running("--keep", tmp_path_factory.mktemp("keep") / "jobs", token=TOKEN)
    yield server
    assert server.stop() == 0


@pytest.mark.slow
def test_the_document_lists_all_operations_and_options(running):
    document = running.client.get("/openapi.json").json()
    assert {(path, method) for path, held in document["paths"].items() for method in held} == {
        ("/v1/classify", "post"),
        ("/v1/jobs", "post"),
        ("/v1/jobs/{id}", "get"),
        ("/v1/jobs/{id}", "delete"),
        ("/v1/card", "get"),
        ("/health", "get"),
        ("/metrics", "get"),
    }
    classify = document["paths"]["/v1/classify"]["post"]
    assert [held["name"] for held in classify["parameters"]] == list(OPTIONS)
    assert {"400", "401", "413", "415", "422", "503", "504"} <= set(classify["responses"])
    assert "429" in document["paths"]["/v1/jobs"]["post"]["responses"]


@pytest.mark.long(10)
@pytest.mark.filterwarnings("default")  # of schemathesis and what it brings
@pytest.mark.parametrize("accept", ["application/json", ARROW])
def test_what_schemathesis_makes_of_the_document_is_no_failure_of_the_server(running, accept):
    import schemathesis
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    named = (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    )
    due = [CHECKS.get_one(name) for name in named]
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": accept}
    schema = schemathesis.openapi.from_url(f"{running.url}openapi.json", headers=headers)
    tried = []

    def ask(case):
        response = case.call(base_url=running.url, headers=headers)
        tried.append(response.status_code)
        assert response.status_code < 500, response.text
        case.validate_response(response, checks=due)
        if case.method == "POST":  # with a body that is one, so that options come to bear
            again = running.classify(GOOD, path=f"{case.path}?{urlencode(case.query, doseq=True)}")
            tried.append(again.status_code)
            assert again.status_code < 500, again.text

    bounded = settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for operation in schema.get_all_operations():
        for mode in schemathesis.GenerationMode:
            try:
                bounded(given(operation.ok().as_strategy(generation_mode=mode))(ask))()
            except Unsatisfiable:
                assert (
                    mode is schemathesis.GenerationMode.NEGATIVE
                )  # where there is nothing to get wrong
    assert len(tried) > 100
    assert {200, 404, 422} <= set(tried)
    assert running.client.get("/health").status_code == 200
