"""ONNX Runtime on the network's ONNX graph."""

import numpy as np

from stormlens.bench._job import PREDICT_BATCH, Job, Pass, batches


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
    (images,) = (given.name for given in session.get_inputs())
    parts = batches(job.scaled, PREDICT_BATCH)
    return lambda: np.concatenate([session.run(None, {images: part})[0] for part in parts])
