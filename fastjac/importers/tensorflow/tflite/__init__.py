"""TensorFlow Lite models (.tflite): flatbuffers of one graph whose weights are constants among its tensors.

file.py       recognise, load
schema.py     the fields of TensorFlow Lite's tables by number, its operators and their options
model.py      from the flatbuffer to a graph
operators.py  what the operators of the graph become; recurrent.py its recurrent layers
"""

from .file import load, recognise

__all__ = ["load", "recognise"]
