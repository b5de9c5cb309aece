"""Small files that ask for much work: each is refused, or read, after little of it.

Work is counted, since time depends on the machine: the calls of functions, Python's and compiled ones, that a load makes. A
million take half a second. What compiled code does within a call is bounded by the tests of `reading/`.
"""

import gzip
import io
import json
import math
import sys
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io

import fastjac
from fastjac.errors import FastjacError

from . import emulator_files, matlab_files, torch_files


def work_of(act):
    """How many functions `act` calls, which may end in one of fastjac's errors."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        act()
    except FastjacError:
        pass
    finally:
        sys.setprofile(None)
    return calls


def zipped(members, method=zipfile.ZIP_DEFLATED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, member in members:
            archive.writestr(name, member)
    return content.getvalue()


def hdf5(fill):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        fill(file)
    return content.getvalue()


def tensor(layer, call):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [layer, call, 0]}}


def keras(layers, output, fill):
    """A .keras file of a model whose graph ends in call number `output` of layer d."""
    options = {"name": "in", "batch_shape": [None, 4]}
    given = {"module": "keras.layers", "class_name": "InputLayer", "config": options, "inbound_nodes": []}
    ends = {"input_layers": [["in", 0, 0]], "output_layers": [["d", output, 0]]}
    model = {"module": "keras", "class_name": "Functional", "config": {"name": "m", "layers": [given, *layers], **ends}}
    members = {"config.json": json.dumps(model), "metadata.json": '{"keras_version": "3.5.0"}', "model.weights.h5": hdf5(fill)}
    return zipped(members.items())


def called_often(file_calls):
    """One Dense that is called again and again."""
    nodes = [{"args": [tensor("d", call - 1) if call else tensor("in", 0)], "kwargs": {}} for call in range(file_calls)]
    config = {"name": "d", "units": 4, "use_bias": True, "activation": "tanh"}
    layer = {"module": "keras.layers", "class_name": "Dense", "config": config, "inbound_nodes": nodes}

    def fill(file):
        file["layers/dense/vars/0"], file["layers/dense/vars/1"] = np.eye(4, dtype="f4"), np.ones(4, "f4")

    return keras([layer], file_calls - 1, fill)


def inputs_called_often():
    """An inner model of 3,000 inputs, of which one matters, that is called 1,000 times."""
    inputs = [{"class_name": "InputLayer", "config": {"name": f"i{i}"}, "inbound_nodes": []} for i in range(3000)]
    node = {"args": [tensor("i0", 0)], "kwargs": {}}
    inside = {"class_name": "Activation", "config": {"name": "a", "activation": "tanh"}, "inbound_nodes": [node]}
    ends = {"input_layers": [["i0", 0, 0]], "output_layers": [["a", 0, 0]]}
    nodes = [{"args": [tensor("d", call - 1) if call else tensor("in", 0)], "kwargs": {}} for call in range(1000)]
    config = {"name": "d", "layers": [*inputs, inside], **ends}
    layer = {"module": "keras", "class_name": "Functional", "config": config, "inbound_nodes": nodes}
    return keras([layer], 999, lambda file: None)


def model(layers, outputs, width=4):
    """A .keras file of a graph without weights, whose input is called "in"."""
    given = {"module": "keras.layers", "class_name": "InputLayer", "config": {"name": "in", "batch_shape": [None, width]}}
    config = {"name": "m", "layers": [given, *layers], "input_layers": [["in", 0, 0]], "output_layers": outputs}
    text = json.dumps({"module": "keras", "class_name": "Functional", "config": config})
    members = {"config.json": text, "metadata.json": '{"keras_version": "3.5.0"}', "model.weights.h5": hdf5(lambda file: None)}
    return zipped(members.items())


def called(class_name, name, *calls, module="keras.layers", **options):
    nodes = [{"args": call, "kwargs": {}} for call in calls]
    return {"module": module, "class_name": class_name, "config": {"name": name, **options}, "inbound_nodes": nodes}


def inner_model(name, layer, output, *calls):
    given = {"module": "keras.layers", "class_name": "InputLayer", "config": {"name": "i"}, "inbound_nodes": []}
    ends = {"input_layers": [["i", 0, 0]], "output_layers": [output]}
    return called("Functional", name, *calls, module="keras", layers=[given, layer], **ends)


def sums_of_many():
    """An inner model, which adds one tensor 4,000 times, called 1,000 times."""
    add = called("Add", "a", [[tensor("i", 0)] * 4000])
    calls = [[tensor("d", call - 1) if call else tensor("in", 0)] for call in range(1000)]
    return model([inner_model("d", add, ["a", 0, 0], *calls)], [["d", 1000, 0]])


def doubled_models():
    """Twenty models within models, each of which calls the next one twice."""
    inside, output = called("Activation", "r", [tensor("i", 0)], activation="tanh"), ["r", 0, 0]
    for depth in range(20):
        inside = inner_model(f"m{depth}", inside, output, [tensor("i", 0)], [tensor(f"m{depth}", 0)])
        output = [f"m{depth}", 2, 0]
    inside["inbound_nodes"] = [{"args": [tensor("in", 0)], "kwargs": {}}]
    return model([inside], [["m19", 1, 0]])


def doublings(class_name, count, **options):
    """Each layer takes what the one before it gives twice, so that there are 2^count ways through the graph."""
    tensors = [tensor("in", 0), *(tensor(f"d{number}", 0) for number in range(count))]
    layers = [called(class_name, f"d{number}", [[tensors[number]] * 2], **options) for number in range(count)]
    return model(layers, [[f"d{count - 1}", 0, 0]])


def few_of_many_units(width, count):
    """One unit of many is taken, again and again, and spread over all."""
    slices = [{"class_name": "__slice__", "config": {"start": None, "stop": stop, "step": None}} for stop in (None, 1)]
    first = [called("GetItem", f"g{i}", [tensor("in", 0), slices], module="keras.src.ops.numpy") for i in range(count)]
    spread = [called("Add", f"s{i}", [[tensor("in", 0), tensor(f"g{i}", 0)]]) for i in range(count)]
    joined = called("Concatenate", "c", [[tensor(f"s{i}", 0) for i in range(count)]], axis=-1)
    return model([*first, *spread, joined], [["c", 0, 0]], width)


def one_long_name():
    """A model of 3,000 layers within one whose name has a million letters."""
    layers = [{"class_name": "Activation", "config": {"name": f"a{i}", "activation": "tanh"}} for i in range(3000)]
    model = {"module": "keras", "class_name": "Sequential", "config": {"name": "x" * 1_000_000, "layers": layers}}
    text = json.dumps({"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": [model]}})
    members = {"config.json": text, "metadata.json": '{"keras_version": "3.5.0"}', "model.weights.h5": hdf5(lambda file: None)}
    return zipped(members.items())


def long_paths(file):
    """Groups within groups, whose names are long, and a thousand links at the end."""
    group = file
    for _ in range(50):
        group = group.create_group("x" * 50_000)
    for i in range(1000):
        group[f"g{i}"] = file


def old_slots():
    """Two thousand layers, for each of which all members of one group would be sorted."""
    layers = [{"class_name": "Activation", "config": {"name": f"a{i}", "activation": "tanh"}} for i in range(2000)]
    model = {"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": layers}}

    def fill(file):
        for i in range(2000):
            file.create_group(f"_layer_checkpoint_dependencies/activation_{i}")

    members = {"config.json": json.dumps(model), "metadata.json": '{"keras_version": "2.12.0"}', "model.weights.h5": hdf5(fill)}
    return zipped(members.items())


def split_names(file):
    for i in range(3000):
        file.attrs[f"layer_names{i}"] = [b"d"]
    file["d/k"] = np.eye(4)
    file["d"].attrs["weight_names"] = [b"k"]


def square_of_names(file):
    """Every layer is the same, which lists the same array again and again."""
    file.attrs["layer_names"] = np.full(1000, b"d")
    file["d/k"] = np.eye(4)
    file["d"].attrs["weight_names"] = np.full(1000, b"k")


def round_and_round(file):
    for i in range(500):
        file[f"g/h{i}"] = file


def headers():
    """Arrays whose headers are expressions for Python's parser."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': " + b"(1,)," * 1900 + b"}"
    array = b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header + bytes(8)
    return zipped((f"{i}.weight.npy", array) for i in range(500))


def tensors(count):
    """A torch file whose tensors are all made from the same arguments."""
    first = torch_files.text("0.weight") + torch_files.tensor(size=(1, 1), stride=(1, 1))
    call, made = first.rpartition(b"R")[0], b"q\x01R"
    shared = call.replace(b"_rebuild_tensor_v2\n", b"_rebuild_tensor_v2\nq\x02") + made
    others = b"".join(torch_files.text(f"{i}.weight") + b"h\x02h\x01R" for i in range(1, count))
    data = torch_files.PROTO + b"}(" + shared + others + b"u."
    return zipped({"archive/data.pkl": data, "archive/data/0": bytes(24)}.items())


def cells(count):
    """A MATLAB file with a cell array of weights."""
    cell = np.empty((1, count), object)
    cell[:] = 1.0
    content = io.BytesIO()
    scipy.io.savemat(content, {"W": cell})
    return content.getvalue()


LAYERS = {"layers": ["relu"]}
FILES = {
    "a layer called 2,000 times": (lambda: called_often(2000), {}, 2_000_000),
    "lines that hold nothing": (lambda: b"// a network\n" + b"\n" * 1_000_000, {}, 100_000),
    "comments": (lambda: b"//\n" * 500_000, {}, 100_000),
    "members of an archive": (lambda: zipped(((f"{i:060}", b"") for i in range(20_000)), zipfile.ZIP_STORED), {}, 10_000),
    "members of an npz": (lambda: zipped(((f"{i}.npy", b"") for i in range(20_000)), zipfile.ZIP_STORED), {}, 10_000),
    "headers of arrays": (headers, LAYERS, 50_000),
    "names over many attributes": (lambda: hdf5(split_names), LAYERS, 100_000),
    "names of names": (lambda: hdf5(square_of_names), LAYERS, 700_000),
    "an inner model called 1,000 times": (inputs_called_often, {}, 1_000_000),
    "an inner model of a large sum": (sums_of_many, {}, 700_000),
    "models in models that double": (doubled_models, {}, 500_000),
    "sums that double": (lambda: doublings("Add", 2000), {}, 3_000_000),
    "widths that double": (lambda: doublings("Concatenate", 60, axis=-1), {}, 50_000),
    "one unit of 2,000,000": (lambda: few_of_many_units(2_000_000, 1000), {}, 700_000),
    "one unit of 20,000": (lambda: few_of_many_units(20_000, 1000), {}, 3_000_000),
    "20,000 outputs": (lambda: model([called("Add", "a", [[tensor("in", 0)] * 2])], [["a", 0, 0]] * 20_000), {}, 700_000),
    "slots of old files": (old_slots, {}, 2_000_000),
    "groups that go round": (lambda: hdf5(round_and_round), LAYERS, 700_000),
    "cells of MATLAB": (lambda: cells(9_990), LAYERS, 2_000_000),
    "cells of MATLAB 7.3": (lambda: matlab_files.version_7_3({"W": [np.ones((1, 1))] * 5000}), LAYERS, 800_000),
    "layers of one unit": (lambda: b"1\n1\n9999\n" + b"1\n" * 9999 + b"0\n" * 20_000, {"layers": ["relu"] * 10_000}, 500_000),
    "arrays of an emulator": (lambda: emulator_files.npz(emulator_files.of_many_layers(2_000)), {}, 3_000_000),
    "members of gzip": (lambda: gzip.compress(b"") * 20_000, {}, 100_000),
    "tensors made of one": (lambda: tensors(30_000), LAYERS, 3_000_000),
}
"""What makes each file, the options with which it is loaded, and the most calls that this may take."""


@pytest.mark.parametrize("name", FILES)
def test_a_small_file_makes_little_work(name, tmp_path):
    make, options, most = FILES[name]
    path = tmp_path / "file"
    path.write_bytes(make())
    assert work_of(lambda: fastjac.load(path, **options)) < most


def test_a_layer_that_is_called_often_is_that_layer_every_time(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(called_often(30))
    x = np.linspace(-1.0, 1.0, 4, dtype=np.float32)
    expected = x
    for _ in range(30):
        expected = np.tanh(expected + 1.0)
    np.testing.assert_allclose(fastjac.load(path)(x), expected, rtol=1e-5)


NAMES = {"a model's": (one_long_name, {}), "a group's": (lambda: hdf5(long_paths), LAYERS)}


@pytest.mark.parametrize("name", NAMES)
def test_a_long_name_is_not_put_in_front_of_many(name, tmp_path):
    make, options = NAMES[name]
    path = tmp_path / "file"
    path.write_bytes(make())
    tracemalloc.start()
    with pytest.raises(FastjacError, match=r"letters in the (name|path) of a (layer|group); fastjac reads files of up to 10000"):
        fastjac.load(path, **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000


def test_the_count_of_work_counts():
    assert 1000 < work_of(lambda: [math.sqrt(i) for i in range(1000)]) < 1100
