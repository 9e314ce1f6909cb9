"""A small SVRIMG archive on a local port, laid out as the real one, which can misbehave."""

import hashlib
import http.server
import pickle
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr
from PIL import Image

from stormlens.stormbox import MODES, NATIONAL

SPLIT_PICKLES = {
    "train": "classifications/1996_2011_train.pkl",
    "validation": "classifications/2012_2013_validation.pkl",
    "test": "classifications/2014_2017_test.pkl",
}
YEARS = {"train": 2005, "validation": 2012, "test": 2016}
SIZES = {"train": 12, "validation": 6, "test": 7}


def unids_of(split):
    return [
        f"{YEARS[split]}04{1 + i // 3:02d}{10 + i % 3:02d}30z{i:09d}" for i in range(SIZES[split])
    ]


def boxes_of(split):
    rng = np.random.default_rng(len(split))
    return rng.integers(0, 75, (SIZES[split], 136, 136, 1), dtype=np.uint8)


def labels_of(split):
    return np.arange(SIZES[split]) % 6


def write_palette_png(path, box):
    """A PNG as the archive's: palette indices are dBZ, row 0 in the south."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.frombytes("P", box.shape[::-1], np.ascontiguousarray(box, np.uint8).tobytes())
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8).tobytes())
    image.save(path)
    return path


def write_archive(root: Path) -> Path:
    """Lay out the files of the archive under `root`/data, all but the two large grids."""
    data = root / "data"
    (data / "classifications").mkdir(parents=True)
    for split, name in SPLIT_PICKLES.items():
        # The test split's names as pandas hands them out: Python objects.
        names = np.array(unids_of(split), dtype=object if split == "test" else str)
        content = (boxes_of(split), labels_of(split), names)
        (data / name).write_bytes(pickle.dumps(content))
    rows = [
        f"{unid},{code},{MODES[code]}"
        for split in SPLIT_PICKLES
        for unid, code in zip(unids_of(split), labels_of(split), strict=True)
    ]
    table = "\n".join(["UNID,Class Code,Class Name", *rows]) + "\n"
    (data / "sample_classifications_96-17.csv").write_text(table)
    for hazard in ("tor", "hail", "wind"):
        write_tables(data, hazard)
    for i, unid in enumerate(unids_of("test")):
        box = boxes_of("test")[i, ..., 0]
        write_palette_png(data / "tor" / unid[:4] / unid[4:6] / f"{unid}.png", box)
    return data


def write_tables(data, hazard):
    ending = "" if hazard == "tor" else f"_{hazard}"
    unids = [unid + ending for split in SPLIT_PICKLES for unid in unids_of(split)]
    index = ["unid,radar_time,report_time,xmin,xmax,ymin,ymax,max_intensity,kind"]
    reports = ["uid,om,st,mag,slat,slon,date_utc"]
    for i, unid in enumerate(unids):
        day = f"{int(unid[4:6])}/{int(unid[6:8])}/{unid[:4]}"
        times = f"{day} {unid[8:10]}:00,{day} {unid[8:10]}:30"
        index.append(f"{unid},{times},{826 + i},{961 + i},262,397,60,{hazard}")
        iso = f"{unid[:4]}-{unid[4:6]}-{unid[6:8]} {unid[8:10]}:30:00"
        reports.append(f"{unid},{i},AL,2,33.1,-87.0,{iso}")
    (data / f"96-17_{hazard}_utc_svrimg_index.csv").write_text("\n".join(index) + "\n")
    (data / f"96-17_{hazard}_utc_gridrad.csv").write_text("\n".join(reports) + "\n")


def write_grids(root):
    """Lay out the geography and the example mosaic."""
    (root / "maps").mkdir()
    rows, columns = NATIONAL.shape
    longitude, latitude = NATIONAL.lonlat(np.arange(columns), np.arange(rows)[:, None])
    dims = ("Time", "south_north", "west_east")
    xr.Dataset(
        {"CLAT": (dims, latitude[None].astype("f4")), "CLONG": (dims, longitude[None].astype("f4"))}
    ).to_netcdf(root / "maps" / "svrimg_geog.nc", engine="h5netcdf")
    mosaic = np.zeros((1, rows, columns), np.uint8)
    mosaic[0, 300, 900] = 61
    xr.Dataset(
        {"REFC_MAX": (("time", "y", "x"), mosaic)},
        coords={"time": [np.datetime64("2011-04-27T19:00", "ns")]},
    ).to_netcdf(
        root / "data" / "nexrad_REFC_COL_MAX_INTERP_v3_1_20110427T190000Z.nc", engine="h5netcdf"
    )


@dataclass
class Server:
    """A running server, what it was asked, and how it is to misbehave."""

    url: str
    root: Path
    requests: list = field(default_factory=list)
    cut_after: list = field(default_factory=list)
    statuses: list = field(default_factory=list)
    validators: bool = True
    ranges: bool = True
    lengths: str = "told"  # or "chunked" or "none": the body ends where the connection does

    def asked_for(self, name):
        return [headers for path, headers in self.requests if path.endswith(name)]


def send_body(handler, server, body):
    """The end of the headers, and a body whose end is told as the server likes."""
    header = {
        "told": ("Content-Length", str(len(body))),
        "chunked": ("Transfer-Encoding", "chunked"),
        "none": ("Connection", "close"),
    }
    handler.send_header(*header[server.lengths])
    handler.end_headers()
    cut = bool(server.cut_after)
    if cut:
        body = body[: server.cut_after.pop(0)]
        handler.close_connection = True
    if server.lengths == "chunked":
        body = b"%x\r\n%b\r\n" % (len(body), body) + (b"" if cut else b"0\r\n\r\n")
    handler.wfile.write(body)


def handler_of(server_of):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def do_GET(self):
            server = server_of()
            server.requests.append((self.path, dict(self.headers)))
            path = server.root / self.path.lstrip("/")
            status = server.statuses.pop(0) if server.statuses else 200
            if status == 200 and path.is_file():
                self.send_content(server, path.read_bytes())
                return
            self.send_response(404 if status == 200 else status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def send_content(self, server, content):
            tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
            start = 0
            wanted = self.headers.get("Range")
            if wanted and server.ranges and self.headers.get("If-Range") == tag:
                start = int(wanted.removeprefix("bytes=").split("-")[0])
            self.send_response(206 if start else 200)
            if server.validators:
                self.send_header("ETag", tag)
            if start:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            send_body(self, server, content[start:])

    return Handler
