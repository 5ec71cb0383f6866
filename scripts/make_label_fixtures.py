"""Writes tests/fixtures/labels.txt: small segmentations, each label skeletonised, measured and tabulated alone.

    python scripts/make_label_fixtures.py

Made with numpy 2.4.6, scipy 1.17, scikit-image 0.26.0 and skan 0.13.1. Each line is a JSON object: `shape`, `dtype`, `spacing`, the
`image` in raster order (a letter for each label of `names`, a point for none), the `voxels` of all skeletons in raster order ([z, y, x, label, radius], or [y, x, label, radius]), and the
`branches` in raster order of their first voxels ([label, first end, second end, branch_distance, branch_type]). A radius is
scipy.ndimage.distance_transform_edt(labels == label, sampling=spacing) there.
"""

import json
import pathlib
import string
import warnings

import numpy as np
import skan
from scipy.ndimage import distance_transform_edt, gaussian_filter
from skimage.morphology import skeletonize

warnings.filterwarnings("ignore")
rng = np.random.default_rng(517)
path = pathlib.Path(__file__).parent.parent / "tests" / "fixtures" / "labels.txt"
LETTERS = string.ascii_letters


def cells(shape, count, holes):
    """Cells that fill a box: each voxel goes to the nearest of some points; where a smooth field is high there are none."""
    points = rng.random((count, len(shape))) * shape
    place = np.stack(np.indices(shape), -1)[..., None, :]
    found = np.argmin(((place - points) ** 2).sum(-1), -1) + 1
    field = gaussian_filter(rng.random(shape), 1.5)
    return np.where(field > np.quantile(field, 1 - holes), 0, found)


def case(labels, spacing):
    voxels, branches = [], []
    names = np.unique(labels[labels != 0])
    for label in names:
        mask = labels == label
        radii = distance_transform_edt(mask, sampling=spacing)
        skeleton = skeletonize(mask)
        for place in np.argwhere(skeleton):
            voxels.append([*map(int, place), int(label), float(radii[tuple(place)])])
        if skeleton.sum() < 2:
            continue
        try:
            table = skan.summarize(skan.Skeleton(skeleton, spacing=spacing), separator="_")
        except ValueError:  # no branches at all
            continue
        for _, row in table.iterrows():
            ends = [[int(row[f"image_coord_{end}_{axis}"]) for axis in range(mask.ndim)] for end in ("src", "dst")]
            branches.append([int(label), *ends, float(row["branch_distance"]), int(row["branch_type"])])
    first = len(labels.shape)
    return json.dumps(
        {
            "shape": labels.shape,
            "dtype": str(labels.dtype),
            "spacing": spacing,
            "names": names.tolist(),
            "image": "".join("." if label == 0 else LETTERS[np.searchsorted(names, label)] for label in labels.ravel()),
            "voxels": sorted(voxels, key=lambda voxel: voxel[:first]),
            "branches": sorted(branches, key=lambda branch: (branch[1], branch[2], branch[3])),
        }
    )


def named(labels, dtype, names):
    table = np.array([0, *names], dtype)
    return table[labels]


large = [2**63 + 5, 2**64 - 1, 2**53 + 1, 2**53, 3, 2**63, 77]
below = [-1, -(2**63), 2**63 - 1, 5, 2**53 + 1, -(2**53) - 1, 9]
checks = np.indices((9, 9, 9)).transpose(1, 2, 3, 0) // 3
cases = [
    case(named(cells((14, 17, 20), 7, 0.1), "uint64", large), [1.0, 1.0, 1.0]),
    case(named(cells((12, 15, 15), 7, 0.3), "int64", below), [2.5, 0.7, 0.4]),
    case(cells((8, 20, 20), 12, 0.0).astype("uint16"), [1.0, 1.0, 1.0]),
    case(cells((40, 44), 9, 0.1).astype("uint8"), [1.0, 0.5]),
    case((1 + checks.sum(-1) % 3).astype("uint32"), [1.0, 1.0, 1.0]),
]
path.write_text("\n".join(cases) + "\n")
