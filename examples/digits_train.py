"""Train the digits classifier of the demo and the examples, once with Keras and once with torch.

    python examples/digits_train.py

The network maps the 64 pixels of a handwritten digit, each between 0 and 1, to the probabilities of the ten classes:
64-64-32-10 with ReLU and a final softmax. The data are the 1797 digits that come with scikit-learn; a quarter is held
out. Label smoothing keeps the probabilities away from 0 and 1, where their derivatives vanish. Noise on the pixels makes
the network, and so its Jacobian, smoother.

Needs keras, torch and scikit-learn, and under a minute. The files that it writes are in the repository, so it is needed only to
train anew:
    digits.keras, digits.npy, digits_labels.npy     in `--demo-dir`: the Keras model, 100 held-out digits, their labels
    digits_torch.safetensors                        in `--output`: the state dict of the torch module
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import torch
from digits_data import load_split
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).resolve().parent
LABEL_SMOOTHING = 0.1
NOISE = 0.25  # standard deviation, in units of a pixel's range
BATCH = 64
SHIPPED = 100  # held-out digits written beside the model


def train_keras(pixels, labels, epochs):
    """A Keras model that gives class probabilities."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((64,)),
            layers.GaussianNoise(NOISE),
            layers.Dense(64, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="digits",
    )
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING)
    model.compile(optimizer=keras.optimizers.Adam(2e-3), loss=loss)
    model.fit(pixels, keras.utils.to_categorical(labels, 10), batch_size=BATCH, epochs=epochs, verbose=0)
    # The same layers without the optimizer, whose state would triple the size of the file.
    return keras.Sequential([layers.Input((64,)), *model.layers], name="digits")


def train_torch(pixels, labels, epochs):
    """A torch module that gives class scores; the softmax belongs to the loss, as is usual in torch."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    pixels, labels = torch.from_numpy(pixels), torch.from_numpy(labels)
    loss = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(labels)).split(BATCH):
            optimizer.zero_grad()
            noisy = pixels[batch] + NOISE * torch.randn(len(batch), 64)
            loss(model(noisy), labels[batch]).backward()
            optimizer.step()
    return model


def main(argv=None):
    """Train both networks, print their accuracy on the held-out digits, and write the files."""
    parser = argparse.ArgumentParser(description="Train the digits classifier with Keras and with torch.")
    parser.add_argument("--demo-dir", type=Path, default=HERE.parent / "fastjac" / "demo")
    parser.add_argument("--output", type=Path, default=HERE)
    parser.add_argument("--epochs", type=int, default=80)
    args = parser.parse_args(argv)

    torch.set_num_threads(1)  # on a network this small, threads spend more time waiting for each other than computing
    pixels, test_pixels, labels, test_labels = load_split()
    keras_model = train_keras(pixels, labels, args.epochs)
    torch_model = train_torch(pixels, labels, args.epochs)
    with torch.no_grad():
        torch_scores = torch_model(torch.from_numpy(test_pixels)).numpy()
    keras_scores = keras.ops.convert_to_numpy(keras_model(test_pixels))
    for name, scores in (("Keras", keras_scores), ("torch", torch_scores)):
        print(f"{name}: {np.mean(scores.argmax(1) == test_labels):.1%} of {len(test_labels)} held-out digits right")

    keras_model.save(args.demo_dir / "digits.keras")
    np.save(args.demo_dir / "digits.npy", test_pixels[:SHIPPED])
    np.save(args.demo_dir / "digits_labels.npy", test_labels[:SHIPPED])
    save_file(torch_model.state_dict(), args.output / "digits_torch.safetensors")


if __name__ == "__main__":
    main()
