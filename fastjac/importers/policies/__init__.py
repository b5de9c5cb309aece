"""Networks of reinforcement learning: what libraries save of an agent, of which the user wants the actor or the critic.

    mlp.py          rows of linear layers out of named weights, with the activation that the file or the user states
    checkpoints.py  CHECKPOINTS: the libraries whose torch checkpoints are known by the names of their weights
    families.py     what each of them keeps where; normalizers.py: the statistics that stand before a network, and behind it

These work on arrays by name. Which file holds them is the matter of the readers.
"""
