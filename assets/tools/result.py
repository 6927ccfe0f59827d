#!/usr/bin/env python3
"""Draws what `analyze` found in frames of a video: the picture of the README.

    cargo run --release -p passerby-cli -- analyze --faces faces.jsonl assets/passersby.mp4
    ffmpeg -i assets/passersby.mp4 -vf "select=eq(n\\,86)" -frames:v 1 frame.png       # frame 87, counted from 1
    result.py faces.jsonl 87 frame.png assets/result.jpg

Needs Pillow 13.
"""
import json, sys
from PIL import Image, ImageDraw, ImageFont

lines, number, picture, out = sys.argv[1:5]
frame = next(f for f in map(json.loads, open(lines)) if f['frame'] == int(number))
image = Image.open(picture).convert('RGB')
draw, font = ImageDraw.Draw(image), ImageFont.load_default(22)
for face in frame['faces']:
    x1, y1, x2, y2 = face['box']
    draw.rectangle((x1, y1, x2, y2), outline=(40, 220, 120), width=3)
    for x, y in face['landmarks']:
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=(255, 210, 60))
    known = [f"person {face['person']}" if face['person'] else 'person ?', f"track {face['track']}"]
    if face['age'] is not None:
        known.append(f"{face['age']:.0f} ({face['age_interval'][0]:.0f} to {face['age_interval'][1]:.0f})")
        known.append('male' if face['p_male'] > 0.8 else 'female' if face['p_male'] < 0.2 else 'gender ?')
    text = '\n'.join(known)
    left, top, right, bottom = draw.multiline_textbbox((x1, y2 + 8), text, font=font)
    draw.rectangle((left - 4, top - 4, right + 4, bottom + 4), fill=(20, 24, 28))
    draw.multiline_text((x1, y2 + 8), text, font=font, fill=(240, 240, 240))
image.resize((960, 540), Image.LANCZOS).save(out, quality=85)
