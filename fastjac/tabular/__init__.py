"""Networks on tables: how much each output depends on each input, over the rows of a data set.

sensitivity.py  the call; result.py has the result that it gives
columns.py      a table of any kind as numbers, its columns in the order in which the network takes them
csvfile.py      tables in CSV files
sample.py       the derivatives of one output at some rows, for pictures
derivatives.py  J of some rows at a time, in the units that are wanted
moments.py      mean and spread of arrays that come in blocks
"""

from .result import Sensitivity
from .sensitivity import sensitivity

__all__ = ["Sensitivity", "sensitivity"]
