"""Tensors and matrices of other libraries, wherever an array is taken: read, or refused with the way out."""

import numpy as np
import pytest
import scipy.sparse
import torch

import fastjac as fj
from fastjac.dense import dense_array
from fastjac.errors import DtypeError, ShapeError

NET = fj.Network([fj.Affine(np.ones((2, 3)))])
TAKEN = {
    "a layer": lambda value: fj.Affine(value),
    "an input": lambda value: NET.jacobian(value),
    "a tangent": lambda value: NET.pushforward(np.ones(3), value),
}
REFUSED = {
    "sparse": (lambda tensor: tensor.to_sparse(), r"the tensor is sparse; pass tensor.to_dense\(\)"),
    "meta": (lambda tensor: tensor.to("meta"), "the tensor is on the meta device, so it has a shape but no numbers; load"),
    "bfloat16": (lambda tensor: tensor.bfloat16(), r"NumPy has no bfloat16; pass tensor.float\(\)"),
    "with a gradient": (lambda tensor: tensor.clone().requires_grad_(), r"Use tensor.detach\(\).numpy\(\) instead"),
    "scipy's": (lambda tensor: scipy.sparse.csr_array(tensor.numpy()), r"the csr_array is sparse; pass its .toarray\(\)"),
}


@pytest.mark.parametrize("taken", TAKEN)
@pytest.mark.parametrize("name", REFUSED)
def test_what_numpy_cannot_read_has_a_sentence_of_its_own(name, taken):
    make, message = REFUSED[name]
    with pytest.raises(DtypeError, match=f" cannot be read as an array: .*{message}"):
        TAKEN[taken](make(torch.ones(3, 3)))


def test_other_tensors_and_lists_are_read():
    for value in (torch.ones(2, 3), [[1.0] * 3] * 2, torch.ones(2, 3, dtype=torch.float16), [torch.ones(3)] * 2):
        np.testing.assert_array_equal(dense_array(value, "x"), np.ones((2, 3)))


def test_rows_of_different_lengths_are_reported():
    with pytest.raises(ShapeError, match="x must be a rectangular array, but its rows differ in length"):
        dense_array([[1.0], [1.0, 2.0]], "x")
