"""Reading files that may come from anywhere: nothing in them is run, and sizes are checked before memory is taken."""
