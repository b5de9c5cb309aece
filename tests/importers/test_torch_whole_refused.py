"""Whole modules that cannot be read, or are made to hurt: refused, with what to do."""

import pytest
import torch
from torch import nn

import fastjac
from fastjac.errors import DtypeError, FormatError, OptionError, UnsupportedLayerError

from . import torch_files
from .test_torch_whole_modules import HERE, LISTS, Block, Net, classes, loaded


class Scaled(Net):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pt"


@pytest.mark.parametrize(
    ("listed", "error", "message"),
    [
        (
            None,
            OptionError,
            rf"the module \({HERE}.Net\): what it computes stands in its forward, .*\['fc1', 'norm', 'fc2', 'drop'\]",
        ),
        ({f"{HERE}.Net": ["fc1", "relu", "fc2"]}, OptionError, "does not name 'norm', which has weights"),
        (
            {f"{HERE}.Net": ["fc1", "norm", "swoosh", "fc2"]},
            OptionError,
            r"Net'\]\[2\]: 'swoosh' is none of its modules \(fc1, norm",
        ),
        ({f"{HERE}.Net": ["fc1", "norm", "norm.x", "fc2"]}, OptionError, r"'norm.x' is none of its modules"),
        (
            {f"{HERE}.Net": ["fc1", "norm", 3, "fc2"]},
            OptionError,
            "must be a module's name, an activation's or a fastjac layer, got 3",
        ),
        (
            classes("Net") | {"a.B": ["fc1"]},
            OptionError,
            r"classes lists 'a.B', but no module in the file is of this class; .*Net",
        ),
        ({f"{HERE}.Net": "fc1"}, DtypeError, "must be a list of what forward does"),
        (["fc1"], DtypeError, "classes must map names to lists"),
    ],
)
def test_lists_that_do_not_fit(path, listed, error, message):
    with pytest.raises(error, match=message):
        loaded(Net(), path, classes=listed)


def test_a_module_deep_inside_is_not_forgotten(path):
    with pytest.raises(OptionError, match=r"does not name 'steps\.1', which has weights"):
        loaded(Block(), path, classes={f"{HERE}.Block": ["steps.0", "act"]})


def test_weights_that_no_list_can_name_are_not_forgotten(path):
    with pytest.raises(OptionError, match="does not name 'scale', which has weights"):
        loaded(Scaled(), path, classes={f"{__name__}.Scaled": LISTS[f"{HERE}.Net"]})


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Conv3d(1, 1, 1), "fastjac does not have Conv3d"),
        (nn.Conv1d(1, 1, 1, padding_mode="circular"), "padding_mode='circular' is not supported; fastjac takes 'zeros'"),
        (nn.LSTM(2, 2), "fastjac does not have LSTM"),
        (nn.Softmax(0), r"1 \(Softmax\): it acts over axis 0 .* where N counts the samples"),
        (nn.BatchNorm1d(2, track_running_stats=False), "without running statistics"),
    ],
)
def test_modules_that_fastjac_does_not_have(path, module, message):
    with pytest.raises(UnsupportedLayerError, match=message):
        loaded(nn.Sequential(nn.Linear(2, 2), module), path)


def test_a_list_of_modules_is_called_by_nobody(path):
    with pytest.raises(
        OptionError, match=r"0 \(.*ModuleList\): it is called by nobody; list its modules in its place, as \['0'\]"
    ):
        loaded(nn.Sequential(nn.ModuleList([nn.Linear(2, 2)])), path)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_modules_that_hooks_change(path):
    module = nn.Sequential(nn.utils.weight_norm(nn.Linear(2, 2)))
    with pytest.raises(UnsupportedLayerError, match=r"0 \(.*Linear\): it has the pre-hook .*WeightNorm, .*remove_weight_norm"):
        loaded(module, path)
    module = nn.Sequential(nn.Linear(2, 2))
    module.register_forward_hook(hook)
    with pytest.raises(UnsupportedLayerError, match=r"it has the hook .*hook, which may change"):
        loaded(module, path)
    module = nn.Sequential(nn.Linear(2, 2))
    module.forward = hook
    with pytest.raises(UnsupportedLayerError, match="it has a forward of its own"):
        loaded(module, path)


def hook(module, args, output):
    return 2 * output


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("negative_slope", "steep", "negative_slope"),
        ("negative_slope", {"a": 1}, "its negative_slope is of type dict"),
        ("negative_slope", 10**400, "its negative_slope has more digits"),
        ("negative_slope", None, "negative_slope|None"),
        ("negative_slope", torch.ones(2), "its negative_slope is of type Call"),
    ],
)
def test_options_that_torch_does_not_give(path, name, value, message):
    module = nn.Sequential(nn.Linear(2, 2), nn.LeakyReLU())
    setattr(module[1], name, value)
    with pytest.raises((FormatError, DtypeError, OptionError), match=message):
        loaded(module, path)


def test_attributes_that_are_missing_or_of_other_types(path):
    module = nn.Sequential(nn.RReLU("a", "b"))
    with pytest.raises(FormatError, match="its lower is 'a', which is no option that torch gives it"):
        loaded(module, path, n_in=2)
    module = nn.Sequential(nn.ELU())
    del module[0].alpha
    with pytest.raises(FormatError, match="it has no alpha, as every ELU of torch does"):
        loaded(module, path, n_in=2)
    module = nn.Sequential(nn.Linear(2, 2))
    module[0]._parameters["weight"] = 3
    with pytest.raises(FormatError, match="weight: the file holds 3 in place of a tensor"):
        loaded(module, path)


def test_modules_within_modules_without_end(path):
    module = nn.Sequential(nn.Tanh())
    for _ in range(150):
        module = nn.Sequential(module)
    with pytest.raises(FormatError, match="levels of modules within modules"):
        loaded(module, path, n_in=2)
    circle = nn.Sequential(nn.Linear(2, 2))
    circle._modules["1"] = circle
    with pytest.raises(FormatError, match="levels of modules within modules"):
        loaded(circle, path)
    with pytest.raises(FormatError, match=r"levels of modules within modules|it has .* modules"):
        loaded(circle, path, layers=["identity"])
    doubled = nn.Sequential(nn.Tanh())
    for _ in range(60):
        doubled = nn.Sequential(doubled, doubled)
    for options in ({"n_in": 2}, {"layers": ["identity"]}):
        with pytest.raises(FormatError, match=r"it has 10001 modules"):
            loaded(doubled, path, **options)


def test_nothing_is_made_of_what_the_file_names(path):
    opcodes = torch_files.call("builtins.print", b"(" + torch_files.text("made") + b"t")
    state = torch_files.dictionary(_modules=b"}", _parameters=b"}", _buffers=b"}")
    torch_files.write_zip(path, opcodes + state + b"b")
    with pytest.raises(OptionError, match=r"the module \(builtins.print\): what it computes"):
        fastjac.load(path)
    torch_files.write_zip(path, torch_files.call("os.system", b"(t") + state + b"b")
    with pytest.raises(FormatError, match=r"the pickle asks for os\.system"):
        fastjac.load(path)


def test_a_child_that_is_no_module(path):
    inner = torch_files.dictionary(_modules=torch_files.dictionary(a=b"K\x01"), _parameters=b"}", _buffers=b"}")
    torch_files.write_zip(path, torch_files.call("torch.nn.modules.container.Sequential", b")") + inner + b"b")
    with pytest.raises(FormatError, match="a is a int and no module"):
        fastjac.load(path)
    inner = torch_files.dictionary(_modules=b"}", _parameters=b"}", _buffers=b"}")
    torch_files.write_zip(path, torch_files.call("torch.nn.parallel.data_parallel.DataParallel", b")") + inner + b"b")
    with pytest.raises(FormatError, match="the module holds no module module"):
        fastjac.load(path)
