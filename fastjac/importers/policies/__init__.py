"""Networks of reinforcement learning: libraries save agents, and the user wants the actor or the critic of one.

    checkpoints.py  a torch checkpoint that is recognized by the names of its weights, and the network that the user names
    libraries.py    CHECKPOINTS: what each library keeps where
    networks.py     rows of layers with statistics before and behind; critics of an observation and an action
    mlp.py          rows of linear layers out of named weights, with the activation that the file or the user states
    normalizers.py  the statistics by which libraries normalize observations and values

These modules work on arrays by name. The readers of files find the arrays.
"""
