"""What the examples that train a network share: random parameters to start from, and Adam."""

from itertools import pairwise

import numpy as np

import fastjac as fj


def random_network(sizes, activation, rng, skips=False):
    """Affine layers of these sizes, inputs first, with `activation` between them; the weights keep a signal's variance.

    skips : whether each hidden layer whose output is as wide as its input adds the two, as in a residual network.
    """
    items = []
    for n_in, n_out in pairwise(sizes):
        layer = [fj.Affine(rng.normal(scale=n_in**-0.5, size=(n_out, n_in)), np.zeros(n_out)), activation]
        items.append(fj.Residual(layer) if skips and n_in == n_out else fj.Network(layer))
    items[-1] = layer[0]
    return fj.Network(items)


class Adam:
    """Gradient descent with momentum, at a scale of its own for each parameter (Kingma & Ba, "Adam", ICLR 2015).

    rate : about the size of a parameter's first steps.
    n_steps : the number of steps in which the rate falls to 0, along half a cosine.
    """

    def __init__(self, rate, n_steps):
        self.rate, self.n_steps, self.done = rate, n_steps, 0
        self.mean, self.square = 0.0, 0.0  # running means of the gradients and of their squares

    def step(self, net, gradient):
        """The network one step down the gradient (n_parameters,) of its loss."""
        rate = self.rate * 0.5 * (1 + np.cos(np.pi * self.done / self.n_steps))
        self.done += 1
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.square = 0.999 * self.square + 0.001 * gradient**2
        # Both means start at 0, so at first they are too small by these factors.
        mean, square = self.mean / (1 - 0.9**self.done), self.square / (1 - 0.999**self.done)
        return net.with_parameters(net.parameters() - rate * mean / (np.sqrt(square) + 1e-8))
