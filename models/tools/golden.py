#!/usr/bin/env python3
"""The reference chain in plain Python: CenterFace, alignment, MobileFaceNet, dlib age and gender. Its answers are what
tests/passerby/golden.rs holds the Rust chain to.

    golden.py --models DIR [--out golden.json] [--check golden.json] PICTURE...

--models   folder with centerface*.onnx, mobilefacenet*.onnx, age-v1*.onnx and gender-v1*.onnx (a `_fp16` file is
           taken where there is one: those are the bundled ones); several folders may be given, one --models each
--out      write the answers: a list of {image, size [w, h], faces: [{box, score, landmarks, age, p_male, embedding}]}
--check    compare with answers of the same form and print the largest differences
--long     long side of the detector's input, 640 by default; --threshold, 0.5 by default

Pixel-index coordinates, as in OpenCV: an integer is the centre of a pixel. Needs numpy, opencv-python-headless and
onnxruntime.
"""
import argparse, json, os, sys
import cv2, numpy as np, onnxruntime as ort

# Where the embedder's training put the landmarks in its 112x112 chip (ArcFace's template).
CHIP112 = np.array([(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)])
# Points of dlib's mean face, for a chip of side 1 with a padding of 0.2 (dlib, get_face_chip_details).
MEAN_FACE = np.array([(.2273, .2214), (.7528, .2212), (.4901, .5156), (.2541, .7802), (.7261, .7802)])
CHIP_DLIB = (0.2 + MEAN_FACE) / 1.4
MEAN_RGB = np.array([122.781998, 117.000999, 104.297997], np.float32)  # dlib, input_rgb_image


def session(folders, name):
    for file in (f'{name}_fp16.onnx', f'{name}.onnx'):
        for folder in folders:
            path = os.path.join(folder, file)
            if os.path.exists(path):
                options = ort.SessionOptions()
                options.log_severity_level = 3
                return ort.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    sys.exit(f'{name}.onnx: in none of {folders}')


def similarity(source, target):
    """Umeyama 1991: the least-squares rotation, uniform scale and translation, without reflection, as 2x3."""
    ms, mt = source.mean(0), target.mean(0)
    s, t = source - ms, target - mt
    u, d, vt = np.linalg.svd(t.T @ s / len(s))
    flip = np.diag([1, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    r = u @ flip @ vt
    scale = np.trace(np.diag(d) @ flip) / (s ** 2).sum() * len(s)
    return np.hstack([scale * r, (mt - scale * r @ ms)[:, None]])


def chip(rgb, landmarks, template, size, border):
    return cv2.warpAffine(rgb, similarity(landmarks, template), (size, size), flags=cv2.INTER_LINEAR, borderMode=border)


def batch(rgb):
    return np.ascontiguousarray(rgb.astype(np.float32).transpose(2, 0, 1)[None])


def nms(boxes, scores, limit):
    order, keep = np.argsort(-scores, kind='stable'), []
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    while len(order):
        i, rest = order[0], order[1:]
        keep.append(i)
        w = np.clip(np.minimum(boxes[i, 2], boxes[rest, 2]) - np.maximum(boxes[i, 0], boxes[rest, 0]), 0, None)
        h = np.clip(np.minimum(boxes[i, 3], boxes[rest, 3]) - np.maximum(boxes[i, 1], boxes[rest, 1]), 0, None)
        order = rest[w * h <= limit * (area[i] + area[rest] - w * h)]
    return keep


class Chain:
    def __init__(self, folders, long_side, threshold):
        self.detector, self.age, self.gender = (session(folders, n) for n in ('centerface', 'age-v1', 'gender-v1'))
        self.embedder = session(folders, 'mobilefacenet_fast')
        self.long, self.threshold = long_side, threshold

    def detect(self, rgb):
        """Boxes [n,4], scores [n], landmarks [n,5,2] in pixels of the picture, best first."""
        h, w = rgb.shape[:2]
        s = self.long / max(w, h)
        nw, nh = max(1, round(w * s)), max(1, round(h * s))
        W, H = -(-nw // 32) * 32, -(-nh // 32) * 32
        inside = np.zeros((H, W, 3), np.uint8)
        inside[:nh, :nw] = cv2.resize(rgb, (nw, nh), interpolation=cv2.INTER_AREA if s < 1 else cv2.INTER_LINEAR)
        heat, scale, offset, points = self.detector.run(['537', '538', '539', '540'], {'input.1': batch(inside)})
        cy, cx = np.where(heat[0, 0] > self.threshold)
        score = heat[0, 0, cy, cx]
        bh, bw = 4 * np.exp(scale[0, 0, cy, cx]), 4 * np.exp(scale[0, 1, cy, cx])
        x1 = np.clip(4 * (cx + offset[0, 1, cy, cx] + .5) - bw / 2, 0, W)
        y1 = np.clip(4 * (cy + offset[0, 0, cy, cx] + .5) - bh / 2, 0, H)
        boxes = np.stack([x1, y1, np.minimum(x1 + bw, W), np.minimum(y1 + bh, H)], 1).reshape(-1, 4)
        p = points[0, :, cy, cx].reshape(-1, 10)
        landmarks = np.stack([x1[:, None] + bw[:, None] * p[:, 1::2], y1[:, None] + bh[:, None] * p[:, 0::2]], 2)
        keep = nms(boxes, score, .3)
        to_picture = np.array([w / nw, h / nh])
        return boxes[keep] * np.tile(to_picture, 2), score[keep], landmarks[keep] * to_picture

    def embed(self, rgb, landmarks):
        x = (batch(chip(rgb, landmarks, CHIP112, 112, cv2.BORDER_CONSTANT)) - 127.5) / 128
        e = self.embedder.run(None, {'input': x})[0][0]
        return e / np.linalg.norm(e)

    def attributes(self, rgb, landmarks):
        def run(net, side):
            x = chip(rgb, landmarks, CHIP_DLIB * side, side, cv2.BORDER_REPLICATE)
            return net.run(None, {'images': batch((x.astype(np.float32) - MEAN_RGB) / 256)})[0][0]
        p = run(self.age, 64)
        return float(p @ np.r_[.25, 1:len(p)]), float(run(self.gender, 32)[1])

    def describe(self, path):
        rgb = cv2.cvtColor(cv2.imread(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        faces = []
        for box, score, landmarks in zip(*self.detect(rgb)):
            age, p_male = self.attributes(rgb, landmarks)
            faces.append({
                'box': [round(float(v), 1) for v in box], 'score': round(float(score), 3),
                'landmarks': [[round(float(v), 1) for v in p] for p in landmarks],
                'age': round(age, 1), 'p_male': round(p_male, 3),
                'embedding': [round(float(v), 4) for v in self.embed(rgb, landmarks)],
            })
        return {'image': os.path.basename(path), 'size': [rgb.shape[1], rgb.shape[0]], 'faces': faces}


def iou(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(w, 0) * max(h, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def check(got, want):
    want = {entry['image']: entry for entry in want}
    for entry in got:
        expected = want[entry['image']]['faces']
        print(f"{entry['image']}: {len(entry['faces'])} faces, {len(expected)} expected")
        for g, e in zip(entry['faces'], expected):
            far = np.abs(np.array(g['landmarks']) - e['landmarks']).max() / (e['box'][2] - e['box'][0])
            a, b = np.array(g['embedding']), np.array(e['embedding'])
            cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            print(f"  IoU {iou(g['box'], e['box']):.4f}  landmarks {100 * far:.2f} % of the width  score {g['score'] - e['score']:+.3f}"
                  f"  cosine {cosine:.5f}  age {g['age'] - e['age']:+.1f}  p_male {g['p_male'] - e['p_male']:+.3f}")


def write(path, entries):
    """One line a face's field, so that a difference is readable."""
    line = lambda v: json.dumps(v, separators=(',', ':'))
    out = []
    for entry in entries:
        faces = ',\n'.join('   {' + ',\n    '.join(f'"{k}": {line(v)}' for k, v in f.items()) + '}' for f in entry['faces'])
        out.append(f' {{"image": {line(entry["image"])}, "size": {line(entry["size"])}, "faces": [\n{faces}]}}')
    with open(path, 'w') as file:
        file.write('[\n' + ',\n'.join(out) + '\n]\n')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--models', action='append', required=True)
    parser.add_argument('--out')
    parser.add_argument('--check')
    parser.add_argument('--long', type=int, default=640)
    parser.add_argument('--threshold', type=float, default=0.5)
    parser.add_argument('pictures', nargs='+')
    args = parser.parse_args()
    chain = Chain(args.models, args.long, args.threshold)
    answers = [chain.describe(path) for path in args.pictures]
    if args.out:
        write(args.out, answers)
    if args.check:
        check(answers, json.load(open(args.check)))
