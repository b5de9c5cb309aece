"""Archives that stable-baselines3 writes by `model.save`, also those of sb3-contrib, read without either and without torch.

    archive.py     recognise, load: the archive's members
    settings.py    what its JSON states: the policy, its options, the spaces of observations and actions
    networks.py    POLICIES: the actor and the critic of each class of policies

The JSON holds pickles in text beside what it states. They are not read: what matters of them stands in words beside them.
"""

from .archive import load, recognise

__all__ = ["load", "recognise"]
