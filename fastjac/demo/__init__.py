"""The demo: the Jacobians of a trained digits classifier at real handwritten digits, from its Keras file to a picture.

The files here are `digits.keras`, the classifier (64-64-32-10, ReLU and softmax); `digits.npy`, 100 digits of 8 x 8 pixels
from scikit-learn's digits data, on which it was not trained; and `digits_labels.npy`, their classes. The files were made by
`examples/digits_train.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

import numpy as np

from ..check import check_jacobian
from ..errors import FileError
from ..importers import load
from ..tabular.arrayfile import read_array, write_array
from .picture import draw

HERE = Path(__file__).parent
MODEL, PIXELS, LABELS = (HERE / name for name in ("digits.keras", "digits.npy", "digits_labels.npy"))
CHECKED = 5
"""Digits at which the Jacobian is compared with central differences."""

PAUSE_SECONDS = 0.1
"""Rest before the measurement, so that threads that still spin from the call before do not slow it."""
MEASURED_SECONDS = 0.3


def run(directory: Path) -> None:
    """Compute the Jacobians, print what was done, and write `jac.npy` and `jac.png` to `directory`, made if need be.

    Raises FileError if they cannot be written, MissingDependencyError if h5py or matplotlib is not installed.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the directory {directory}: {error.strerror}") from error
    net, pixels, labels = load(MODEL), np.array(read_array(PIXELS)), np.array(read_array(LABELS))
    print(f"A Keras model, read without Keras: {MODEL}\n\n{net}\n")
    print(f"The order in which its Jacobian is multiplied:\n\n{net.plan()}\n")

    probabilities, jacobians = net.value_and_jacobian(pixels)
    seconds = _median_seconds(lambda: net.value_and_jacobian(pixels))
    right = np.mean(probabilities.argmax(axis=1) == labels)
    print(f"{len(pixels)} handwritten digits that it has not seen in training: {right:.0%} classified right.")
    each = 1e6 * seconds / len(pixels)
    print(f"Their Jacobians, an array of shape {jacobians.shape}: {1e3 * seconds:.2f} ms, {each:.1f} us each.\n")
    print(f"The first {CHECKED} of them against central differences:\n{check_jacobian(net, pixels[:CHECKED])}\n")

    write_array(directory / "jac.npy", [jacobians], jacobians.shape, jacobians.dtype)
    draw(directory / "jac.png", pixels, labels, probabilities, jacobians)
    print(f"Wrote {directory / 'jac.npy'}, J[b, i, j] = d probability i / d pixel j of digit b")
    print(f"Wrote {directory / 'jac.png'}, the pixels for and against every digit's class")


def _median_seconds(function: Callable[[], object]) -> float:
    """The median time of one call, over calls that take MEASURED_SECONDS together.

    Calls in a row use all threads. On a new machine kernels compile for that, so two calls come before the measurement.
    """
    function()
    function()
    sleep(PAUSE_SECONDS)
    seconds: list[float] = []
    end = perf_counter() + MEASURED_SECONDS
    while (start := perf_counter()) < end:
        function()
        seconds.append(perf_counter() - start)
    return median(seconds)
