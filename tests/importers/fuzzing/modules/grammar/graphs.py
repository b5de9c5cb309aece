"""GRAPHS: readable steps that use x twice, join results or take them apart; how two inputs meet, and what comes back."""

from __future__ import annotations

from .steps import Step, calls

_CALLS = (
    "x * x",
    "x + torch.tanh(x)",
    "x * torch.sigmoid(x)",
    "x - 0.5 * x.clamp(-1, 1)",
    "x / (1 + x * x)",
    "torch.sub(F.relu(x), F.relu(-x), alpha=0.5)",
    "torch.maximum(x, self.v$i * x)",
    "torch.max(F.elu(x), x * 0.5)",
    "x.minimum(x.neg())",
    "F.softmax(x, dim=-1) * x",
    "x * x[:, :1]",
    "x + x[..., -1:]",
    "x[:, torch.arange($n - 1, -1, -1)]",
    "torch.stack([x[:, 0], x[:, -1]] * $n, dim=-1)[:, :$n]",
    "torch.cat([x[:, 1:], x[:, :1]], dim=1) if $n > 1 else x",
    "sum([x, x * 2, torch.tanh(x)])",
    "x - x.mean(dim=-1, keepdim=True)",
    "(x * torch.tanh(x)).sum(1).unsqueeze(-1) + x",
)

_OTHERS = {
    "a skip": Step(init="self.s$i = nn.Linear($n, $n)", forward="x = x + self.s$i(x)"),
    "a skip over two layers": Step(
        init="self.s$i = nn.Sequential(nn.Linear($n, 5), nn.ReLU(inplace=True), nn.Linear(5, $n))",
        forward="x = F.relu(self.s$i(x) + x, inplace=True)",
    ),
    "a scaled skip": Step(init="self.s$i = nn.Linear($n, $n)", forward="x = torch.add(x, torch.tanh(self.s$i(x)), alpha=0.1)"),
    "a skip that is added in place": Step(
        init="self.s$i = nn.Linear($n, $n)",
        forward="""
        y = self.s$i(x)
        y += x
        x = y
        """,
    ),
    "a skip with a shortcut": Step(
        init="self.s$i, self.t$i = nn.Linear($n, $m), nn.Linear($n, $m, bias=False)",
        forward="x = torch.tanh(self.s$i(x)).add_(self.t$i(x))",
    ),
    "a block of a module": Step(
        top="""
        class Block$i(nn.Module):
            def __init__(self, n):
                super().__init__()
                self.norm, self.inner = nn.LayerNorm(n), nn.Linear(n, n)
            def forward(self, x):
                return x + F.gelu(self.inner(self.norm(x)))
        """,
        init="self.s$i = nn.Sequential(Block$i($n), Block$i($n))",
        forward="x = self.s$i(x)",
    ),
    "dense connections": Step(
        init="self.s$i, self.t$i = nn.Linear($n, $m), nn.Linear($n + $m, $m)",
        forward="x = self.t$i(torch.cat([x, torch.tanh(self.s$i(x))], dim=-1))",
    ),
    "a gate": Step(
        init="self.s$i, self.t$i = nn.Linear($n, $m), nn.Linear($n, $m)", forward="x = F.silu(self.s$i(x)) * self.t$i(x)"
    ),
    "a gate of one feature": Step(init="self.s$i = nn.Linear($n, 1)", forward="x = x * torch.sigmoid(self.s$i(x))"),
    "chunk": Step(
        init="self.s$i = nn.Linear($n, 2 * $m)",
        forward="""
        a, b = self.s$i(x).chunk(2, dim=-1)
        x = a * torch.sigmoid(b)
        """,
    ),
    "split": Step(
        init="self.s$i = nn.Linear($n, $m + 1)",
        forward="""
        a, b = torch.split(self.s$i(x), [$m, 1], dim=1)
        x = a - b
        """,
    ),
    "unbind": Step(
        init="self.s$i = nn.Linear($n, 3)",
        forward="""
        a, b, c_ = self.s$i(x).unbind(-1)
        x = torch.stack((a * b, c_), dim=1)[:, :1] * x
        """,
    ),
    "halves by the shape": Step(
        init="self.s$i, self.t$i = nn.Linear($n, 4), nn.Linear(2, 2)",
        forward="""
        x = self.s$i(x)
        half = x.shape[-1] // 2
        a, b = x[..., :half], x[..., half:]
        x = torch.cat([a, b + self.t$i(a)], dim=-1)[:, [0, 2, 3, 1]] @ c(4, $m)
        """,
    ),
    "one module on two results": Step(init="self.s$i = nn.Linear($n, $m)", forward="x = self.s$i(x) * self.s$i(-x)"),
    "heads that are added": Step(
        init="self.s$i = nn.ModuleList([nn.Linear($n, $m) for _ in range(3)])",
        forward="x = sum(torch.tanh(head(x)) for head in self.s$i)",
    ),
    "a mixture of experts": Step(
        init="self.s$i, self.t$i = nn.Linear($n, 2), nn.ModuleList([nn.Linear($n, $m), nn.Linear($n, $m)])",
        forward="""
        weights = F.softmax(self.s$i(x), dim=-1)
        x = weights[:, :1] * self.t$i[0](x) + weights[:, 1:] * self.t$i[1](x)
        """,
    ),
    "the smaller of two critics": Step(
        init="self.s$i, self.t$i = nn.Linear($n, $m), nn.Linear($n, $m)", forward="x = torch.min(self.s$i(x), self.t$i(x))"
    ),
    "what nothing uses": Step(
        init="self.s$i = nn.Linear($n, 2)",
        forward="""
        self.s$i(x)
        x = torch.tanh(x)
        """,
    ),
    "a copy changed in place": Step("""
        y = x.clone()
        x = y.relu_() + x * 0.5
        """),
}

GRAPHS: dict[str, Step] = calls(_CALLS) | _OTHERS

MEETINGS: dict[str, Step] = {
    "concatenated": Step(init="self.u = nn.Linear($n + $m, $n)", forward="x = self.u(torch.cat([x, u], dim=-1))"),
    "added": Step(init="self.u = nn.Linear($m, $n)", forward="x = x + self.u(u)"),
    "multiplied": Step(init="self.u = nn.Linear($m, $n)", forward="x = x * torch.tanh(self.u(u))"),
    "one feature of it": Step("x = x - u[:, :1] * ($m / $n)"),
}
"""How a second input u, of width $m, meets x."""

RETURNS = ("x", "x, torch.tanh(x[:, :1]) * u", "dict(x=x, u=u)", "[x.squeeze(-1), u - 1]")
"""What a module of two inputs returns."""
