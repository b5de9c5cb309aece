"""Results that do not depend on the CPU's float mode, which other libraries change, and a mode that is the caller's own again."""

import llvmlite.binding as llvm
import pytest
from llvmlite import ir

from fastjac.kernels.float_mode import REGISTERS, exchange_mode, restore_mode
from tests.fresh_process import run_script

SCRIPT = """
    import ctypes, ctypes.util, platform
    import numba, numpy as np, torch
    import fastjac, fastjac.running.crew, fastjac.numba, fastjac.torch
    from tests.bits import assert_same_bits

    UP = {"x86_64": 0x800, "AMD64": 0x800}.get(platform.machine(), 0x400000)
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    rng = np.random.default_rng(0)
    # Small enough that entries of inputs as float32, of folded weights and of J are denormal.
    weights = {
        "float32": rng.standard_normal((3, 20, 20)) * [[[1e-30]], [[1]], [[1e-6]]],
        "float64": rng.standard_normal((3, 20, 20)) * [[[1e-300]], [[1]], [[1e-6]]],
    }
    x = rng.standard_normal((300, 20)) * 1e-38
    inputs = {"float32": x.astype(np.float32), "float64": x}
    curvature, cotangents = np.eye(20) * 1e-30, rng.standard_normal((20, 20))

    def flushes():
        return (np.array([2.0**-1060]) * 0.5)[0] == 0

    def network(dtype):
        affines = [fastjac.Affine(weight) for weight in weights[dtype]]
        layers = [affines[0], fastjac.Scale(1e-5), fastjac.Tanh(), affines[1], fastjac.LayerNorm(), affines[2]]
        return fastjac.Network(layers, dtype=dtype)

    @numba.njit
    def from_compiled_code(program, x, y, jacobian):
        fastjac.numba.value_and_jacobian(program, x, y, jacobian, fastjac.numba.scratch(program))

    def results(dtype, threads):
        net = network(dtype)
        y, jacobian, pullback = net.jacobian_vjp(x, threads=threads)
        gradient = pullback(np.ones_like(y), np.ones_like(jacobian), threads=threads)
        yield from (y, jacobian, gradient.x, gradient.parameters)
        yield fastjac.Network([fastjac.Affine(weights["float64"][1])], dtype=dtype)(x, threads=threads)
        yield from net.value_and_jacobian(x, threads=threads)
        yield from net.pullback(x, cotangents, threads=threads)
        yield net.linearize(x, threads=threads).pullback(cotangents, threads=threads)
        yield net.parameter_jacobian(x, threads=threads)
        yield net.gauss_newton_product(x, net.parameters(), curvature, threads=threads)
        y, jacobian = (np.empty_like(found) for found in (y, jacobian))
        from_compiled_code(net.program(), inputs[dtype], y, jacobian)
        yield from (y, jacobian)
        module = torch.nn.Sequential(torch.nn.Linear(20, 20), torch.nn.Tanh(), torch.nn.Linear(20, 20)).to(getattr(torch, dtype))
        with torch.no_grad():
            for linear, weight in zip(module[::2], net.layers[0::3]):
                linear.weight[...], linear.bias[...] = torch.tensor(weight.weight), 0
        yield from (part.detach().numpy() for part in fastjac.torch.value_and_jacobian(module, torch.tensor(inputs[dtype])))

    torch.set_flush_denormal(True)
    network("float32").jacobian(x, threads=2)  # starts helpers, which inherit this mode
    torch.set_flush_denormal(False)
    expected = {dtype: [*results(dtype, threads=2)] for dtype in inputs}
    for crew in (fastjac.running.crew.crew, fastjac.running.crew.Crew()):  # another crew, whose helpers start in the default mode
        fastjac.running.crew.crew = crew
        for dtype in inputs:
            assert_same_bits(results(dtype, threads=2), expected[dtype])
    for flush, rounding in ((True, 0), (False, UP)):
        for dtype in inputs:
            for threads in (1, 2):
                torch.set_flush_denormal(flush)
                libm.fesetround(rounding)
                found = [*results(dtype, threads)]
                assert flushes() == flush and libm.fegetround() == rounding
                torch.set_flush_denormal(False)
                libm.fesetround(0)
                assert_same_bits(found, expected[dtype])
    print(sum(((part != 0) & (abs(part) < np.finfo(part.dtype).tiny)).any() for part in expected["float32"]))
"""


def test_the_callers_float_mode_changes_no_bit_and_comes_back() -> None:
    results_with_denormals = int(run_script(SCRIPT, timeout=400).stdout)  # it may compile all kernels
    assert results_with_denormals >= 3


TRAPS = """
    import ctypes, ctypes.util
    import numpy as np
    import fastjac

    net, x = fastjac.Network([fastjac.Affine(np.full((4, 4), 1e300)), fastjac.Softmax()]), np.full((200, 4), 1e300)
    expected = net.jacobian(x)
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    if hasattr(libm, "feenableexcept"):
        libm.feenableexcept(0x0D)  # invalid operations and overflow, and division by zero or underflow
    found = [net.jacobian(x, threads=threads) for threads in (1, 2)]
    if hasattr(libm, "feenableexcept"):
        libm.fedisableexcept(0x0D)
    assert all(np.array_equal(jacobian, expected, equal_nan=True) for jacobian in found)
    print(np.isnan(expected).all())
"""


def test_a_caller_that_traps_overflow_is_not_killed_by_it() -> None:
    assert run_script(TRAPS).stdout == "True\n"


@pytest.mark.parametrize(
    ("triple", "instructions"),
    [("x86_64-unknown-linux-gnu", ["stmxcsr", "ldmxcsr"]), ("aarch64-unknown-linux-gnu", ["mrs", "msr"])],
)
def test_the_instructions_for_each_processor(triple: str, instructions: list[str]) -> None:
    """Read once; written twice, on the way that is taken only where the mode is another."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module, function_type = ir.Module(), ir.FunctionType(ir.VoidType(), [])
    register = REGISTERS[triple.partition("-")[0]]
    builder = ir.IRBuilder(ir.Function(module, function_type, "caller").append_basic_block())
    held = exchange_mode(register, builder)
    builder.call(ir.Function(module, function_type, "kernel"), [])
    restore_mode(register, builder, held)
    builder.ret_void()
    machine = llvm.Target.from_triple(triple).create_target_machine(opt=2)
    code = machine.emit_assembly(llvm.parse_assembly(str(module)))
    assert [code.count(f"\t{instruction}\t") for instruction in instructions] == [1, 2]
