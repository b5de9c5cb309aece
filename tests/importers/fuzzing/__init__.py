"""Files of every format, damaged at random: each must end in a network or in an error of fastjac's own in little time and memory.

    python -m tests.importers.fuzzing --files 200000

writes what does otherwise to a folder and names it. `originals` are valid files, `mutation` damages them, `trial` loads them.

    python -m tests.importers.fuzzing --modules 20000

imports live torch modules instead; see `modules`.
"""
