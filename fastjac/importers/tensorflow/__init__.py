"""TensorFlow's files, read without TensorFlow: TensorFlow Lite models, frozen graphs, and SavedModel folders.

    file.py        recognise, load: frozen graphs and SavedModels, whose protobuf reading/protobuf.py reads
    graphdef.py    their nodes and functions; flatten.py makes one list of these, tensors.py and types.py read their arrays
    saved_model.py the serving signature of a SavedModel, and the names of its variables in the bundle that bundle.py reads
    calls.py       a node together with what is known of its operands
    operators.py   what the operators of a graph become, by the functions in arithmetic.py, images.py, movement.py and
                   products.py
    tflite/        TensorFlow Lite models, which are flatbuffers

The intermediate form (importers/ir) makes a network of a graph. Nothing that a file holds is run: a function's body takes the
place of its call, and a variable is the array that it is restored from.
"""
