"""Writes tests/fixtures/voxels/radius.txt: SciPy's distances from the background, for the kernel's tests.

    python scripts/make_radius_fixtures.py

Made with numpy 2.4.6 and scipy 1.17.1. One case a line, fields between semicolons:

    shape z,y,x; spacing z,y,x; the mask, # for foreground, in raster order; a step N: every Nth foreground voxel is told of;
    the distances of these by scipy.ndimage.distance_transform_edt, in raster order
"""

import pathlib

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

SPACINGS = [(1.0, 1.0, 1.0), (0.5, 0.684, 0.684), (5.0, 1.0, 1.0)]
rng = np.random.default_rng(20262)


def case(mask, spacing, step):
    distances = distance_transform_edt(mask, sampling=spacing)[mask][::step]
    marks = "".join(".#"[int(inside)] for inside in mask.ravel())
    numbers = " ".join(repr(distance.item()) for distance in distances)
    return f"{','.join(map(str, mask.shape))};{','.join(map(str, spacing))};{marks};{step};{numbers}"


def blobs(shape, sigma, share):
    field = gaussian_filter(rng.normal(size=shape), sigma, mode="constant")
    return field > np.quantile(field, 1 - share)


def solid(shape, *background):
    """All foreground but for some voxels."""
    mask = np.ones(shape, bool)
    for voxel in background:
        mask[voxel] = False
    return mask


cases = []
for spacing in SPACINGS:
    cases += [
        case(rng.random((5, 6, 7)) < 0.6, spacing, 3),
        case(rng.random((3, 4, 70)) < 0.95, spacing, 11),
        case(blobs((9, 14, 20), 2, 0.5), spacing, 17),
        case(blobs((1, 30, 40), 3, 0.5), spacing, 7),
        case(solid((11, 12, 13), (0, 0, 0)), spacing, 31),
        case(solid((6, 7, 130), (2, 6, 129), (5, 0, 3)), spacing, 83),
    ]
folder = pathlib.Path(__file__).parent.parent / "tests" / "fixtures" / "voxels"
(folder / "radius.txt").write_text("\n".join(cases) + "\n")
