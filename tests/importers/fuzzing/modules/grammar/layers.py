"""LAYERS: torch's own modules that fastjac does not have, or whose options, hooks or weights change what they compute."""

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

_WEIGHTS = {
    f"a weight of {value}": Step(
        init=f"self.s$i = nn.Linear($n, $m)\nself.s$i.weight.data[0, 0] = {value}", forward="x = self.s$i(x)"
    )
    for value in ("float('nan')", "float('inf')", "1e30", "1e-310", "-0.0")
}

LAYERS: dict[str, Step] = modules(_MODULES) | _OPTIONS | _HOOKS | _WEIGHTS
