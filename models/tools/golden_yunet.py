#!/usr/bin/env python3
"""The answers of OpenCV's own YuNet detector, to which tests/passerby/golden.rs holds the Rust detector.

    golden_yunet.py face_detection_yunet_2023mar.onnx PICTURE... >tests/golden/yunet.json

Writes a list of {image, size [w, h], faces: [{box [x1, y1, x2, y2], score, landmarks}]}. The longer side of the input is 640, shrunk
by area average; score threshold 0.6, NMS 0.3. Needs opencv-python-headless 5.
"""
import json, os, sys
import cv2

network, *pictures = sys.argv[1:]
entries = []
for path in pictures:
    picture = cv2.imread(path)
    height, width = picture.shape[:2]
    scale = 640 / max(width, height)
    size = round(width * scale), round(height * scale)
    scaled = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    detector = cv2.FaceDetectorYN.create(network, '', size, 0.6, 0.3, 5000)
    found = detector.detect(scaled)[1]
    faces = []
    for row in found if found is not None else []:
        x, y = width / size[0], height / size[1]
        box = [row[0] * x, row[1] * y, (row[0] + row[2]) * x, (row[1] + row[3]) * y]
        # OpenCV's order is the person's right eye first, which is at the left of the picture.
        points = [[float(row[4 + 2 * i]) * x, float(row[5 + 2 * i]) * y] for i in range(5)]
        faces.append({'box': [round(float(v), 2) for v in box], 'score': round(float(row[14]), 4),
                      'landmarks': [[round(v, 2) for v in p] for p in points]})
    entries.append({'image': os.path.basename(path), 'size': [width, height], 'faces': faces})
print('[\n ' + ',\n '.join(json.dumps(e) for e in entries) + '\n]')
