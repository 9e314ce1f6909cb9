"""Runtimes of others, which tests ask what an exported classifier answers."""

from types import ModuleType

import pytest


def import_openvino() -> ModuleType:
    """
    OpenVINO, or a skip where it is not installed.

    When it is first imported it forks a process that reports its use, unless it runs in
    continuous integration. JAX warns of a fork once it computes, so the test would fail or not
    by what ran before it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CI", "true")
        module: ModuleType = pytest.importorskip("openvino")
    return module
