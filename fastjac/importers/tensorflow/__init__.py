"""TensorFlow's files, read without TensorFlow: TensorFlow Lite models, frozen graphs, and SavedModel folders.

    file.py        recognise, load: frozen graphs and SavedModels, whose protobuf reading/protobuf.py reads
    graphdef.py    their nodes and functions, which flatten.py makes one list of; tensors.py and types.py read their arrays
    saved_model.py the serving signature of a SavedModel, and what its variables are called in its bundle.py
    calls.py       a node together with what is known of its operands
    operators.py   what the operators of a graph become; arithmetic.py, images.py, movement.py and products.py hold their
                   functions
    tflite/        TensorFlow Lite models, which are flatbuffers

The way from a graph to a network is the intermediate form's (importers/ir). Nothing that a file holds is run: a function is put
in the place of its call, and a variable is the array it is restored from.
"""
