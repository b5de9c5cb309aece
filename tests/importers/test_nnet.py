"""`.nnet` files: the raw network, the one in the units of the problem, and every kind of damage."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

import fastjac
from fastjac.errors import FormatError, MissingFileError, OptionError
from fastjac.importers import Options, read

from .agreement import TOLERANCE, assert_agrees

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
ACASXU = "ACASXU_run2a_1_1_batch_2000"

WIDTHS = (3, 4, 4, 2)
RANDOM = np.random.default_rng(5)
PARAMETERS = [(RANDOM.normal(size=(n_out, n_in)) / np.sqrt(n_in), RANDOM.normal(size=n_out)) for n_in, n_out in pairwise(WIDTHS)]
LOW, HIGH = np.array([-1.0, 0.25, -30.0]), np.array([1.0, 0.75, 10.0])
MEANS, RANGES = np.array([0.1, 0.4, -7.0]), np.array([2.0, 0.5, 40.0])
MEAN, RANGE = 7.5, 3.25
HEADER = [
    "// A network of widths 3-4-4-2.",
    "3,3,2,4,",
    "3,4,4,2,",
    "0,",
    *(",".join(map(repr, map(float, row))) + "," for row in (LOW, HIGH, [*MEANS, MEAN], [*RANGES, RANGE])),
]


def body():
    """The lines of the weights and biases."""
    for weight, bias in PARAMETERS:
        yield from (",".join(map(repr, map(float, row))) + "," for row in weight)
        yield from (f"{float(entry)!r}," for entry in bias)


LINES = [*HEADER, *body()]


@pytest.fixture
def path(tmp_path):
    """A sound file."""
    return write(tmp_path / "small.nnet", LINES)


def write(path, lines, newline="\n"):
    """The file at `path` with these lines."""
    path.write_bytes(newline.join([*lines, ""]).encode())
    return path


def changed(number, line):
    """The lines of the sound file with one in the place of line `number`, counted from 1, or with it left out for None."""
    return [*LINES[: number - 1], *([] if line is None else [line]), *LINES[number:]]


def raw(x):
    """The affine layers and ReLUs in torch."""
    for weight, bias in PARAMETERS[:-1]:
        x = torch.relu(x @ torch.from_numpy(weight).T + torch.from_numpy(bias))
    weight, bias = PARAMETERS[-1]
    return x @ torch.from_numpy(weight).T + torch.from_numpy(bias)


def scaled(x):
    """The same in the units of the problem."""
    return raw((x - torch.from_numpy(MEANS)) / torch.from_numpy(RANGES)) * RANGE + MEAN


def clipped(x):
    """The same behind inputs within the bounds."""
    return scaled(torch.clamp(x, torch.from_numpy(LOW), torch.from_numpy(HIGH)))


@pytest.mark.parametrize("read_network", [fastjac.load, fastjac.from_nnet])
def test_within_the_files_bounds_the_network_is_what_the_formats_own_evaluation_gives(read_network, path):
    x = np.random.default_rng(0).uniform(LOW, HIGH, size=(20, 3))
    np.testing.assert_allclose(read_network(path)(x), clipped(torch.from_numpy(x)), rtol=TOLERANCE)
    assert_agrees(read_network(path), scaled, (3,))


@pytest.mark.parametrize("read_network", [fastjac.load, fastjac.from_nnet])
@pytest.mark.parametrize(("scaling", "twin"), [("none", raw), ("linear", scaled), ("clipped", clipped)])
def test_scaling_on_request(scaling, twin, read_network, path):
    assert_agrees(read_network(path, scaling=scaling), twin, (3,))


def test_without_scaling_the_layers_are_the_files_alone(path):
    net = fastjac.load(path, scaling="none")
    assert [type(layer).__name__ for layer in net] == ["Affine", "ReLU", "Affine", "ReLU", "Affine"]


def test_at_the_bounds_clipping_has_derivative_0_and_the_linear_scaling_that_of_inside(path):
    corners = np.stack([LOW, HIGH])
    assert not np.any(fastjac.from_nnet(path, scaling="clipped").jacobian(corners))
    expected = torch.func.vmap(torch.func.jacrev(scaled))(torch.from_numpy(corners)).numpy()
    net = fastjac.from_nnet(path, scaling="linear")
    np.testing.assert_allclose(net.jacobian(corners), expected, rtol=TOLERANCE)
    np.testing.assert_allclose(net(corners), fastjac.from_nnet(path, scaling="clipped")(corners), rtol=TOLERANCE)


def test_an_input_that_is_clipped_to_one_value_counts_for_nothing(tmp_path):
    path = write(tmp_path / "fixed.nnet", changed(6, "-1.0,0.75,10.0,"))
    net = fastjac.from_nnet(path, scaling="clipped")
    x = np.array([[0.0, 0.5, 0.0], [0.0, 0.7, 0.0]])
    y, jacobian = net.value_and_jacobian(x + np.array([[5.0, 0.0, 0.0], [-5.0, 0.0, 0.0]]))
    assert not np.any(jacobian[:, :, 0])
    np.testing.assert_allclose(y, scaled(torch.from_numpy(x + np.array([-1.0, 0.0, 0.0]))), rtol=TOLERANCE)


def test_the_scaling_that_is_left_out_is_reported(path):
    _, imported = read(path, Options(scaling="none"))
    first, *_, last = imported.parts
    assert first.source == "inputs (clip to [min, max], (x - mean) / range)"
    assert last.source == "outputs (y * 3.25 + 7.5)"
    for part in (first, last):
        assert part.layers == ()
        assert part.note == 'left out by scaling="none"'


LAYOUTS = {
    "CRLF": lambda path, lines: write(path, lines, "\r\n"),
    "no commas at the ends": lambda path, lines: write(path, [line.removesuffix(",") for line in lines]),
    "blanks": lambda path, lines: write(path, ["", *(" " + line.replace(",", " , ") for line in lines), "", ""]),
    "comments between": lambda path, lines: write(path, [part for line in lines for part in (line, "// \xe9")]),
    "no comment at all": lambda path, lines: write(path, lines[1:]),
    "blanks in place of commas": lambda path, lines: write(path, [line.replace(",", " ") for line in lines]),
    "the number of layers alone": lambda path, lines: write(path, [lines[0], "3", *lines[2:]]),
    "the last size twice": lambda path, lines: write(path, [*lines[:2], "3, 4, 4, 2, 2", *lines[3:]]),
    "words for the flag": lambda path, lines: write(path, [*lines[:3], "This line extraneous", *lines[4:]]),
    "no flag": lambda path, lines: write(path, [*lines[:3], *lines[4:]]),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts_of_other_writers(layout, tmp_path):
    assert_agrees(fastjac.load(layout(tmp_path / "small.nnet", LINES)), scaled, (3,))


ALONE = {
    "zeros": ["0", "0", "0", "0", "0"],
    "bounds": ["This line extraneous", "-1.0e10", "1.0e10", "0", "1"],
    "a flag": ["0"],
    "nothing": [],
    "means of 0 and ranges of 1": ["0", "-1,-1,-1", "1,1,1", "0,0,0,0", "1,1,1,1"],
}
"""Lines between the sizes and the weights that leave inputs and outputs as they are."""


@pytest.mark.parametrize("scaling", ["none", "linear"])
@pytest.mark.parametrize("between", ALONE.values(), ids=ALONE)
def test_headers_without_a_scaling(between, scaling, tmp_path):
    net = fastjac.load(write(tmp_path / "small.nnet", [*HEADER[1:3], *between, *body()]), scaling=scaling)
    assert_agrees(net, raw, (3,))
    assert [type(layer).__name__ for layer in net] == ["Affine", "ReLU", "Affine", "ReLU", "Affine"]


def test_one_bound_for_all_inputs_clips_them_all(tmp_path):
    path = write(tmp_path / "small.nnet", [*HEADER[1:3], "0", "-0.5", "0.75", "0", "1", *body()])
    assert_agrees(fastjac.load(path, scaling="clipped"), lambda x: raw(torch.clamp(x, -0.5, 0.75)), (3,))


@pytest.mark.parametrize("between", [ALONE["zeros"], ALONE["a flag"], ALONE["nothing"]])
def test_without_bounds_nothing_is_clipped(between, tmp_path):
    path = write(tmp_path / "small.nnet", [*HEADER[1:3], *between, *body()])
    with pytest.raises(FormatError, match="clipping takes finite minimums"):
        fastjac.load(path, scaling="clipped")


def test_of_one_input_two_zeros_are_bounds_in_a_full_header_and_none_in_zeros_alone(tmp_path):
    rows = ["1,1,1,1", "1,1", "0", "0", "0"]
    full = fastjac.load(write(tmp_path / "a.nnet", [*rows, "0,0", "1,1", "2", "3"]), scaling="clipped")
    assert (full(np.array([5.0])), full.jacobian(np.array([5.0]))) == ([3.0], [[0.0]])
    alone = fastjac.load(write(tmp_path / "b.nnet", [*rows, "0", "0", "2", "3"]))
    assert (alone(np.array([5.0])), alone.jacobian(np.array([5.0]))) == ([13.0], [[2.0]])


AMBIGUOUS = {
    "a last size of its own": (
        [HEADER[1], "3,4,4,2,7", *HEADER[3:], *body()],
        "the layer sizes are 5 for 3 layers, and the last",
    ),
    "one mean for all": (
        [*HEADER[1:3], "0", "0", "0", "0.5", "1", *body()],
        "it has means 0.5 alone and ranges 1 alone, which does not show what is scaled by what",
    ),
    "one mean and many ranges": (
        [*HEADER[1:6], "0", HEADER[7], *body()],
        'means 0 alone and ranges of 4 numbers, .* pass scaling="none", which leaves the scaling out',
    ),
    "one input and too few lines": (["1,1,1,1", "1,1", "0", "2", "3"], "it has 5 lines: it may lack those of the scaling, or be"),
}


@pytest.mark.parametrize(("lines", "message"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_could_be_two_things_is_refused(lines, message, tmp_path):
    with pytest.raises(FormatError, match=message):
        fastjac.load(write(tmp_path / "small.nnet", lines))


def test_the_layers_of_an_unclear_scaling_can_be_had_alone(tmp_path):
    path = write(tmp_path / "small.nnet", AMBIGUOUS["one mean for all"][0])
    assert_agrees(fastjac.load(path, scaling="none"), raw, (3,))


DAMAGE = {
    "truncated in the header": (
        [LINES[0] * 9, *LINES[1:3]],
        "the file ends after line 3, where a flag should follow; it is truncated",
    ),
    "truncated in the weights": (LINES[:-3], "the file ends after line 25, where row 2 of the weight of layer 3 should"),
    "comments alone": (LINES[:1], "the file ends after line 1, where the numbers of layers"),
    "too long": ([*LINES, "1.0,"], "line 29 stands behind the last bias, where the file should end"),
    "a row too short": (
        changed(9, "1.0,2.0,"),
        "line 9 must hold row 1 of the weight of layer 1, 3 separated by commas; it holds 2",
    ),
    "a row missing": (changed(9, None), r"line 12 must hold row 4 of the weight of layer 1, 3 separated by commas; it holds 1"),
    "no number": (changed(9, "1.0,a,2.0"), "line 9 must hold row 1 of the weight of layer 1, as numbers; could not convert"),
    "an empty field": (changed(9, "1.0,,2.0"), "line 9 must hold .* could not convert"),
    "Python's own digits": (changed(9, "1.0,1_0,2.0"), "line 9 must hold .* an underscore"),
    "a number of bytes": (changed(9, "1.0,\0,2.0"), "line 9 must hold .* could not convert"),
    "three counts": (changed(2, "3,3,2,"), "line 2 must hold the numbers of layers, inputs, outputs and units .* it holds 3"),
    "half a layer": (changed(2, "2.5,3,2,4,"), "line 2 must hold .* as numbers; invalid literal"),
    "no layer": (changed(2, "0,3,2,4,"), "line 2 must hold .* each at least 1; one is 0"),
    "negative": (changed(3, "3,-4,4,2,"), "line 3 must hold the layer sizes, each at least 1; one is -4"),
    "other inputs": (changed(3, "2,4,4,2,"), "lead from 2 to 2 units, the line above states 3 inputs and 2 outputs"),
    "huge": (changed(3, "3,1000000,1000000,2,"), "the layer sizes ask for 1000007000002 numbers, which .* bytes cannot hold"),
    "units without number": (changed(3, f"3,{'9' * 30},4,2,"), "it has 9{30} units in a layer; fastjac reads files of up to"),
    "layers without number": (changed(2, f"{'9' * 30},3,2,4,"), "it has 9{30} layers; fastjac reads files of up to 10000"),
    "endless digits": (changed(2, f"{'9' * 9999},3,2,4,"), "line 2 must hold .* as numbers; Exceeds the limit"),
    "no mean of the outputs": (
        changed(7, "0.0,0.0,0.0"),
        "line 7 must hold the means of the inputs and of the outputs, 4 or 1 sep",
    ),
}


@pytest.mark.parametrize(("lines", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_reported_with_its_line(lines, message, tmp_path):
    path = write(tmp_path / "small.nnet", lines)
    with pytest.raises(FormatError, match=message) as caught:
        fastjac.load(path)
    assert str(caught.value).startswith(str(path))


SCALINGS = {
    "a range of 0": ({8: "2.0,0.0,40.0,1.0"}, "linear", "none may be 0"),
    "a range next to 0": ({8: "2.0,1e-310,40.0,1.0"}, "linear", "none may be 0"),
    "a range of nan": ({8: "2.0,nan,40.0,1.0"}, "clipped", "none may be 0"),
    "bounds that cross": ({6: "1.0,0.0,1.0"}, "clipped", "finite minimums that are not above the maximums"),
    "no bound": ({6: "1.0,inf,1.0"}, "clipped", "finite minimums that are not above the maximums"),
    "bounds too far apart": ({5: "-1.0,-1e308,-1.0", 6: "1.0,1e308,1.0"}, "clipped", "finite minimums that are not above"),
}


@pytest.mark.parametrize(("changes", "scaling", "message"), SCALINGS.values(), ids=SCALINGS)
def test_a_scaling_that_is_none_is_reported_where_it_is_asked_for(changes, scaling, message, tmp_path):
    path = write(tmp_path / "small.nnet", [changes.get(number, line) for number, line in enumerate(LINES, start=1)])
    with pytest.raises(FormatError, match=message):
        fastjac.from_nnet(path, scaling=scaling)
    assert fastjac.load(path, scaling="none").n_in == 3


def test_an_unknown_scaling_is_reported_with_the_known_ones(path):
    for scaling in (True, "full", ["linear"]):
        for read_network in (fastjac.load, fastjac.from_nnet):
            with pytest.raises(OptionError, match="scaling must be one of none, linear, clipped, got "):
                read_network(path, scaling=scaling)


def test_options_for_other_formats_are_refused(path):
    with pytest.raises(OptionError, match="leave layers out"):
        fastjac.load(path, layers=["relu", "relu", "identity"])


def test_scaling_is_refused_for_other_formats(tmp_path):
    path = tmp_path / "net.safetensors"
    fastjac.Network([fastjac.ReLU()], n_in=2).save(path)
    with pytest.raises(OptionError, match="leave scaling out"):
        fastjac.load(path, scaling="linear")


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(MissingFileError, match=r"there is no file at .*nothing.nnet"):
        fastjac.from_nnet(tmp_path / "nothing.nnet")


def published(*names):
    """Paths of files that others published; the test is skipped where one is absent."""
    missing = [name for name in names if not (DATA / name).is_file()]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} in {DATA}")
    return [DATA / name for name in names]


def test_the_onnx_twin_of_an_acas_xu_network_holds_the_same_numbers():
    nnet, twin = published(f"{ACASXU}.nnet", f"{ACASXU}.onnx")
    net, model = fastjac.load(nnet, scaling="none"), onnx.load(twin)
    # The twin starts by subtracting a mean of 0, and holds weights transposed, in float32.
    mean, *parameters = map(numpy_helper.to_array, model.graph.initializer)
    assert not np.any(mean)
    affines = [layer for layer in net if isinstance(layer, fastjac.Affine)]
    for affine, weight, bias in zip(affines, parameters[::2], parameters[1::2], strict=True):
        np.testing.assert_array_equal(affine.weight.astype(np.float32), weight.T)
        np.testing.assert_array_equal(affine.bias.astype(np.float32), bias)
    x = np.random.default_rng(0).uniform(-0.5, 0.5, size=(20, 5)).astype(np.float32)
    expected = [ReferenceEvaluator(model).run(None, {"input": row.reshape(1, 1, 1, 5)})[0][0] for row in x]
    np.testing.assert_allclose(net.astype(np.float32)(x), expected, rtol=1e-5, atol=1e-6)


def test_the_onnx_file_that_nnet_made_of_it_is_linearly_scaled():
    nnet, made = published(f"{ACASXU}.nnet", "TestNetwork2.onnx")
    net, model = fastjac.load(nnet), onnx.load(made)
    low, high = np.array([0.0, -3.141593, -3.141593, 100.0, 0.0]), np.array([60760.0, 3.141593, 3.141593, 1200.0, 1200.0])
    x = np.random.default_rng(0).uniform(low, high, size=(20, 5)).astype(np.float32)
    expected = [ReferenceEvaluator(model).run(None, {"X": row})[0] for row in x]
    # Its weights, which hold the scaling, were rounded to float32.
    np.testing.assert_allclose(net(x), expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["single_pendulum.nnet", "cartpole.nnet"])
def test_controllers_of_other_writers_are_their_numbers(name):
    """Read here line by line, as those do who need no header but the sizes: five lines behind these are passed over."""
    (path,) = published(name)
    rows = [line.split(",") for line in path.read_text().splitlines() if not line.startswith("//")]
    n_layers = int(rows[0][0])
    widths, rows = list(map(int, rows[1][: n_layers + 1])), [list(map(float, row)) for row in rows[7:]]
    x = np.random.default_rng(0).normal(size=(20, widths[0]))
    y, jacobian = x, np.broadcast_to(np.eye(widths[0]), (20, widths[0], widths[0]))
    for number, n_out in enumerate(widths[1:]):
        weight, bias, rows = np.array(rows[:n_out]), np.array(rows[n_out : 2 * n_out])[:, 0], rows[2 * n_out :]
        y, jacobian = y @ weight.T + bias, weight @ jacobian
        if number < n_layers - 1:
            jacobian, y = jacobian * (y > 0)[..., None], np.maximum(y, 0.0)
    assert not rows
    net = fastjac.load(path)
    np.testing.assert_allclose(net(x), y, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(net.jacobian(x), jacobian, rtol=1e-11, atol=1e-11)
