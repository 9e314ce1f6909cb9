"""What the page on serving shows works as it stands there."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from stormlens.datasets import write_samples

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "serve.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000/"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the samples that the page speaks of."""
    write_samples(tmp_path / "sample")
    monkeypatch.chdir(tmp_path)


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(2))
def test_python_of_the_page_runs(here, server, capsys, number):
    code = blocks("python")[number].replace(ADDRESS, server.url)
    exec(compile(code, "docs/howto/serve.md", "exec"), {})
    assert "SIMULATED" in capsys.readouterr().out
    assert len(blocks("python")) == 2


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl_of_the_page_runs(here, server):
    lines = [line for block in blocks("console") for line in block.splitlines() if "curl" in line]
    asked = [line for line in lines if ADDRESS in line]
    assert len(asked) == 6
    job = "0" * 32
    for line in asked:
        command = line.replace(ADDRESS, server.url).replace("/ID", f"/{job}")
        done = subprocess.run(
            f"curl -sS --fail-with-body {command.replace('curl ', '', 1)}"
            if command.startswith("curl")
            else command.replace("curl", "curl -sS --fail-with-body"),
            shell=True,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        assert shlex.split(line)
        if "/v1/jobs" in line and "--data-binary" in line:
            job = re.search('"id": ?"([0-9a-f]{32})"', done.stdout)[1]
        elif "classify" in line:
            assert "SIMULATED" in done.stdout
