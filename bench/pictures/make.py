"""Makes the pictures beside this file from photographs that come with scikit-image.

    python make.py        (needs scikit-image and Pillow)
"""

import io
from pathlib import Path

from PIL import Image
from skimage import data

WIDTH, HEIGHT, BYTES = 500, 375, 55_000


def encoded(picture, quality):
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, subsampling=2)
    return out.getvalue()


for name in ["astronaut", "chelsea", "coffee", "rocket"]:
    photograph = Image.fromarray(getattr(data, name)()[..., :3])
    width = min(photograph.width, photograph.height * WIDTH // HEIGHT)
    height = width * HEIGHT // WIDTH
    left, top = (photograph.width - width) // 2, (photograph.height - height) // 2
    picture = photograph.resize((WIDTH, HEIGHT), Image.LANCZOS, box=(left, top, left + width, top + height))
    files = [encoded(picture, quality) for quality in range(70, 99)]
    Path(__file__).with_name(f"{name}.jpg").write_bytes(min(files, key=lambda file: abs(len(file) - BYTES)))
