"""Options of load that a format has no use for."""

import pytest

from fastjac.errors import OptionError
from fastjac.importers.options import Options


def test_options_without_use_are_refused():
    Options().refuse_all_but()
    Options(layers=["relu"], n_in=3).refuse_all_but("layers", "n_in")
    with pytest.raises(OptionError, match="leave order out; it takes layers and n_in"):
        Options(layers=["relu"], order=["a"]).refuse_all_but("layers", "n_in")
    with pytest.raises(OptionError, match=r"leave external_data out$"):
        Options(external_data=True).refuse_all_but()
