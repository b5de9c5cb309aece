"""WRAPPERS: lines that do something to a whole module, `module`, before it is imported."""

from __future__ import annotations

READABLE_WRAPPERS: dict[str, str] = {
    "nothing": "",
    "a Sequential": "module = nn.Sequential(module)",
    "a Sequential before it": "module = nn.Sequential(nn.Linear($n, $n, dtype=DTYPE), nn.Tanh(), module)",
    "DataParallel": "module = nn.DataParallel(module).eval()",
    "AveragedModel": "module = torch.optim.swa_utils.AveragedModel(module).eval()",
    "torch.compile": "module = torch.compile(module, backend='eager')",
    "torch.compile inside": "module = nn.Sequential(torch.compile(module, backend='eager'), nn.Softsign())",
    "DataParallel inside": "module = nn.Sequential(nn.DataParallel(module), nn.Softsign()).eval()",
    "wrappers of wrappers": "module = torch.compile(nn.DataParallel(module), backend='eager').eval()",
    "a copy": "module = copy.deepcopy(module)",
    "a module of one's own": "module = Around(module)",
    "a forward of one object": "forward = module.forward\nmodule.forward = lambda x: 2 * forward(x)",
    "no gradients": "module.requires_grad_(False)",
    "a forward that is bound": "outer = nn.Module()\nouter.inner = module\nouter.forward = module.forward\nmodule = outer",
}
"""What fastjac must accept around a module that it accepts."""

_HOOKED = {
    "itself": "{hooked} = module",
    "DataParallel": "{hooked} = module = nn.DataParallel(module).eval()",
    "AveragedModel": "{hooked} = module = torch.optim.swa_utils.AveragedModel(module).eval()",
    "torch.compile": "{hooked} = module = torch.compile(module, backend='eager')",
    "a Sequential": "{hooked} = module = nn.Sequential(module)",
    "DataParallel inside": "{hooked} = nn.DataParallel(module).eval()\nmodule = nn.Sequential({hooked}).eval()",
    "torch.compile inside": "{hooked} = torch.compile(module, backend='eager')\nmodule = nn.Sequential({hooked})",
    "AveragedModel inside": "{hooked} = torch.optim.swa_utils.AveragedModel(module)\nmodule = nn.Sequential({hooked}).eval()",
}

_HOOKS = {
    "a forward hook": "register_forward_hook(lambda module, inputs, output: 2 * output)",
    "a forward hook that looks": "register_forward_hook(lambda module, inputs, output: None)",
    "a forward hook that keeps": "register_forward_hook(lambda module, inputs, output: SEEN.append(output))",
    "a forward pre-hook": "register_forward_pre_hook(lambda module, inputs: (0.5 * inputs[0],))",
    "a pre-hook with keywords": (
        "register_forward_pre_hook(lambda module, inputs, named: ((inputs[0] + 1,), named), with_kwargs=True)"
    ),
    "a backward hook": "register_full_backward_hook(lambda module, by_input, by_output: (3 * by_input[0],))",
    "a backward pre-hook": "register_full_backward_pre_hook(lambda module, by_output: (3 * by_output[0],))",
    "a forward of its own": "forward = lambda x: x * 3",
    "a hook of the state dict": "register_state_dict_post_hook(lambda module, state, prefix, local: None)",
}

_GLOBAL = {
    "a global forward hook": "register_module_forward_hook(lambda module, inputs, output: 2 * output)",
    "a global forward hook for one class": (
        "register_module_forward_hook(lambda module, inputs, y: 2 * y if isinstance(module, nn.Linear) else None)"
    ),
    "a global forward pre-hook": "register_module_forward_pre_hook(lambda module, inputs: (inputs[0] * 0.5,))",
    "a global backward hook": "register_module_full_backward_hook(lambda module, by_input, by_output: (3 * by_input[0],))",
    "a global backward pre-hook": "register_module_full_backward_pre_hook(lambda module, by_output: (3 * by_output[0],))",
}

_CHANGED = {
    "half": "module = module.half()",
    "bfloat16": "module = module.bfloat16()",
    "complex": "module = module.to(torch.complex128)",
    "meta": "module = module.to('meta')",
    "training": "module = module.train()",
    "single in double": "module = nn.Sequential(module, To(torch.float32), nn.Linear($m, 2), To(DTYPE))",
    "one of two in single": "module = nn.Sequential(nn.Linear($n, $n), To(DTYPE), module)",
    "scripted": "module = torch.jit.script(module)",
    "traced": "module = torch.jit.trace(module, torch.ones(5, $n, dtype=DTYPE))",
    "followed by fx": "module = torch.fx.symbolic_trace(module)",
    "quantized": "module = torch.ao.quantization.quantize_dynamic(module.float(), {nn.Linear})",
    "a quantized wrapper": "module = torch.ao.quantization.QuantWrapper(module.float())",
    "sparse weights": (
        "for inner in module.modules():\n    if isinstance(inner, nn.Linear):\n"
        "        inner.weight = nn.Parameter(inner.weight.data.to_sparse(), requires_grad=False)"
    ),
    "weights that are no parameters": (
        "for inner in module.modules():\n    if type(inner) is nn.Linear:\n"
        "        weight = inner.weight.data\n        del inner.weight\n        inner.weight = weight * 2"
    ),
    "weights of inference mode": (
        "with torch.inference_mode():\n    for inner in module.modules():\n        if type(inner) is nn.Linear:\n"
        "            inner.weight = nn.Parameter(inner.weight * 2)"
    ),
    "channels in front": "module = nn.Sequential(nn.Unflatten(1, (1, $n)), module)",
    "the module twice": "module = nn.Sequential(module, module)",
    "a class changed": "module = Around(module)\nAround.forward = lambda self, x: self.inner(x) * 2",
    "a call changed": "module = Around(module)\nAround.__call__ = lambda self, x: 2 * nn.Module.__call__(self, x)",
    "a skip around": "module = Residual(module)",
    "a class of torch's patched": (
        "HANDLES.append(Patch(nn.Linear, 'forward', lambda self, x: 2 * F.linear(x, self.weight, self.bias)))\n"
        "module = nn.Sequential(module, nn.Linear($m, 2, dtype=DTYPE))"
    ),
    "a function of torch's patched": (
        "HANDLES.append(Patch(F, 'relu', lambda x, inplace=False: x * 2))\n"
        "module = nn.Sequential(module, Lambda(lambda x: F.relu(x)))"
    ),
    "a function of torch's in place of another": (
        "HANDLES.append(Patch(torch, 'tanh', torch.sigmoid))\nmodule = nn.Sequential(module, Lambda(lambda x: torch.tanh(x)))"
    ),
    "a module of torch's patched": ("HANDLES.append(Patch(nn, 'Tanh', nn.Sigmoid))\nmodule = nn.Sequential(module, nn.Tanh())"),
    "a call of one object": "module.__call__ = lambda x: x * 3",
    "a default dtype": "torch.set_default_dtype(torch.float64)",
    "inference mode": "HANDLES.append(Ambient(torch.inference_mode()))",
    "no_grad around": "HANDLES.append(Ambient(torch.no_grad()))",
    "autocast around": "HANDLES.append(Ambient(torch.autocast('cpu', dtype=torch.bfloat16)))",
    "a meta device around": "HANDLES.append(Ambient(torch.device('meta')))",
}

HOSTILE_WRAPPERS: dict[str, str] = {
    **{
        f"{hook} of {target}": f"{lines.format(hooked='hooked')}\nhooked.{call}"
        for target, lines in _HOOKED.items()
        for hook, call in _HOOKS.items()
    },
    **{name: f"HANDLES.append(nn.modules.module.{call})" for name, call in _GLOBAL.items()},
    **_CHANGED,
}
"""What may be computed rightly or refused."""
