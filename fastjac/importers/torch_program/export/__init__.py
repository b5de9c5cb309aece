"""Archives of torch.export (.pt2): a graph of torch's operators as JSON, with weights beside it.

file.py       recognise, load
weights.py    the tensors, as newer and older versions of torch store them
described.py  the JSON in an archive, checked as it is read
graph.py      the nodes of the graph, carried out by ../aten
"""

from .file import load, recognise

__all__ = ["load", "recognise"]
