"""A Keras model through TensorFlow Lite's post-training quantization: bytes of the file, and accuracy.

    PYTHON tflite.py MODEL.h5 DATA.h5 OUTPUT.tflite dynamic|int8

PYTHON has tensorflow and h5py. `dynamic` is the dynamic-range quantization of weights; `int8` is that of weights and
activations, by 500 training examples, with inputs and outputs as float32, which is what its guide begins with. Prints
JSON.
"""

import contextlib
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import numpy as np
import tensorflow as tf

CALIBRATION = 500
# Examples that an interpreter is given at once.
BATCH = 500


def examples(data, split, rows=slice(None)):
    """Inputs as models get them."""
    x = data[split + "/x"]
    return x[rows].astype(np.float32) * np.float32(x.attrs.get("scale", 1)) + np.float32(x.attrs.get("offset", 0))


def converted(model, mode, inputs):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if mode == "int8":
        converter.representative_dataset = lambda: ([row[None]] for row in inputs)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    with contextlib.redirect_stdout(sys.stderr):
        return converter.convert()


def accuracy(lite, inputs, labels):
    interpreter = tf.lite.Interpreter(model_content=lite)
    into, out = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    right = 0
    for start in range(0, len(inputs), BATCH):
        batch = inputs[start:start + BATCH]
        interpreter.resize_tensor_input(into, batch.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(into, batch)
        interpreter.invoke()
        right += int((interpreter.get_tensor(out).argmax(-1) == labels[start:start + BATCH]).sum())
    return right / len(inputs)


def main():
    model, data, output, mode = sys.argv[1:]
    with h5py.File(data) as data:
        lite = converted(tf.keras.models.load_model(model, compile=False), mode,
                         examples(data, "train", slice(0, CALIBRATION)))
        with open(output, "wb") as file:
            file.write(lite)
        print(json.dumps({"bytes": len(lite), **{
            name: accuracy(lite, examples(data, split), data[split + "/y"][:].reshape(-1))
            for name, split in [("held_out", "validation"), ("accuracy", "test")]}}))


if __name__ == "__main__":
    main()
