"""The 1797 handwritten digits that come with scikit-learn, a quarter of them held out."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def load_split():
    """Training pixels (1347, 64), held-out pixels (450, 64), training labels, held-out labels; pixels from 0 to 1."""
    pixels, labels = load_digits(return_X_y=True)
    pixels = (pixels / 16.0).astype(np.float32)
    return train_test_split(pixels, labels, test_size=0.25, stratify=labels, random_state=0)
