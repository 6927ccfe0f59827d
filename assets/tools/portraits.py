#!/usr/bin/env python3
"""Remakes crates/capture/portraits/*.jpg from the photographs named in assets/README.md.

usage: portraits.py FOLDER_WITH_THE_PHOTOGRAPHS [OUT_FOLDER]

Each photograph is cropped and shrunk so that the face's box is about 165 pixels wide (the astronaut's stays 91).
Prints the width, height and sha256 of each file. Pillow 13.0.0 made the files in the repository; other versions of
libjpeg may give other bytes for the same picture.
"""

import hashlib
import pathlib
import sys

from PIL import Image

# name: photograph, crop (left, top, right, bottom) in its pixels, scale
PORTRAITS = {
    "obama": ("obama.jpg", (20, 0, 870, 1030), 0.66),
    "biden": ("biden.jpg", (0, 0, 970, 1300), 0.57),
    "astronaut": ("astronaut.png", (0, 0, 512, 505), 1.0),
    "obama2": ("obama2.jpg", (0, 120, 626, 1050), 0.60),
    "obama3": ("obama3.jpg", (220, 120, 1260, 1330), 0.55),
}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    root = pathlib.Path(__file__).resolve().parents[2]
    source = pathlib.Path(sys.argv[1])
    out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else root / "crates/capture/portraits"
    out.mkdir(parents=True, exist_ok=True)
    for name, (photograph, crop, scale) in PORTRAITS.items():
        picture = Image.open(source / photograph).convert("RGB").crop(crop)
        size = tuple(round(side * scale) for side in picture.size)
        if size != picture.size:
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        path = out / f"{name}.jpg"
        picture.save(path, quality=88, optimize=True, subsampling=0 if name == "astronaut" else 2)
        data = path.read_bytes()
        print(f"{path.name} {size[0]}x{size[1]} {len(data)} bytes sha256 {hashlib.sha256(data).hexdigest()}")


main()
