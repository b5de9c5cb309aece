"""Import an ONNX model: a live ModelProto, or what a file was parsed to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...errors import DtypeError
from ...network import Network
from ..ir.account import Account
from ..ir.build import build as build_network
from ..ir.evaluation import Dialect, Operand
from ..ir.graph import Graph
from ..ir.sources import Source, chosen_outputs
from ..options import Options
from ..parts import Imported, Part
from .calls import Call
from .external import ExternalData
from .graph import Model, Node, needed_for, read_model
from .operators import OPERATORS
from .parsing import parse
from .refusals import OWN_FUNCTION, refusal
from .tensor import TensorReader

NO_OPTIONS = Options()


def from_onnx(
    model: Any, n_in: int | None = None, *, inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None
) -> Network:
    """The network of a live ONNX model.

    Parameters
    ----------
    model : an onnx.ModelProto, or the bytes of one. Where its batch is open, every node must act on each sample by itself;
        where it is fixed, the whole input is one sample. Batch normalization is folded, dropout falls away, and an input of
        several axes is taken flattened, so that x is `images.reshape(len(images), -1)`. Nodes that compute constants are
        computed, and nodes that stand together for one activation or layer normalization are taken for that.
    n_in : the number of inputs; needed only where the model leaves one axis besides the batch open.
    inputs : the names of the model's inputs in the order in which the network takes them; by default that of the model.
    outputs : the names of the outputs that the network gives; by default all that hold floating-point numbers.

    Returns
    -------
    Network
        In float64 if an input, a weight or another constant is double, else in float32. The weights are copied.

    Raises
    ------
    DtypeError
        `model` is neither a ModelProto nor bytes.
    UnsupportedLayerError
        It mixes the samples of a batch, holds a node that fastjac does not have, is quantized, or keeps tensors outside; the
        message names node and operator.
    OptionError
        `inputs` or `outputs` are not those of the model.
    LayerError
        Nothing states the size of an input.
    FormatError
        It contradicts itself, or the bytes are damaged.
    MissingDependencyError
        The bytes of a model were given, and onnx is not installed.

    Examples
    --------
    >>> import onnx.parser
    >>> model = onnx.parser.parse_model('''<ir_version: 8, opset_import: ["": 17]>
    ... main (float[N, 3] x) => (float[N, 3] y) {y = Tanh(x)}''')
    >>> fj.from_onnx(model)
    Network(3, 1 layer, float32)
    """
    options = Options(n_in=n_in, inputs=inputs, outputs=outputs)
    if isinstance(model, bytes):
        return build(parse(model), None, options).network
    onnx: Any = sys.modules.get("onnx")
    if onnx is None or not isinstance(model, onnx.ModelProto):
        raise DtypeError(f"from_onnx takes an onnx.ModelProto or bytes, got {type(model).__module__}.{type(model).__name__}")
    return build(model, None, options).network


def build(model: Any, external: ExternalData | None, options: Options = NO_OPTIONS) -> Imported:
    """The network of a ModelProto, and its parts; see `from_onnx`.

    external : where tensors outside the model are looked for, or None to refuse them.
    """
    held, account = read_model(model), Account()
    reader = TensorReader(account, external)
    outputs, left_out = chosen_outputs(held.outputs, options.outputs)
    nodes = needed_for([end.value for end in outputs], held)
    unused = len(held.nodes) - len(nodes)
    aside = [Part("other nodes", (), f"{unused}, on which no output of the network depends")] if unused else []
    graph = Graph(
        [_own(node, held) for node in nodes],
        held.inputs,
        outputs,
        _constants(held, reader),
        [*aside, *left_out],
        frozenset(size for tensor in held.initializers.values() for size in tensor.dims),
    )

    def call(node: Node, operands: tuple[Operand, ...]) -> Call:
        return Call(node, operands, held.opset, reader)

    return build_network(graph, Dialect(OPERATORS, refusal, call, _one_sample), options, account)


def _own(node: Node, held: Model) -> Node:
    """The node; OWN_FUNCTION marks its operator where the model itself defines that."""
    return replace(node, operator=f"{OWN_FUNCTION}{node.operator}") if node.operator in held.functions else node


def _constants(held: Model, reader: TensorReader) -> Mapping[str, Callable[[], np.ndarray]]:
    dense = {name: partial(reader.dense, tensor) for name, tensor in held.initializers.items()}
    return {name: partial(reader.sparse, tensor) for name, tensor in held.sparse_initializers.items()} | dense


def _one_sample(source: Source) -> str:
    """What a user can do whose model only takes one sample."""
    end = source.declared
    if end.dims is None:
        return "if it is only ever given one sample, declare the shape of its input, with a batch of 1"
    dim = f"type.tensor_type.shape.dim[{source.batch_axis or 0}]"
    return (
        "if it is only ever given one sample, fix its batch before: "
        f"next(i for i in model.graph.input if i.name == {end.name!r}).{dim}.dim_value = 1"
    )
