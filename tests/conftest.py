"""What every test shares: quiet, repeatable libraries around fastjac."""

import os

import hypothesis
import torch

os.environ.setdefault("KERAS_BACKEND", "torch")
# The reference runs on one core, so that it does not fight with fastjac's own threads.
torch.set_num_threads(1)
# Examples follow from the test alone, so that a run on one machine is a run on all; compiling takes longer than any deadline.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")
