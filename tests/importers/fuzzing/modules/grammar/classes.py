"""CLASSES: modules of the user's own, whose forward or other methods are written in unusual ways."""

from __future__ import annotations

from textwrap import dedent, indent

from .steps import Step

_FORWARDS = {
    "all arguments": """
        def forward(self, *inputs):
            return inputs[0] * 2
        """,
    "a keyword alone": """
        def forward(self, *, x):
            return x * 2
        """,
    "all keywords": """
        def forward(self, x=None, **named):
            return x * 2 if not named else x
        """,
    "a name that others have": """
        def forward(self, self_=None):
            return self_ * 2
        """,
    "a lambda": "forward = lambda self, x: x * 2",
    "a property": "forward = property(lambda self: torch.tanh)",
    "a partial": """
        def run(self, x, scale):
            return x * scale
        forward = functools.partialmethod(run, scale=2)
        """,
    "a class": """
        class forward:
            def __new__(cls, x):
                return x * 2
        """,
    "a function of torch": "forward = staticmethod(torch.relu)",
    "another function of torch": "forward = staticmethod(F.softsign)",
    "no gradients": """
        @torch.no_grad()
        def forward(self, x):
            return torch.tanh(x)
        """,
    "inference": """
        @torch.inference_mode()
        def forward(self, x):
            return torch.tanh(x)
        """,
    "a compiled function": """
        @torch.compile(backend='eager')
        def forward(self, x):
            return torch.tanh(x)
        """,
    "a function that is not compiled": """
        @torch.compiler.disable
        def forward(self, x):
            return torch.tanh(x)
        """,
    "an ignored function": """
        @torch.jit.ignore
        def forward(self, x):
            return torch.tanh(x)
        """,
    "a coroutine": """
        async def forward(self, x):
            return torch.tanh(x)
        """,
    "a generator": """
        def forward(self, x):
            yield torch.tanh(x)
        """,
    "endless recursion": """
        def forward(self, x):
            return self.forward(x)
        """,
    "what stops": """
        def forward(self, x):
            raise StopIteration
        """,
    "what is not implemented": "pass",
    "a false module": """
        def __len__(self):
            return 0
        def forward(self, x):
            return torch.tanh(x)
        """,
    "an equal module": """
        __hash__ = nn.Module.__hash__
        def __eq__(self, other):
            return True
        def forward(self, x):
            return torch.tanh(x)
        """,
    "a module without names": """
        def named_modules(self, *_, **__):
            return iter(())
        def forward(self, x):
            return torch.tanh(x)
        """,
    "a module that keeps its attributes": """
        def __setattr__(self, name, value):
            if name != 'training' and hasattr(self, 'training'):
                raise AttributeError(name)
            super().__setattr__(name, value)
        def forward(self, x):
            return torch.tanh(x)
        """,
    "a module that cannot be copied": """
        def __deepcopy__(self, memory):
            raise TypeError('no copies')
        def forward(self, x):
            return torch.tanh(x)
        """,
}
"""The body of a class of the user's own."""

_SUBCLASSES = {
    "a call of one's own": Step(
        top="""
        class Own$i(nn.Linear):
            def __call__(self, x):
                return 2 * super().__call__(x)
        """,
        init="self.s$i = Own$i($n, $m)",
        forward="x = self.s$i(x)",
    ),
    "an inner call of one's own": Step(
        top="""
        class Own$i(nn.Linear):
            def _call_impl(self, x):
                return 2 * self.forward(x)
        """,
        init="self.s$i = Own$i($n, $m)",
        forward="x = self.s$i(x)",
    ),
    "all attributes of one's own": Step(
        top="""
        class Own$i(nn.LeakyReLU):
            def __getattribute__(self, name):
                return 0.9 if name == 'negative_slope' else super().__getattribute__(name)
        """,
        init="self.s$i = Own$i()",
        forward="x = self.s$i(x)",
    ),
    "bounds of a class": Step(
        top="""
        class Own$i(nn.ReLU6):
            def __init__(self):
                nn.Hardtanh.__init__(self, -1.0, 2.0)
        """,
        init="self.s$i = Own$i()",
        forward="x = self.s$i(x)",
    ),
    "a base behind another": Step(
        top="""
        class Own$i(nn.Sigmoid, nn.Tanh):
            pass
        """,
        init="self.s$i = Own$i()",
        forward="x = self.s$i(x)",
    ),
    "a forward of another class": Step(
        top="""
        class Own$i(nn.Tanh):
            forward = nn.Sigmoid.forward
        """,
        init="self.s$i = Own$i()",
        forward="x = self.s$i(x)",
    ),
    "a forward that is static": Step(
        top="""
        class Own$i(nn.Tanh):
            forward = staticmethod(torch.sigmoid)
        """,
        init="self.s$i = Own$i()",
        forward="x = self.s$i(x)",
    ),
    "a Sequential that goes backwards": Step(
        top="""
        class Own$i(nn.Sequential):
            def __iter__(self):
                return reversed(list(self._modules.values()))
        """,
        init="self.s$i = Own$i(nn.Tanh(), nn.Softsign())",
        forward="x = self.s$i(x)",
    ),
    "a Sequential that leaves one out": Step(
        top="""
        class Own$i(nn.Sequential):
            def __iter__(self):
                return iter([self[0]])
        """,
        init="self.s$i = Own$i(nn.Tanh(), nn.Linear($n, $n))",
        forward="x = self.s$i(x)",
    ),
    "a Sequential with a forward": Step(
        top="""
        class Own$i(nn.Sequential):
            def forward(self, x):
                return 2 * super().forward(x)
        """,
        init="self.s$i = Own$i(nn.Tanh())",
        forward="x = self.s$i(x)",
    ),
    "a batch norm that checks": Step(
        top="""
        class Own$i(nn.BatchNorm1d):
            def _check_input_dim(self, x):
                self.running_mean.data += 1
        """,
        init="self.s$i = Own$i($n)",
        forward="x = self.s$i(x)",
    ),
    "a train flag of the class": Step(
        top="""
        class Own$i(nn.Dropout):
            training = True
        """,
        init="self.s$i = Own$i(0.5)",
        forward="x = self.s$i(x)",
    ),
    "a name of the class": Step(
        top="""
        class Own$i(nn.Tanh):
            pass
        Own$i.__name__, Own$i.__module__ = 'Sigmoid', 'torch.nn.modules.activation'
        """,
        init="self.s$i = Own$i()",
        forward="x = self.s$i(x)",
    ),
    "a weight that is a property": Step(
        top="""
        class Twice$i(nn.Linear):
            weight = property(lambda self: 2 * self._parameters['weight'])
        """,
        init="""
        self.s$i = nn.Linear($n, $m)
        self.s$i.__class__ = Twice$i
        """,
        forward="x = self.s$i(x)",
    ),
    "attributes of one's own": Step(
        top="""
        class Getting$i(nn.Linear):
            def __getattr__(self, name):
                value = super().__getattr__(name)
                return 2 * value if name == 'weight' else value
        """,
        init="""
        self.s$i = nn.Linear($n, $m)
        self.s$i.__class__ = Getting$i
        """,
        forward="x = self.s$i(x)",
    ),
    "a mixin in front": Step(
        top="""
        class Mixin$i:
            def forward(self, x):
                return 2 * super().forward(x)
        class Mixed$i(Mixin$i, nn.Linear):
            pass
        """,
        init="self.s$i = Mixed$i($n, $m)",
        forward="x = self.s$i(x)",
    ),
}


def _own(body: str) -> Step:
    top = f"class Own$i(nn.Module):\n{indent(dedent(body).strip(), '    ')}"
    return Step(top=top, init="self.s$i = Own$i()", forward="x = self.s$i(x)")


CLASSES: dict[str, Step] = {f"forward of {name}": _own(body) for name, body in _FORWARDS.items()} | _SUBCLASSES
