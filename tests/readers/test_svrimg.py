"""SVRIMG images on the national grid."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from png_files import UNID, index, png

from stormlens.errors import InputError
from stormlens.readers import Options, read

IMAGE = np.arange(136 * 136).reshape(136, 136) % 75


def test_an_image_lies_in_its_box_and_nothing_else_is_covered():
    mosaic = read(png(IMAGE), Options(index=index(xmin=600, ymin=300)), name=f"{UNID}.png")
    box = mosaic.isel(x=slice(600, 736), y=slice(300, 436))
    npt.assert_array_equal(box.reflectivity, IMAGE)
    assert box.coverage.values.all()
    assert int(mosaic.coverage.sum()) == 136 * 136
    assert int(mosaic.reflectivity.sum()) == IMAGE.sum()


def test_time_is_the_radar_s_where_the_index_has_it_else_the_report_s():
    table = index()
    assert read(png(IMAGE), Options(index=table), name=f"{UNID}.png").time == np.datetime64(
        "2011-04-27T19:00"
    )
    without = table.drop(columns="radar_time")
    assert read(png(IMAGE), Options(index=without), name=f"{UNID}.png").time == np.datetime64(
        "2011-04-27T19:10"
    )


@pytest.mark.parametrize(
    ("table", "name", "message"),
    [
        (None, f"{UNID}.png", "give the image index"),
        (index(), "other.png", "the index has no image 'other'"),
        (index(xmin=1300), f"{UNID}.png", "leaves the grid"),
        (pd.DataFrame({"a": [1]}, index=[UNID]), f"{UNID}.png", "lacks the column 'xmin'"),
    ],
)
def test_what_is_wrong_is_said(table, name, message):
    with pytest.raises(InputError, match=message):
        read(png(IMAGE), Options(index=table), name=name)


def test_an_image_of_another_size_is_refused():
    with pytest.raises(InputError, match="136 x 136 are needed"):
        read(png(IMAGE[:100]), Options(index=index()), name=f"{UNID}.png")
