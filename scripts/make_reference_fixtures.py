"""Writes tests/fixtures/reference/: small volumes, with the skeleton and table that scikit-image and skan give.

Skeletons by `homotopic` are those of homotopic.py beside this script, since scikit-image has no such method.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0 skan==0.13.1 pandas==3.1.1
    python scripts/make_reference_fixtures.py [--out tests/fixtures/reference]

A fixture is a text file: options a line, then sections. `base` is a packed binary volume (hexadecimal, C order, most
significant bit first). The image is made from it by the formula that `values` names (see `image_of`), so that both
this script and the tests can make it. `mask` is the foreground where it is not `base`; `skeleton` lists raster
indices; `branches` is skan's table as CSV.
"""

import argparse
import pathlib
import warnings

import numpy as np
import skan
from scipy.ndimage import gaussian_filter
from skimage.filters import threshold_li, threshold_otsu, threshold_triangle
from skimage.morphology import skeletonize

import homotopic

warnings.filterwarnings("ignore")


def image_of(base, values, dtype):
    """The image: `mask` is the base itself; `weave` gives each foreground voxel a value of its own, background 0;
    `noise` adds a hash of the position to 120 times the base."""
    grid = np.meshgrid(*[np.arange(n, dtype=np.uint64) for n in base.shape], indexing="ij")
    z, y, x = grid if base.ndim == 3 else [np.uint64(0), *grid]
    if values == "mask":
        image = base.astype(np.uint64)
    elif values == "weave":
        image = base * (np.uint64(1) + (np.uint64(7) * z + np.uint64(13) * y + np.uint64(29) * x) % np.uint64(251))
    elif values == "noise":
        mixed = (z * np.uint64(73856093)) ^ (y * np.uint64(19349663)) ^ (x * np.uint64(83492791))
        image = base * np.uint64(120) + mixed % np.uint64(101)
    if np.dtype(dtype).kind == "f":
        return (image.astype(np.float64) / 8).astype(dtype)
    return image.astype(dtype)


def table_of(skeleton, image, spacing):
    """skan's table with the image's values along each branch; only a header where skan has nothing to say."""
    example = skan.summarize(skan.Skeleton(np.eye(3, dtype=np.uint8)[(None,) * (skeleton.ndim - 2)]), separator="_")
    header = [c for c in example.columns]
    header[5:5] = [] if "mean_pixel_value" in header else ["mean_pixel_value", "stdev_pixel_value"]
    nothing = ",".join(header) + "\n"
    if skeleton.sum() < 2:
        return nothing
    try:
        graph = skan.Skeleton(skeleton, spacing=spacing)
    except ValueError:
        return nothing
    where = graph.coordinates[graph.paths.indices].astype(int)
    graph.paths.data = image[tuple(where.T)].astype(np.float64)
    return skan.summarize(graph, separator="_").to_csv(index=False)


def hexadecimal(mask):
    text = np.packbits(mask.ravel()).tobytes().hex()
    return "\n".join(text[i : i + 120] for i in range(0, len(text), 120))


def fixture(
    base, *, values="weave", dtype="uint8", spacing=None, method=None, sigma=None, threshold=None, below=None
):
    base = np.asarray(base, bool)
    image = image_of(base, values, dtype)
    smooth = gaussian_filter(image.astype(np.float32), sigma, mode="reflect", truncate=4.0) if sigma else image
    find = {"otsu": threshold_otsu, "triangle": threshold_triangle, "li": threshold_li}
    if threshold is not None:
        mask = smooth > (find[threshold](smooth) if threshold in find else float(threshold))
    elif below is not None:
        mask = smooth <= (find[below](smooth) if below in find else float(below))
    else:
        mask = smooth != 0
    spacing = spacing or [1.0] * base.ndim
    method = method or ("zhang" if base.ndim == 2 else "lee")
    skeleton = homotopic.thin(mask) if method == "homotopic" else skeletonize(mask, method=method).astype(bool)
    options = {
        "shape": ",".join(map(str, base.shape)),
        "values": values,
        "dtype": dtype,
        "spacing": ",".join(map(repr, spacing)),
        "method": method,
        "sigma": "none" if sigma is None else ",".join(map(str, np.atleast_1d(sigma))),
        "threshold": "none" if threshold is None else threshold,
    }
    options |= {} if below is None else {"below": below}
    parts = [f"{name} {value}" for name, value in options.items()]
    parts += ["base", hexadecimal(base)]
    if not np.array_equal(mask, base):
        parts += ["mask", hexadecimal(mask)]
    indices = np.flatnonzero(skeleton.ravel())
    lines = [" ".join(map(str, indices[i : i + 20])) for i in range(0, len(indices), 20)]
    parts += ["skeleton", *lines, "branches", table_of(skeleton, image, spacing).rstrip("\n")]
    return "\n".join(parts) + "\n"


def random(shape, density, seed):
    return np.random.default_rng(seed).random(shape) < density


def blobs(shape, fraction, seed, sigma=1.5):
    noise = gaussian_filter(np.random.default_rng(seed).random(shape), sigma)
    return noise > np.quantile(noise, 1 - fraction)


def solids():
    """Sheet-like and solid objects."""
    z, y, x = np.indices((16, 16, 16)) - 7.5
    block = (abs(z) < 4) & (abs(y) < 5.6) & (abs(x) < 7)
    inner = (abs(z) < 2) & (abs(y) < 3.6) & (abs(x) < 5)
    tubes = (y**2 + z**2 < 10) | (x**2 + (z - 5) ** 2 < 6.5) | ((x - 4) ** 2 + (y + z) ** 2 < 5)
    return {
        "block": block,
        "hollow-box": block & ~inner,
        "thick-plane": abs(z + 0.3 * x) < 2.2,
        "torus": (np.hypot(y, x) - 5) ** 2 + z**2 < 4,
        "touching-tubes": tubes,
    }


def on_the_bounds():
    """Bars along edges, plates on faces and voxels in corners."""
    volume = np.zeros((14, 15, 16), bool)
    volume[0, 0, :] = volume[:, 14, 15] = volume[13, :, 0] = True
    volume[0:2, 6:14, 5:13] = True
    volume[5:12, 3:11, 14:16] = True
    volume[13, 14, 15] = volume[0, 14, 0] = True
    return volume


def even_solids():
    """Solids of even width, of which Lee's method leaves less than their shape has, or nothing."""
    columns = np.zeros((36, 30, 32), bool)
    columns[1:35, 1:5, 1:5] = columns[2:6, 8:29, 1:5] = columns[2:6, 1:5, 7:31] = True
    cross = np.zeros((6, 30, 32), bool)
    cross[1:5, 13:17, 1:31] = cross[1:5, 1:29, 14:18] = True
    cubes = np.zeros((10, 10, 26), bool)
    cubes[4:6, 4:6, 1:3] = cubes[3:7, 3:7, 4:8] = cubes[2:8, 2:8, 9:15] = cubes[1:9, 1:9, 16:24] = True
    return {"columns": columns, "cross": cross, "cubes": cubes}


def cases():
    for density in (0.05, 0.15, 0.3, 0.6, 0.9):
        yield f"random-{density}", fixture(random((7, 8, 9), density, 3))
    yield "blobs", fixture(blobs((19, 20, 21), 0.25, 1))
    yield "blobs-dense", fixture(blobs((13, 14, 15), 0.6, 5))
    yield "blobs-anisotropic", fixture(blobs((13, 18, 20), 0.3, 2), spacing=[2.5, 0.7, 0.31])
    yield "random-anisotropic", fixture(random((7, 7, 9), 0.4, 8), spacing=[0.3, 1.1, 1.7])
    yield "mask-values", fixture(blobs((14, 16, 18), 0.3, 11), values="mask", dtype="bool")
    for name, volume in solids().items():
        yield name, fixture(volume)
    yield "bounds", fixture(on_the_bounds())
    for axis, name in enumerate("zyx"):
        shape = [21, 22, 23]
        shape[axis] = 1
        yield f"one-plane-{name}", fixture(blobs(shape, 0.4, 21 + axis, sigma=1.2))
    yield "empty", fixture(np.zeros((5, 6, 7), bool))
    one = np.zeros((5, 6, 7), bool)
    one[2, 3, 4] = True
    yield "one-voxel", fixture(one)
    yield "full", fixture(np.ones((9, 10, 11), bool))
    ring = np.zeros((5, 9, 10), bool)
    ring[2, 1:8, 1:9] = True
    ring[2, 2:7, 2:8] = False
    ring[4, 4, 4:8] = True
    yield "isolated-cycle", fixture(ring)
    for method in ("zhang", "lee"):
        for density in (0.2, 0.5, 0.8):
            yield f"image-{density}-{method}", fixture(random((14, 17), density, 13), method=method)
        yield f"image-blobs-{method}", fixture(blobs((36, 39), 0.45, 17), method=method, spacing=[0.5, 2.0])
    for name, volume in {**even_solids(), **solids()}.items():
        yield f"homotopic-{name}", fixture(volume, method="homotopic")
    yield "homotopic-random", fixture(random((7, 8, 9), 0.5, 3), method="homotopic")
    yield "homotopic-blobs", fixture(blobs((19, 20, 21), 0.4, 1), method="homotopic", spacing=[2.5, 0.7, 0.31])
    yield "homotopic-bounds", fixture(on_the_bounds(), method="homotopic")
    yield "homotopic-one-plane", fixture(blobs((1, 22, 23), 0.5, 21, sigma=1.2), method="homotopic")
    yield "homotopic-image", fixture(random((14, 17), 0.6, 13), method="homotopic")
    yield "homotopic-image-blobs", fixture(blobs((36, 39), 0.45, 17), method="homotopic", spacing=[0.5, 2.0])
    yield "image-full", fixture(np.ones((12, 17), bool))
    base = blobs((18, 19, 21), 0.3, 31)
    yield "gray-value", fixture(base, values="noise", dtype="uint16", sigma=1.0, threshold=100)
    yield "gray-otsu", fixture(base, values="noise", dtype="uint16", sigma=1.3, threshold="otsu")
    yield "gray-otsu-raw", fixture(base, values="noise", dtype="int16", threshold="otsu")
    yield "gray-float", fixture(base, values="noise", dtype="float32", sigma=0.8, threshold=12.3)
    yield "gray-float-otsu", fixture(base, values="noise", dtype="float64", sigma=1.0, threshold="otsu")
    yield "gray-sigmas", fixture(base, values="noise", dtype="uint16", sigma=(0.5, 1.3, 2.0), threshold=70)
    bright = blobs((12, 13, 14), 0.7, 33)
    yield "dark-value", fixture(bright, values="noise", dtype="uint16", sigma=0.7, below=95)
    yield "dark-otsu", fixture(bright, values="noise", dtype="uint8", sigma=0.9, below="otsu")
    yield "dark-float", fixture(bright, values="noise", dtype="float64", below=7.25)
    yield "gray-triangle", fixture(base, values="noise", dtype="uint16", sigma=1.0, threshold="triangle")
    yield "gray-triangle-raw", fixture(bright, values="noise", dtype="int16", threshold="triangle")
    yield "dark-triangle", fixture(bright, values="noise", dtype="float64", sigma=0.8, below="triangle")
    yield "gray-li", fixture(base, values="noise", dtype="uint16", sigma=1.0, threshold="li")
    yield "gray-li-raw", fixture(bright, values="noise", dtype="int16", threshold="li")
    yield "dark-li", fixture(bright, values="noise", dtype="float64", sigma=0.8, below="li")
    yield "image-gray-otsu", fixture(blobs((36, 39), 0.45, 17), values="noise", sigma=1.5, threshold="otsu")
    flat = fixture(blobs((30, 34), 0.45, 18), values="noise", sigma=(0.0, 1.2), threshold="otsu", method="lee")
    yield "image-gray-sigmas", flat


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("tests/fixtures/reference"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, text in cases():
        (out / f"{name}.txt").write_text(text)
        print(f"{name}: {len(text)} bytes, {text[text.index('branches'):].count(chr(10)) - 2} branches")


if __name__ == "__main__":
    main()
