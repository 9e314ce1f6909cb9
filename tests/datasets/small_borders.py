"""Natural Earth's two files in small, laid out as on its server."""

import io
import zipfile
from pathlib import Path

import shapefile


def write_borders(root: Path) -> Path:
    """A country, France, a state line, and a line that leaves what maps show, below `root`."""
    folder = root / "50m" / "cultural"
    folder.mkdir(parents=True)
    _write(
        folder / "ne_50m_admin_0_countries.zip",
        shapefile.POLYGON,
        [
            [[(-120, 30), (-120, 45), (-90, 45), (-90, 30), (-120, 30)]],
            [[(0, 44), (0, 50), (6, 50), (0, 44)]],
        ],
    )
    _write(
        folder / "ne_50m_admin_1_states_provinces_lines.zip",
        shapefile.POLYLINE,
        [[[(-104, 41), (-104, 45)]], [[(-60, 50), (-50, 50), (-40, 50), (-30, 50)]]],
    )
    return root


def _write(path: Path, kind: int, shapes: list[list[list[tuple[float, float]]]]) -> None:
    parts = {suffix: io.BytesIO() for suffix in ("shp", "shx", "dbf")}
    with shapefile.Writer(**parts, shapeType=kind) as writer:
        writer.field("name", "C")
        for shape in shapes:
            writer.poly(shape) if kind == shapefile.POLYGON else writer.line(shape)
            writer.record("made up")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for suffix, content in parts.items():
            archive.writestr(f"{path.stem}.{suffix}", content.getvalue())
