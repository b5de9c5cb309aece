"""Recognise and load archives of torch.export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....errors import FormatError
from ...ir.account import Account, accounting
from ...options import Options
from ...parts import Imported
from ...reading import archive
from ...reading.archive import Archive
from ...reading.probe import Probe
from ..aten.evaluation import Evaluation
from ..aten.network import network
from .described import object_in
from .graph import Graph
from .weights import weights

OLDER = "serialized_exported_program.json"
"""The graph in archives of torch before 2.8."""
MODELS = "/models/"


def recognise(probe: Probe) -> bool:
    """Whether the file is a zip archive with a graph of torch.export in it."""
    return OLDER in probe.zip_names or bool(_models(probe.zip_names))


def _models(names: Sequence[str]) -> list[str]:
    """The graphs of an archive; they lie in `models/` inside its one folder."""
    return [
        name
        for name in names
        if name.endswith(".json") and name.count("/") == 2 and name.rpartition("/")[0].endswith(MODELS[:-1])
    ]


@np.errstate(all="ignore")  # a file may hold any numbers, even NaN and some that overflow
def load(probe: Probe, options: Options) -> Imported:
    """The network that a program of torch.export computes.

    Raises FormatError where the file is damaged; UnsupportedLayerError where it holds what fastjac does not have; LayerError
    where the size of an input is open.
    """
    options.refuse_all_but("n_in", "inputs", "outputs")
    with archive.opened(probe.path) as found, accounting(account := Account()):
        member = _graph_of(found)
        graph = Graph(_graph_module(object_in(found, member)))
        graph.refuse_missing()
        folder, _, model = member.removesuffix(".json").rpartition(MODELS)
        tensors = weights(found, f"{folder}/", model, probe.size, account)
        sources = graph.sources(options.n_in, options.inputs)

        def run(evaluation: Evaluation, inputs: Sequence[Any]) -> Any:
            by_name = {source.name: flow for source, flow in zip(sources, inputs, strict=True)}
            return graph.run(evaluation, tensors, by_name)

        return network(run, sources, options)


def _graph_of(found: Archive) -> str:
    models = _models(found.names) or [OLDER]
    if len(models) > 1:
        raise FormatError(f"it holds {len(models)} programs, {', '.join(models[:3])}; torch.export.save writes one")
    return models[0]


def _graph_module(program: dict[str, Any]) -> dict[str, Any]:
    found = program.get("graph_module")
    if not isinstance(found, dict):
        raise FormatError("its program has no graph_module; the file is damaged, or of a torch that is newer or before 2.2")
    return found
