"""Keras, imported late and on its JAX backend."""

import os
import sys
from types import ModuleType

from stormlens.errors import InputError


def import_keras() -> ModuleType:
    """
    Keras 3 running on JAX.

    Returns
    -------
    keras : module

    Raises
    ------
    InputError
        If Keras was already imported with another backend.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "jax"
    import keras

    if keras.backend.backend() != "jax":
        raise InputError(
            f"Keras runs on {keras.backend.backend()} in this process; stormlens needs JAX. "
            "Set KERAS_BACKEND=jax, or import stormlens.models before keras."
        )
    return keras
