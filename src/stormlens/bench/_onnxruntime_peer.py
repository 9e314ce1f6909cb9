"""ONNX Runtime on the network's ONNX graph."""

import numpy as np

from stormlens.bench._job import PREDICT_BATCH, Job, Pass, batches
from stormlens.bench._onnx import IMAGES


def start(job: Job) -> Pass:
    """
    The probabilities of all images.

    Parameters
    ----------
    job : Job

    Returns
    -------
    one_pass : callable
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(job.graph, providers=["CPUExecutionProvider"])
    parts = batches(job.scaled, PREDICT_BATCH)
    return lambda: np.concatenate([session.run(None, {IMAGES: part})[0] for part in parts])
