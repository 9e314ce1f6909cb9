"""The page about features says of each what `describe` says."""

from pathlib import Path

from stormlens.features import describe

PAGE = Path(__file__).parents[2] / "docs" / "features.md"


def rows():
    yield "| feature | unit | from | to | meaning |"
    yield "| --- | --- | ---: | ---: | --- |"
    for feature in describe():
        bounds = f"{feature.low:g} | {feature.high:.6g}"
        yield f"| `{feature.name}` | {feature.unit} | {bounds} | {feature.meaning} |"


def test_the_page_holds_the_table():
    assert "\n".join(rows()) in PAGE.read_text(encoding="utf-8")
