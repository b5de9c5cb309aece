"""STATE: steps that count, remember, draw random numbers or write into tensors."""

from __future__ import annotations

from .steps import Step

_COUNTS = {
    "a count that is used": Step(
        init="self.n$i = 0",
        forward="""
        self.n$i += 1
        x = x * self.n$i
        """,
    ),
    "a count that is not used": Step(
        init="self.n$i = 0",
        forward="""
        self.n$i += 1
        x = x * 2
        """,
    ),
    "a count in a list": Step(
        init="self.n$i = []",
        forward="""
        self.n$i.append(1)
        x = x + len(self.n$i)
        """,
    ),
    "a count in a dict": Step(
        init="self.n$i = {}",
        forward="""
        self.n$i['n'] = self.n$i.get('n', 0) + 1
        x = x + self.n$i['n']
        """,
    ),
    "a count of the class": Step("""
        type(self).n$i = getattr(type(self), 'n$i', 0) + 1
        x = x * type(self).n$i
        """),
    "a count in a global": Step(
        top="COUNT$i = [0]",
        forward="""
        COUNT$i[0] += 1
        x = x + COUNT$i[0]
        """,
    ),
    "a global name": Step(
        top="TURN$i = 1",
        forward="""
        global TURN$i
        TURN$i = -TURN$i
        x = x * TURN$i
        """,
    ),
    "a count in a default": Step(
        top="""
        def remembering$i(x, memory=[]):
            memory.append(1)
            return x * len(memory)
        """,
        forward="x = remembering$i(x)",
    ),
    "a count in a closure": Step(init="self.n$i = itertools.count(1).__next__", forward="x = x * self.n$i()"),
    "an iterator": Step(init="self.n$i = itertools.cycle([1.0, 2.0])", forward="x = x + next(self.n$i)"),
    "a cache": Step(
        init="self.k$i = {}",
        forward="""
        if 'k' not in self.k$i:
            self.k$i['k'] = c($n)
        x = x + self.k$i['k']
        """,
    ),
    "a cached function": Step(
        top="""
        @functools.lru_cache
        def scale$i():
            return 2.0
        """,
        forward="x = x * scale$i()",
    ),
    "the output kept": Step(init="self.last$i = None", forward="x = self.last$i = torch.tanh(x)"),
    "outputs kept in a list": Step(
        init="self.log$i = []",
        forward="""
        x = torch.tanh(x)
        self.log$i.append(x)
        """,
    ),
    "outputs kept in a dict of the class": Step(
        init="self.log$i = {}",
        forward="""
        x = torch.tanh(x)
        self.log$i['x'] = x
        """,
    ),
    "the last input added": Step(
        init="self.last$i = torch.zeros((), dtype=DTYPE)",
        forward="""
        before, self.last$i = self.last$i, x.detach().mean()
        x = x + before
        """,
    ),
    "a hidden state": Step(
        init="""
        self.s$i = nn.Linear($n, $n)
        self.h$i = torch.zeros((), dtype=DTYPE)
        """,
        forward="""
        self.h$i = torch.tanh(self.s$i(x).sum() * 0.1 + self.h$i).detach()
        x = x + self.h$i
        """,
    ),
    "a constant that is a count": Step(
        init="self.k$i = torch.zeros((), dtype=DTYPE)",
        forward="""
        self.k$i.add_(1)
        x = x * self.k$i
        """,
    ),
    "an array that is a count": Step(
        init="self.k$i = np.zeros(1)",
        forward="""
        self.k$i += 1
        x = x * self.k$i[0]
        """,
    ),
}

_RANDOM = {
    "torch's random numbers": "torch.rand(())",
    "NumPy's random numbers": "np.random.rand()",
    "Python's random numbers": "random.random()",
    "the system's random numbers": "random.SystemRandom().random()",
    "the clock": "(time.perf_counter() % 1)",
    "a permutation": "(1 + torch.randperm(100)[0])",
    "a choice": "(2 if random.random() < 0.5 else 3)",
}

_GENERATORS = {
    "a torch generator": ("torch.Generator()", "float(torch.rand((), generator=self.g$i))"),
    "a NumPy generator": ("np.random.default_rng(0)", "self.g$i.random()"),
    "an old NumPy generator": ("np.random.RandomState(0)", "self.g$i.rand()"),
    "a generator of Python's": ("random.Random(0)", "self.g$i.random()"),
    "an iterator of numbers": ("itertools.count(1)", "next(self.g$i)"),
}

_SEEDED = {
    "a generator in a global": Step(
        top="GENERATOR$i = np.random.default_rng(0)",
        forward="x = x * GENERATOR$i.random()",
    ),
    "a seed of its own": Step("torch.manual_seed(0)\nx = x * torch.rand(())"),
    "a seed of NumPy's": Step("np.random.seed(0)\nx = x * np.random.rand()"),
    "a fork of torch's": Step(
        """
        with torch.random.fork_rng():
            torch.manual_seed(3)
            x = x * torch.rand(())
        """
    ),
}

_PLACES = {
    "a view multiplied in place": Step("""
        y = x.view_as(x)
        y.mul_(2)
        """),
    "a slice set": Step("""
        x = x.clone()
        x[:, 0] = 0
        """),
    "all set": Step("""
        x = x * 1
        x[:] = x * 2
        """),
    "all of a constant set": Step("""
        k = torch.zeros($n, dtype=DTYPE)
        k[:] = 2
        x = x + k
        """),
    "entries set by a mask": Step("""
        x = x.clone()
        x[x < 0] = 0
        """),
    "in place under the old name": Step("""
        x = x * 1
        F.relu(x, inplace=True)
        """),
    "in place under the old name, method": Step("""
        x = x * 1
        x.add_(1)
        """),
    "a module in place under the old name": Step(
        init="self.s$i = nn.ReLU(inplace=True)",
        forward="""
        x = x * 1
        self.s$i(x)
        """,
    ),
    "out": Step("""
        y = torch.empty(len(x), $n, dtype=DTYPE)
        torch.tanh(x.detach(), out=y)
        x = x + y
        """),
    "augmented": Step("""
        x = x * 1
        x += self.v$i
        x *= 2
        x -= 1
        x /= 3
        """),
    "augmented under two names": Step("""
        x = x * 1
        y = x
        y += 1
        """),
    "the input itself changed": Step("x.mul_(2)"),
    "data of x set": Step("""
        x = x * 1
        x.data = x.data * 2
        """),
    "copied into": Step("""
        y = torch.empty(len(x), $n, dtype=DTYPE)
        y.copy_(x * 2)
        x = y
        """),
}

STATE: dict[str, Step] = (
    _COUNTS
    | {name: Step(f"x = x * {text}") for name, text in _RANDOM.items()}
    | {name: Step(f"x = x * {text}", f"self.g$i = {made}") for name, (made, text) in _GENERATORS.items()}
    | _SEEDED
    | _PLACES
)
