"""Files that TensorFlow itself writes, where it happens to be installed: values and Jacobians against TensorFlow's own."""

import numpy as np
import pytest

import fastjac

pytestmark = pytest.mark.slow
tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed, and no other test needs it")

RNG = np.random.default_rng(0)
FUNCTIONS = {
    "dense": lambda x, w, b: tf.tanh(x @ w + b),
    "joins": lambda x, w, b: tf.nn.softmax(tf.concat([tf.nn.relu(x @ w), x * x], 1)) / (1.0 + tf.abs(x[:, :1])),
    "shapes": lambda x, w, b: tf.reshape(tf.transpose(tf.reshape(x @ w, (-1, 2, 3)), [0, 2, 1]), (-1, 6)) - b,
    "norm": lambda x, w, b: tf.math.l2_normalize(x @ w, axis=-1) + tf.where(x @ w > 0.1, b, -b),
}


def written(name, folder):
    """The files of one function, as TensorFlow writes them, with a batch of inputs, its values and its Jacobians."""
    module = tf.Module()
    module.w = tf.Variable(RNG.normal(size=(4, 6)).astype(np.float32))
    module.b = tf.Variable(RNG.normal(size=6).astype(np.float32))
    spec = tf.TensorSpec((None, 4), tf.float32, name="x")
    module.call = tf.function(lambda x: FUNCTIONS[name](x, module.w, module.b), input_signature=[spec])
    concrete = module.call.get_concrete_function()
    tf.saved_model.save(module, str(folder / "saved"), signatures=concrete)
    (folder / "model.tflite").write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete], module).convert())
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    frozen = convert_variables_to_constants_v2(concrete)
    (folder / "frozen.pb").write_bytes(frozen.graph.as_graph_def().SerializeToString())
    x = tf.constant(RNG.normal(size=(5, 4)).astype(np.float32))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = module.call(x)
    return x.numpy(), y.numpy(), tape.batch_jacobian(y, x, experimental_use_pfor=False).numpy()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_files_of_tensorflow_agree_with_it(name, tmp_path):
    x, y, jac = written(name, tmp_path)
    for file in ("saved", "model.tflite", "frozen.pb"):
        net = fastjac.load(tmp_path / file)
        assert net.dtype == np.float32
        np.testing.assert_allclose(net(x), y, rtol=2e-5, atol=2e-5)
        np.testing.assert_allclose(net.jacobian(x), jac, rtol=2e-5, atol=2e-5)
