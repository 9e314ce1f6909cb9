"""Kinds of file that are known but not read, by the first bytes that their formats lay down."""

import io
import struct
import tarfile

import numpy as np
import pytest
from grib_files import grib

from stormlens.errors import InputError
from stormlens.readers import read_mosaic


def tar():
    memory, content = io.BytesIO(), grib(np.full((40, 60), 30.0))
    with tarfile.open(fileobj=memory, mode="w") as archive:
        member = tarfile.TarInfo("Z__C_RJTD_20191012090000_RDR_JMAGPV_Ggis1km_Prr10lv_ANAL.bin")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return memory.getvalue()


# DWD, RADOLAN/RADVOR composite formats 2.4, section 1: product, DDhhmm, station, MMYY, BY.
RADOLAN = b"RX221535100000414BY1620139VS 2SW   2.13.1PR E+00INT   5GP 900x 900MS 62<asb>\x03"
# IRIS Programmer's Manual, section 4: a product's head (27) holds its configuration (26).
IRIS = struct.pack("<HhiHH", 27, 8, 640, 0, 0) + struct.pack("<Hhi", 26, 6, 320)
RAINBOW = b'<volume version="5.34.16" datetime="2013-05-10T00:00:06" type="vol" owner="">'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (tar(), r"it is a tar archive, which is not read; unpack it \(tar -xf FILE\)"),
        (RADOLAN, "it is a RADOLAN composite .* in HDF5"),
        (IRIS, r"file of IRIS.*to_cfradial1\(open_iris_datatree\(FILE\), NEW\)"),
        (RAINBOW, r"Rainbow 5 volume.*open_rainbow_datatree"),
        (b"BUFR\0\1\2\4", "it is BUFR, which is not read"),
        (b"\r\r\nISXD40 EDZW 142015\r\r\nBUFR\0\1\2\4", "it is BUFR, which is not read"),
        (b"II*\0\x08\0\0\0", "it is a TIFF picture"),
        (b"MM\0*\0\0\0\x08", "it is a TIFF picture"),
        (b"nothing at all", "it is of no kind that is read. Those are: NEXRAD"),
    ],
)
def test_what_is_known_is_called_by_its_name(content, sentence):
    with pytest.raises(InputError, match=sentence):
        read_mosaic(content + bytes(300), name="it")


def test_what_a_sentence_names_is_there():
    io_of_xradar = pytest.importorskip("xradar.io")
    names = ("open_iris_datatree", "open_rainbow_datatree", "to_cfradial1")
    assert all(callable(getattr(io_of_xradar, name)) for name in names)
