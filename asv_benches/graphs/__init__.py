"""Graphs: networks that are no chains. Each is written once by fastjac's nodes, and the peers walk that graph.

recipes.py    the six graphs, their weights and inputs, and the cells in which they are timed
kinks.py      inputs that are clear of every ReLU's kink
walk.py       the walk through a graph, the same for every library
in_numpy.py   the functions that the walk needs of NumPy, for whole batches
in_torch.py   those that it needs of torch, for one sample
in_jax.py     those that it needs of JAX, for one sample
peers.py      fastjac, and the walk differentiated by torch and by JAX
"""
