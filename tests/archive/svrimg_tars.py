"""Tar files as the SVRIMG archive offers them: a year's palette PNGs named by their UNID."""

import io
import tarfile

import numpy as np
from PIL import Image


def png_of(box):
    image = Image.frombytes("P", box.shape[::-1], np.ascontiguousarray(box).tobytes())
    image.putpalette(bytes(range(256)) * 3)
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def unids(n, year=2011):
    return [f"{year}04{1 + i // 24:02d}{i % 24:02d}30z{i:09d}" for i in range(n)]


def write_tar(path, members, mode="w:gz"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:
        folder = tarfile.TarInfo("tor/2011/")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in members:
            told = tarfile.TarInfo(f"tor/2011/{name}")
            told.size = len(content)
            tar.addfile(told, io.BytesIO(content))
    return path
