"""Writes tests/fixtures/objects/objects.txt: objects of small masks, as scikit-image labels and measures them.

    python scripts/make_object_fixtures.py

Made with numpy 2.4.6 and scikit-image 0.26.0. Cases are separated by empty lines. The first line of a case is

    shape z y x; connectivity (1, 2 or 3); spacing z y x; the mask in raster order, # for foreground

and each further line is an object in the order of labels: voxels, bounding box (least z y x, then one more than the largest),
Euler number, centroid z y x, and central moments of second order over the number of voxels (zz zy zx yy yx xx). Images of one
plane are measured in 2-D.

Tables: `NAME.npy` is an image, and `NAME.csv` beside it the table that `regionprops_table` makes of it; the first line of the
table, after #, has the options of `anabranch run` for it. `labels_NAME.npy` is a segmentation and `labels_NAME.csv` the table of its
labels, with the values of `labels_NAME_intensity.npy` where that is there.
"""

import itertools
import pathlib

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter
from skimage.measure import label, regionprops, regionprops_table

rng = np.random.default_rng(17)
folder = pathlib.Path(__file__).parent.parent / "tests" / "fixtures" / "objects"


def rows(mask, connectivity, spacing):
    flat = mask.shape[0] == 1
    image = mask[0] if flat else mask
    labels = label(image, connectivity=min(connectivity, image.ndim))
    spaced = spacing[1:] if flat else spacing
    for region in regionprops(labels, spacing=spaced):
        half = len(region.bbox) // 2
        low, high = region.bbox[:half], region.bbox[half:]
        moments = region.moments_central
        second = []
        for a, b in itertools.combinations_with_replacement(range(image.ndim), 2):
            order = [0] * image.ndim
            order[a] += 1
            order[b] += 1
            second.append(float(moments[tuple(order)] / moments[(0,) * image.ndim]))
        centroid = [float(c) for c in region.centroid]
        if flat:
            low, high, centroid, second = (0, *low), (1, *high), [0.0, *centroid], [0.0] * 3 + second
        numbers = [int(region.num_pixels), *map(int, low), *map(int, high), int(region.euler_number), *centroid, *second]
        yield " ".join(map(repr, numbers))


def case(mask, connectivity, spacing=(1.0, 1.0, 1.0)):
    text = "".join("#" if voxel else "." for voxel in mask.ravel())
    head = f"{' '.join(map(str, mask.shape))};{connectivity};{' '.join(map(str, spacing))};{text}"
    return "\n".join([head, *rows(mask, connectivity, spacing)])


def ball(shape, center, radius, thick):
    distance = np.sqrt(sum((axis - c) ** 2 for axis, c in zip(np.indices(shape), center)))
    return (distance <= radius) & (distance > radius - thick)


cases = [case(rng.random((5, 7, 9)) < share, c) for share in (0.15, 0.3) for c in (1, 2, 3)]
cases += [case(rng.random((1, 9, 17)) < share, c) for share in (0.3, 0.6) for c in (1, 2)]
cases += [case(rng.random((4, 6, 11)) < 0.12, 3, (2.5, 0.7, 0.31))]
cases += [case(ball((11, 11, 11), (5, 5, 5), 5.2, 1.3) | ball((11, 11, 11), (5, 5, 5), 2.2, 1.3), 3)]
folder.mkdir(exist_ok=True)
(folder / "objects.txt").write_text("\n\n".join(cases) + "\n")

COLUMNS = (
    "label area num_pixels bbox centroid centroid_weighted equivalent_diameter_area extent euler_number intensity_mean "
    "intensity_min intensity_max intensity_std inertia_tensor_eigvals axis_major_length axis_minor_length"
).split()


def table(name, image, mask, connectivity, spacing, options):
    values = image.astype(np.uint8) if image.dtype == bool else image.astype(np.float64)
    labels = label(mask, connectivity=min({6: 1, 18: 2, 26: 3}[connectivity], image.ndim))
    rows = pd.DataFrame(regionprops_table(labels, values, properties=COLUMNS, spacing=spacing))
    np.save(folder / f"{name}.npy", image)
    spaced = ",".join(map(str, spacing))
    head = f"# --connectivity {connectivity} --spacing {spaced} {options}".rstrip()
    (folder / f"{name}.csv").write_text(head + "\n" + rows.to_csv(index=False))


noise = rng.random((14, 16, 18)) < 0.11
table("noise", noise, noise, 26, (1.0, 1.0, 1.0), "")
faces = rng.random((9, 10, 12)) < 0.3
table("faces", faces, faces, 6, (1.0, 1.0, 1.0), "")
grey = (gaussian_filter(rng.random((20, 24, 28)), 1.2) * 60000).astype(np.uint16)
level = int(np.quantile(grey, 0.8))
table("grey", grey, grey > level, 18, (2.5, 0.7, 0.31), f"--threshold {level}")
flat = gaussian_filter(rng.standard_normal((40, 50)), 1.5).astype(np.float32)
table("flat", flat, flat > np.float32(0.1), 26, (0.5, 0.25), "--threshold 0.1")
signed = (gaussian_filter(rng.standard_normal((10, 20, 20)), 1.0) * 3000).astype(np.int32)
table("signed", signed, signed > 400, 26, (1.0, 2.0, 3.0), "--threshold 400")


def label_table(name, labels, values, spacing):
    """Of a segmentation, whose labels may be in pieces and touch."""
    columns = [name for name in COLUMNS if values is not None or not name.startswith(("intensity", "centroid_weighted"))]
    seen = None if values is None else values.astype(np.float64)
    rows = pd.DataFrame(regionprops_table(labels.astype(np.int64), seen, properties=columns, spacing=spacing))
    np.save(folder / f"labels_{name}.npy", labels)
    if values is not None:
        np.save(folder / f"labels_{name}_intensity.npy", values)
    (folder / f"labels_{name}.csv").write_text(f"# --spacing {','.join(map(str, spacing))}\n" + rows.to_csv(index=False))


def cells(shape, count, holes, noise):
    """Cells that touch, with holes, and with voxels of other cells in them, so that most labels are in pieces."""
    points = rng.random((count, len(shape))) * shape
    place = np.stack(np.indices(shape), -1)[..., None, :]
    found = np.argmin(((place - points) ** 2).sum(-1), -1) + 1
    field = gaussian_filter(rng.random(shape), 1.5)
    found = np.where(field > np.quantile(field, 1 - holes), 0, found)
    return np.where(rng.random(shape) < noise, rng.integers(0, count + 1, shape), found)


shape = (15, 18, 21)
label_table("cells", 7 * cells(shape, 9, 0.1, 0.05).astype(np.uint16), rng.integers(0, 60000, shape).astype(np.uint16), (2.5, 0.7, 0.31))
signed = (rng.standard_normal(shape) * 1e3).astype(np.float32)
label_table("noise", rng.integers(0, 5, shape).astype(np.int32), signed, (1.0, 1.0, 1.0))
label_table("flat", cells((40, 50), 12, 0.2, 0.05).astype(np.uint8), None, (0.5, 0.25))
