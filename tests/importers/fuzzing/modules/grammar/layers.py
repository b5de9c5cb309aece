"""LAYERS: torch's own modules that fastjac does not have, or whose options, hooks or class change what they compute."""

from __future__ import annotations

from .steps import Step, modules

_MODULES = (
    "nn.Softmax(0)",
    "nn.Softmax(dim=-2)",
    "nn.Softmax(None)",
    "nn.LogSoftmax(0)",
    "nn.Softmin(0)",
    "nn.Softmax2d()",
    "nn.LayerNorm((1, $n))",
    "nn.LayerNorm($n, eps=0)",
    "nn.LayerNorm((5, $n))",
    "nn.RMSNorm($n)",
    "nn.GroupNorm($n, $n)",
    "nn.InstanceNorm1d($n)",
    "nn.BatchNorm1d($n, track_running_stats=False)",
    "nn.BatchNorm1d($n).train()",
    "nn.BatchNorm2d($n)",
    "nn.Flatten(0)",
    "nn.Flatten(0, 1)",
    "nn.Flatten(1, 1)",
    "nn.Flatten(-1)",
    "nn.Unflatten(1, (1, $n))",
    "nn.Dropout2d()",
    "nn.Hardtanh()",
    "nn.ReLU6(inplace=True)",
    "nn.Hardtanh(-1, float('inf'))",
    "nn.Hardshrink(-0.1)",
    "nn.Softshrink(0)",
    "nn.Softplus(beta=-1)",
    "nn.ELU(-1.0)",
    "nn.CELU(-1.0)",
    "nn.Threshold(0, 0)",
    "nn.PReLU(2)",
    "nn.RReLU(0.3, 0.3)",
    "nn.GLU()",
    "nn.Bilinear($n, $n, 2)",
    "nn.Conv1d(1, 1, 1)",
    "nn.Conv1d($n, 2, 1)",
    "nn.LSTM($n, 2)",
    "nn.Embedding(3, 2)",
    "nn.MaxPool1d(1)",
    "nn.AdaptiveAvgPool1d(2)",
    "nn.ConstantPad1d((1, 0), 2.0)",
    "nn.CosineSimilarity()",
    "nn.TransformerEncoderLayer($n, 1)",
    "nn.LazyLinear(3)",
    "nn.Linear($n, 0)",
    "nn.Linear(0, 2)",
    "nn.Sequential(nn.Linear($n, 0), nn.Linear(0, 2))",
    "nn.Linear($n + 1, 2)",
    "nn.Sequential()",
    "nn.Sequential(nn.Sequential())",
    "nn.Linear($n, 2, device='meta')",
    "nn.Linear($n, 2).half().requires_grad_(False)",
    "nn.quantized.FloatFunctional()",
    "nn.Module()",
    "nn.ModuleList([nn.Tanh()])",
    "torch.jit.trace(nn.Tanh(), torch.ones(1, $n))",
    "torch.jit.script(nn.Linear($n, 2).to(DTYPE))",
    "torch.fx.symbolic_trace(nn.Sequential(nn.Linear($n, 2), nn.Tanh()))",
    "torch.ao.quantization.QuantStub()",
    "torch.ao.nn.intrinsic.LinearReLU(nn.Linear($n, 2), nn.ReLU())",
    "torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear($n, 2)))",
    "torch.ao.nn.quantized.dynamic.Linear($n, 2)",
    "torch.ao.nn.qat.Linear($n, 2, qconfig=torch.ao.quantization.default_qconfig)",
    "parametrizations.spectral_norm(nn.Linear($n, 2)).train()",
    "nn.utils.spectral_norm(nn.Linear($n, 2).to(DTYPE)).train()",
    "parametrizations.orthogonal(nn.Linear($n, $n).to(DTYPE))",
)

_OPTIONS = {
    f"{made}, changed": Step("x = self.s$i(x)", f"self.s$i = {made}\nself.s$i.{change}")
    for made, change in {
        "nn.ReLU6()": "max_val, self.s$i.min_val = 2.0, -0.5",
        "nn.Hardtanh()": "min_val = -0.2",
        "nn.LeakyReLU()": "negative_slope = 0.5",
        "nn.ELU()": "alpha = 0.3",
        "nn.CELU()": "alpha = 0.3",
        "nn.GELU()": "approximate = 'tanh'",
        "nn.Softplus()": "beta = 3.0",
        "nn.Softmax(1)": "dim = 0",
        "nn.LogSoftmax(1)": "dim = 0",
        "nn.Threshold(0.1, 0.2)": "value = 3.0",
        "nn.Hardshrink()": "lambd = 0.1",
        "nn.Softshrink()": "lambd = 0.1",
        "nn.RReLU()": "upper = 0.9",
        "nn.Dropout()": "training = True",
        "nn.Flatten()": "start_dim = 0",
        "nn.LayerNorm($n)": "eps = 1.0",
        "nn.GroupNorm(1, $n)": "num_groups = $n",
        "nn.BatchNorm1d($n)": "track_running_stats = False",
        "scrambled(nn.BatchNorm1d($n))": "running_mean = None",
        "nn.BatchNorm1d($n, affine=False)": "training = True",
        "nn.Linear($n, $n)": "forward = torch.tanh",
        "nn.Linear($n, 2)": "in_features = 9",
        "nn.Linear($n, 3)": "weight.data = self.s$i.weight.data[:2]",
        "nn.PReLU()": "weight.data = c($n)",
        "nn.Sequential(nn.Tanh())": "append(nn.Sigmoid())",
        "nn.Sequential(nn.ReLU())": "_modules['0'] = nn.Sigmoid()",
        "nn.SELU()": "__class__ = nn.Sigmoid",
        "nn.Linear($n, 1)": "bias = None",
    }.items()
}

_HOOKS = {
    f"{register} of {kind}": Step("x = self.s$i(x)", f"self.s$i = {kind}\nself.s$i.{register}({hook})")
    for kind in ("nn.Linear($n, $m)", "nn.Tanh()", "nn.Sequential(nn.Linear($n, $m))", "Lambda(torch.sigmoid)")
    for register, hook in {
        "register_forward_hook": "lambda module, inputs, output: 2 * output",
        "register_forward_pre_hook": "lambda module, inputs: (inputs[0] + 1,)",
        "register_full_backward_hook": "lambda module, by_input, by_output: (2 * by_input[0],)",
        "register_full_backward_pre_hook": "lambda module, by_output: (2 * by_output[0],)",
    }.items()
}

_CLASSES = {
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

LAYERS: dict[str, Step] = modules(_MODULES) | _OPTIONS | _HOOKS | _CLASSES
