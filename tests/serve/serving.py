"""A server in a process of its own, as a user starts it, and files to send to it."""

import io
import os
import signal
import subprocess
import sys

import httpx
import numpy as np
from patience import PATIENCE
from PIL import Image
from processes import LISTENING

ARROW = "application/vnd.apache.arrow.stream"


class Running:
    """`stormlens serve`, begun and heard of; `before` is code that its process runs first."""

    def __init__(self, *arguments, before="", token=None):
        code = f"{LISTENING}\n{before}\nfrom stormlens.cli import run\nrun()"
        # What is not about time is answered in the end, however busy the machine is.
        if "--max-seconds" not in arguments:
            arguments = ("--max-seconds", PATIENCE, *arguments)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "serve", "--port", "0", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **({} if token is None else {"STORMLENS_TOKEN": token})},
        )
        self.url = self.process.stdout.readline().strip()
        assert self.url, self.process.stderr.read()
        self.port = httpx.URL(self.url).port
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE, headers=headers)

    def classify(self, content, *, path="/v1/classify", **headers):
        return self.client.post(
            path, content=content, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    def counted(self, line):
        """The number behind the line of the metrics that begins so."""
        lines = self.client.get("/metrics").text.splitlines()
        return sum(float(held.rsplit(" ", 1)[1]) for held in lines if held.startswith(line))

    def stop(self, number=signal.SIGTERM):
        self.client.close()
        self.process.send_signal(number)
        code = self.process.wait(timeout=PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


def npy(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def png(values, **options):
    image = Image.fromarray(values)
    image.putpalette([0] * 768)
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()
