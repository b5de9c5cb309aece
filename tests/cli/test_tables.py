"""The command `sensitivity`, and the pictures that commands draw."""

import sys

import numpy as np
import pytest

import fastjac as fj
from fastjac import cli
from fastjac.tabular.csvfile import read_csv
from fastjac.tabular.result import COLUMNS

from .failing import fails

RNG = np.random.default_rng(0)
NET = fj.Network([fj.Affine(RNG.standard_normal((5, 3))), fj.Tanh(), fj.Affine(RNG.standard_normal((2, 5)))])
X = RNG.standard_normal((20, 3))


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "net.safetensors"
    NET.with_feature_names(["a", "b", "c"]).save(path)
    return str(path)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    lines = [f"{c},red,{a},{b}" for a, b, c in X.tolist()]
    path.write_text("\n".join(["c,colour,a,b", *lines]))
    return str(path)


def test_it_prints_and_writes_what_the_library_gives(capsys, model, table, tmp_path):
    out, picture = tmp_path / "out.csv", tmp_path / "bars.svg"
    options = ["--units", "standard", "--output-names", "u,v", "-o", str(out), "--plot", str(picture)]
    assert cli.main(["sensitivity", model, table, *options]) == 0
    expected = fj.sensitivity(NET, X, units="standard", input_names=["a", "b", "c"], output_names=["u", "v"])
    printed = f"{expected}\n\nWrote {out}: a line for each output and input\n\nWrote {picture}: the inputs that matter most\n"
    assert capsys.readouterr().out == printed
    written = read_csv(out, COLUMNS[2:])
    np.testing.assert_array_equal(written.values, [line[2:] for line in expected.lines()])
    assert out.read_text().startswith("output,input,mean,mean_abs,std,rms,count\nu,a,")
    assert "<svg" in picture.read_text()


def test_a_table_without_names_is_taken_as_it_stands(capsys, model, tmp_path):
    np.savetxt(tmp_path / "bare.csv", X, delimiter=",")
    assert cli.main(["sensitivity", model, str(tmp_path / "bare.csv")]) == 0
    assert capsys.readouterr().out == f"{fj.sensitivity(NET, X, input_names=['a', 'b', 'c'])}\n"


def test_a_network_of_two_inputs_takes_all_of_their_columns_in_one_table(capsys, table, tmp_path):
    state, control = fj.Input(2, name="state"), fj.Input(1)
    net = fj.Network(inputs=(state, control), outputs=fj.Tanh()(state)[0] * control)
    net.save(tmp_path / "two.safetensors")
    assert cli.main(["sensitivity", str(tmp_path / "two.safetensors"), table, "--columns", "a,b,c"]) == 0
    assert capsys.readouterr().out == f"{fj.sensitivity(net, (X[:, :2], X[:, 2:]), input_names=['a', 'b', 'c'])}\n"


def test_tables_that_do_not_fit(capsys, model, table, tmp_path):
    columns = ["--columns", "a,b,colour"]
    assert "line 2, column 'colour': 'red' is no number" in fails(capsys, "sensitivity", model, table, *columns)
    assert "the table lacks the columns 'c'; it has 'a', 'b'" in fails(capsys, "sensitivity", model, table, "--columns", "a,b")
    assert "there is no file" in fails(capsys, "sensitivity", model, tmp_path / "none.csv")
    assert "invalid choice: 'percent'" in fails(capsys, "sensitivity", model, table, "--units", "percent")
    (tmp_path / "gaps.csv").write_text("a,b,c\n1,2,3\n4,,6\n")
    gaps = ["sensitivity", model, tmp_path / "gaps.csv"]
    assert "row 1 (counted from 0) has nan in column 'b'" in fails(capsys, *gaps)
    assert cli.main([*map(str, gaps), "--nan-policy", "omit"]) == 0
    assert "over 1 rows" in capsys.readouterr().out


def test_the_picture_of_a_jacobian(capsys, model, tmp_path):
    np.save(tmp_path / "x.npy", X)
    arguments = ["jacobian", model, tmp_path / "x.npy", "-o", tmp_path / "jac.npy", "--plot"]
    assert cli.main([*map(str, arguments), str(tmp_path / "jac.png")]) == 0
    assert f"Wrote {tmp_path / 'jac.png'}: the Jacobian at the first input\n" in capsys.readouterr().out
    assert (tmp_path / "jac.png").read_bytes().startswith(b"\x89PNG")
    assert "a picture's name must end in one of .eps" in fails(capsys, *arguments, tmp_path / "jac.doc")
    np.save(tmp_path / "x.npy", X[:0])
    assert "holds no input" in fails(capsys, *arguments, tmp_path / "jac.png")


def test_pictures_need_matplotlib(monkeypatch, capsys, model, table, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    printed = fails(capsys, "sensitivity", model, table, "--plot", tmp_path / "bars.png")
    assert "'.[plot]'" in printed
