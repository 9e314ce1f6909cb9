"""OpenVINO on the network's ONNX graph, compiled for throughput."""

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
    import openvino

    compiled = openvino.Core().compile_model(job.graph, "CPU")
    request = compiled.create_infer_request()
    parts = batches(job.scaled, PREDICT_BATCH)
    return lambda: np.concatenate([request.infer([part])[0].copy() for part in parts])
