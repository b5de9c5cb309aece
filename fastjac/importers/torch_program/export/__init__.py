"""Archives of torch.export (.pt2): a graph of torch's operators as JSON, with weights beside it.

file.py     recognise, load
weights.py  tensors, as newer torch and as older torch store them
graph.py    the nodes of the graph, carried out by ../aten
"""

from .file import load, recognise

__all__ = ["load", "recognise"]
