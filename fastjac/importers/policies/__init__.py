"""Networks of reinforcement learning: what libraries save of an agent, of which the user wants the actor or the critic.

    checkpoints.py  a torch checkpoint that is known by the names of its weights, and the network that the user names
    libraries.py    CHECKPOINTS: what each library keeps where
    networks.py     rows of layers with statistics before and behind; critics of an observation and an action
    mlp.py          rows of linear layers out of named weights, with the activation that the file or the user states
    normalizers.py  the statistics by which libraries normalize observations and values

These work on arrays by name. Which file holds them is the matter of the readers.
"""
