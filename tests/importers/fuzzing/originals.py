"""Valid files of every format that `fastjac.load` reads, small, each written by the library that the format comes from."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import fastjac as fj

from .. import emulator_files, matlab_files
from .estimators import estimators
from .graphs import graphs
from .original import Original

LAYERS = ["relu", "tanh", "softmax"]
WIDTHS = (4, 6, 5, 3)


def write_all() -> list[Original]:
    """One file of every kind."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            *_keras(Path(folder)),
            *_torch(),
            *_arrays(),
            *_own(Path(folder)),
            _onnx(),
            _onnx_graph(),
            _nnet(),
            _packed(),
            *_lists(),
            *_emulators(),
            *_matlab(),
            *estimators(),
            *graphs(list(weights().values())),
            *_agents(Path(folder)),
            *torch_programs(Path(folder)),
        ]


def weights() -> dict[str, np.ndarray]:
    """A state dict of three affine layers."""
    rng = np.random.default_rng(0)
    state = {}
    for i, (n_in, n_out) in enumerate(pairwise(WIDTHS)):
        state[f"net.{2 * i}.weight"] = rng.standard_normal((n_out, n_in)).astype(np.float32)
        state[f"net.{2 * i}.bias"] = rng.standard_normal(n_out).astype(np.float32)
    return state


def _keras(folder: Path) -> Iterator[Original]:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(6, "relu"),
            layers.BatchNormalization(),
            layers.Dense(5, use_bias=False),
            layers.LeakyReLU(),
            keras.Sequential([keras.Input((5,)), layers.Dense(4), layers.PReLU()]),
            layers.Dropout(0.5),
            layers.Dense(3, "softmax"),
        ]
    )
    x = inner = keras.Input((4,))
    for layer in (layers.Dense(5, "gelu"), layers.LayerNormalization(), layers.Dense(3)):
        inner = layer(inner)
    functional = keras.Model(x, inner)
    for name, saved in (("sequential", model), ("functional", functional), ("branching", _branching())):
        for suffix in (".keras", ".h5"):
            saved.save(folder / f"{name}{suffix}")
            yield Original(f"{name}{suffix}", (folder / f"{name}{suffix}").read_bytes())
    keras.Model(x, 0.5 * inner - x[:, :3] / np.ones(3)).save(folder / "arithmetic.keras")
    yield Original("arithmetic.keras", (folder / "arithmetic.keras").read_bytes())
    model.save_weights(folder / "model.weights.h5")
    yield Original("model.weights.h5", (folder / "model.weights.h5").read_bytes(), {"config": model.to_json()})


def _branching() -> Any:
    """A Keras model of two inputs and two outputs, which shares a layer and calls an inner model twice."""
    import keras
    from keras import layers

    x, u = keras.Input((4,), name="x"), keras.Input((2,), name="u")
    p, q = keras.Input((4,)), keras.Input((4,))
    inner = keras.Model([p, q], [layers.Add()([p, layers.Dense(4, "tanh")(q)]), layers.Multiply()([p, q])])
    dense = layers.Dense(4)
    first, second = inner([x, dense(x)])
    third, _ = inner([second, first])
    joined = layers.Concatenate()([dense(third), u, layers.Maximum()([first, second])])
    return keras.Model({"x": x, "u": u}, {"a": layers.Dense(3)(joined), "b": third})


def _torch() -> Iterator[Original]:
    import torch

    state = {name: torch.from_numpy(array) for name, array in weights().items()}
    saved = {
        "state.pt": (state, {}),
        "checkpoint.ckpt": ({"epoch": 3, "state_dict": state, "lr": [0.1, (1, "a")]}, {}),
        "old.pth": (state, {"_use_new_zipfile_serialization": False}),
    }
    for name, (value, options) in saved.items():
        target = io.BytesIO()
        torch.save(value, target, **options)
        yield Original(name, target.getvalue(), {"layers": LAYERS})
    yield from _whole_modules()


def _whole_modules() -> Iterator[Original]:
    import torch
    from torch import nn

    from ..test_torch_whole_modules import Block, Net, classes

    parts = [
        nn.Linear(4, 6),
        nn.BatchNorm1d(6),
        nn.LeakyReLU(0.1),
        nn.Dropout(),
        nn.Linear(6, 3),
        nn.LayerNorm(3),
        nn.Softmax(-1),
    ]
    listed = nn.Sequential(Block(), nn.Softplus(2.0), Net())
    for name, module, options in (
        ("sequential.pt", nn.Sequential(*parts), {}),
        ("own.pt", listed, {"classes": classes("Net", "Block")}),
    ):
        target = io.BytesIO()
        torch.save(module, target)
        yield Original(name, target.getvalue(), options)


def torch_programs(folder: Path) -> Iterator[Original]:
    """Programs that torch has scripted, traced, frozen and exported."""
    import warnings

    from ..torch_programs.models import WRITERS, build

    for name, writer in (("choosing", "scripted"), ("classifier", "traced"), ("gated", "frozen"), ("policy", "exported")):
        module, inputs = build(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of its own functions
            WRITERS[writer](module, inputs, folder / "program.pt2")
        yield Original(f"{name}.{writer}", (folder / "program.pt2").read_bytes())


def _arrays() -> Iterator[Original]:
    import safetensors.numpy

    target = io.BytesIO()
    np.savez(target, **weights())
    yield Original("weights.npz", target.getvalue(), {"layers": LAYERS})
    yield Original("weights.safetensors", safetensors.numpy.save(weights()), {"layers": LAYERS})


def _own(folder: Path) -> Iterator[Original]:
    affines = [array for name, array in weights().items() if name.endswith("weight")]
    layers = [fj.Affine(affines[0]), fj.ELU(0.5), fj.Affine(affines[1]), fj.LayerNorm(), fj.Affine(affines[2]), fj.Softmax()]
    fj.Network(layers).save(folder / "own.safetensors")
    yield Original("own.safetensors", (folder / "own.safetensors").read_bytes())
    x, u = fj.Input(layers[0].n_in, "x"), fj.Input(3)
    h = fj.Tanh()(layers[0](x))
    fj.Network(inputs=(x, u), outputs=(fj.concatenate([h[::2], u]), layers[2](h) * 0.5)).save(folder / "graph.safetensors")
    blocks = [layers[0], fj.Residual([fj.ReLU()]), fj.Parallel([[], layers[2]], join="concatenate")]
    fj.Network(blocks).save(folder / "blocks.safetensors")
    for name in ("graph.safetensors", "blocks.safetensors"):
        yield Original(name, (folder / name).read_bytes())


def _onnx() -> Original:
    from onnx import TensorProto, helper, numpy_helper

    state = list(weights().values())
    initializers = [numpy_helper.from_array(array, f"w{i}") for i, array in enumerate(state)]
    initializers.append(numpy_helper.from_array(np.array([1, -1], np.int64), "shape"))
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["a"]),
        helper.make_node("Gemm", ["a", "w0", "w1"], ["b"], transB=1, alpha=0.5),
        helper.make_node("LeakyRelu", ["b"], ["c"], alpha=0.1),
        helper.make_node("Transpose", ["w2"], ["t"]),
        helper.make_node("MatMul", ["c", "t"], ["d"]),
        helper.make_node("Add", ["d", "w3"], ["e"]),
        helper.make_node("Tanh", ["e"], ["f"]),
        helper.make_node("Gemm", ["f", "w4", "w5"], ["g"], transB=1),
        helper.make_node("Softmax", ["g"], ["y"], axis=-1),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size]) for name, size in (("x", 4), ("y", 3))]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    return Original("model.onnx", model.SerializeToString())


def _onnx_graph() -> Original:
    """An ONNX model of two inputs and two outputs, with nodes of many kinds."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    text = """s, t = Split <axis = 1> (x, halves); a = Concat <axis = 1> (t, u, s); b = Slice(a, one, three, one)
        g = Gather <axis = 1> (a, places); c = Greater(s, half); w = Where(c, t, half); m = Mul(w, w); p = Pow(m, two)
        e = Einsum <equation = "nc,dc->nd"> (p, matrix); r = ReduceMean(e, one); f = Sub(e, r); n = Shape(f); i = Expand(r, n)
        j = Pad <mode = "edge"> (i, pads); k = Tile(j, pair); l = Max(b, half); q = LpNormalization <axis = 1> (l)
        o = Concat <axis = 1> (q, k, f); y = Softmax(o); z = Erf(g)"""
    numbers = {"halves": [2, 2], "one": [1], "three": [4], "places": [0, 2, 2], "pads": [0, 1, 0, 0], "pair": [1, 2]}
    arrays = {name: np.array(values, np.int64) for name, values in numbers.items()}
    reals = {"half": np.float32(0.5), "two": np.float32(2.0), "matrix": weights()["net.0.weight"][:3, :2]}
    initializers = [numpy_helper.from_array(np.asarray(array), name) for name, array in (arrays | reals).items()]
    nodes = [onnx.parser.parse_node(node) for node in text.replace("\n", ";").split(";")]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size]) for name, size in (("x", 4), ("u", 2))]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "z")]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    return Original("graph.onnx", model.SerializeToString())


def _agents(folder: Path) -> Iterator[Original]:
    from ..stable_baselines3 import archives

    ppo = archives.described("stable_baselines3.common.policies")
    archives.write(folder / "ppo.zip", archives.actor_critic(), ppo)
    yield Original("ppo.zip", (folder / "ppo.zip").read_bytes(), {"policy": "actor"})
    sac = archives.described("stable_baselines3.sac.policies", options={"net_arch": [6, 5], "clip_mean": 1.5})
    archives.write(folder / "sac.zip", archives.sac(use_sde=True), sac)
    for policy in ("actor", "critic"):
        yield Original(f"sac-{policy}.zip", (folder / "sac.zip").read_bytes(), {"policy": policy})
    for policy, (name, saved) in zip(("actor", "critic", "critic"), _checkpoints().items(), strict=True):
        yield Original(name, archives.saved(saved), {"policy": policy, "activation": "elu"})


def _checkpoints() -> dict[str, Any]:
    """What libraries of reinforcement learning save by torch."""
    from ..policies import agents

    pair = (agents.Actor("fc_mu").state_dict(), agents.Critic().state_dict())
    return {"rsl_rl.pt": agents.rsl_rl(normalized=True)[-1], "skrl.pt": agents.skrl(shared=True)[-1], "ddpg.pt": pair}


def _nnet() -> Original:
    state = list(weights().values())
    rows = [[3, 4, 3, 6], WIDTHS, [0], [-1.0] * 4, [1.0] * 4, [0.0] * 5, [1.0] * 5]
    for weight, bias in zip(state[::2], state[1::2], strict=True):
        rows += [*weight.tolist(), *([value] for value in bias.tolist())]
    text = "// a network\n" + "".join(",".join(map(str, row)) + ",\n" for row in rows)
    return Original("net.nnet", text.encode())


def _packed() -> Original:
    return Original("net.nnet.gz", gzip.compress(_nnet().content, mtime=0))


def _lists() -> Iterator[Original]:
    """The networks of verification tools with one entry a line, without and with the names of activations."""
    state = list(weights().values())
    numbers = [
        entry for weight, bias in zip(state[::2], state[1::2], strict=True) for entry in np.column_stack([weight, bias]).flat
    ]
    head = [WIDTHS[0], WIDTHS[-1], len(WIDTHS) - 2, *WIDTHS[1:-1]]
    yield Original("list.txt", "\n".join(map(str, [*head, *numbers])).encode(), {"layers": LAYERS})
    yield Original("named.txt", "\n".join(map(str, [*head, "ReLU", "tanh", "Affine", *numbers, 0.5, 2.0, ""])).encode())


def _emulators() -> Iterator[Original]:
    of, of_components = emulator_files.attributes(), emulator_files.attributes(components=True)
    yield Original("emulator.npz", emulator_files.npz(of_components))
    yield Original("emulator.pkl", emulator_files.pkl(of, wrapped=("W", "b", "alphas", "betas", "architecture")))
    yield Original("components.pkl", emulator_files.pkl(of_components, protocol=2))
    yield Original("converted.npz", emulator_files.converted(of))


def _matlab() -> Iterator[Original]:
    """The weights as numbered variables, packed, and as cells in a struct, by which MATLAB's two formats are covered."""
    import scipy.io

    state = list(weights().values())
    names = [f"{name}{number}" for number in range(1, len(WIDTHS)) for name in "Wb"]
    for suffix, packs in (("5", False), ("7", True)):
        target = io.BytesIO()
        scipy.io.savemat(target, dict(zip(names, state, strict=True)), do_compression=packs)
        yield Original(f"version{suffix}.mat", target.getvalue(), {"layers": LAYERS})
    cells = {"W": state[::2], "b": [bias[:, None] for bias in state[1::2]], "act_fcns": LAYERS}
    target = io.BytesIO()
    scipy.io.savemat(target, {"net": {name: np.array([*values, None], object)[:-1] for name, values in cells.items()}})
    yield Original("cells.mat", target.getvalue())
    yield Original("version73.mat", matlab_files.version_7_3({"net": cells}))
