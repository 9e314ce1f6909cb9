"""A package that is missing is named by the command that installs it."""

import sys

import pytest
from enrolled import BY_NAME

from stormlens.errors import InputError
from stormlens.readers import read


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("gribberish", "mrms-png"),
        ("pyproj", "odim-composite"),
        ("xradar.io", "odim-volume"),
        ("xradar.io", "cfradial"),
    ],
)
def test_a_missing_package(monkeypatch, module, name):
    content = BY_NAME[name].make()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=r"pip install \"stormlens\[radar\]\""):
        read(content)
