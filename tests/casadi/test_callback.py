"""Networks in CasADi: values, Jacobians and sparsity are those of expressions, and IPOPT finds the same optimum."""

import doctest
import gc
import pickle

import casadi
import numpy as np
import pytest

import fastjac as fj
import fastjac.casadi
from fastjac.errors import DtypeError, OptionError, PicklingError
from tests.fresh_process import run_script
from tests.sweeps import counted_sweeps

RNG = np.random.default_rng(0)
W, V = RNG.standard_normal((9, 5)) / 2, RNG.standard_normal((3, 9)) / 3
STAGES = 4
POINT = RNG.standard_normal((3, STAGES)), RNG.standard_normal((2, STAGES))
FIRST_ORDER = {"hessian_approximation": "limited-memory", "print_level": 0, "sb": "yes", "tol": 1e-9}


def network():
    """Two inputs to two outputs: the next state x + 0.2 V tanh(W (x, u)), and the hidden units."""
    x, u = fj.Input(3), fj.Input(2)
    hidden = fj.Tanh()(fj.Affine(W)(fj.concatenate([x, u])))
    return fj.Network(inputs=(x, u), outputs=(x + 0.2 * fj.Affine(V)(hidden), hidden))


def expressions():
    """The same in CasADi, for all stages."""
    x, u = casadi.MX.sym("x", 3), casadi.MX.sym("u", 2)
    hidden = casadi.tanh(casadi.DM(W) @ casadi.vertcat(x, u))
    return casadi.Function("expressions", [x, u], [x + 0.2 * casadi.DM(V) @ hidden, hidden]).map(STAGES)


NET = network()
OURS, THEIRS = fastjac.casadi.callback(NET, STAGES), expressions()


def derivatives(function, *wanted):
    """A function of X and U: the Jacobians of outputs by inputs, for pairs of their numbers."""
    points = casadi.MX.sym("X", 3, STAGES), casadi.MX.sym("U", 2, STAGES)
    results = function(*points)
    pairs = [casadi.jacobian(casadi.vec(results[output]), casadi.vec(points[source])) for output, source in wanted]
    return casadi.Function("derivatives", points, pairs)


def test_values_and_jacobians_are_those_of_expressions():
    for ours, theirs in zip(OURS(*POINT), THEIRS(*POINT), strict=True):
        np.testing.assert_allclose(ours.full(), theirs.full(), rtol=1e-13)
    pairs = (0, 0), (0, 1), (1, 0), (1, 1)
    for ours, theirs in zip(*(derivatives(function, *pairs)(*POINT) for function in (OURS, THEIRS)), strict=True):
        np.testing.assert_allclose(ours.full(), theirs.full(), rtol=1e-12, atol=1e-14)


def test_the_sparsity_is_block_diagonal():
    (block,) = derivatives(OURS, (0, 1)).call(POINT)
    assert block.sparsity() == casadi.diagcat(*[casadi.Sparsity.dense(3, 2)] * STAGES)
    np.testing.assert_array_equal(np.kron(np.eye(STAGES), np.ones((3, 2))) != 0, block.full() != 0)


def test_all_stages_are_one_batch_and_the_sum_of_single_ones():
    single = fastjac.casadi.callback(NET)
    np.testing.assert_array_equal(single.map(STAGES)(*POINT)[0].full(), OURS(*POINT)[0].full())
    everything = derivatives(OURS, (0, 0), (0, 1), (1, 0), (1, 1))
    everything(*POINT)
    with counted_sweeps() as sweeps:
        everything(POINT[0] + 0.1, POINT[1])
        OURS(POINT[0] + 0.1, POINT[1])
    assert sweeps == ["value_and_jacobian"]


def test_an_input_that_is_given_as_numbers_has_no_derivative():
    """What is computed of J is its columns by x alone."""
    net = network()
    function = fastjac.casadi.callback(net, STAGES)
    x = casadi.MX.sym("X", 3, STAGES)
    by_state = casadi.Function("by_state", [x], [casadi.jacobian(casadi.vec(function(x, POINT[1])[0]), casadi.vec(x))])
    np.testing.assert_allclose(by_state(POINT[0]).full(), derivatives(THEIRS, (0, 0))(*POINT).full(), rtol=1e-12, atol=1e-14)
    assert function._columns._state[1].columns == (0, 1, 2)
    np.testing.assert_allclose(
        derivatives(function, (0, 1))(*POINT).full(), derivatives(THEIRS, (0, 1))(*POINT).full(), atol=1e-13
    )


def test_a_gradient_and_zeros():
    """CasADi hands over no memory for what is zero, and takes products with J from its nonzeros."""
    for function in (OURS, THEIRS):
        x = casadi.MX.sym("X", 3, STAGES)
        loss = casadi.sumsqr(function(x, casadi.MX(2, STAGES))[0]) + casadi.sumsqr(function(x, casadi.MX(2, STAGES))[1])
        gradient = casadi.Function("gradient", [x], [casadi.gradient(loss, x)])(POINT[0]).full()
        if function is OURS:
            expected = gradient
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)


def plan(function):
    """The inputs (2, STAGES) that lead from one state near another, within limits, and how IPOPT ended."""
    opti = casadi.Opti()
    states, controls = opti.variable(3, STAGES + 1), opti.variable(2, STAGES)
    opti.minimize(casadi.sumsqr(states[:, -1] - 0.5) + 0.01 * casadi.sumsqr(controls))
    opti.subject_to(states[:, 1:] == function(states[:, :-1], controls)[0])
    opti.subject_to(states[:, 0] == 0.1)
    opti.subject_to(opti.bounded(-0.5, casadi.vec(controls), 0.5))
    opti.solver("ipopt", {"print_time": False}, FIRST_ORDER)
    solution = opti.solve()
    return solution.value(controls), solution.stats()


def test_ipopt_finds_the_same_plan():
    (ours, stats), (theirs, _) = plan(OURS), plan(THEIRS)
    assert stats["success"]
    np.testing.assert_allclose(np.abs(theirs).max(), 0.5, atol=1e-6)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    with counted_sweeps() as sweeps:
        iterations = plan(OURS)[1]["iter_count"]
    assert len(sweeps) <= 2 * iterations + 5


def test_a_float32_network():
    function = fastjac.casadi.callback(NET.astype(np.float32), STAGES)
    np.testing.assert_allclose(function(*POINT)[0].full(), OURS(*POINT)[0].full(), atol=1e-6)
    ours, theirs = (derivatives(one, (1, 0))(*POINT).full() for one in (function, OURS))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_one_vector_in_and_out():
    net = fj.Network([fj.Affine(W), fj.Tanh()])
    x = casadi.MX.sym("x", 5)
    y = fastjac.casadi.callback(net)(x)
    found = casadi.Function("found", [x], [y, casadi.jacobian(y, x)])(np.arange(5.0))
    for ours, expected in zip(found, net.value_and_jacobian(np.arange(5.0)), strict=True):
        np.testing.assert_array_equal(ours.full().squeeze(), expected)


def named(*names):
    """The names of the arguments and results of a callback, whose network has inputs of these names."""
    inputs = [fj.Input(2, name) for name in names]
    function = fastjac.casadi.callback(fj.Network(inputs=inputs, outputs=fj.Tanh()(fj.add(inputs))))
    points = [casadi.MX.sym(f"p{number}", 2) for number in range(len(names))]
    casadi.Function("derivative", points, [casadi.jacobian(function(*points), points[0])])(*[[1, 2]] * len(names))
    return [*function.name_in(), *function.name_out()]


def test_arguments_have_the_names_of_inputs_that_casadi_takes():
    assert named("state", "torque") == ["state", "torque", "o0"]
    assert named("state", None, "my torque") == ["state", "i1", "i2", "o0"]
    assert named("jac", "a__b") == named("2nd", "") == named("jac_o0_i1", "out_o0") == ["i0", "i1", "o0"]
    assert named("x", "x") == named("i1", None) == named("o0", "x") == ["i0", "i1", "o0"]


def test_arguments_go_in_by_name():
    x, u = fj.Input(2, "x"), fj.Input(2, "u")
    function = fastjac.casadi.callback(fj.Network(inputs=(x, u), outputs=x - u))
    assert function(x=[1, 2], u=[3, 5])["o0"].full().ravel().tolist() == [-2, -3]


def test_a_callback_lives_until_it_is_forgotten():
    net = network()
    x = casadi.MX.sym("X", 3, 1)
    function = casadi.Function("f", [x], [casadi.jacobian(fastjac.casadi.callback(net)(x, [1, 2])[0], x)])
    gc.collect()
    assert function([1, 2, 3]).shape == (3, 3)
    assert fastjac.casadi.callback(net) is fastjac.casadi.callback(net, stages=1)
    fastjac.casadi.forget(net)
    gc.collect()
    with pytest.raises(RuntimeError, match="Callback object has been deleted"):
        function([1, 2, 3])


def test_a_process_ends_well_that_holds_callbacks():
    script = """
        import casadi, fastjac as fj, fastjac.casadi
        x = casadi.MX.sym("x", 3)
        y = fastjac.casadi.callback(fj.Network([fj.Tanh()], n_in=3))(x)
        f = casadi.Function("f", [x], [casadi.jacobian(y, x)])
        print(f([0, 0, 0]).nnz())
    """
    finished = run_script(script)
    assert (finished.stdout, finished.stderr) == ("9\n", "")


def test_what_is_refused():
    with pytest.raises(DtypeError, match=r"net must be a fastjac\.Network, got Tanh"):
        fastjac.casadi.callback(fj.Tanh())
    with pytest.raises(OptionError, match="stages must be a positive integer, got 0"):
        fastjac.casadi.callback(NET, 0)
    with pytest.raises(PicklingError, match=r"a NetworkCallback holds addresses .*; send the network"):
        pickle.dumps(fastjac.casadi.callback(NET))


def test_the_example_in_the_docstring():
    assert doctest.testmod(fastjac.casadi).failed == 0
