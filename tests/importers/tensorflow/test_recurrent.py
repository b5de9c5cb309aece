"""Recurrent layers of TensorFlow Lite against their formulas."""

import numpy as np
import pytest

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError

from . import lite

RNG = np.random.default_rng(6)
STEPS, FEATURES, UNITS = 5, 3, 2
INPUT = RNG.normal(size=(4, UNITS, FEATURES)).astype(np.float32)
STATE = RNG.normal(size=(4, UNITS, UNITS)).astype(np.float32)
BIAS = RNG.normal(size=(4, UNITS)).astype(np.float32)
LSTM, RNN = "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN"


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, most=np.inf):
    """All states for x (N, steps, features)."""
    h = c = np.zeros((len(x), UNITS))
    states = []
    for step in x.transpose(1, 0, 2):
        i, f, g, o = (step @ INPUT[k].T + h @ STATE[k].T + BIAS[k] for k in range(4))
        c = np.clip(sigmoid(f) * c + sigmoid(i) * np.tanh(g), -most, most)
        h = sigmoid(o) * np.tanh(c)
        states.append(h)
    return np.stack(states, 1)


def rnn(x):
    h = np.zeros((len(x), UNITS))
    states = []
    for step in x.transpose(1, 0, 2):
        h = np.maximum(step @ INPUT[0].T + h @ STATE[0].T + BIAS[0], 0)
        states.append(h)
    return np.stack(states, 1)


def lstm_file(others=(), constants=(), **options):
    """A model of one LSTM; `others` are operands by their positions, numbers of further constants."""
    arrays = [*INPUT, *STATE, *BIAS, *constants]
    operands = [0, *range(2, 10), -1, -1, -1, *range(10, 14), -1, -1, 99, 99, -1, -1, -1, -1]
    for position, number in others:
        operands[position] = number
    last = 2 + len(arrays)
    operands = [last if number == 99 else number for number in operands]
    nodes = [lite.operator(LSTM, operands, [1], fused=4, **options)]
    return lite.model(nodes, {"x": (None, STEPS, FEATURES)}, ["y"], arrays, 1)


def assert_agrees(path, content, function, tolerance=2e-5):
    path.write_bytes(content)
    net = fastjac.load(path)
    x = RNG.normal(size=(4, STEPS, FEATURES))
    flat = x.reshape(4, -1)

    def twin(inputs):
        return function(inputs.reshape(x.shape)).reshape(4, -1)

    np.testing.assert_allclose(net(flat), twin(flat), rtol=tolerance, atol=tolerance)
    jac = net.jacobian(flat)
    for column in range(flat.shape[1]):
        step = 1e-6 * np.eye(flat.shape[1])[column]
        np.testing.assert_allclose(
            jac[:, :, column], (twin(flat + step) - twin(flat - step)) / 2e-6, rtol=tolerance, atol=tolerance
        )


def test_an_lstm_gives_all_its_states(tmp_path):
    assert_agrees(tmp_path / "model.tflite", lstm_file(cell_clip=10.0), lstm)


def test_cells_are_clipped(tmp_path):
    assert_agrees(tmp_path / "model.tflite", lstm_file(cell_clip=0.25), lambda x: lstm(x, 0.25))


def test_a_plain_recurrent_layer_gives_all_its_states(tmp_path):
    nodes = [lite.operator(RNN, [0, 2, 3, 4, 5], [1], fused=1)]
    content = lite.model(nodes, {"x": (None, STEPS, FEATURES)}, ["y"], [INPUT[0], STATE[0], BIAS[0]], 1)
    assert_agrees(tmp_path / "model.tflite", content, rnn)


def test_steps_may_come_before_samples(tmp_path):
    turn = np.array([1, 0, 2], np.int32)
    nodes = [
        lite.operator("TRANSPOSE", [0, 5], [7]),
        lite.operator(RNN, [7, 2, 3, 4, 6], [8], fused=1, time_major=True),
        lite.operator("TRANSPOSE", [8, 5], [1]),
    ]
    content = lite.model(nodes, {"x": (None, STEPS, FEATURES)}, ["y"], [INPUT[0], STATE[0], BIAS[0], turn], 3)
    assert_agrees(tmp_path / "model.tflite", content, rnn)


REFUSED = {
    "it has peepholes": (lstm_file([(9, 14)], [BIAS[0]]), UnsupportedLayerError),
    "it has a projection": (lstm_file([(16, 14)], [STATE[0]]), UnsupportedLayerError),
    "it has a layer normalization within": (lstm_file([(20, 14)], [BIAS[0]]), UnsupportedLayerError),
    "it clips its states": (lstm_file(proj_clip=1.0), UnsupportedLayerError),
    "its gates have weights of shapes": (lstm_file([(1, 14)], [INPUT[0][:1]]), FormatError),
    "it takes sequences": (
        lite.model([lite.operator(RNN, [0, 2, 3, 4], [1])], {"x": (None, 3)}, ["y"], [INPUT[0], STATE[0], BIAS[0]]),
        UnsupportedLayerError,
    ),
    "its activation 3 is not supported": (
        lite.model([lite.operator(RNN, [0, 2, 3, 4], [1], fused=3)], {"x": (None, 5, 3)}, ["y"], [INPUT[0], STATE[0], BIAS[0]]),
        UnsupportedLayerError,
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_keras_does_not_have_is_refused(message, tmp_path):
    content, error = REFUSED[message]
    (tmp_path / "model.tflite").write_bytes(content)
    with pytest.raises(error, match=message):
        fastjac.load(tmp_path / "model.tflite")
