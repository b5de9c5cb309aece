"""What joblib writes behind its objects, in any of its ways, is read as joblib reads it."""

import io

import joblib
import numpy as np
import pytest

from ..reading.test_pickled_arrays import ARRAYS, PROTOCOLS, VALUE, read


def dumped(value, protocol):
    target = io.BytesIO()
    joblib.dump(value, target, protocol=protocol)
    return target.getvalue()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_arrays_are_read_as_they_were_written(array, protocol):
    found = read(dumped(array, protocol))
    assert found.dtype == array.dtype.newbyteorder("=")
    assert not found.flags.writeable
    np.testing.assert_array_equal(found, array, strict=found.dtype == array.dtype)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_other_values_are_read_with_the_arrays_in_them(protocol):
    assert repr(read(dumped(VALUE, protocol))) == repr(VALUE)


def test_one_array_at_two_places_is_read_at_both():
    first, second = read(dumped([ARRAYS["float64"]] * 2, 4))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, ARRAYS["float64"])
