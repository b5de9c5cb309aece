"""Networks that are no chains. Each is written once by fastjac's nodes, and its peers walk that graph.

recipes.py    the six graphs, their weights and inputs, and the cells in which they are timed
kinks.py      inputs that are clear of every ReLU's kink
walk.py       the walk through a graph, the same for every library
in_numpy.py   what it needs of NumPy, for whole batches
in_torch.py   the same of torch, for one sample
in_jax.py     the same of JAX, for one sample
peers.py      fastjac, and the walk differentiated by torch and by JAX
"""
