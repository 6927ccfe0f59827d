"""Makes networks of the shape of well-known face detectors, and one small network for each operator that has settings of
its own, with random weights: what crates/inference/tests/inference/backend.rs runs on both engines. Needs numpy and onnx.

    python detectors.py ../../crates/inference/tests/data

Weights come from a fixed seed: running it again gives the same files.
"""
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as n


class Net:
    """A network of one input `image`; every function adds nodes and gives the name of their result."""

    def __init__(self, name, height, width, seed):
        self.name, self.size = name, (height, width)
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights, self.count = [], [], 0

    def constant(self, array):
        self.count += 1
        self.weights.append(n.from_array(np.asarray(array), f"c{self.count}"))
        return f"c{self.count}"

    def op(self, kind, *inputs, **settings):
        self.count += 1
        out = f"{kind.lower()}{self.count}"
        self.nodes.append(h.make_node(kind, list(inputs), [out], name=out, **settings))
        return out

    def numbers(self, *shape, scale=1.0, shift=0.0):
        return self.constant((self.random.standard_normal(shape) * scale + shift).astype(np.float32))

    def conv(self, x, inputs, outputs, side=1, stride=1, pad=None, groups=1, dilation=1, bias=True):
        taps = inputs // groups * side * side
        weight = self.numbers(outputs, inputs // groups, side, side, scale=(2 / taps) ** 0.5)
        more = [self.numbers(outputs, scale=0.1)] if bias else []
        pad = dilation * (side // 2) if pad is None else pad
        pads = [pad] * 4 if isinstance(pad, int) else pad
        return self.op("Conv", x, weight, *more, kernel_shape=[side] * 2, strides=[stride] * 2, pads=pads,
                       group=groups, dilations=[dilation] * 2)

    def relu(self, x):
        return self.op("Relu", x)

    def norm(self, x, channels):
        one = lambda: self.numbers(channels, scale=0.1, shift=1)
        zero = lambda: self.numbers(channels, scale=0.1)
        variance = self.constant((self.random.random(channels) + 0.5).astype(np.float32))
        return self.op("BatchNormalization", x, one(), zero(), zero(), variance)

    def separable(self, x, inputs, outputs, stride=1):
        """Depthwise, then pointwise, each with batch normalisation: MobileNet's block."""
        x = self.relu(self.norm(self.conv(x, inputs, inputs, 3, stride, groups=inputs, bias=False), inputs))
        return self.relu(self.norm(self.conv(x, inputs, outputs, bias=False), outputs))

    def up(self, x):
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        return self.op("Resize", x, self.constant(np.array([], np.float32)), scales, mode="nearest", nearest_mode="floor",
                       coordinate_transformation_mode="asymmetric")

    def anchors(self, x, numbers):
        """A head's map as [1, anchors, numbers]."""
        x = self.op("Transpose", x, perm=[0, 2, 3, 1])
        return self.op("Reshape", x, self.constant(np.array([1, -1, numbers], np.int64)))

    def save(self, folder, outputs, opset=13):
        value = lambda name, shape: h.make_tensor_value_info(name, T.FLOAT, shape)
        graph = h.make_graph(self.nodes, self.name, [value("image", [1, 3, *self.size])],
                             [value(o, None) for o in outputs], self.weights)
        model = h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], ir_version=8)
        model = onnx.shape_inference.infer_shapes(model)
        del model.graph.value_info[:]
        onnx.checker.check_model(model)
        (folder / f"{self.name}.onnx").write_bytes(model.SerializeToString())


def yunet(folder):
    """YuNet: W. Wu et al., 2023: pointwise before depthwise, a top-down sum, twelve outputs of three strides."""
    net = Net("yunet", 64, 96, 1)

    def unit(x, inputs, outputs, last=True):
        x = net.conv(net.conv(x, inputs, outputs), outputs, outputs, 3, groups=outputs)
        return net.relu(x) if last else x

    pooled = lambda x: net.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = net.relu(net.conv("image", 3, 8, 3, 2))
    x = pooled(unit(unit(x, 8, 8), 8, 16))
    maps = []
    for _ in range(3):
        x = unit(unit(x, 16, 16), 16, 16) if not maps else unit(unit(pooled(x), 16, 16), 16, 16)
        maps.append(x)
    # strides 4, 8 and 16 here, 8, 16 and 32 in the original
    maps[2] = unit(maps[2], 16, 16)
    maps[1] = unit(net.op("Add", maps[1], net.up(maps[2])), 16, 16)
    maps[0] = unit(net.op("Add", maps[0], net.up(maps[1])), 16, 16)
    maps = [unit(x, 16, 16) for x in maps]
    head = lambda x, numbers: net.anchors(unit(x, 16, numbers, last=False), numbers)
    outputs = [net.op("Sigmoid", head(x, 1)) for _ in range(2) for x in maps]
    outputs += [head(x, numbers) for numbers in (4, 10) for x in maps]
    net.save(folder, outputs, 11)


def scrfd(folder):
    """SCRFD: J. Guo et al., 2021: residual blocks with averaged shortcuts, sums down and up, two anchors a pixel."""
    net = Net("scrfd", 64, 64, 2)

    def block(x, inputs, outputs, stride):
        y = net.relu(net.conv(x, inputs, outputs, 3, stride))
        y = net.conv(y, outputs, outputs, 3)
        if stride == 2:
            x = net.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1, count_include_pad=0)
        if inputs != outputs:
            x = net.conv(x, inputs, outputs)
        return net.relu(net.op("Add", y, x))

    x = net.relu(net.conv(net.relu(net.conv("image", 3, 8, 3, 2)), 8, 8, 3))
    x = net.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    maps = []
    for inputs, stride in ((8, 1), (8, 2), (8, 2)):
        x = block(x, inputs, 8, stride)
        maps.append(x)
    maps = [net.conv(x, 8, 8) for x in maps]
    for i in (1, 0):
        maps[i] = net.op("Add", maps[i], net.up(maps[i + 1]))
    maps = [net.conv(x, 8, 8, 3) for x in maps]
    for i in (1, 2):
        maps[i] = net.op("Add", maps[i], net.conv(maps[i - 1], 8, 8, 3, 2))
    outputs = [[], [], []]
    for x in maps:
        x = net.relu(net.conv(net.relu(net.conv(x, 8, 8, 3)), 8, 8, 3, groups=8))
        outputs[0].append(net.op("Sigmoid", net.anchors(net.conv(x, 8, 2, 3), 1)))
        boxes = net.op("Mul", net.conv(x, 8, 8, 3), net.constant(np.float32(0.8)))
        outputs[1].append(net.anchors(boxes, 4))
        outputs[2].append(net.anchors(net.conv(x, 8, 20), 10))
    net.save(folder, sum(outputs, []), 11)


def ultraface(folder):
    """Ultra-Light-Fast-Generic-Face-Detector (Linzaer, 2019), without its decoding: MobileNet, dilated branches put
    together, softmax over the classes of all anchors."""
    net = Net("ultraface", 60, 80, 3)
    x = net.relu(net.norm(net.conv("image", 3, 8, 3, 2, bias=False), 8))
    x = net.separable(net.separable(net.separable(x, 8, 16), 16, 16, 2), 16, 16)
    branches = []
    for dilation in (2, 3, 5):
        y = net.relu(net.norm(net.conv(x, 16, 4, bias=False), 4))
        y = net.relu(net.norm(net.conv(y, 4, 8, 3, bias=False), 8))
        branches.append(net.norm(net.conv(y, 8, 8, 3, dilation=dilation, bias=False), 8))
    y = net.norm(net.conv(net.op("Concat", *branches, axis=1), 24, 16, bias=False), 16)
    y = net.op("Mul", y, net.constant(np.float32(0.25)))
    x = net.relu(net.op("Add", y, net.norm(net.conv(x, 16, 16, bias=False), 16)))
    maps, anchors = [x], [3, 2, 2]
    for _ in range(2):
        x = net.separable(x, 16, 16, 2)
        maps.append(x)

    def head(x, numbers):
        return net.conv(net.relu(net.conv(x, 16, 16, 3, groups=16)), 16, numbers)

    both = []
    for numbers in (2, 4):
        each = [net.anchors(head(x, a * numbers), numbers) for x, a in zip(maps, anchors)]
        both.append(net.op("Concat", *each, axis=1))
    net.save(folder, [net.op("Softmax", both[0], axis=2), both[1]], 9)


def blazeface(folder):
    """BlazeFace: V. Bazarevsky et al., 2019, as converted from TensorFlow: uneven pads, shortcuts with padded channels."""
    net = Net("blazeface", 64, 64, 4)

    def padded(x, pads):
        return net.op("Pad", x, net.constant(np.array(pads, np.int64)))

    def block(x, inputs, outputs, stride):
        y = padded(x, [0, 0, 0, 0, 0, 0, 1, 1]) if stride == 2 else x
        y = net.conv(y, inputs, inputs, 3, stride, 0 if stride == 2 else 1, groups=inputs)
        y = net.conv(y, inputs, outputs)
        if stride == 2:
            x = net.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        if inputs != outputs:
            x = padded(x, [0, 0, 0, 0, 0, outputs - inputs, 0, 0])
        return net.relu(net.op("Add", y, x))

    x = net.relu(net.conv(padded("image", [0, 0, 1, 1, 0, 0, 2, 2]), 3, 12, 5, 2, 0))
    for inputs, outputs, stride in ((12, 14, 1), (14, 16, 1), (16, 20, 2), (20, 24, 1)):
        x = block(x, inputs, outputs, stride)
    front = x
    back = block(block(x, 24, 32, 2), 32, 32, 1)
    both = []
    for numbers in (1, 16):
        each = [net.anchors(net.conv(x, c, a * numbers), numbers) for x, c, a in ((front, 24, 2), (back, 32, 6))]
        both.append(net.op("Concat", *each, axis=1))
    net.save(folder, [both[1], both[0]])


def operators(folder):
    """One network for each operator with settings of its own: a convolution first, so that there is something to see."""
    def one(name, add, opset=13, height=9, width=11):
        net = Net(name, height, width, 5)
        outputs = add(net, net.conv("image", 3, 6, 3))
        net.save(folder, outputs if isinstance(outputs, list) else [outputs], opset)

    def resize(mode, coordinates, scales, nearest="floor"):
        def add(net, x):
            scales_ = net.constant(np.array([1, 1, *scales], np.float32))
            return net.op("Resize", x, "", scales_, mode=mode, coordinate_transformation_mode=coordinates,
                          nearest_mode=nearest)
        return add

    def deconv(side, stride, pads, extra):
        def add(net, x):
            weight = net.numbers(6, 4, side, side)
            return net.op("ConvTranspose", x, weight, net.numbers(4), kernel_shape=[side] * 2, strides=[stride] * 2,
                          pads=pads, output_padding=[extra] * 2)
        return add

    def attention(net, x):
        # Squeeze and excitation, h-swish and h-sigmoid: MobileNetV3.
        y = net.op("GlobalAveragePool", x)
        y = net.relu(net.conv(y, 6, 3))
        y = net.conv(y, 3, 6)
        y = net.op("Clip", net.op("Add", y, net.constant(np.float32(3))), net.constant(np.float32(0)),
                   net.constant(np.float32(6)))
        y = net.op("Div", y, net.constant(np.float32(6)))
        x = net.op("Mul", x, y)
        return net.op("HardSwish", x)

    def head(net, x):
        # A head with its classes in planes, one without a batch of its own, and a fully connected one.
        flat = net.op("Reshape", x, net.constant(np.array([1, 2, 3, -1], np.int64)))
        planes = net.op("Softmax", net.op("Transpose", flat, perm=[0, 3, 1, 2]), axis=3)
        gemm = net.op("Gemm", net.op("Flatten", x), net.numbers(7, 6 * 99, scale=0.05), net.numbers(7), transB=1)
        mean = net.op("ReduceMean", x, axes=[2, 3], keepdims=0)
        product = net.op("MatMul", mean, net.numbers(6, 5))
        unit = net.op("Div", product, net.op("Sqrt", net.op("ReduceSum", net.op("Mul", product, product),
                      net.constant(np.array([1], np.int64)), keepdims=1)))
        return [planes, net.op("Tanh", gemm), unit]

    one("prelu", lambda net, x: net.op("PRelu", x, net.numbers(6, 1, 1)))
    one("leaky", lambda net, x: net.op("LeakyRelu", x, alpha=0.2))
    one("nearest", resize("nearest", "asymmetric", (2, 3)))
    one("nearest_half", resize("nearest", "half_pixel", (2, 2), "round_prefer_floor"))
    one("linear", resize("linear", "half_pixel", (2, 2)))
    one("linear_pytorch", resize("linear", "pytorch_half_pixel", (2, 3)))
    one("linear_corners", resize("linear", "align_corners", (3, 2)))
    one("linear_asymmetric", resize("linear", "asymmetric", (2, 2)))
    one("cubic", resize("cubic", "half_pixel", (2, 2)))
    one("uneven", lambda net, x: net.conv(x, 6, 8, 3, 2, [0, 1, 2, 1]))
    one("same", lambda net, x: net.op("Conv", x, net.numbers(8, 6, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER"))
    one("dilated", lambda net, x: net.conv(x, 6, 8, 3, dilation=2))
    one("grouped", lambda net, x: net.conv(x, 6, 8, 3, groups=2))
    one("multiplied", lambda net, x: net.conv(x, 6, 12, 3, groups=6))
    one("deconv", deconv(2, 2, [0, 0, 0, 0], 0))
    one("deconv_cut", deconv(3, 2, [1, 1, 1, 1], 1))
    one("averages", lambda net, x: [
        net.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=c)
        for c in (0, 1)])
    one("rounded_up", lambda net, x: net.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1))
    one("attention", attention, 14)
    one("head", head)
    one("plain", lambda net, x: x)
    one("sine", lambda net, x: net.op("Sin", x))


folder = Path(sys.argv[1])
for make in (yunet, scrfd, ultraface, blazeface, operators):
    make(folder)
