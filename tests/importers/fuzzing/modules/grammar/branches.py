"""BRANCHES: steps that may go another way while they are followed."""

from __future__ import annotations

from .steps import Step

_CONDITIONS = (
    "isinstance(x, torch.Tensor)",
    "type(x) is torch.Tensor",
    "torch.is_tensor(x)",
    "issubclass(type(x), torch.Tensor)",
    "'Tensor' in type(x).__name__",
    "not hasattr(x, 'node')",
    "hasattr(x, 'no_such_attribute')",
    "callable(x)",
    "isinstance(x, collections.abc.Hashable) and isinstance(x, torch.Tensor)",
    "'proxy' in repr(x).lower()",
    "str(x).startswith('tensor')",
    "x is None",
    "x == 1",
    "x is not None and x.ndim == 2",
    "x.dim() == 2",
    "x.ndim < 3",
    "x.sum() > 0",
    "x.shape[0] > 1",
    "x.shape[1] == $n",
    "len(x.shape) == 2",
    "x.numel() > 4",
    "len(x) == 1",
    "x.dtype == torch.float64",
    "x.dtype is torch.float32",
    "x.is_floating_point()",
    "torch.is_floating_point(x)",
    "x.requires_grad",
    "x.is_contiguous()",
    "x.is_leaf",
    "x.grad_fn is None",
    "x.device.type == 'cpu'",
    "str(x.device) == 'cpu'",
    "x.is_cuda",
    "x.layout == torch.strided",
    "torch.is_grad_enabled()",
    "torch.is_inference_mode_enabled()",
    "self.training",
    "torch.jit.is_tracing()",
    "torch.jit.is_scripting()",
    "torch.compiler.is_compiling()",
    "torch.get_default_dtype() == torch.float32",
    "torch.is_autocast_enabled('cpu')",
    "torch.fx._symbolic_trace.is_fx_tracing()",
    "any('fx' in frame.filename for frame in inspect.stack())",
    "sys.exc_info()[0] is None",
    "bool(x.any())",
    "float(x.sum()) > 0",
    "x.max().item() > 1",
    "(x > 0).all()",
    "torch.equal(x, x)",
    "torch.allclose(x, x * 1)",
    "x.sum() > 0 or True",
    "not (x.sum() > 0)",
    "nn.Module.__call__.__module__.startswith('torch.nn')",
)

_BRANCHES = {f"a branch by {condition}": Step(f"x = x * 2 if {condition} else torch.tanh(x)") for condition in _CONDITIONS}

_TRIES = {
    f"an attempt at {attempt}": Step(f"try:\n    {attempt}\n    x = x * 2\nexcept Exception:\n    x = torch.tanh(x)")
    for attempt in (
        "float(x.sum())",
        "x.numpy()",
        "x.detach().numpy()",
        "len(x)",
        "iter(x)",
        "list(x)",
        "x.item()",
        "x.no_such_attribute",
        "x.no_such_method()",
        "bool(x.sum() > 0)",
        "int(x.shape[0])",
        "range(x.shape[0])",
        "np.asarray(x.detach())",
        "x.shape + (1,)",
        "x.shape[1] + 1",
        "'%d' % x.shape[0]",
        "[0, 1][x.shape[0] > 1]",
        "torch.zeros(x.shape)",
        "torch.zeros(x.shape[1])",
        "x[0]['a']",
        "x.__class__.__mro__.index(torch.Tensor)",
        "x.tolist()",
        "self.s$i(x)",
        "nn.Linear($n + 1, 2, dtype=DTYPE)(x)",
        "hash(x)",
        "x @ torch.ones(7, 1, dtype=DTYPE)",
        "torch.sin(x)",
    )
}

_OTHERS = {
    "a branch behind an assert": Step("assert True; x = x * 2 if x.sum() > 0 else -x"),
    "an assert that changes something": Step(
        init="self.k$i = 2.0",
        forward="""
        assert [x.shape[1] == $n, self.__dict__.update(k$i=3.0)]
        x = x * self.k$i
        """,
    ),
    "a choice in an assert": Step("""
        assert (choice := [1.0, 2.0][bool(x.sum() > 0)])
        x = x * choice
        """),
    "an assert that fails": Step("""
        assert x.shape[1] == $n + 1
        x = x * 2
        """),
    "a suppressed error": Step("""
        with contextlib.suppress(Exception):
            x = x * 2 if x.sum() > 0 else x * 3
        """),
    "a match": Step("""
        match x:
            case torch.Tensor():
                x = x * 2
            case _:
                x = x * 3
        """),
    "a single dispatch": Step(
        top="""
        @functools.singledispatch
        def scaled$i(x):
            return x * 3
        @scaled$i.register
        def _(x: torch.Tensor):
            return x * 2
        """,
        forward="x = scaled$i(x)",
    ),
    "a loop over the shape": Step("""
        for _ in range(x.shape[1]):
            x = x * 2
        """),
    "a loop over the rows": Step("x = torch.stack([row * 2 for row in x])"),
    "a while loop": Step("""
        while x.abs().max() > 1:
            x = x / 2
        """),
    "the width as a number": Step("x = x * x.shape[1]"),
    "the size of the batch as a number": Step("x = x * len(x)"),
    "the mean of the batch": Step("x = x - x.mean()"),
    "the root of the width": Step("x = x / x.shape[-1] ** 0.5"),
    "the width of another constant": Step("x = x / math.sqrt(self.v$i.shape[0])"),
    "a choice of the smaller": Step("x = min(x, x * 2, key=lambda x: float(x.sum()))"),
}

BRANCHES: dict[str, Step] = _BRANCHES | _TRIES | _OTHERS
