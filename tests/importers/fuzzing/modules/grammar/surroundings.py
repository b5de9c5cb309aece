"""SURROUNDINGS: contexts, modes and functions around a step, and what is returned instead of a tensor."""

from __future__ import annotations

from .steps import Step

_CONTEXTS = {
    f"{context}": Step(f"with {context}:\n    x = torch.tanh(self.s$i(x))\nx = x.to(DTYPE)", "self.s$i = nn.Linear($n, $m)")
    for context in (
        "torch.autocast('cpu', dtype=torch.bfloat16)",
        "torch.autocast('cpu', enabled=False)",
        "torch.amp.autocast_mode.autocast('cpu', torch.float16)",
        "torch.no_grad()",
        "torch.inference_mode()",
        "torch.enable_grad()",
        "torch.set_grad_enabled(False)",
        "torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t)",
        "torch.autograd.graph.save_on_cpu()",
        "torch.device('cpu')",
        "torch.random.fork_rng()",
        "warnings.catch_warnings()",
        "torch.autograd.set_detect_anomaly(False)",
        "torch.overrides.BaseTorchFunctionMode()",
        "torch.sparse.check_sparse_tensor_invariants()",
        "torch.nn.attention.sdpa_kernel([])",
    )
}

_AROUND = {
    "a function mode": Step(
        top="""
        class Doubling$i(torch.overrides.TorchFunctionMode):
            def __torch_function__(self, function, types, args=(), kwargs=None):
                result = function(*args, **(kwargs or {}))
                return result * 2 if function is F.linear else result
        """,
        forward="""
        with Doubling$i():
            x = F.linear(x, self.w$i)
        """,
    ),
    "a function under no_grad": Step("x = torch.no_grad()(torch.tanh)(x)"),
    "a method under autocast": Step(
        top="""
        class Cast$i(nn.Linear):
            @torch.autocast('cpu', dtype=torch.bfloat16)
            def forward(self, x):
                return super().forward(x)
        """,
        init="self.s$i = Cast$i($n, $m)",
        forward="x = self.s$i(x).to(DTYPE)",
    ),
    "autocast switched by hand": Step(
        init="self.s$i = nn.Linear($n, $m)",
        forward="""
        torch.set_autocast_enabled('cpu', True)
        x = self.s$i(x).to(DTYPE)
        torch.set_autocast_enabled('cpu', False)
        """,
    ),
    "a default dtype set": Step("""
        torch.set_default_dtype(torch.float16)
        x = x * torch.tensor(0.1)
        torch.set_default_dtype(torch.float32)
        """),
    "a default dtype left": Step("""
        torch.set_default_dtype(torch.float64)
        x = x * 0.1
        """),
    "gradients switched off and left": Step("""
        torch.set_grad_enabled(False)
        x = x * 0.1
        """),
    "a gradient of one's own": Step(
        top="""
        class Own$i(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2
            @staticmethod
            def backward(ctx, by_y):
                return by_y * 3
        """,
        forward="x = Own$i.apply(x)",
    ),
    "a hook of the tensor": Step("""
        x = x * 2
        if x.requires_grad:
            x.register_hook(lambda gradient: gradient * 3)
        """),
    "a hook of the tensor, without asking": Step("""
        x = x * 2
        x.register_hook(lambda gradient: gradient * 3)
        """),
    "straight through": Step("x = x + (x.round() - x).detach()"),
    "a scripted function": Step(
        top="""
        @torch.jit.script
        def doubled$i(x):
            return x * 2
        """,
        forward="x = doubled$i(x)",
    ),
    "a function wrapped for fx": Step(
        top="""
        @torch.fx.wrap
        def opaque$i(x):
            return x * 2 if x.sum() > 0 else -x
        """,
        forward="x = opaque$i(x)",
    ),
    "a function under the name of a known one": Step(
        top="""
        def relu$i(x):
            return x * 2
        relu$i.__name__, relu$i.__module__ = 'relu', 'torch.nn.functional'
        """,
        forward="x = relu$i(x)",
    ),
    "a partial": Step("x = functools.partial(F.leaky_relu, negative_slope=0.3)(x)"),
    "a local import": Step("""
        from torch.nn.functional import relu as sigmoid
        x = sigmoid(x)
        """),
    "an eval": Step("x = eval('torch.tanh(x)')"),
    "an operator": Step("x = operator.imul(x, 2)"),
    "a torch operator": Step("x = torch.ops.aten.relu(x)"),
    "a dunder": Step("x = x.__mul__(2).__radd__(1)"),
    "a reduction over steps": Step("x = functools.reduce(lambda x, f: f(x), [torch.tanh, torch.relu], x)"),
}

_RETURNS = {
    f"returns {name}": Step(f"return {text}")
    for name, text in {
        "a tuple": "(x, x)",
        "a tuple of one": "(x,)",
        "a list": "[x]",
        "a dict": "{'y': x}",
        "a dataclass": "Result(x)",
        "a named tuple": "collections.namedtuple('Result', 'y')(x)",
        "nothing": "None",
        "a number": "1.0",
        "the shape": "x.shape",
        "a constant": "c(len(x), 2)",
        "zeros of x": "x * 0",
        "an array": "x.detach().numpy()",
        "a string": "str(x)",
        "a generator": "(row for row in x)",
        "a distribution": "torch.distributions.Normal(x, 1.0)",
        "a sum": "x.sum()",
        "the mean of each": "x.mean(-1)",
    }.items()
}

SURROUNDINGS: dict[str, Step] = _CONTEXTS | _AROUND | _RETURNS
