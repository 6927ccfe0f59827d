"""Makes the reference values of OpenCV in this folder. Needs numpy and opencv.

    python make.py

The images are made from fixed formulas. With another version of OpenCV the values may differ by a level.
"""
import json
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).parent


def image(width, height):
    """Smooth, with an edge: x, y and a disc."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    disc = ((2 * x - width) ** 2 + (2 * y - height) ** 2 < (min(width, height) * 3 // 4) ** 2) * 90
    return np.stack([x * 255 // width, y * 255 // height, 40 + disc + (x * y) % 23], 2).astype(np.uint8)


def opencv():
    cases = []
    for (w, h_), (nw, nh) in {(61, 37): (24, 15), (48, 32): (24, 16), (17, 11): (40, 26), (33, 9): (33, 9)}.items():
        small = nw < w
        out = cv2.resize(image(w, h_), (nw, nh), interpolation=cv2.INTER_AREA if small else cv2.INTER_LINEAR)
        cases.append(dict(kind="resize", image=[w, h_], size=[nw, nh], rgb=out.flatten().tolist()))
    for border in ("zero", "replicate"):
        for a, b, tx, ty in [(1, 0, 0, 0), (1.7, 0.4, 3.25, -6.5), (0.45, -0.2, 20, 14.5), (2.9, 1.1, -30, 7)]:
            flag = cv2.BORDER_CONSTANT if border == "zero" else cv2.BORDER_REPLICATE
            m = np.array([[a, -b, tx], [b, a, ty]], np.float64)
            out = cv2.warpAffine(image(61, 47), m, (16, 16), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                                 borderMode=flag, borderValue=0)
            cases.append(dict(kind="warp", image=[61, 47], transform=[a, b, tx, ty], border=border, size=[16, 16],
                              rgb=out.flatten().tolist()))
    (HERE / "opencv.json").write_text(json.dumps(cases))


opencv()
