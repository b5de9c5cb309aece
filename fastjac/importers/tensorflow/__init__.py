"""TensorFlow's files, read without TensorFlow: TensorFlow Lite models, frozen graphs, and SavedModel folders.

    graph.py       what all of them hold: nodes with names for their inputs and outputs
    build.py       from a graph to a network; ends.py finds its inputs and outputs, evaluate.py follows it by calls.py
    operators.py   what the operators of a graph become; arithmetic.py, movement.py and products.py hold their functions
    file.py        frozen graphs and SavedModels; reads protobuf by way of reading/protobuf.py
    graphdef.py    their nodes and functions, which flatten.py makes one list of; tensors.py and types.py read their arrays
    saved_model.py the serving signature of a SavedModel, and what its variables are called in its bundle.py
    tflite/        TensorFlow Lite models, which are flatbuffers

Nothing that a file holds is run: a function is put in the place of its call, and a variable is the array it is restored from.
"""
