#!/usr/bin/env python3
"""The answers of faceres and dlib's networks for portraits, by onnxruntime and OpenCV.

  golden_attributes.py YUNET FACERES AGE GENDER PICTURE... > ../../crates/demographics/tests/data/portraits.json

YUNET is `face_detection_yunet_2023mar.onnx` of opencv_zoo, and the others are the bundled files. OpenCV's own detector finds the face.
The numbers of its box and landmarks are part of the output, so a test can give the same face to another implementation.
"""
import json, sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

# The centres of the eyes, the tip of the nose and the corners of the mouth in dlib's mean face.
MEAN_FACE = np.array([(.2273, .2214), (.7528, .2212), (.4901, .5156), (.2541, .7802), (.7261, .7802)])
DLIB_MEAN = np.array((122.781998, 117.000999, 104.297997))
VGG_MEAN = np.array((103.939, 116.779, 123.68))


def similarity(source, target):
    """Umeyama's least-squares fit, without reflection."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    source, target = source - source_mean, target - target_mean
    u, s, vt = np.linalg.svd(target.T @ source / len(source))
    sign = np.diag([1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ sign @ vt
    scale = np.trace(np.diag(s) @ sign) / (source ** 2).sum(1).mean()
    return np.hstack([scale * rotation, (target_mean - scale * rotation @ source_mean)[:, None]])


def sample(picture, matrix, side):
    return cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def run(network, chip):
    return network.run(None, {network.get_inputs()[0].name: chip.transpose(2, 0, 1)[None].astype(np.float32)})


def dlib(network, picture, landmarks, side):
    chip = sample(picture, similarity(landmarks, (.2 + MEAN_FACE) / 1.4 * side), side)[:, :, ::-1]
    return run(network, (chip - DLIB_MEAN) / 256)[0][0]


def faceres(network, picture, box):
    x, y, width, height = box
    scale = 224 / (1.15 * max(width, height))
    matrix = np.array([[scale, 0, 111.5 - scale * (x + width / 2)], [0, scale, 111.5 - scale * (y + height / 2)]])
    return run(network, sample(picture, matrix, 224) - VGG_MEAN)


def main():
    yunet, *networks = sys.argv[1:5]
    detector = cv2.FaceDetectorYN.create(yunet, "", (320, 320), 0.6, 0.3)
    faceres_net, age_net, gender_net = [onnxruntime.InferenceSession(path) for path in networks]
    answers = []
    for path in sys.argv[5:]:
        picture = cv2.imread(path)
        height, width = picture.shape[:2]
        shrink = min(1, 640 / max(width, height))
        small = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        detector.setInputSize(small.shape[1::-1])
        face = max(detector.detect(small)[1], key=lambda face: face[2]) / shrink
        box, landmarks = face[:4].astype(float), face[4:14].reshape(5, 2).astype(float)
        ages, gender = faceres(faceres_net, picture, box)
        ages = ages[0].astype(float)
        years = np.arange(1, 101)
        likeliest = np.argsort(-ages)[:10]
        dlib_ages = dlib(age_net, picture, landmarks, 64).astype(float)
        answers.append({
            "picture": Path(path).name,
            "box": [round(v, 3) for v in box],
            "landmarks": [[round(v, 3) for v in point] for point in landmarks],
            "faceres_years": round(float((ages[likeliest] * years[likeliest]).sum() / ages[likeliest].sum()), 3),
            "faceres_deviation": round(float(np.sqrt((ages * (years - ages @ years) ** 2).sum())), 3),
            "faceres_p_male": round(float(gender[0, 0]), 4),
            "dlib_years": round(float(.25 * dlib_ages[0] + dlib_ages @ np.arange(81)), 3),
            "dlib_p_male": round(float(dlib(gender_net, picture, landmarks, 32)[1]), 4),
        })
    json.dump(answers, sys.stdout, indent=1)
    print()


main()
