"""What is read off the Jacobians of a batch, none of which is held: singular values, norms, determinants, Gram matrices."""
