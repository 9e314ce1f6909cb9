"""What is still to be read: groups of a tar file, parts of a simulated archive."""

import pytest

from stormlens.archive._catalogue import Known, Row, append
from stormlens.archive._plan import MEMBERS, SIMULATED_PART, Plan, check_source
from stormlens.errors import InputError

from .svrimg_tars import unids, write_tar


def plan_of(source, store, **options):
    return Plan(str(source), Known(store), **{"retry": False, "count": 0, "seed": 0, **options})


def rows_of(units):
    return [Row(unit.name, unit.size, unit.stamp, 0, 1) for unit in units]


@pytest.fixture
def tar(tmp_path):
    members = [(f"{unid}.png", b"png") for unid in unids(2 * MEMBERS + 10)]
    members.insert(3, ("readme.txt", b"no image"))
    return write_tar(tmp_path / "tars" / "2011.tar.gz", members)


def test_a_tar_file_goes_in_groups_and_is_closed(tar, tmp_path):
    units = list(plan_of(tar.parent, tmp_path).units())
    assert [len(unit.members) for unit in units] == [MEMBERS, MEMBERS, 10, 0]
    assert [unit.last for unit in units] == [False, False, False, True]
    names = [name for unit in units for name, _ in unit.members]
    assert names == [f"tor/2011/{unid}.png" for unid in unids(2 * MEMBERS + 10)]
    assert units[-1].name == str(tar)
    assert not units[-1].problems


def test_a_tar_file_goes_on_behind_the_groups_that_are_there(tar, tmp_path):
    units = list(plan_of(tar, tmp_path).units())
    append(tmp_path, rows_of(units[:2]))
    rest = list(plan_of(tar, tmp_path).units())
    assert [unit.name for unit in rest] == [units[2].name, units[3].name]
    assert rest[0].members == units[2].members
    append(tmp_path, rows_of(rest))
    plan = plan_of(tar, tmp_path)
    assert (list(plan.units()), plan.passed, plan.changed) == ([], 1, [])


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_tar_file_cut_short_gives_what_comes_before(tar, tmp_path, keep):
    content = tar.read_bytes()
    tar.write_bytes(content[: int(keep * len(content))])
    units = list(plan_of(tar, tmp_path).units())
    assert units[-1].last
    assert "damaged or cut short" in units[-1].problems[0]
    assert sum(len(unit.members) for unit in units) < 2 * MEMBERS + 10


def test_what_is_no_tar_file_is_told(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.tar").write_bytes(b"nothing of the sort" * 100)
    (unit,) = plan_of(tmp_path / "in", tmp_path).units()
    assert "bad.tar is damaged" in unit.problems[0]


def test_a_member_too_large_is_told_and_not_read(tmp_path):
    tar = write_tar(tmp_path / "in" / "big.tar", [("a.png", b"a"), ("b.png", bytes(2**20 + 1))])
    first, last = plan_of(tar, tmp_path).units()
    assert [name for name, _ in first.members] == ["tor/2011/a.png"]
    assert "b.png is too large" in last.problems[0]


def test_a_tar_file_that_changed_is_told_and_left(tar, tmp_path):
    append(tmp_path, rows_of(list(plan_of(tar, tmp_path).units())[:1]))
    write_tar(tar, [("other.png", b"png")])
    plan = plan_of(tar, tmp_path)
    assert list(plan.units()) == []
    assert "has changed since" in plan.changed[0]


def test_files_that_failed_are_taken_again_when_asked(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.gz").write_bytes(b"a")
    (unit,) = plan_of(tmp_path / "in", tmp_path).units()
    append(tmp_path, [Row(unit.name, unit.size, unit.stamp, 0, 0, ["a.gz is bad."])])
    assert list(plan_of(tmp_path / "in", tmp_path).units()) == []
    assert list(plan_of(tmp_path / "in", tmp_path, retry=True).units()) == [unit]


def test_simulated_boxes_go_in_parts(tmp_path):
    count = 2 * SIMULATED_PART + 5
    plan = plan_of("simulated", tmp_path, count=count, seed=4)
    units = list(plan.units())
    assert [(unit.first, unit.count, unit.seed) for unit in units] == [
        (0, SIMULATED_PART, 4),
        (SIMULATED_PART, SIMULATED_PART, 4),
        (2 * SIMULATED_PART, 5, 4),
    ]
    assert plan.total() == (count, "boxes")
    assert sum(map(plan.progress_of, units)) == count


def test_progress_counts_inputs(tar, tmp_path):
    (tar.parent / "b.gz").write_bytes(b"b")
    plan = plan_of(tar.parent, tmp_path)
    assert plan.total() == (2, "inputs")
    assert sum(map(plan.progress_of, plan.units())) == 2


@pytest.mark.parametrize(
    ("source", "count", "sentence"),
    [
        ("simulated", None, "need a count"),
        ("simulated", 0, "give 1 or more"),
        ("empty", None, "holds no file"),
        ("empty", 5, "no other source takes one"),
        ("nowhere", None, "does not exist"),
    ],
)
def test_a_source_is_checked_first(tmp_path, source, count, sentence):
    (tmp_path / "empty").mkdir()
    where = source if source == "simulated" else str(tmp_path / source)
    with pytest.raises(InputError, match=sentence):
        check_source(where, count)
