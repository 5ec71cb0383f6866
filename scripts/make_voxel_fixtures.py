"""Writes tests/fixtures/voxels: what SciPy and scikit-image make of small images, for the kernels' unit tests.

    python scripts/make_voxel_fixtures.py

Made with numpy 2.4.6, scipy 1.17.1 and scikit-image 0.26.0. One case a line, fields between semicolons:

    smooth.txt  dtype; shape z,y,x; sigma z,y,x; input values; bits of the smoothed float32 values in hex
    otsu.txt    dtype; shape; input values; threshold
    triangle.txt    the same
    li.txt      the same
    zhang.txt   rows of the image, # for foreground; rows of the skeleton
"""

import pathlib
import warnings

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.filters import threshold_li, threshold_otsu, threshold_triangle
from skimage.morphology import skeletonize

warnings.filterwarnings("ignore")
rng = np.random.default_rng(20260)
folder = pathlib.Path(__file__).parent.parent / "tests" / "fixtures" / "voxels"


def text(values):
    return " ".join(repr(v.item()) if v.dtype != bool else str(int(v)) for v in values.ravel())


def smooth(dtype, shape, sigma, values):
    image = values.astype(dtype)
    result = gaussian_filter(image.astype(np.float32), sigma, mode="reflect", truncate=4.0)
    bits = " ".join(f"{b:x}" for b in result.view(np.uint32).ravel())
    shape = (1,) * (3 - image.ndim) + image.shape
    sigma = [0.0] * (3 - image.ndim) + list(np.broadcast_to(float(sigma) if np.isscalar(sigma) else sigma, image.ndim))
    return f"{dtype};{','.join(map(str, shape))};{','.join(map(str, sigma))};{text(image)};{bits}"


def found(find, dtype, values):
    image = values.astype(dtype)
    return f"{dtype};{','.join(map(str, image.shape))};{text(image)};{float(find(image))!r}"


def otsu(dtype, values):
    return found(threshold_otsu, dtype, values)


def tailed(shape, dark=False):
    """A peak with a long tail on its bright side, or its dark one."""
    values = others.exponential(size=shape) + 0.2 * others.normal(size=shape)
    return -values if dark else values


def zhang(image):
    rows = ["/".join("".join(".#"[int(v)] for v in row) for row in part) for part in (image, skeletonize(image, method="zhang"))]
    return ";".join(rows)


def blobs(shape, sigma, share):
    field = gaussian_filter(rng.normal(size=shape), sigma, mode="constant")
    return field > np.quantile(field, 1 - share)


cases = [
    smooth("uint16", (6, 7, 5), 1.0, rng.integers(0, 65536, size=(6, 7, 5))),
    smooth("float32", (3, 4, 33), 1.5, rng.normal(size=(3, 4, 33))),
    smooth("uint8", (1, 9, 4), 0.5, rng.integers(0, 256, size=(1, 9, 4))),
    smooth("int32", (4, 1, 6), 1.5, rng.integers(-(2**31), 2**31, size=(4, 1, 6))),
    smooth("float64", (8, 20), 1.0, rng.normal(size=(8, 20)) * 1e-3),
    smooth("bool", (5, 4), 3.3, rng.random((5, 4)) < 0.4),
    smooth("int16", (2, 3, 2), 7.7, rng.integers(-3000, 3000, size=(2, 3, 2))),
]
# One sigma for each axis; from a generator of its own, so that all other cases stay as they are.
others = np.random.default_rng(20261)
cases += [
    smooth("uint16", (5, 9, 8), (0.5, 1.3, 2.0), others.integers(0, 65536, size=(5, 9, 8))),
    smooth("float32", (6, 5, 21), (2.2, 0.0, 0.7), others.normal(size=(6, 5, 21))),
    smooth("int16", (3, 11, 4), (0.0, 0.0, 1.5), others.integers(-3000, 3000, size=(3, 11, 4))),
    smooth("uint8", (9, 14), (0.0, 1.1), others.integers(0, 256, size=(9, 14))),
    smooth("float64", (7, 12), (2.5, 0.3), others.normal(size=(7, 12)) * 1e-3),
]
(folder / "smooth.txt").write_text("\n".join(cases) + "\n")

two = lambda *shape: 0.2 * rng.normal(size=shape) + (rng.random(shape) < 0.3)
cases = [
    otsu("uint8", 100 + 60 * np.clip(two(4, 5, 6), -1, 2)),
    otsu("uint16", 9000 + 4000 * np.clip(two(4, 5, 6), -1, 2)),
    otsu("int16", 700 * two(4, 5, 6)),
    otsu("int32", 1e6 * two(4, 4, 6)),
    otsu("uint32", 3e5 + 1e5 * np.clip(two(4, 4, 6), -1, 2)),
    otsu("float32", two(5, 5, 5)),
    otsu("float64", 1e4 + two(5, 5, 5)),
    otsu("float32", np.full((2, 2, 2), 0.1)),
    otsu("uint16", np.full((2, 2, 2), 7)),
]
(folder / "otsu.txt").write_text("\n".join(cases) + "\n")

cases = [
    found(threshold_triangle, "uint8", 20 + 25 * np.clip(tailed((4, 5, 6)), -0.8, 9)),
    found(threshold_triangle, "uint8", 235 + 25 * np.clip(tailed((4, 5, 6), dark=True), -9, 0.8)),
    found(threshold_triangle, "uint16", 900 + 4000 * np.clip(tailed((4, 5, 6)), -0.2, 15)),
    found(threshold_triangle, "int16", 700 * tailed((4, 5, 6), dark=True)),
    found(threshold_triangle, "int32", 1e5 * tailed((4, 4, 6))),
    found(threshold_triangle, "uint32", 3e5 + 1e5 * np.clip(tailed((4, 4, 6)), -2, 9)),
    found(threshold_triangle, "uint8", others.integers(0, 3, size=(3, 4, 5))),
    found(threshold_triangle, "float32", tailed((5, 5, 5))),
    found(threshold_triangle, "float32", tailed((9, 20), dark=True)),
    found(threshold_triangle, "float64", 1e4 + tailed((5, 5, 5))),
    found(threshold_triangle, "float32", np.full((2, 2, 2), 0.1)),
    found(threshold_triangle, "uint16", np.full((2, 2, 2), 7)),
]
(folder / "triangle.txt").write_text("\n".join(cases) + "\n")


def li(dtype, values):
    return found(threshold_li, dtype, values)


others = np.random.default_rng(7)
cases = [
    li("uint8", 20 + 25 * np.clip(tailed((4, 5, 6)), -0.8, 9)),
    li("uint8", 235 + 25 * np.clip(tailed((4, 5, 6), dark=True), -9, 0.8)),
    li("uint16", 900 + 4000 * np.clip(tailed((4, 5, 6)), -0.2, 15)),
    li("int16", 700 * tailed((4, 5, 6), dark=True)),
    li("int32", 1e5 * tailed((4, 4, 6))),
    li("uint32", 3e5 + 1e5 * np.clip(tailed((4, 4, 6)), -2, 9)),
    li("uint8", others.integers(0, 3, size=(3, 4, 5))),
    li("uint8", np.where(others.random((3, 4, 5)) < 0.3, 200, 7)),
    li("uint16", np.full((2, 2, 2), 7)),
    li("float32", tailed((5, 5, 5))),
    li("float32", np.round(300 * tailed((5, 5, 5)))),
    li("float32", tailed((9, 20), dark=True)),
    li("float64", 1e4 + tailed((5, 5, 5))),
    li("float64", np.where(others.random((4, 4, 5)) < 0.7, 0, others.random((4, 4, 5)) + 1)),
    li("float32", np.full((2, 2, 2), 0.1)),
]
(folder / "li.txt").write_text("\n".join(cases) + "\n")

cases = [zhang(rng.random((9, 70)) < share) for share in (0.3, 0.6, 0.8)]
cases += [zhang(blobs((24, 150), 3, 0.4)), zhang(blobs((40, 40), 4, 0.5))]
cases += [zhang(np.ones((7, 66), bool)), zhang(np.ones((2, 2), bool)), zhang(np.eye(6, dtype=bool)[::-1])]
(folder / "zhang.txt").write_text("\n".join(cases) + "\n")
