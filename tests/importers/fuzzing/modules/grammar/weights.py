"""WEIGHTS: constants, weights and options that change between their uses, or are no plain tensors."""

from __future__ import annotations

from .steps import Step

_CONSTANTS = {
    "a constant changed after its use": Step("""
        k = torch.ones($n, dtype=DTYPE)
        x = x * k
        k.mul_(3)
        x = x + k
        """),
    "a constant changed between two uses, by entries": Step("""
        k = c($n)
        x = x + k
        k[0] = 5
        x = x * k
        """),
    "an array changed after its use": Step("""
        k = np.ones(())
        x = x * k[()]
        k[...] = 3
        x = x + k[()]
        """),
    "a buffer counted up": Step(
        init="self.register_buffer('b$i', c($n))",
        forward="""
        x = x * self.b$i
        self.b$i += 1
        """,
    ),
    "a buffer counted up before": Step(
        init="self.register_buffer('b$i', c($n))",
        forward="""
        self.b$i.add_(1)
        x = x + self.b$i
        """,
    ),
    "a buffer replaced": Step(
        init="self.register_buffer('b$i', c($n))",
        forward="""
        x = x * self.b$i
        self.b$i = self.b$i + 1
        """,
    ),
    "a running mean": Step(
        init="self.register_buffer('b$i', c($n))",
        forward="""
        self.b$i.mul_(0.9).add_(0.1 * x.mean(0).detach())
        x = x - self.b$i
        """,
    ),
    "a constant of which a view is changed": Step("""
        k = c($n)
        x = x + k
        k[:1].fill_(9)
        x = x * k
        """),
    "a constant changed through NumPy": Step("""
        k = c($n)
        x = x + k
        k.numpy()[...] = 2
        x = x * k
        """),
    "a constant with a negative bit": Step(
        init="self.k$i = torch.view_as_complex(c($n, 2)).conj().imag", forward="x = x * self.k$i"
    ),
    "a weight with a negative bit": Step(
        init="""
        self.s$i = nn.Linear($n, $n)
        self.s$i.weight = nn.Parameter(torch.view_as_complex(c($n, $n, 2)).conj().imag)
        """,
        forward="x = self.s$i(x)",
    ),
    "a constant that is expanded": Step(init="self.k$i = c(1).expand($n)", forward="x = x + self.k$i"),
    "a constant that is transposed": Step(init="self.k$i = c($n, $n).T", forward="x = x @ self.k$i"),
    "a constant of inference mode": Step("""
        with torch.inference_mode():
            k = c($n) + 1
        x = x * k
        """),
    "a constant that is a subclass": Step(
        top="""
        class Odd$i(torch.Tensor):
            @classmethod
            def __torch_function__(cls, function, types, args=(), kwargs=None):
                result = super().__torch_function__(function, types, args, kwargs or {})
                return 2 * result.as_subclass(torch.Tensor) if function.__name__ in ('mul', '__rmul__') else result
        """,
        init="self.k$i = c($n).as_subclass(Odd$i)",
        forward="x = x * self.k$i",
    ),
    "a weight that is a subclass": Step(
        top="""
        class Weight$i(torch.Tensor):
            @classmethod
            def __torch_function__(cls, function, types, args=(), kwargs=None):
                if function is F.linear:
                    return -torch.relu(args[0])
                return super().__torch_function__(function, types, args, kwargs or {})
        """,
        init="""
        self.s$i = nn.Linear($n, $n)
        self.s$i.weight = nn.Parameter(self.s$i.weight.data.to(DTYPE).as_subclass(Weight$i))
        """,
        forward="x = self.s$i(x)",
    ),
    "a result of the input kept as a constant": Step(init="self.first$i = lambda x: c($n)", forward="x = x + self.first$i(x)"),
}

_WEIGHTS = {
    "functional_call": Step(
        init="self.s$i = nn.Linear($n, $m)",
        forward="x = torch.func.functional_call(self.s$i, {'weight': self.s$i.weight * 2, 'bias': self.s$i.bias + 1}, (x,))",
    ),
    "functional_call of a buffer": Step(
        init="self.s$i = nn.BatchNorm1d($n)",
        forward="x = torch.func.functional_call(self.s$i, {'running_mean': self.s$i.running_mean + 1}, (x,))",
    ),
    "functional_call of another module": Step(
        init="""
        self.s$i = nn.Linear($n, $n)
        self.t$i = nn.Linear($n, $n)
        """,
        forward="x = torch.func.functional_call(self.s$i, dict(self.t$i.named_parameters()), x)",
    ),
    "stateless functional_call, twice": Step(
        init="self.s$i = nn.Linear($n, $n)",
        forward="""
        for scale in (2, 3):
            x = nn.utils.stateless.functional_call(self.s$i, {'weight': self.s$i.weight * scale}, x)
        """,
    ),
    "a weight scaled for one call": Step(
        init="self.s$i = nn.Linear($n, $n)",
        forward="""
        with torch.no_grad():
            self.s$i.weight.mul_(2)
        x = self.s$i(x)
        with torch.no_grad():
            self.s$i.weight.div_(2)
        """,
    ),
    "data scaled for one call": Step(
        init="self.s$i = nn.Linear($n, $n)",
        forward="""
        self.s$i.weight.data *= 2
        x = self.s$i(x)
        self.s$i.weight.data /= 2
        """,
    ),
    "a weight replaced for one call": Step(
        init="self.s$i = nn.Linear($n, $n)",
        forward="""
        kept = self.s$i.bias
        self.s$i.bias = nn.Parameter(kept + 1)
        x = self.s$i(x)
        self.s$i.bias = kept
        """,
    ),
    "a weight of one use changed for the next": Step(
        init="self.s$i = nn.Linear($n, $n)",
        forward="""
        x = self.s$i(x)
        self.s$i.weight.data *= -1
        x = torch.tanh(self.s$i(x))
        self.s$i.weight.data *= -1
        """,
    ),
    "parametrizations cached": Step(
        init="self.s$i = parametrizations.weight_norm(nn.Linear($n, $n))",
        forward="""
        with parametrize.cached():
            x = self.s$i(self.s$i(x))
        """,
    ),
    "a parametrization of one's own": Step(
        top="""
        class Halved$i(nn.Module):
            def forward(self, weight):
                return weight / 2
        """,
        init="""
        self.s$i = nn.Linear($n, $n)
        parametrize.register_parametrization(self.s$i, 'weight', Halved$i())
        """,
        forward="x = self.s$i(x)",
    ),
    "a parametrization that counts": Step(
        top="""
        class Counting$i(nn.Module):
            n = 0
            def forward(self, weight):
                self.n += 1
                return weight * self.n
        """,
        init="""
        self.s$i = nn.Linear($n, $n)
        parametrize.register_parametrization(self.s$i, 'weight', Counting$i())
        """,
        forward="x = self.s$i(x)",
    ),
    "a random parametrization": Step(
        top="""
        class Noisy$i(nn.Module):
            def forward(self, weight):
                return weight * float(np.random.rand())
        """,
        init="""
        self.s$i = nn.Linear($n, $n)
        parametrize.register_parametrization(self.s$i, 'weight', Noisy$i())
        """,
        forward="x = self.s$i(x)",
    ),
    "options set before each call": Step(
        init="self.s$i = nn.LeakyReLU()",
        forward="""
        for slope in (0.1, 0.6):
            self.s$i.negative_slope = slope
            x = self.s$i(x - 0.5)
        """,
    ),
    "an option set back after the call": Step(
        init="self.s$i = nn.LayerNorm($n)",
        forward="""
        self.s$i.eps = 1.0
        x = self.s$i(x)
        self.s$i.eps = 1e-5
        """,
    ),
    "a mode switched for one call": Step(
        init="self.s$i = nn.Dropout(0.5)",
        forward="""
        self.s$i.train()
        x = self.s$i(x)
        self.s$i.eval()
        """,
    ),
    "batch statistics for one call": Step(
        init="self.s$i = nn.BatchNorm1d($n)",
        forward="""
        self.s$i.train()
        x = self.s$i(x)
        self.s$i.eval()
        """,
    ),
    "a lazily made module": Step("""
        if not hasattr(self, 's$i'):
            self.s$i = nn.Linear($n, $n, dtype=DTYPE)
            self.s$i.weight.data.fill_(0.5)
        x = self.s$i(x)
        """),
    "weights drawn at each call": Step("x = nn.Linear($n, $m, dtype=DTYPE)(x)"),
    "a module that changes its class": Step(
        init="self.s$i = nn.Tanh()",
        forward="""
        x = self.s$i(x)
        self.s$i.__class__ = nn.Sigmoid if type(self.s$i) is nn.Tanh else nn.Tanh
        """,
    ),
    "a module exchanged": Step(
        init="self.s$i = nn.Tanh()",
        forward="""
        x = self.s$i(x)
        self.s$i = nn.ReLU()
        """,
    ),
    "modules in turn": Step(
        init="self.s$i = [nn.Tanh(), nn.Sigmoid()]",
        forward="""
        x = self.s$i[0](x)
        self.s$i.reverse()
        """,
    ),
}

WEIGHTS: dict[str, Step] = _CONSTANTS | _WEIGHTS
