"""Archives that nobody's torch writes: each is refused within a second, in little memory, by an error of fastjac's own."""

import io
import json
import time
import tracemalloc
import zipfile

import pytest
import torch
from torch import nn

import fastjac
from fastjac.errors import FastjacError

from ..torch_files import dictionary, tensor
from .archives import LINEAR, body, module, write
from .models import TORCH_WARNS, build, save_exported

pytestmark = pytest.mark.filterwarnings(*TORCH_WARNS)
MOST_SECONDS, MOST_BYTES = 5.0, 300_000_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "program.pt2"


def refuse(path, message, **options):
    """Loading fails with the message, soon; in little memory too, where the message is about sizes."""
    started = time.process_time()
    with pytest.raises(FastjacError, match=message) as caught:
        fastjac.load(path, **({"n_in": 3} | options))
    assert time.process_time() - started < MOST_SECONDS
    assert len(str(caught.value)) < 20_000
    if "claims to unpack" in message:
        tracemalloc.start()  # which makes everything many times slower
        try:
            with pytest.raises(FastjacError):
                fastjac.load(path, **({"n_in": 3} | options))
            assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
        finally:
            tracemalloc.stop()


def test_a_program_by_hand_loads(path):
    write(path)
    assert str(fastjac.load(path)[0]) == "Affine(weight(2, 3))"


PROGRAMS = {
    "a megabyte of text": (body("return x") + "# " + "a" * 1_100_000, r"it has \d+ bytes in net/code/__torch__.py"),
    "many tokens": (body(*["y = torch.add(x, x)"] * 40_000, "return x"), "its program has more than 150000 tokens"),
    "deep brackets": (body("return " + "(" * 5000 + "x" + ")" * 5000), "brackets inside one another"),
    "a long chain of attributes": (body("return x" + ".a" * 5000), "calls and attributes one behind another"),
    "a long chain of calls": (body("return x" + "()" * 5000), "calls and attributes one behind another"),
    "a long chain of signs": (body("return " + "- " * 5000 + "1"), "a number stands behind a minus"),
    "deep blocks": (body(*("  " * i + "if True:" for i in range(500)), "  " * 500 + "y = x"), "levels of blocks"),
    "a huge number": (body("return torch.add(x, " + "9" * 100_000 + ")"), "100000 digits in a whole number"),
    "an endless loop": (body("y = True", "while y:", "  z = 1", "return x"), "its program runs for more than 100000 steps"),
    "a loop of many steps": (body("for i in range(1000000000000):", "  z = 1", "return x"), "more than 100000 steps"),
    "a function that calls itself": (body("return (self).forward(x, )"), "functions that call one another"),
    "numbers that grow": (body("y = 3", *["y = torch.mul(y, y)"] * 100, "return x"), "beyond what torch counts with"),
    "powers that grow": (body("y = torch.pow(9, 1000000)", "return x"), "to the power of 1000000"),
    "lists that grow": (body("y = [1, 1]", *["y = torch.add(y, y)"] * 60, "return x"), "entries in one list"),
    "tensors that grow": (body("y = x", *["y = torch.cat([y, y], 1)"] * 60, "return y"), "claims to unpack|units"),
    "a huge constant": (body("y = torch.zeros([100000, 100000])", "return torch.add(x, torch.sum(y))"), "claims to unpack"),
    "a huge range": (body("return torch.add(x, torch.arange(1000000000000))"), "claims to unpack"),
    "a huge repetition": (body("return torch.repeat(x, [1, 1000000000])"), "claims to unpack|units"),
    "a huge padding": (body("return torch.constant_pad_nd(x, [0, 1000000000000])"), "claims to unpack|units"),
    "many layers": (
        body("y = x", "for i in range(100000):", "  y = torch.tanh(y)", "return y"),
        "operators that its program",
    ),
    "lists in lists": (body("y = [x]", *["y = [y, y]"] * 30, "return torch.cat(y, 1)"), "more than 100000 steps"),
    "outputs in outputs": (body("y = (x,)", *["y = (y, y)"] * 30, "return y"), "more than 100000 steps"),
    "Python's operators": (body("return x + x"), r"'\+ x"),
    "Python's comprehensions": (body("return [y for y in x]"), "TorchScript expects"),
    "Python's functions without arguments": (body("y = int()", "return x"), "it is given other arguments than torch gives it"),
    "Python's functions": (body('return eval("x")'), "it calls Python's eval, which fastjac does not follow"),
    "Python's attributes": (body("return x.__class__"), "it takes '__class__' of a tensor"),
    "an import": ("import os\n" + body("return os.system(x)"), "it uses 'os', which has no value"),
    "attributes that are set": (body("self.weight = x", "return x"), "it sets an attribute or an entry"),
    "a module's attribute that is none": (body("return self.bias"), "the module has no attribute 'bias'"),
    "no forward": ("class Net(Module):\n  training : bool\n", "__torch__.Net has no method 'forward'"),
    "no class": ("def f(x: Tensor) -> Tensor:\n  return x\n", "its program uses __torch__.Net, which"),
    "no text": ("\udcff".encode("utf-8", "surrogatepass").decode("latin-1"), "is not in TorchScript's language"),
}


@pytest.mark.parametrize(("program", "message"), PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_that_would_take_for_ever_or_is_none_is_refused(program, message, path):
    write(path, program)
    refuse(path, message)


def test_functions_that_call_one_another_deeply_are_refused(path):
    functions = "".join(f"def f{i}(x: Tensor) -> Tensor:\n  return __torch__.f{i + 1}(x, )\n" for i in range(100))
    write(path, functions + body("return __torch__.f0(x, )"))
    refuse(path, "functions that call one another")


def test_functions_that_double_their_calls_are_refused(path):
    functions = "".join(
        f"def f{i}(x: Tensor) -> Tensor:\n  return torch.add(__torch__.f{i + 1}(x, ), __torch__.f{i + 1}(x, ))\n"
        for i in range(30)
    )
    write(path, functions + "def f30(x: Tensor) -> Tensor:\n  return x\n" + body("return __torch__.f0(x, )"))
    refuse(path, "its program runs for more than 100000 steps")


ATTRIBUTES = {
    "a list that holds itself": (b"]q\x00(h\x00e", "levels of lists inside lists"),
    "lists that double": (b"]q\x00" + b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(60)), "its weight is a list"),
    "a class that runs code": (b"cos\nsystem\n(X\x02\x00\x00\x00lstR", "the pickle asks for os.system, which can run code"),
    "a class of its own": (b"cmine\nThing\n)\x81", "weight is made by mine.Thing, which fastjac does not make"),
    "a tensor beyond its storage": (tensor(size=(3, 3)), "of a storage that has 6"),
    "a tensor of zero strides": (tensor(size=(100_000, 100_000), stride=(0, 0)), "claims to unpack|entries along one axis"),
}


@pytest.mark.parametrize(("opcodes", "message"), ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_an_attribute_that_is_none_is_refused(opcodes, message, path):
    write(path, pickle=module(weight=opcodes))
    refuse(path, message)


def test_a_pickle_that_is_no_module_is_refused(path):
    for pickle, message in ((b"\x80\x02K\x01.", "its pickle holds a int"), (b"\x80\x02" + tensor() + b".", "holds a tensor")):
        write(path, pickle=pickle)
        refuse(path, message)


def test_constants_that_are_not_there_are_refused(path):
    for name in ("c0", "c1", "c99999999999", "x"):
        write(path, body(f"return torch.add(x, CONSTANTS.{name})"))
        refuse(path, "its program uses constant")
    write(path, body("return torch.add(x, CONSTANTS.c0)"), constants=b"\x80\x02(" + dictionary() + b"t.")
    refuse(path, "its other is a dict|a dict, where torch takes a tensor")


def exported(path, change):
    """An archive of torch.export whose graph a function has changed."""
    net, inputs = build("chain", torch.float32)
    save_exported(net, inputs, path)
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if name.endswith(("model.json", "model_weights_config.json")):
                described = json.loads(content)
                change(described)
                content = json.dumps(described).encode()
            archive.writestr(name, content)


def in_graph(function):
    """A change of the graph alone."""
    return lambda described: function(described["graph_module"]) if "graph_module" in described else None


def nested(depth):
    argument = {"as_int": 1}
    for _ in range(depth):
        argument = {"as_optional_tensor": argument}
    return argument


def first_node(graph):
    return graph["graph"]["nodes"][0]


def in_config(**changes):
    """A change of the description of every weight."""

    def change(described):
        for entry in described.get("config", {}).values():
            entry["tensor_meta"].update(changes)

    return change


CHANGES = {
    "no graph": (lambda described: described.pop("graph_module", None), "no graph_module"),
    "a node of a name": (in_graph(lambda graph: first_node(graph).update(target="os.system")), "does not have .* 'os.system'"),
    "a function of Python of too many arguments": (
        in_graph(lambda graph: first_node(graph).update(target="_operator.neg")),
        "it is given other arguments than torch gives it",
    ),
    "an argument that is nothing": (in_graph(lambda graph: first_node(graph)["inputs"][0].update(arg={})), "not one thing"),
    "arguments in one another": (in_graph(lambda graph: first_node(graph)["inputs"][0].update(arg=nested(60))), "no product"),
    "a value that comes later": (
        in_graph(lambda graph: first_node(graph)["inputs"][0].update(arg={"as_tensor": {"name": "later"}})),
        "it takes 'later', which nothing before it gives",
    ),
    "many nodes": (in_graph(lambda graph: graph["graph"].update(nodes=[first_node(graph)] * 20_000)), "bytes in|values in"),
    "no names": (in_graph(lambda graph: first_node(graph).update(outputs=[{"as_tensor": {}}])), "has no name"),
    "weights of another type": (in_config(dtype=29), "it is of torch.export's type 29"),
    "sparse weights": (in_config(layout=1), "layout 1.* no sparse ones"),
    "weights beyond their file": (in_config(sizes=[{"as_int": 1000}, {"as_int": 1000}]), "of a storage that has"),
    "weights of endless size": (in_config(sizes=[{"as_int": 10**15}], strides=[{"as_int": 0}]), "entries along one axis"),
    "weights of negative size": (in_config(sizes=[{"as_int": -1}, {"as_int": 3}]), "a size is .* no whole number"),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_a_graph_of_torch_export_that_is_damaged_is_refused(change, message, path):
    exported(path, change)
    refuse(path, message, n_in=None)


def test_a_pickled_tensor_of_torch_export_is_refused(path):
    def change(described):
        for entry in described.get("config", {}).values():
            entry["use_pickle"] = True

    exported(path, change)
    refuse(path, "stored as a pickle", n_in=None)


def test_two_programs_of_torch_export_are_refused(path):
    net, inputs = nn.Linear(2, 2), (torch.ones(2, 2),)
    save_exported(net, inputs, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("program/models/other.json", b"{}")
    refuse(path, "it holds 2 programs", n_in=None)


def test_the_program_by_hand_is_the_one_that_is_changed():
    assert "return torch.linear(x, self.weight)" in LINEAR
    assert body("return x").endswith("    return x\n")
