"""Writes tests/fixtures/filters/filters.txt: masks before and after filters, as scikit-image and SciPy filter them.

    python scripts/make_filter_fixtures.py

Made with numpy 2.4.6, scikit-image 0.26.0 and SciPy 1.17.1. Cases are separated by empty lines. The first line of a case is

    shape z y x; number of axes (2 or 3); the image in raster order, a digit for each voxel

and each further line is a filter with its numbers, and the mask after it, # for foreground.
"""

from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold
from skimage.measure import label
from skimage.morphology import remove_small_objects

OUT = Path(__file__).parent.parent / "tests" / "fixtures" / "filters" / "filters.txt"
CONNECTIVITY = {6: 1, 18: 2, 26: 3}


def remove_smaller(image, least, neighbours):
    connectivity = min(CONNECTIVITY[neighbours], image.ndim)
    return remove_small_objects(image > 0, max_size=least - 1, connectivity=connectivity)


def keep_largest(image, count, neighbours):
    labels = label(image > 0, connectivity=min(CONNECTIVITY[neighbours], image.ndim))
    sizes = np.bincount(labels.ravel())[1:]
    # Labels are in the order of first voxels, and the sort keeps the order of equal sizes.
    kept = np.argsort(-sizes, kind="stable")[:count] + 1
    return np.isin(labels, kept)


def fill_holes(image, below):
    mask = image > 0
    filled = ndimage.binary_fill_holes(mask)
    if below == "all":
        return filled
    holes = label(filled & ~mask, connectivity=1)
    sizes = np.bincount(holes.ravel())
    return mask | ((holes > 0) & (sizes < int(below))[holes])


def shells(shape):
    """Nested shells, the outermost one voxel from the bounds."""
    depth = np.minimum.reduce([np.minimum(i, n - 1 - i) for i, n in zip(np.indices(shape), shape)])
    return ((depth % 2 == 1) & (depth > 0)).astype(np.uint8)


def spiral(size):
    image = np.zeros((size, size), np.uint8)
    for ring in range(0, size // 2, 2):
        end = size - 1 - ring
        image[ring, ring : end + 1] = image[end, ring : end + 1] = image[ring : end + 1, end] = 1
        image[ring + 2 : end + 1, ring] = 1
        if ring + 2 < size // 2:
            image[ring + 2, ring : ring + 2] = 1
    return image


def images():
    rng = np.random.default_rng(17)
    # Around the percolation thresholds of 26 and 6 neighbours, and of 8 and 4.
    for density in (0.05, 0.1, 0.31, 0.5, 0.69):
        yield (rng.random((6, 7, 19)) < density).astype(np.uint8)
    for density in (0.3, 0.41, 0.59, 0.75):
        yield (rng.random((13, 29)) < density).astype(np.uint8)
        yield (rng.random((1, 11, 23)) < density).astype(np.uint8)
    yield shells((9, 9, 11))
    yield shells((11, 13))
    yield spiral(17)
    yield np.stack([np.zeros((17, 17), np.uint8), spiral(17), np.zeros((17, 17), np.uint8)])
    yield (np.indices((5, 6, 8)).sum(0) % 2).astype(np.uint8)
    yield (np.indices((9, 10)).sum(0) % 2).astype(np.uint8)
    yield np.ones((3, 4, 5), np.uint8)
    yield np.zeros((3, 4, 5), np.uint8)


def filters(image):
    for least, neighbours in ((2, 6), (3, 18), (5, 26), (40, 26)):
        yield f"remove_smaller {least} {neighbours}", remove_smaller(image, least, neighbours)
    for count, neighbours in ((1, 26), (3, 6)):
        yield f"keep_largest {count} {neighbours}", keep_largest(image, count, neighbours)
    for below in ("all", 2, 5, 60):
        yield f"fill_holes {below}", fill_holes(image, below)


def cases():
    for image in images():
        yield image, filters(image)
    rng = np.random.default_rng(18)
    for shape in ((6, 7, 19), (13, 29), (1, 11, 23)):
        image = rng.integers(0, 10, shape).astype(np.uint8)
        pairs = ((5, 8), (6, 8), (3, 3), (0, 8.5))
        yield image, ((f"hysteresis {low} {high}", apply_hysteresis_threshold(image, low, high)) for low, high in pairs)


def case(image, filtered):
    shape = (1,) * (3 - image.ndim) + image.shape
    lines = [f"{' '.join(map(str, shape))};{image.ndim};{''.join(map(str, image.ravel()))}"]
    lines += [f"{what};{''.join('#' if voxel else '.' for voxel in mask.ravel())}" for what, mask in filtered]
    return "\n".join(lines)


OUT.parent.mkdir(exist_ok=True)
OUT.write_text("\n\n".join(case(*found) for found in cases()) + "\n")
