"""The command line: what it prints, writes and returns, and that no bad input ends in a traceback."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

import fastjac as fj
from fastjac import cli
from fastjac.cli import compute, network
from fastjac.importers import Imported, Options
from fastjac.importers.parts import Part
from fastjac.streaming import blockwise

from .failing import fails

DEMO = Path(fj.__file__).parent / "demo"
COMMANDS = ("info", "convert", "plan", "jacobian", "sensitivity", "check", "demo")
MODEL, DIGITS = str(DEMO / "digits.keras"), str(DEMO / "digits.npy")


@pytest.fixture(autouse=True, scope="module")
def compiled():
    """Kernels in the cache, so that no command has a compilation to announce."""
    fj.Network([fj.Affine(np.eye(2))]).jacobian(np.ones(2))


@pytest.fixture
def net():
    rng = np.random.default_rng(0)
    return fj.Network([fj.Affine(rng.standard_normal((5, 3))), fj.Tanh(), fj.Affine(rng.standard_normal((2, 5)))])


@pytest.fixture
def model(net, tmp_path):
    path = tmp_path / "net.safetensors"
    net.save(path)
    return str(path)


@pytest.fixture
def inputs(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(1).standard_normal((7, 3)))
    return str(path)


def test_help_shows_a_newcomer_what_to_type(capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["--help"])
    text = capsys.readouterr().out
    assert exit_.value.code == 0
    assert "fastjac demo" in text
    assert "fastjac jacobian model.keras inputs.npy -o jac.npy" in text
    for command in COMMANDS:
        assert f"\n    {command}" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, capsys):
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    assert f"example:\n  fastjac {command}" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"fastjac {fj.__version__}\n"


def test_info_prints_the_layers(capsys, net, model):
    assert cli.main(["info", model]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{model}: fastjac networks and other weights (.safetensors)\n\npart ")
    assert f"layers.0 ({type(net[0]).__name__})" in printed
    assert printed.endswith(f"\n\n{net}\nAll parameters are finite.\n")


def test_info_says_what_became_of_each_part(capsys, monkeypatch):
    parts = (Part("drop (Dropout)", ()), Part("out (Dense)", (fj.Affine(np.eye(2)), fj.Tanh()), "two in one"))
    imported = Imported(fj.Network(parts[1].layers), parts)
    monkeypatch.setattr(network, "read", lambda path, options: ("some format", imported))
    assert cli.main(["info", "any"]) == 0
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    printed = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert printed[3:5] == [["drop (Dropout)", "nothing"], ["out (Dense)", "Affine, Tanh", "two in one"]]


def test_convert_writes_the_same_network(capsys, net, model, tmp_path):
    target = tmp_path / "copy.safetensors"
    assert cli.main(["convert", model, str(target)]) == 0
    assert capsys.readouterr().out == f"Wrote {target}: {net!r}\n"
    x = np.ones(net.n_in)
    np.testing.assert_array_equal(fj.load(target).jacobian(x), net.jacobian(x))


def test_options_reach_the_reader(monkeypatch, tmp_path, net):
    config = tmp_path / "config.json"
    config.write_text("{}")
    seen = []

    def read(path, options):
        seen.append((path, options))
        return "some format", Imported(net, ())

    monkeypatch.setattr(network, "read", read)
    classes = tmp_path / "classes.json"
    classes.write_text('{"__main__.Net": ["fc1", "relu"]}')
    options = ["--layers", "relu, softmax", "--order", "b,a", "--n-in", "3", "--config", str(config), "--external-data"]
    options += ["--scaling", "none", "--inputs", "x, u", "--outputs", "y", "--policy", "actor", "--activation", "elu"]
    options += ["--classes", str(classes)]
    assert cli.main(["info", "any", *options]) == 0
    expected = Options(
        layers=["relu", "softmax"],
        order=["b", "a"],
        n_in=3,
        config="{}",
        external_data=True,
        scaling="none",
        inputs=["x", "u"],
        outputs=["y"],
        policy="actor",
        activation="elu",
        classes={"__main__.Net": ["fc1", "relu"]},
    )
    assert seen == [(Path("any"), expected)]


def test_classes_that_are_no_json_are_refused(capsys, tmp_path):
    (tmp_path / "classes.json").write_text("{'__main__.Net': []}")
    with pytest.raises(SystemExit):
        cli.main(["info", "any", "--classes", str(tmp_path / "classes.json")])
    printed = capsys.readouterr().err
    assert "argument --classes: " in printed
    assert "classes.json is no JSON: Expecting" in printed


@pytest.mark.parametrize("option", [["--layers", "relu"], ["--n-in", "3"], ["--external-data"], ["--scaling", "none"]])
def test_options_that_a_file_needs_not_are_refused(capsys, model, option):
    name = option[0].strip("-").replace("-", "_")
    assert f"this format states {name} itself or has no use for it, so leave {name} out" in fails(capsys, "info", model, *option)


def test_info_says_where_weights_are_nan(capsys, tmp_path):
    weight = np.ones((3, 2))
    weight[1, 0], weight[2, 1], weight[0, 0] = np.nan, np.inf, np.nan
    fj.Network([fj.ReLU(), fj.Affine(weight, np.zeros(3))], n_in=2).save(tmp_path / "net.safetensors")
    assert cli.main(["info", str(tmp_path / "net.safetensors")]) == 0
    assert "Layer 1 (Affine): 2 nan and 1 inf of 6 in weight\n" in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse", "mixed"])
def test_plan_prints_the_plan(capsys, net, model, mode):
    assert cli.main(["plan", model, "--mode", mode]) == 0
    assert capsys.readouterr().out == f"{net.plan(mode)}\n"


@pytest.mark.parametrize("block_bytes", [1, 100, 2**24])
def test_jacobian_writes_what_the_library_gives(monkeypatch, capsys, net, model, inputs, tmp_path, block_bytes):
    monkeypatch.setattr(blockwise, "BLOCK_BYTES", block_bytes)
    out = tmp_path / "jac.npy"
    assert cli.main(["jacobian", model, inputs, "-o", str(out), "--mode", "forward", "--threads", "1"]) == 0
    np.testing.assert_array_equal(np.load(out), net.jacobian(np.load(inputs), "forward"))
    assert "float64 Jacobians of shape (7, 2, 3)" in capsys.readouterr().out


@pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 4, 3)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_jacobian_of_any_leading_shape(net, model, tmp_path, shape, order):
    x = np.asarray(np.random.default_rng(0).standard_normal(shape), order=order, dtype=">f4")
    np.save(tmp_path / "x.npy", x)
    assert cli.main(["jacobian", model, str(tmp_path / "x.npy"), "-o", str(tmp_path / "jac.npy")]) == 0
    found = np.load(tmp_path / "jac.npy")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, net.jacobian(x))


def test_jacobian_in_another_precision(net, model, inputs, tmp_path):
    assert cli.main(["jacobian", model, inputs, "-o", str(tmp_path / "jac.npy"), "--dtype", "float32"]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "jac.npy"), net.astype(np.float32).jacobian(np.load(inputs)))


def test_jacobian_may_replace_its_input(net, model, inputs):
    expected = net.jacobian(np.load(inputs))
    assert cli.main(["jacobian", model, inputs, "-o", inputs]) == 0
    np.testing.assert_array_equal(np.load(inputs), expected)


def test_a_full_disk_leaves_the_old_file(monkeypatch, capsys, model, inputs, tmp_path):
    out = tmp_path / "jac.npy"
    out.write_bytes(b"old")

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_2_0", full)
    assert f"cannot write {out}: No space left on device" in fails(capsys, "jacobian", model, inputs, "-o", out)
    assert out.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jac.npy", "net.safetensors", "x.npy"]


def test_check_of_a_keras_file(capsys):
    assert cli.main(["check", MODEL, DIGITS]) == 0
    assert capsys.readouterr().out.startswith("Jacobian check passed")


def test_check_at_random_inputs(capsys, model):
    assert cli.main(["check", model, "--seed", "3"]) == 0
    assert f"compared       {compute.CHECKED_INPUTS * 2 * 3} derivatives" in capsys.readouterr().out


def test_check_returns_1_for_a_wrong_jacobian(monkeypatch, capsys, model):
    right = fj.Network.jacobian
    monkeypatch.setattr(fj.Network, "jacobian", lambda net, x: 1.001 * right(net, x))
    assert cli.main(["check", model]) == 1
    assert capsys.readouterr().out.startswith("Jacobian check FAILED")


def test_demo_writes_jacobians_and_a_picture(capsys, tmp_path):
    assert cli.main(["demo", "--output", str(tmp_path / "new" / "folder")]) == 0
    text = capsys.readouterr().out
    assert "Jacobian check passed" in text
    assert "64-64-32-10" in text
    jacobians = np.load(tmp_path / "new" / "folder" / "jac.npy")
    np.testing.assert_array_equal(jacobians, fj.load(MODEL).jacobian(np.load(DIGITS)))
    assert (tmp_path / "new" / "folder" / "jac.png").read_bytes().startswith(b"\x89PNG")


def test_demo_needs_a_directory(capsys, inputs):
    assert f"cannot make the directory {inputs}" in fails(capsys, "demo", "--output", inputs)


@pytest.mark.parametrize(("package", "extra"), [("h5py", "keras"), ("matplotlib.figure", "plot")])
def test_demo_names_the_package_that_is_missing(monkeypatch, capsys, tmp_path, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    assert f"'.[{extra}]'" in fails(capsys, "demo", "--output", tmp_path)


def test_no_progress_bar_without_tqdm(monkeypatch, capsys, model):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert cli.main(["check", model]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", ["info", "plan", "check"])
def test_bad_network_files(capsys, tmp_path, command):
    text = tmp_path / "text.keras"
    text.write_text("hello, world")
    (tmp_path / "empty.keras").touch()
    truncated = tmp_path / "truncated.keras"
    truncated.write_bytes(Path(MODEL).read_bytes()[:20_000])
    assert "there is no file" in fails(capsys, command, tmp_path / "none.keras")
    assert "is a directory" in fails(capsys, command, tmp_path)
    assert "is empty" in fails(capsys, command, tmp_path / "empty.keras")
    assert "truncated or damaged" in fails(capsys, command, truncated)
    assert "no format that fastjac knows" in fails(capsys, command, text)
    assert "NumPy array" in fails(capsys, command, DIGITS)


def _npy(path, damage=lambda content: content):
    np.save(path, np.ones((10, 3)))
    path.write_bytes(damage(path.read_bytes()))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: b"", "is empty"),
        (lambda content: b"1.0, 2.0\n", "is not a .npy file"),
        (lambda content: content[:7], "truncated or damaged"),
        (lambda content: content[:60], "truncated or damaged"),
        (lambda content: content[:-1], "truncated or damaged"),
        (lambda content: content.replace(b"'<f8'", b"'<q8'"), "truncated or damaged"),
        (lambda content: content.replace(b"{'descr", b"(({'des"), "truncated or damaged"),
        (lambda content: content.replace(b"(10, 3), }" + 12 * b" ", b"(1000000000, 3000000),}"), "truncated or damaged"),
        (lambda content: content.replace(b"(10, 3)", b"(-1, 3)"), "truncated or damaged"),
        (lambda content: content[:6] + b"\x09" + content[7:], "truncated or damaged"),
    ],
)
def test_damaged_inputs(capsys, model, tmp_path, damage, message):
    path = tmp_path / "bad.npy"
    _npy(path, damage)
    assert message in fails(capsys, "jacobian", model, path, "-o", tmp_path / "jac.npy")
    assert message in fails(capsys, "check", model, path)
    assert not (tmp_path / "jac.npy").exists()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([{}, 1, 2], dtype=object), "Python objects, which fastjac never unpickles"),
        (np.array(["1", "2", "3"]), "must hold real numbers, got dtype <U1"),
        (np.ones(3, complex), "must hold real numbers, got dtype complex128"),
        (np.ones(3, [("a", "f4")]), "must hold real numbers"),
        (np.float64(3.0), r"must have shape (..., 3), one feature for each input of the network, got ()"),
        (np.ones((3, 4)), r"must have shape (..., 3), one feature for each input of the network, got (3, 4)"),
    ],
)
def test_inputs_of_the_wrong_kind(capsys, model, tmp_path, array, message):
    np.save(tmp_path / "bad.npy", array, allow_pickle=True)
    assert message in fails(capsys, "jacobian", model, tmp_path / "bad.npy", "-o", tmp_path / "jac.npy")
    assert not (tmp_path / "jac.npy").exists()


def test_an_npz_is_distinguished_from_an_npy(capsys, model, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.ones(3))
    assert "if it is an .npz" in fails(capsys, "check", model, tmp_path / "x.npz")


def test_outputs_that_cannot_be_written(capsys, model, inputs, tmp_path):
    missing = tmp_path / "none" / "jac.npy"
    assert f"cannot write {missing}: No such file or directory" in fails(capsys, "jacobian", model, inputs, "-o", missing)
    assert "it is a directory" in fails(capsys, "jacobian", model, inputs, "-o", tmp_path)
    assert "it is a pipe or a device" in fails(capsys, "jacobian", model, inputs, "-o", os.devnull)
    below_file = Path(inputs) / "jac.npy"
    assert f"cannot write {below_file}: Not a directory" in fails(capsys, "jacobian", model, inputs, "-o", below_file)


def test_bad_arguments(capsys, model, inputs):
    assert "COMMAND" in fails(capsys)
    assert "invalid choice: 'jacobain'" in fails(capsys, "jacobain")
    assert "required: INPUT.npy" in fails(capsys, "jacobian", model)
    assert "invalid choice: 'sideways'" in fails(capsys, "plan", model, "--mode", "sideways")
    assert "invalid choice: 'float16'" in fails(capsys, "jacobian", model, inputs, "-o", "x", "--dtype", "float16")
    assert "threads must be a positive integer" in fails(capsys, "jacobian", model, inputs, "-o", "jac.npy", "--threads", "0")
    assert "rtol must be a positive number" in fails(capsys, "check", model, "--rtol", "-1")
    assert "an integer from 0 on, got '-1'" in fails(capsys, "check", model, "--seed=-1")


def test_too_little_memory_is_one_line(monkeypatch, capsys, model):
    def full(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr(network, "read", full)
    assert fails(capsys, "info", model) == "fastjac: error: MemoryError\n"


class TestSeveralInputs:
    """A network that branches: its files, and arrays that hold all its inputs one after another."""

    @pytest.fixture
    def net(self):
        rng = np.random.default_rng(0)
        x, u = fj.Input(2, "x"), fj.Input(1)
        hidden = fj.Tanh()(fj.Affine(rng.standard_normal((4, 3)))(fj.concatenate([x, u])))
        return fj.Network(inputs=(x, u), outputs=(hidden[:2] * x, fj.Affine(rng.standard_normal((3, 4)))(hidden)))

    def test_info(self, capsys, net, model):
        assert cli.main(["info", model]) == 0
        printed = capsys.readouterr().out
        assert f"\n\n{net}\n" in printed
        assert printed.endswith("\nAll parameters are finite.\n")
        net.with_parameters(np.where(np.arange(24) < 20, 1.0, np.inf)).save(model)
        assert cli.main(["info", model]) == 0
        assert capsys.readouterr().out.endswith("\nLayer 5 (Affine): 0 nan and 4 inf of 12 in weight\n")

    def test_convert(self, capsys, net, model, tmp_path):
        target = tmp_path / "copy.safetensors"
        assert cli.main(["convert", model, str(target)]) == 0
        assert str(fj.load(target)) == str(net)

    def test_plan(self, capsys, model):
        assert cli.main(["plan", model]) == 0
        assert "multiply-adds" in capsys.readouterr().out

    def test_jacobian(self, capsys, net, model, inputs, tmp_path):
        target = tmp_path / "jac.npy"
        assert cli.main(["jacobian", model, inputs, "-o", str(target)]) == 0
        x = np.load(inputs)
        blocks = net.jacobian((x[:, :2], x[:, 2:]))
        whole = np.concatenate([np.concatenate(row, axis=-1) for row in blocks], axis=-2)
        assert whole.shape == (7, 5, 3)
        np.testing.assert_array_equal(np.load(target), whole)

    def test_check(self, capsys, model, inputs):
        assert cli.main(["check", model, inputs]) == 0
        assert "Jacobian check passed" in capsys.readouterr().out
