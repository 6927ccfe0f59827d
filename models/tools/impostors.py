#!/usr/bin/env python3
"""Measures how alike the bundled embedder finds different people, and writes crates/reid/src/similarity/bundled_impostors.rs.

    impostors.py --detector face_detection_yunet_2023mar.onnx --models ../../crates/reid/models \
        --people DIR --single DIR --ages DIR >../../crates/reid/src/similarity/bundled_impostors.rs

--people   folder with a subfolder for each person, several pictures in each (LFW, deep-funneled)
--single   folder with one picture of each further person (LFW, deep-funneled)
--ages     folder with pictures named AGE_GENDER_..., each of another person (UTKFace)
--leave    a picture to leave out; may be given again (a person who is in the set twice under two names)
--half     0 or 1: uses every other person of each folder only, so that the other half can test the result

The report about the pictures goes to standard error: what each part of the file comes from, and what the pictures say of sizes,
light and sharpness as predictors of errors (docs/evaluation.md has these tables). Needs numpy, onnx, onnxruntime and
opencv-python-headless 5.
"""
import argparse, os, sys
import cv2, numpy as np, onnx, onnxruntime as ort
from golden import CHIP112, batch, chip

# The rates of the table: ten a decade. Rates below TAIL are few pairs; an exponential tail takes their place.
DECADES, STEPS, TAIL = 9, 10, 2e-4
# Ages up to which the face counts as young, the ridge of the regression, and what of it counts for the threshold.
YOUNG, RIDGE, SPARED, WEIGHT = 25, 1.0, 0.1, 0.5


class Chain:
    """Detector, alignment, embedder: the embedding of a picture's largest face, before it is normalised."""

    def __init__(self, detector, models):
        self.detector = cv2.FaceDetectorYN.create(detector, '', (320, 320), 0.55, 0.3, 5000)
        model = onnx.load(os.path.join(models, 'mobilefacenet_fast_fp16.onnx'))
        # The features before the network divides them by their length.
        raw = next(n.input[0] for n in model.graph.node if n.output[0] == 'embedding')
        model.graph.output.append(onnx.helper.make_tensor_value_info(raw, 1, None))
        options = ort.SessionOptions()
        options.log_severity_level = 3
        self.session, self.raw = ort.InferenceSession(model.SerializeToString(), options, providers=['CPUExecutionProvider']), raw

    def __call__(self, picture):
        """A dictionary of the face, or None if the picture shows none or shows two of nearly one size."""
        height, width = picture.shape[:2]
        scale = 320 / max(width, height)
        size = round(width * scale), round(height * scale)
        self.detector.setInputSize(size)
        found = self.detector.detect(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR))[1]
        if found is None:
            return None
        found = sorted(found, key=lambda row: -row[2] * row[3])
        if len(found) > 1 and found[1][2] * found[1][3] > 0.5 * found[0][2] * found[0][3]:
            return None
        points = found[0][4:14].reshape(5, 2) / scale
        face = chip(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), points, CHIP112, 112, cv2.BORDER_CONSTANT)
        features = self.session.run([self.raw], {'input': (batch(face) - 127.5) / 128})[0][0]
        length = float(np.linalg.norm(features))
        gray = cv2.cvtColor(face[16:104, 16:96], cv2.COLOR_RGB2GRAY).astype(np.float32)
        left, right = np.linalg.norm(points[2] - points[0]), np.linalg.norm(points[2] - points[1])
        return {'embedding': features / length, 'length': length, 'size': min(found[0][2:4]) / scale, 'score': float(found[0][14]),
                'frontality': min(left, right) / max(left, right), 'sharpness': cv2.Laplacian(gray, cv2.CV_32F).var(),
                'brightness': gray.mean()}


def read(chain, path, border=0):
    picture = cv2.imread(path)
    return None if picture is None else chain(cv2.copyMakeBorder(picture, *[border] * 4, cv2.BORDER_REPLICATE))


def folder(chain, path, leave, border=0):
    names = sorted(name for name in os.listdir(path) if name not in leave)
    faces = [(name, read(chain, os.path.join(path, name), border)) for name in names]
    return [(name, face) for name, face in faces if face]


def matrix(faces):
    return np.array([face['embedding'] for _, face in faces])


def pairs(a):
    return (a @ a.T)[np.triu_indices(len(a), 1)]


def unit(a):
    return a / np.linalg.norm(a, axis=-1, keepdims=True)


def youth(ages, adults):
    """The direction in which young faces lie: a ridge regression of youth, from 1 at birth to 0 at YOUNG."""
    a = np.vstack([matrix(ages), adults])
    y = np.r_[[max(0, 1 - int(name.split('_')[0]) / YOUNG) for name, _ in ages], np.zeros(len(adults))]
    middle = a.mean(0)
    x = a - middle
    d = np.linalg.solve(x.T @ x + RIDGE * np.eye(a.shape[1]), x.T @ (y - y.mean()))
    return d, float(y.mean() - middle @ d - SPARED)


def raises(a, direction, offset):
    return WEIGHT * np.clip(a @ direction + offset, 0, 1)


def table(scores):
    """The score that a share of the pairs reaches, for each rate. Below TAIL: an exponential fitted to the excess over TAIL."""
    rates = [10 ** (-step / STEPS) for step in range(STEPS, DECADES * STEPS + 1)]
    base = np.quantile(scores, 1 - TAIL)
    excess = scores[scores > base] - base
    scale = excess.mean()
    return rates, [float(np.quantile(scores, 1 - r)) if r >= TAIL else float(base + scale * np.log(TAIL / r)) for r in rates], scale


def views(people, single, random):
    """How much the rare scores of different people grow if one side is the mean of n pictures, by n."""
    grown = {}
    known = [matrix(faces) for faces in people]
    def means(n):
        return [np.array([unit(a[random.permutation(len(a))[:n]].sum(0)) for _ in range(8)]) for a in known if len(a) >= n]
    ones = np.concatenate([single] + means(1))
    for n in (1, 2, 3, 4):
        grown[n] = np.mean([np.quantile(np.concatenate(means(n)) @ single.T, 1 - r) for r in (1e-2, 1e-3, 1e-4)])
    return {n: grown[n] - grown[1] for n in grown}


def quality(people, single):
    """How well each quantity of a view predicts its similarity to the person's other views, and to strangers."""
    rank = lambda v: np.argsort(np.argsort(v))
    others = matrix(single)
    rows = []
    for faces in people:
        for i, (_, face) in enumerate(faces):
            rest = [f['embedding'] for j, (_, f) in enumerate(faces) if j != i]
            if len(rest) >= 3:
                rows.append((face, np.mean(rest @ face['embedding']), np.sort(others @ face['embedding'])[-10:].mean()))
    own, near = np.array([r[1] for r in rows]), np.array([r[2] for r in rows])
    for name in ('length', 'score', 'size', 'frontality', 'sharpness', 'brightness'):
        x = np.array([r[0][name] for r in rows])
        low, high = x <= np.quantile(x, .2), x >= np.quantile(x, .8)
        print(f'{name:11s} rank correlation with own {np.corrcoef(rank(x), rank(own))[0, 1]:+.2f}, with strangers '
              f'{np.corrcoef(rank(x), rank(near))[0, 1]:+.2f}; lowest fifth {own[low].mean():.3f}, highest {own[high].mean():.3f}',
              file=sys.stderr)


def degraded(chain, path, leave):
    """What small, blurred, noisy and dark pictures do to the length and to the scores of different people."""
    random = np.random.default_rng(0)
    def small(side):
        def change(p):
            s = side / 94  # the median width of a face of LFW
            return cv2.resize(cv2.resize(p, None, fx=s, fy=s, interpolation=cv2.INTER_AREA), p.shape[1::-1])
        return change
    changes = {'as it is': lambda p: p}
    changes |= {f'{n} px wide': small(n) for n in (48, 32, 24, 16, 12)}
    changes |= {f'blur, sigma {s}': lambda p, s=s: cv2.GaussianBlur(p, (0, 0), s) for s in (1.5, 3, 5)}
    changes |= {f'noise, sigma {s}': lambda p, s=s: np.clip(p + random.normal(0, s, p.shape), 0, 255).astype(np.uint8) for s in (10, 25)}
    changes |= {f'light x {g}': lambda p, g=g: (p * g).astype(np.uint8) for g in (.5, .25, .12)}
    names = sorted(name for name in os.listdir(path) if name not in leave)[:300]
    for what, change in changes.items():
        faces = [f for f in (chain(change(cv2.imread(os.path.join(path, n)))) for n in names) if f]
        scores = pairs(np.array([f['embedding'] for f in faces]))
        print(f'{what:16s} {len(faces)} faces, length {np.mean([f["length"] for f in faces]):.1f}, different people: mean '
              f'{scores.mean():.3f}, 1 in 100 {np.quantile(scores, .99):.3f}, 1 in 1000 {np.quantile(scores, .999):.3f}', file=sys.stderr)


def numbers(values, digits):
    return '\n'.join('    ' + ' '.join(f'{v:.{digits}f},' for v in values[i:i + 12]) for i in range(0, len(values), 12))


def main():
    parser = argparse.ArgumentParser()
    for name in ('--detector', '--models', '--people', '--single', '--ages'):
        parser.add_argument(name, required=True)
    parser.add_argument('--leave', action='append', default=[])
    parser.add_argument('--half', type=int, choices=(0, 1))
    parser.add_argument('--quick', action='store_true', help='without the tables about quality')
    args = parser.parse_args()
    chain = Chain(args.detector, args.models)
    part = lambda a: a if args.half is None else a[args.half::2]
    people = part([folder(chain, os.path.join(args.people, p), args.leave) for p in sorted(os.listdir(args.people))])
    single, ages = part(folder(chain, args.single, args.leave)), part(folder(chain, args.ages, args.leave, border=60))

    adults = np.vstack([matrix(single)] + [matrix(faces[:1]) for faces in people if faces])
    direction, offset = youth(ages, adults)
    own = raises(adults, direction, offset)
    scores = (adults @ adults.T - own[:, None] - own[None])[np.triu_indices(len(adults), 1)]
    rates, cosines, scale = table(scores)
    same = np.concatenate([pairs(matrix(faces)) for faces in people if len(faces) > 1])
    grown = views(people, matrix(single), np.random.default_rng(1))
    n = np.array([2, 3, 4])
    view_raise = float(np.sum((1 - 1 / n) * [grown[i] for i in n]) / np.sum((1 - 1 / n) ** 2))

    report = lambda *a: print(*a, file=sys.stderr)
    report(f'{len(adults)} people, {len(scores)} pairs of different people, tail scale {scale:.4f}; {len(same)} pairs of one person, '
           f'mean {same.mean():.4f}; {len(ages)} faces with an age')
    report('growth of the scores of different people by pictures a side', {k: round(float(v), 4) for k, v in grown.items()})
    for low, high in ((0, 6), (7, 13), (14, 20), (21, 34), (35, 59), (60, 90)):
        a = matrix([f for f in ages if low <= int(f[0].split('_')[0]) <= high])
        r = raises(a, direction, offset)
        before, after = pairs(a), (a @ a.T - r[:, None] - r[None])[np.triu_indices(len(a), 1)]
        t = cosines[3 * STEPS]
        report(f'ages {low} to {high}: {len(a)} faces, raise {r.mean():.3f}; at 1 in 10,000: {100 * np.mean(before >= t):.2f} % of the pairs '
               f'without it, {100 * np.mean(after >= t):.2f} % with it')
    if not args.quick:
        quality(people, single)
        degraded(chain, args.single, args.leave)

    print(f'''//! How alike the bundled network finds different people. Written by `models/tools/impostors.py`; see docs/evaluation.md.

/// The cosine that a share of the pairs of different people reaches, after both sides' raises: ten rates a decade, from 1 in 10 to
/// 1 in {10 ** DECADES}. From {len(scores)} pairs of {len(adults)} people; rates below 1 in {round(1 / TAIL)} come from an exponential tail with a scale of
/// {scale:.4f}.
#[rustfmt::skip]
#[allow(clippy::approx_constant, reason = "these are measurements")]
pub(crate) const COSINES: [f32; {len(cosines)}] = [
{numbers(cosines, 4)}
];

/// The mean cosine of {len(same)} pairs of pictures of one person.
pub(crate) const SAME_PERSON: f32 = {same.mean():.4f};

/// How much more alike different people are if one side is the mean of very many pictures and not a single one. Of n
/// pictures it is this times 1 - 1/n. Measured for 2, 3 and 4: {', '.join(f'{grown[i]:.4f}' for i in n)}.
pub(crate) const MANY_VIEWS_RAISE: f32 = {view_raise:.4f};

/// How much the threshold rises for a face that is as young as can be, on each side.
pub(crate) const YOUTH_RAISE: f32 = {WEIGHT};

/// The offset to the projection on [`YOUTH`], so that it runs from 0 for grown-ups to 1 for the youngest.
pub(crate) const YOUTH_OFFSET: f32 = {offset:.4f};

/// The direction in which young faces lie, which the network cannot tell apart. From {len(ages)} faces with an age.
#[rustfmt::skip]
#[allow(clippy::approx_constant, reason = "these are measurements")]
pub(crate) const YOUTH: [f32; {len(direction)}] = [
{numbers(direction, 4)}
];''')


if __name__ == '__main__':
    main()
