"""Keras's ImageDataGenerator, the chapter's own augmentation."""

from stormlens.bench._job import BATCH, Job, Pass


def start(job: Job) -> Pass:
    """
    One pass of the generator.

    Parameters
    ----------
    job : Job

    Returns
    -------
    one_pass : callable
    """
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    images = job.images.astype("float32")[..., None]
    flow = ImageDataGenerator(**(job.augmentation or {})).flow(images, batch_size=BATCH)

    def one_pass() -> None:
        for _ in range(len(flow)):
            next(flow)

    return one_pass
