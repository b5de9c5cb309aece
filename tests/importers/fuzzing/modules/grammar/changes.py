"""CHANGES: lines that change a module, `module`, between two calls of fastjac.torch with it."""

from __future__ import annotations

from textwrap import dedent, indent

_TENSORS = {
    "in place": "tensor.mul_(1.5)",
    "by data": "tensor.data.fill_(0.7)",
    "by a part": "tensor.reshape(-1)[:1] = 3",
    "through NumPy": "tensor.numpy()[...] *= 0.5",
    "through another view": "tensor.detach().view_as(tensor).add_(1)",
    "by a swap": "tensor.data = tensor.data * 2",
}

_HELD = {
    "parameters": "tensors = [tensor.detach() for tensor in module.parameters()]",
    "buffers": "tensors = [tensor for tensor in module.buffers() if tensor.is_floating_point()]",
    "attributes": (
        "tensors = [tensor for inner in module.modules() for tensor in vars(inner).values() if isinstance(tensor, torch.Tensor)]"
    ),
}

_ATTRIBUTES = {
    "tensors replaced": ("isinstance(value, torch.Tensor)", "setattr(inner, name, value * 2)"),
    "tensors removed and set anew": ("isinstance(value, torch.Tensor)", "delattr(inner, name); setattr(inner, name, value + 1)"),
    "arrays changed": ("isinstance(value, np.ndarray)", "value[...] = 9"),
    "arrays removed and set anew": ("isinstance(value, np.ndarray)", "delattr(inner, name); setattr(inner, name, np.array(5.0))"),
    "numbers": ("type(value) is float", "setattr(inner, name, value * 0.9)"),
    "entries of lists": ("type(value) is list", "value[0] = 7.0"),
    "entries of dicts": ("type(value) is dict and 'own' in value", "value['own'] = 7.0"),
    "attributes of a configuration": ("type(value).__name__ == 'Result'", "value.y = 7.0"),
}

_EACH_ATTRIBUTE = """\
for inner in module.modules():
    for name, value in list(vars(inner).items()):
        if not name.startswith("_") and {condition}:
            {change}
"""

_OTHERS = {
    "nothing": "",
    "training": "module.train()",
    "one in training": "list(module.modules())[-1].train()",
    "no gradients": "module.requires_grad_(False)",
    "gradients of some": "next(module.parameters()).requires_grad_(False)",
    "a weight replaced": """
        for inner in module.modules():
            if type(inner) is nn.Linear:
                inner.weight = nn.Parameter(inner.weight.detach() * 2)
        """,
    "a weight that is no parameter": """
        for inner in module.modules():
            if type(inner) is nn.Linear:
                weight = inner.weight.detach() * 2
                del inner.weight
                inner.weight = weight
                break
        """,
    "a bias removed": """
        for inner in module.modules():
            if type(inner) is nn.Linear:
                inner.bias = None
        """,
    "a state dict loaded": "module.load_state_dict({name: tensor / 2 for name, tensor in module.state_dict().items()})",
    "single precision": "module.float()",
    "a copy": "module = copy.deepcopy(module)",
    "an inner forward": """
        for inner in module.modules():
            if type(inner) is nn.Linear:
                inner.forward = lambda x, old=inner.forward: 2 * old(x)
                break
        """,
    "a forward of its own": "module.forward = lambda x, old=module.forward: 2 * old(x)",
    "a hook": "module.register_forward_hook(lambda module, inputs, output: 2 * output)",
    "a backward hook": "module.register_full_backward_hook(lambda module, by_input, by_output: (2 * by_input[0],))",
    "a hook of a parameter": "next(module.parameters()).register_hook(lambda gradient: 2 * gradient)",
    "a global hook": "HANDLES.append(nn.modules.module.register_module_forward_hook(lambda module, inputs, output: 2 * output))",
    "forwards of classes": """
        for kind in {type(inner) for inner in module.modules() if type(inner).__module__ == __name__}:
            kind.forward = lambda self, x, old=kind.forward: 2 * old(self, x)
        """,
    "another class": """
        for inner in module.modules():
            if type(inner) in (nn.Tanh, nn.ReLU, nn.Sigmoid, nn.SiLU):
                inner.__class__ = nn.Softsign
        """,
    "a module replaced": """
        for inner in module.modules():
            for name, child in list(inner.named_children()):
                if not list(child.parameters()) and not list(child.children()):
                    setattr(inner, name, nn.Softsign())
        """,
    "a module appended": """
        for inner in module.modules():
            if type(inner) is nn.Sequential:
                inner.append(nn.Tanh())
        """,
    "a parametrization": """
        for inner in list(module.modules()):
            if type(inner) is nn.Linear:
                parametrizations.weight_norm(inner)
                break
        """,
    "weights tied": """
        linears = [inner for inner in module.modules() if type(inner) is nn.Linear]
        for inner in linears:
            if inner.weight.shape == linears[0].weight.shape:
                inner.weight = linears[0].weight
        """,
}

CHANGES: dict[str, str] = {
    **{name: dedent(lines).strip() for name, lines in _OTHERS.items()},
    **{
        f"{held} {how}": f"{find}\nwith torch.no_grad():\n    for tensor in tensors:\n{indent(line, ' ' * 8)}"
        for held, find in _HELD.items()
        for how, line in _TENSORS.items()
    },
    **{
        f"attributes: {name}": _EACH_ATTRIBUTE.format(condition=condition, change=change)
        for name, (condition, change) in _ATTRIBUTES.items()
    },
}
