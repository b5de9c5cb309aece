"""Programs carried out: made once, shared among threads, from Python and from `@njit` code."""
