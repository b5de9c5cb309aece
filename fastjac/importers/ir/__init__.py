"""The intermediate form, which every front end translates into: tensors, and operations on them that record a network.

A front end walks through a model in order and calls, for each operation of the model, a function of these modules. A tensor is a
Constant, or a Flow, whose entries are units of the network. So shapes, axes, broadcasting, the batch, and constants that a model
computes are dealt with here, once. Where tensors are vectors and operations are layers already, as in scikit-learn, a front end
records these on nodes. A list of layers that a user or a format states stays the row that it is: nothing in it is recognized.

    values.py         Constant and Flow: every tensor for one sample, and for a batch that shows whether samples are mixed
    layout.py         from a tensor's entries to a vector of a network, and back
    movement.py       reshape, transpose, slice, gather, tile: what only moves entries, whatever they are; joining.py: several
                      tensors as one, and padding
    casting.py        numbers of another type
    functions.py      functions of each entry; elementwise.py: arithmetic of two; choice.py: comparisons, and choices by them
    reduction.py      sums, means, products, extremes and norms along axes; contraction.py: matrix products and einsum
    convolution.py    convolution and pooling over small images; resizing.py: images of another size
    recurrence.py     recurrent layers over fixed numbers of steps
    normalization.py  softmax and its kin, layer and batch normalization
    account.py        how much may be made of a file; missing.py: all that a model has and fastjac lacks
    record.py         the operations in order, with the vectors that they make
    assembly.py       the network that gives the outputs, and what became of each operation; the same of layers in a row
    recognition.py    operations that are one layer together, which patterns.py lists in the language of trees.py

A file that holds a graph of named nodes (ONNX, TensorFlow) becomes a Graph of graph.py. Its operators are a Dialect of
evaluation.py, which follows the nodes from the inputs that sources.py finds; operands.py is what each node is given, and makes
operators of functions. build.py does all of this.
"""
