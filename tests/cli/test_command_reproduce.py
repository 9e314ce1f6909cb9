"""`reproduce`: one command from boxes to the page; what it computes is tested in experiment/."""

import json

import pytest

from stormlens import experiment
from stormlens.experiment._published import Published


class Done:
    """What `experiment.reproduce` gives, in little."""

    def __init__(self, folder, **values):
        self.folder, self.page, self.values = folder, folder / "reproduction.html", values

    def to_dict(self):
        published = Published.share("test", "accuracy", 0.887, 300)
        rows = [
            {"split": "train", "score": "accuracy", "published": None, "place": None}
            | {"ours": {"value": 0.9, "low": None, "high": None}},
            {"split": "test", "score": "accuracy", "published": published.to_dict()}
            | {"ours": {"value": 0.85, "low": 0.81, "high": 0.89}, "place": "inside"},
        ]
        network = {"name": "svrimg-3conv", "rows": rows}
        return {"networks": [network], "simulated": False, "quick": False, "comparable": True} | (
            self.values
        )


@pytest.fixture
def asked(monkeypatch):
    """What the command asks of `experiment.reproduce`, which computes nothing here."""
    calls = []

    def reproduce(study, out, data, **others):
        calls.append({"study": study, "out": out, "data": data, **others})
        return Done(out)

    monkeypatch.setattr(experiment, "reproduce", reproduce)
    return calls


def test_the_archive_is_asked_for_unless_told(invoke, asked, tmp_path):
    result = invoke("reproduce", "svrimg", "--out", tmp_path)
    assert result.exit_code == 0
    command = asked[0].pop("command")
    assert command == f"stormlens reproduce svrimg --out {tmp_path}"
    assert asked == [
        {
            "study": "svrimg",
            "out": tmp_path,
            "data": None,
            "quick": False,
            "seed": 0,
            "data_options": {},
        }
    ]


def test_options_reach_it(invoke, asked, tmp_path):
    options = ("--data", "simulated", "--data-seed", 3, "--quick", "--seed", 2)
    assert invoke("reproduce", "svrimg", "--out", tmp_path, *options).exit_code == 0
    assert (asked[0]["data"], asked[0]["quick"], asked[0]["seed"]) == ("simulated", True, 2)
    assert asked[0]["data_options"] == {"seed": 3}


def test_the_table_sets_ours_beside_what_was_published(invoke, asked, tmp_path):
    lines = invoke("reproduce", "svrimg", "--out", tmp_path).stdout.splitlines()
    table = [" ".join(line.split()) for line in lines]
    assert table[0] == "network accuracy published here 95 % interval ours is"
    assert "svrimg-3conv test 0.887 0.850 0.810 to 0.890 inside" in table
    assert "Of 1 accuracies that were published, 1 came out here" in " ".join(lines)
    assert lines[-1] == f"Page: {tmp_path / 'reproduction.html'}"
    assert not any(line.split()[1:2] == ["training"] for line in lines)  # not published of it


def test_json_is_the_document_alone(invoke, asked, tmp_path):
    result = invoke("reproduce", "svrimg", "--out", tmp_path, "--json")
    assert json.loads(result.stdout) == Done(tmp_path).to_dict()


def test_simulated_is_said(invoke, monkeypatch, tmp_path):
    told = {"simulated": True, "comparable": False, "quick": True}
    monkeypatch.setattr(experiment, "reproduce", lambda *a, **k: Done(tmp_path, **told))
    text = invoke("reproduce", "svrimg", "--out", tmp_path).stdout
    assert "SIMULATED" in text
    assert "none of them is a target" in text


def test_ctrl_c_is_answered_with_the_line_that_goes_on(invoke, monkeypatch, tmp_path):
    def stopped(*arguments, **others):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "reproduce", stopped)
    result = invoke("reproduce", "svrimg", "--out", tmp_path, "--quick")
    assert result.exit_code == 130
    assert result.stderr.endswith(
        f"Go on with: stormlens reproduce svrimg --out {tmp_path} --quick\n"
    )


def test_what_cannot_be_is_a_sentence(refused, tmp_path):
    assert "svrimg" in refused("reproduce", "storms", "--out", tmp_path / "out")
    assert "--data-seed" in refused(
        "reproduce", "svrimg", "--out", tmp_path / "out", "--data-seed", 1
    )
    assert not (tmp_path / "out").exists()
