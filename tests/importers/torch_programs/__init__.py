"""Programs that torch writes, by torch.jit.save and torch.export.save, are read without torch."""
