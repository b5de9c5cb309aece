"""Networks as graphs: what a user writes, and the vectors and operations that it becomes."""
