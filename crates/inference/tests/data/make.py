"""Makes the small networks and the reference values in this folder. Needs numpy, onnx and onnxruntime.

    python make.py [folder of the real networks]

Everything is made from fixed formulas, so a second run writes the same files.
"""
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T, helper as h, numpy_helper as n

HERE = Path(__file__).parent
FREE = ["N", 3, "H", "W"]


def save(name, nodes, inputs, outputs, weights=()):
    value = lambda v: h.make_tensor_value_info(v[0], v[2] if len(v) > 2 else T.FLOAT, v[1])
    graph = h.make_graph(nodes, name, [value(v) for v in inputs], [value(v) for v in outputs], list(weights))
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 13)], ir_version=8)
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())


def pattern(count):
    """The input of every network test: whole numbers from 0 to 250."""
    return (np.arange(count, dtype=np.int64) * 7919 % 251).astype(np.float32)


def networks():
    # A convolution with weights in half precision behind a Cast, and a false output shape: 2 outputs.
    weight = (np.arange(4 * 3 * 9, dtype=np.float32).reshape(4, 3, 3, 3) % 7 - 3) / 8
    nodes = [h.make_node("Cast", ["weight_half"], ["weight"], to=T.FLOAT),
             h.make_node("Conv", ["image", "weight", "bias"], ["features"], pads=[1, 1, 1, 1]),
             h.make_node("Relu", ["features"], ["positive"]),
             h.make_node("GlobalAveragePool", ["positive"], ["pooled"]),
             h.make_node("Flatten", ["pooled"], ["mean"])]
    half = n.from_array(weight.astype(np.float16), "weight_half")
    bias = n.from_array(np.array([0.5, -1, 2, 0], np.float32), "bias")
    save("conv", nodes, [("image", FREE)], [("mean", ["N", 4]), ("features", ["N", 4, 7, 7])], [half, bias])
    save("fixed", [h.make_node("Relu", ["image"], ["out"])], [("image", [1, 3, 8, 8])], [("out", [1, 3, 8, 8])])
    save("two_inputs", [h.make_node("Add", ["a", "b"], ["sum"])], [("a", FREE), ("b", FREE)], [("sum", FREE)])
    save("unknown_op", [h.make_node("Frobnicate", ["a"], ["b"])], [("a", FREE)], [("b", FREE)])
    save("integers", [h.make_node("Abs", ["a"], ["b"])], [("a", FREE, T.UINT8)], [("b", FREE, T.UINT8)])
    save("misfit", [h.make_node("Conv", ["a", "w"], ["b"])], [("a", ["N", "C", "H", "W"])], [("b", FREE)],
         [n.from_array(np.zeros((2, 5, 3, 3), np.float32), "w")])
    save("no_batch", [h.make_node("ReduceSum", ["a"], ["b"], keepdims=0)], [("a", FREE)], [("b", [])])
    save("dangling", [h.make_node("Relu", ["a"], ["b"])], [("a", FREE)], [("c", FREE)])
    save("loose", [h.make_node("Add", ["a", "nowhere"], ["b"])], [("a", FREE)], [("b", FREE)])

    x = pattern(2 * 3 * 6 * 5).reshape(2, 3, 6, 5)
    answers = onnxruntime.InferenceSession(str(HERE / "conv.onnx")).run(None, {"image": x})
    (HERE / "conv.json").write_text(json.dumps([a.flatten().round(5).tolist() for a in answers]))


def real(folder):
    """The first eight numbers and the mean magnitude of every output, for the pattern over 8 as input."""
    sizes = dict(centerface=(96, 160), mobilefacenet_fast=(112, 112), **{"age-v1": (64, 64), "gender-v1": (32, 32)})
    found = {}
    for name, (rows, columns) in sizes.items():
        session = onnxruntime.InferenceSession(str(folder / f"{name}.onnx"))
        x = pattern(3 * rows * columns).reshape(1, 3, rows, columns)
        outputs = session.run(None, {session.get_inputs()[0].name: x / 8})
        found[name] = dict(item=[3, rows, columns], outputs=[
            dict(shape=list(o.shape), first=o.flatten()[:8].tolist(), mean=float(np.abs(o).mean())) for o in outputs])
    (HERE / "real.json").write_text(json.dumps(found, indent=1))


networks()
if len(sys.argv) > 1:
    real(Path(sys.argv[1]))
