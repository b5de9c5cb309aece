"""`python -m fastjac` is the command `fastjac`."""

import sys

from .cli import main

sys.exit(main())
