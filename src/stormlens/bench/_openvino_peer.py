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

    # It would halve the precision unasked where a processor has bfloat16.
    precision = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(job.graph, "CPU", precision)
    request = compiled.create_infer_request()
    parts = batches(job.scaled, PREDICT_BATCH)
    return lambda: np.concatenate([request.infer([part])[0].copy() for part in parts])
