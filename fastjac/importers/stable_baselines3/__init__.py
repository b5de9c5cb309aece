"""Archives that stable-baselines3 writes by `model.save`, also those of sb3-contrib, read without either and without torch.

    archive.py     recognise, load: the archive's members
    settings.py    what its JSON states: the policy, its options, the spaces of observations and actions
    networks.py    POLICIES: the actor and the critic of each class of policies

The JSON also holds pickles as text. They are not read: whatever matters in them stands beside them in words.
"""

from .archive import load, recognise

__all__ = ["load", "recognise"]
