"""Makes the small networks and the reference values in this folder. Needs numpy, onnx, onnxruntime and opencv.

    python make.py [folder of the real networks]

Everything is made from fixed formulas: running it again gives the same files (with another version of OpenCV the
pictures may differ by a level).
"""
import json
import sys
from pathlib import Path

import cv2
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


def picture(width, height):
    """Smooth, with an edge: x, y and a disc."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    disc = ((2 * x - width) ** 2 + (2 * y - height) ** 2 < (min(width, height) * 3 // 4) ** 2) * 90
    return np.stack([x * 255 // width, y * 255 // height, 40 + disc + (x * y) % 23], 2).astype(np.uint8)


def opencv():
    cases = []
    for (w, h_), (nw, nh) in {(61, 37): (24, 15), (48, 32): (24, 16), (17, 11): (40, 26), (33, 9): (33, 9)}.items():
        small = nw < w
        out = cv2.resize(picture(w, h_), (nw, nh), interpolation=cv2.INTER_AREA if small else cv2.INTER_LINEAR)
        cases.append(dict(kind="resize", picture=[w, h_], size=[nw, nh], rgb=out.flatten().tolist()))
    for border in ("zero", "replicate"):
        for a, b, tx, ty in [(1, 0, 0, 0), (1.7, 0.4, 3.25, -6.5), (0.45, -0.2, 20, 14.5), (2.9, 1.1, -30, 7)]:
            flag = cv2.BORDER_CONSTANT if border == "zero" else cv2.BORDER_REPLICATE
            m = np.array([[a, -b, tx], [b, a, ty]], np.float64)
            out = cv2.warpAffine(picture(61, 47), m, (16, 16), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                                 borderMode=flag, borderValue=0)
            cases.append(dict(kind="warp", picture=[61, 47], transform=[a, b, tx, ty], border=border, size=[16, 16],
                              rgb=out.flatten().tolist()))
    (HERE / "opencv.json").write_text(json.dumps(cases))


networks()
opencv()
if len(sys.argv) > 1:
    real(Path(sys.argv[1]))
