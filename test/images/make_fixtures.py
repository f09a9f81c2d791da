"""Makes fixtures/: small pictures of every kind that the loader reads, and what Pillow makes of them.

    python make_fixtures.py        (needs numpy and Pillow)

fixtures/<picture>                  the pictures
fixtures/eval/<picture>.rgb         its shorter side resized to 28, the centre 24 x 24 of that, as raw RGB
fixtures/eval/<picture>.grey        the same as luma
fixtures/train/<index>.rgb          samples of baseline-420.jpg, drawn as native/images/view.cpp draws them
fixtures/interpolation/<filter>.rgb baseline-420.jpg, whole, resized by Pillow's filter of that name
fixtures/scaled/<size>-<photo>.rgb  bench/pictures: the shorter side resized to that, the centre square
fixtures/orientation/<tag>.rgb      exif-rotated.jpg as evaluated, if its EXIF tag were that
fixtures/crops/ten.rgb              baseline-420.jpg: torchvision's TenCrop of it at two scales
fixtures/crops/squares.rgb          the paper's crops of it at one scale, 3 squares x 6 x 2
"""

import io
import math
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).parent / "fixtures"
SIZE, RESIZE = 24, 28
SCALED = 4, 5, 10, 18, 40
SEED, EPOCH, SAMPLES = 7, 3, 12


def scene(width, height, detail=1.0):
    """A picture with soft colours, edges and texture, the same on every machine."""
    y, x = np.mgrid[0:height, 0:width]
    u, v = x / width, y / height
    red = 150 + 60 * np.sin(3 * u + 1) + 25 * np.sin(11 * u * v)
    green = 120 + 70 * np.cos(4 * v) + 20 * np.sin(9 * u + 5 * v)
    blue = 110 + 60 * np.sin(5 * (u - v))
    picture = np.stack([red, green, blue], axis=-1)
    for cx, cy, radius, colour in [(0.3, 0.4, 0.22, (210, 90, 60)), (0.7, 0.65, 0.18, (60, 110, 190))]:
        disc = (u - cx) ** 2 + ((v - cy) * height / width) ** 2 < radius**2
        picture[disc] = picture[disc] * 0.3 + np.array(colour) * 0.7
    stripes = (v > 0.85) & ((x // max(2, width // 20)) % 2 == 0)
    picture[stripes] -= 60
    picture += detail * 8 * np.sin(x * 1.7 + y * 0.9)[..., None] * np.sin(y * 1.3)[..., None]
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def jpeg(pixels, mode="RGB", **options):
    out = io.BytesIO()
    Image.fromarray(pixels, mode).save(out, "JPEG", **{"quality": 85, "subsampling": 2, **options})
    return out.getvalue()


def cmyk_of(rgb):
    """Inks with a black plane of their own, 255 being full."""
    inks = 255 - rgb.astype(int)
    black = inks.min(axis=-1) // 2
    rest = 255 - (255 - inks) * 255 // np.maximum(255 - black[..., None], 1)
    return np.concatenate([np.clip(rest, 0, 255), black[..., None]], axis=-1).astype(np.uint8)


def ycck_jpeg(cmyk):
    """Pillow writes no YCCK: planes are passed off as CMYK (which it inverts), then the Adobe marker is set right."""
    inks = Image.fromarray(cmyk[..., :3]).convert("YCbCr")
    planes = np.concatenate([np.asarray(inks), 255 - cmyk[..., 3:]], axis=-1)
    file = jpeg(255 - planes, "CMYK", subsampling=0)
    marker = file.index(b"Adobe")
    return file[: marker + 11] + b"\x02" + file[marker + 12 :]


def png(samples, colour_type, depth=8, interlaced=False, extra=()):
    """`samples`: height x width x channels integers below 1 << depth."""
    height, width, _ = samples.shape

    def rows(part):
        if part.size == 0:
            return b""
        if depth == 16:
            packed = [row.astype(">u2").tobytes() for row in part.reshape(part.shape[0], -1)]
        else:
            bits = (part.reshape(part.shape[0], -1)[..., None] >> np.arange(depth)[::-1]) & 1
            packed = [np.packbits(row.ravel().astype(np.uint8)).tobytes() for row in bits]
        return b"".join(b"\0" + row for row in packed)

    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    parts = [samples[y::dy, x::dx] for y, x, dy, dx in passes] if interlaced else [samples]
    data = zlib.compress(b"".join(rows(part) for part in parts), 9)

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))
    chunks = [(b"IHDR", header), *extra, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def over_white(rgb, alpha):
    alpha = alpha.astype(int)[..., None]
    return ((rgb * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def pictures():
    """name -> (file, its pixels as RGB; None: what Pillow reads)"""
    rgb = scene(120, 90)
    grey = np.asarray(Image.fromarray(rgb).convert("L"))
    cmyk = cmyk_of(rgb)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    yield "baseline-420.jpg", jpeg(rgb), None
    yield "baseline-422.jpg", jpeg(rgb, subsampling=1), None
    yield "baseline-444.jpg", jpeg(rgb, subsampling=0), None
    yield "portrait.jpg", jpeg(scene(61, 103)), None
    yield "progressive.jpg", jpeg(rgb, progressive=True), None
    yield "restart-markers.jpg", jpeg(rgb, restart_marker_blocks=3), None
    yield "grey.jpg", jpeg(grey, "L"), None
    yield "cmyk.jpg", jpeg(cmyk, "CMYK"), None
    yield "ycck.jpg", ycck_jpeg(cmyk), None
    yield "exif-rotated.jpg", jpeg(rgb, exif=exif), None
    yield "exif-broken.jpg", jpeg(rgb, exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\x99" * 40), None
    yield "tiny.jpg", jpeg(scene(3, 2)), None
    yield "scaled-by-2.jpg", jpeg(scene(320, 280, 0.4), quality=70), None
    yield "scaled-by-4.jpg", jpeg(scene(640, 480, 0.2), quality=60), None
    yield "scaled-by-8.jpg", jpeg(scene(1000, 900, 0), quality=50), None

    rgb = scene(64, 48)
    grey = np.asarray(Image.fromarray(rgb).convert("L"))
    alpha = np.clip(np.add.outer(np.arange(48) * 6, np.arange(64) * 2) - 60, 0, 255).astype(np.uint8)
    yield "a-png.jpeg", png(rgb, 2), rgb
    yield "rgba.png", png(np.dstack([rgb, alpha]), 6), over_white(rgb, alpha)
    yield "grey-alpha.png", png(np.dstack([grey, alpha]), 4), over_white(np.dstack([grey] * 3), alpha)
    yield "interlaced.png", png(rgb, 2, interlaced=True), rgb
    deep = rgb.astype(int) * 257
    yield "rgb-16-bit.png", png(deep, 2, depth=16), rgb
    yield "grey-16-bit.png", png(deep[..., :1], 0, depth=16), np.dstack([rgb[..., 0]] * 3)
    dots = (grey > 128)[..., None].astype(int)
    yield "grey-1-bit.png", png(dots, 0, depth=1), np.dstack([dots * 255] * 3).astype(np.uint8)
    levels = grey[..., None] >> 4
    palette = np.stack([np.arange(16) * 17, np.arange(16)[::-1] * 17, np.full(16, 90)], axis=-1).astype(np.uint8)
    opacity = (np.arange(16) * 17).astype(np.uint8)
    colours = [(b"PLTE", palette.tobytes())]
    yield "palette.png", png(levels, 3, depth=4, extra=colours), palette[levels[..., 0]]
    yield (
        "palette-transparent.png",
        png(levels, 3, depth=4, extra=[*colours, (b"tRNS", opacity.tobytes())]),
        over_white(palette[levels[..., 0]], opacity[levels[..., 0]]),
    )


def evaluated(picture, resize=RESIZE, size=SIZE):
    """torchvision's Resize(resize) and CenterCrop(size) by Pillow."""
    width, height = picture.size
    shorter = min(width, height)
    resized = picture.resize((resize * width // shorter, resize * height // shorter), Image.BILINEAR)
    left, top = (round((side - size) / 2) for side in resized.size)
    return resized.crop((left, top, left + size, top + size))


def five(picture, left, top, width, height):
    """The corners and the centre of a part of a picture."""
    right, bottom = left + width - SIZE, top + height - SIZE
    middle = left + round((width - SIZE) / 2), top + round((height - SIZE) / 2)
    for x, y in [(left, top), (right, top), (left, bottom), (right, bottom), middle]:
        yield picture.crop((x, y, x + SIZE, y + SIZE))


def resized_to(picture, shorter):
    side = min(picture.size)
    return picture.resize(tuple(shorter * length // side for length in picture.size), Image.BILINEAR)


def with_mirrored(crops):
    crops = list(crops)
    return [*crops, *(crop.transpose(Image.FLIP_LEFT_RIGHT) for crop in crops)]


def ten_crops(picture, scales):
    for scale in scales:
        resized = resized_to(picture, scale)
        yield from with_mirrored(five(resized, 0, 0, *resized.size))


def crops_of_squares(picture, scale):
    resized = resized_to(picture, scale)
    width, height = resized.size
    for which in (0, 0.5, 1):
        left, top = round((width - scale) * which), round((height - scale) * which)
        square = resized.crop((left, top, left + scale, top + scale))
        whole = square.resize((SIZE, SIZE), Image.BILINEAR)
        yield from with_mirrored([*five(resized, left, top, scale, scale), whole])


def write_pictures(path, pictures):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(picture.tobytes() for picture in pictures))


class Draws:
    """native/random.h and the class of this name in native/images/view.cpp."""

    def __init__(self, seed, epoch, index):
        self.key = self.mix2(self.mix2(seed, epoch), index)
        self.drawn = 0

    @staticmethod
    def mix(x):
        mask = (1 << 64) - 1
        x = (x + 0x9E3779B97F4A7C15) & mask
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        return x ^ (x >> 31)

    @classmethod
    def mix2(cls, a, b):
        return cls.mix(cls.mix(a) ^ b)

    def between(self, low, high):
        unit = (self.mix2(self.key, self.drawn) >> 40) / 2**24
        self.drawn += 1
        return low + (high - low) * unit

    def below(self, count):
        return min(int(self.between(0, 1) * count), count - 1)


def sampled(picture, index):
    """torchvision's RandomResizedCrop(SIZE, (0.08, 1), (3/4, 4/3)) and RandomHorizontalFlip() by Pillow."""
    draws = Draws(SEED, EPOCH, index)
    width, height = picture.size
    for _ in range(10):
        area = width * height * draws.between(0.08, 1)
        aspect = math.exp(draws.between(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if w <= width and h <= height:
            top, left = draws.below(height - h + 1), draws.below(width - w + 1)
            break
    else:
        raise ValueError("this picture needs no fallback")
    sample = picture.resize((SIZE, SIZE), Image.BILINEAR, box=(left, top, left + w, top + h))
    return sample.transpose(Image.FLIP_LEFT_RIGHT) if draws.between(0, 1) < 0.5 else sample


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    (HERE / "eval").mkdir(parents=True)
    (HERE / "train").mkdir()
    for name, file, pixels in pictures():
        (HERE / name).write_bytes(file)
        picture = Image.open(io.BytesIO(file)) if pixels is None else Image.fromarray(pixels)
        rgb = evaluated(picture.convert("RGB"))
        (HERE / "eval" / f"{name}.rgb").write_bytes(rgb.tobytes())
        (HERE / "eval" / f"{name}.grey").write_bytes(rgb.convert("L").tobytes())
    picture = Image.open(HERE / "baseline-420.jpg")
    for index in range(SAMPLES):
        (HERE / "train" / f"{index}.rgb").write_bytes(sampled(picture, index).tobytes())
    for name in ("BOX", "NEAREST", "BICUBIC"):
        resized = picture.resize((SIZE, SIZE), Image.Resampling[name])
        write_pictures(HERE / "interpolation" / f"{name.lower()}.rgb", [resized])
    write_pictures(HERE / "crops" / "ten.rgb", ten_crops(picture, [RESIZE, 37]))
    write_pictures(HERE / "crops" / "squares.rgb", crops_of_squares(picture, RESIZE))
    for photo in sorted((HERE.parents[2] / "bench" / "pictures").glob("*.jpg")):
        for size in SCALED:
            crop = evaluated(Image.open(photo), size, size)
            write_pictures(HERE / "scaled" / f"{size}-{photo.name}.rgb", [crop])
    rotated = Image.open(HERE / "exif-rotated.jpg")
    for tag in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = tag
        turned = Image.new("RGB", rotated.size)
        turned.paste(rotated)
        turned.info["exif"] = exif.tobytes()
        write_pictures(HERE / "orientation" / f"{tag}.rgb", [evaluated(ImageOps.exif_transpose(turned))])


if __name__ == "__main__":
    main()
