"""CHAINED: steps of a chain that fastjac reads, each of which it must accept."""

from __future__ import annotations

from .steps import Step, calls, modules

_MODULES = (
    "nn.Linear($n, $m)",
    "nn.Linear($n, $m, bias=False)",
    "scrambled(nn.BatchNorm1d($n))",
    "scrambled(nn.BatchNorm1d($n, affine=False, eps=1e-3))",
    "scrambled(nn.BatchNorm1d($n, momentum=None))",
    "scrambled(nn.SyncBatchNorm($n))",
    "scrambled(nn.LayerNorm($n))",
    "scrambled(nn.LayerNorm([$n], bias=False, eps=0.1))",
    "nn.LayerNorm($n, elementwise_affine=False)",
    "scrambled(nn.GroupNorm(1, $n))",
    "nn.GroupNorm(1, $n, affine=False)",
    "nn.Sequential(nn.Identity(54, unused=True))",
    "nn.Flatten()",
    "nn.Flatten(1, -1)",
    "nn.Dropout(0.5)",
    "nn.Dropout1d()",
    "nn.AlphaDropout(1.0)",
    "nn.FeatureAlphaDropout()",
    "nn.ReLU()",
    "nn.ReLU(inplace=True)",
    "nn.LeakyReLU(0.3)",
    "nn.LeakyReLU(-0.5)",
    "nn.LeakyReLU(1.5, inplace=True)",
    "nn.PReLU()",
    "scrambled(nn.PReLU($n))",
    "nn.RReLU(0.1, 0.4)",
    "nn.ReLU6()",
    "nn.ELU(0.7)",
    "nn.SELU()",
    "nn.CELU(0.7)",
    "nn.GELU()",
    "nn.GELU(approximate='tanh')",
    "nn.SiLU()",
    "nn.Mish()",
    "nn.Tanh()",
    "nn.Sigmoid()",
    "nn.Hardtanh(-0.3, 0.8)",
    "nn.Hardsigmoid()",
    "nn.Hardswish()",
    "nn.Softplus(beta=2.0, threshold=3.0)",
    "nn.Softsign()",
    "nn.LogSigmoid()",
    "nn.Hardshrink(0.3)",
    "nn.Softshrink(0.3)",
    "nn.Tanhshrink()",
    "nn.Threshold(0.3, -2.0)",
    "nn.Softmax(dim=-1)",
    "nn.Softmax(1)",
    "nn.Softmin(dim=1)",
    "nn.LogSoftmax(dim=-1)",
    "nn.Sequential(nn.Linear($n, 3), nn.Sequential(nn.Tanh(), nn.Dropout()), nn.Linear(3, $m))",
    "parametrizations.weight_norm(nn.Linear($n, $m))",
    "parametrizations.spectral_norm(nn.Linear($n, $m))",
    "nn.utils.weight_norm(nn.Linear($n, $m)).to(DTYPE)",
    "prune.random_unstructured(nn.Linear($n, $m).to(DTYPE), 'weight', 0.5)",
)

_CALLS = (
    "F.linear(x, self.w$i)",
    "x @ self.w$i.T",
    "torch.matmul(x, other=self.w$i.T)",
    "x.mm(self.w$i.t())",
    "torch.addmm(self.w$i[:, 0], x, self.w$i.T, beta=2, alpha=0.5)",
    "x + self.v$i",
    "x + self.v$i[None]",
    "torch.add(x, self.v$i, alpha=2)",
    "torch.add(input=self.v$i, other=x)",
    "1 + x",
    "x.add_(self.v$i)",
    "x - 0.5",
    "self.v$i - x",
    "torch.sub(self.v$i, x, alpha=3)",
    "x.subtract(self.v$i)",
    "x * self.v$i",
    "torch.mul(2, x)",
    "x.multiply(-1.5)",
    "x / self.p$i",
    "torch.div(x, 3)",
    "x.true_divide(self.p$i)",
    "-x",
    "x.abs()",
    "x ** 2",
    "torch.pow(x.clamp(0.1, 3), 1.5)",
    "torch.sqrt(x.clamp(min=0.1))",
    "1 / x.clamp(0.5, 2)",
    "self.v$i / torch.exp(x.clamp(-2, 2))",
    "torch.log(F.softplus(x) + 0.1)",
    "torch.sin(x.clamp(-10, 10))",
    "x.clamp(-10, 10).cos()",
    "x.neg()",
    "torch.clamp(x, min=0.1)",
    "x.clamp(max=0.3)",
    "torch.clip(input=x, min=-0.2, max=0.3)",
    "x.clip(-0.2)",
    "F.batch_norm(x, self.v$i, self.p$i, self.p$i, eps=1e-3)",
    "F.layer_norm(x, (x.size(-1),), self.v$i)",
    "F.group_norm(x, 1, weight=self.v$i, bias=self.p$i)",
    "F.dropout(x, 0.3, self.training)",
    "x.clone()",
    "F.relu(x)",
    "torch.relu(input=x)",
    "x.relu_()",
    "F.leaky_relu(x, negative_slope=0.3)",
    "F.prelu(x, self.v$i)",
    "F.rrelu(x, 0.1, 0.4)",
    "F.relu6(x)",
    "F.elu(x, 0.7)",
    "torch.selu(x)",
    "F.celu(x, alpha=0.7)",
    "F.gelu(x, approximate='tanh')",
    "F.silu(x)",
    "F.mish(x)",
    "x.tanh()",
    "torch.sigmoid(x)",
    "torch.special.expit(x)",
    "torch.exp(x.clamp(max=1))",
    "F.hardtanh(x, -0.3, 0.8)",
    "F.hardsigmoid(x)",
    "F.hardswish(x)",
    "F.softplus(x, 2, 3)",
    "F.softsign(x)",
    "F.logsigmoid(x)",
    "F.hardshrink(x, lambd=0.3)",
    "F.softshrink(x, 0.3)",
    "F.tanhshrink(x)",
    "F.threshold(x, 0.3, value=-2.0)",
    "F.softmax(x, dim=-1)",
    "torch.softmax(x, 1)",
    "x.softmax(-1)",
    "F.softmin(x, dim=1)",
    "torch.special.log_softmax(x, dim=-1)",
    "x.contiguous()",
    "x.to(DTYPE)",
    "x.cpu()",
    "x.flatten(1)",
    "torch.flatten(x, start_dim=1, end_dim=-1)",
    "x.view(x.size(0), -1)",
    "x.reshape(-1, $n)",
    "nn.functional.relu(x + 1) - 1",
    "self.v$i * (x - self.v$i) / self.p$i",
)

_OTHERS = {
    "a keyword for the input": Step(init="self.s$i = nn.Linear($n, $m)", forward="x = self.s$i(input=x)"),
    "a module list": Step(
        init="self.s$i = nn.ModuleList([nn.Linear($n, 2), nn.Linear(2, $m)])",
        forward="""
        for inner in self.s$i:
            x = torch.tanh(inner(x))
        """,
    ),
    "a module dict": Step(
        init="self.s$i = nn.ModuleDict(dict(a=nn.Tanh(), b=nn.Linear($n, $m)))", forward="x = self.s$i['b'](self.s$i['a'](x))"
    ),
    "a parameter list": Step(
        init="self.s$i = nn.ParameterList([nn.Parameter(c($m, $n)), nn.Parameter(c($m))])", forward="x = F.linear(x, *self.s$i)"
    ),
    "a buffer": Step(init="self.register_buffer('b$i', c($n))", forward="x = x * self.b$i"),
    "one module twice": Step(init="self.s$i = nn.Linear($n, $n)", forward="x = self.s$i(torch.tanh(self.s$i(x)))"),
    "one module under two names": Step(
        init="""
        self.s$i = nn.Linear($n, $n)
        self.t$i = self.s$i
        """,
        forward="x = self.t$i(torch.tanh(self.s$i(x)))",
    ),
    "tied weights": Step(
        init="""
        self.s$i, self.t$i = nn.Linear($n, $n), nn.Linear($n, $n)
        self.t$i.weight = self.s$i.weight
        """,
        forward="x = self.t$i(torch.sigmoid(self.s$i(x)))",
    ),
    "a module made in the forward": Step("x = nn.Hardtanh(-2, 2)(x)"),
    "a function in a module": Step(
        top="""
        class Lambda$i(nn.Module):
            def __init__(self, function):
                super().__init__()
                self.function = function
            def forward(self, x):
                return self.function(x)
        """,
        init="self.s$i = Lambda$i(lambda x: 2 * F.relu(x))",
        forward="x = self.s$i(x)",
    ),
    "a subclass with a forward": Step(
        top="""
        class Doubled$i(nn.Linear):
            def forward(self, x):
                return F.linear(x, 2 * self.weight, self.bias)
        """,
        init="self.s$i = Doubled$i($n, $m)",
        forward="x = self.s$i(x)",
    ),
    "a subclass without one": Step(
        top="""
        class Same$i(nn.Linear):
            pass
        """,
        init="self.s$i = Same$i($n, $m)",
        forward="x = self.s$i(x)",
    ),
    "default arguments": Step(
        top="""
        class Default$i(nn.Module):
            def forward(self, x, scale=2.0, *rest, shift=1.0, **options):
                return x * scale + shift
        """,
        init="self.s$i = Default$i()",
        forward="x = self.s$i(x)",
    ),
    "an option that the call sets": Step(
        top="""
        class Called$i(nn.Module):
            def forward(self, x, scale=2.0):
                return x * scale
        """,
        init="self.s$i = Called$i()",
        forward="x = self.s$i(x, scale=3.0)",
    ),
    "a weight computed from another": Step(init="self.s$i = nn.Linear($n, $m)", forward="x = F.linear(x, self.s$i.weight * 2)"),
    "an assert": Step("""
        assert x.shape[1] == $n, 'features'
        x = x * 2
        """),
    "a branch by an option": Step(init="self.deep$i = True", forward="x = torch.tanh(x) if self.deep$i else -x"),
    "a changed slope": Step(
        init="""
        self.s$i = nn.LeakyReLU()
        self.s$i.negative_slope = 0.7
        """,
        forward="x = self.s$i(x)",
    ),
    "a weight put in place of another": Step(
        init="""
        self.s$i = nn.Linear(7, 5)
        self.s$i.weight, self.s$i.bias = nn.Parameter(c($m, $n)), None
        """,
        forward="x = self.s$i(x)",
    ),
    "a convolution": Step(init="self.s$i = nn.Conv1d(1, 2, 3, padding=1)", forward="x = self.s$i(x.unsqueeze(1)).sum(1)"),
    "a recurrent layer": Step(init="self.s$i = nn.GRU(1, 2, batch_first=True)", forward="x = self.s$i(x[..., None])[0].mean(2)"),
    "attention": Step("x = F.scaled_dot_product_attention(*[x.unsqueeze(-1)] * 3).squeeze(-1)"),
    "a choice by comparison": Step("x = torch.where(x > 0.25, x * x, x - 1)"),
    "a sum of products": Step("x = torch.einsum('bn,mn->bm', x, self.w$i)"),
    "a tensor that is filled": Step("""
        y = torch.zeros_like(x)
        y += torch.tanh(x)
        x = y.mul_(2) - x
        """),
    "a branch by the rank": Step("x = torch.tanh(x) if x.dim() == 2 else x"),
    "a number of the object": Step(init="self.k$i = 2.0", forward="x = x * self.k$i"),
    "an array of the object": Step(init="self.k$i = np.array(2.0)", forward="x = x * float(self.k$i)"),
    "an entry of a list": Step(init="self.k$i = [2.0, 3.0]", forward="x = x * self.k$i[0]"),
    "an entry of a dict": Step(init="self.k$i = {'own': 2.0}", forward="x = x + self.k$i['own']"),
    "an attribute of a configuration": Step(init="self.k$i = Result(2.0)", forward="x = x * self.k$i.y"),
    "a constant that is a view": Step(init="self.k$i = c($n, 5)[:, 2]", forward="x = x * self.k$i"),
    "a column as a matrix": Step(
        init="self.k$i = c($n)", forward="x = (x @ self.k$i[:, None]).squeeze(-1).unsqueeze(1) @ self.k$i[None]"
    ),
}

CHAINED: dict[str, Step] = modules(_MODULES) | calls(_CALLS) | _OTHERS
