"""What is read off the Jacobians of a batch, without holding them: singular values, norms, determinants, Gram matrices."""
