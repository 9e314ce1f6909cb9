"""Images as the SVRIMG archive writes them, and the row of the index that places them."""

import io

import numpy as np
import pandas as pd
from PIL import Image

UNID = "201104271910z000000001"


def png(image):
    """A palette PNG whose indices are dBZ."""
    memory = io.BytesIO()
    picture = Image.fromarray(np.asarray(image, np.uint8), mode="P")
    picture.putpalette([value for i in range(256) for value in (i, 255 - i, i // 2)])
    picture.save(memory, "PNG")
    return memory.getvalue()


def index(xmin=600, ymin=300, unid=UNID):
    """The image index, with one row."""
    columns = {"xmin": [xmin], "xmax": [xmin + 135], "ymin": [ymin], "ymax": [ymin + 135]}
    times = {"radar_time": [pd.Timestamp("2011-04-27T19:00")]}
    return pd.DataFrame({**columns, **times}, index=pd.Index([unid], name="unid"))
