"""Runs anabranch on a segmentation with --labels, and compares labels of all sizes with scikit-image, skan and SciPy.

    python scripts/verify_labels.py SEGMENTATION [--program target/release/anabranch] [--count 40] [--workers 2] [--kimimaro]

SEGMENTATION is .npy, or .npy.ckl.gz (by crackle-codec). It is stored as a Zarr array in chunks of 64 and analysed in two ways that
differ in chunks and workers, whose outputs must have the same bytes. Then, for labels of all sizes, evenly by rank, the skeleton is
compared with skeletonize(image == label) voxel for voxel, the table with skan's, label by label, the radii at nodes with
distance_transform_edt, and the row of objects.csv with regionprops. --kimimaro times kimimaro beside on as many processes. Ends with exit code 1 where anything differs.
"""

import argparse
import gzip
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import pandas as pd
import skan
import zarr
from scipy.ndimage import distance_transform_edt, find_objects
from skimage.measure import regionprops_table
from skimage.morphology import skeletonize

warnings.filterwarnings("ignore")

SAME = ["branches.csv", "nodes.csv", "skeletons.csv", "objects.csv", "summary.json"]
OBJECT = "num_pixels euler_number centroid extent inertia_tensor_eigvals axis_major_length axis_minor_length bbox".split()


def read(path):
    if path.name.endswith(".ckl.gz"):
        import crackle

        return np.ascontiguousarray(crackle.decompress(gzip.open(path).read()))
    return np.load(path)


def run(program, source, out, *options):
    began = time.monotonic()
    call = [program, "run", source, "--labels", "--objects", "--out", out, "--overwrite", "--quiet", *options]
    subprocess.run([str(word) for word in call], check=True, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def table_of(skeleton, offset):
    """skan's rows without ids, in voxels of the whole."""
    if skeleton.sum() < 2:
        return pd.DataFrame()
    try:
        rows = skan.summarize(skan.Skeleton(skeleton), separator="_")
    except ValueError:  # no branches at all
        return pd.DataFrame()
    for end in ("src", "dst"):
        for axis in range(skeleton.ndim):
            rows[f"image_coord_{end}_{axis}"] += offset[axis]
    return rows


def faults_of_object(label, mask, box, objects):
    row = objects[objects["label"] == label]
    if len(row) != 1:
        yield f"{len(row)} rows of objects"
        return
    expected = regionprops_table(mask[tuple(slice(1, -1) for _ in box)].astype(np.uint8), properties=OBJECT)
    for name, value in expected.items():
        place = name.rpartition("-")[2]
        if name.startswith(("centroid-", "bbox-")):
            value = value + box[int(place) % mask.ndim].start
        found = row[name].iloc[0]
        # Of numbers near 0 the squares are compared, where roots make much of rounding.
        found, value = (found**2, value**2) if name.startswith("axis_") else (found, value)
        if not np.allclose(found, value, rtol=1e-9, atol=1e-9):
            yield f"{name} is {found}, not {value[0]}"


def faults_of(label, image, box, skeletons, branches, nodes):
    # One voxel more on every side: a mask that ends at a box is another one than a mask that ends there.
    wide = tuple(slice(max(0, s.start - 1), min(n, s.stop + 1)) for s, n in zip(box, image.shape))
    offset = [s.start for s in wide]
    mask = image[wide] == label
    skeleton = skeletonize(mask)
    if (wrong := int(((skeletons[wide] == label) != skeleton).sum())) or (skeletons == label).sum() != skeleton.sum():
        yield f"{wrong} of {int(skeleton.sum())} skeleton voxels differ"
    expected, found = table_of(skeleton, offset), branches[branches["label"] == label]
    if len(expected) != len(found):
        yield f"{len(found)} branches for {len(expected)}"
        return
    if len(expected):
        ends = [f"image_coord_{end}_{axis}" for end in ("src", "dst") for axis in range(image.ndim)]
        order = [*ends, "branch_distance"]
        expected, found = (rows.sort_values(order).reset_index(drop=True) for rows in (expected, found))
        for name in [*ends, "branch_type"]:
            if (expected[name].to_numpy(int) != found[name].to_numpy(int)).any():
                yield f"{name} differs"
        for name in ("branch_distance", "euclidean_distance"):
            if not np.allclose(expected[name], found[name], rtol=1e-9, atol=0):
                yield f"{name} differs"
    here = nodes[nodes["label"] == label]
    radii = distance_transform_edt(mask)
    places = [here[f"image_coord_{axis}"].to_numpy(int) - offset[axis] for axis in range(image.ndim)]
    if not np.allclose(radii[tuple(places)], here["radius"], rtol=1e-12, atol=0):
        yield "radii differ"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("segmentation", type=pathlib.Path)
    parser.add_argument("--program", default="target/release/anabranch")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kimimaro", action="store_true")
    options = parser.parse_args()
    image = read(options.segmentation)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        source, one, two = folder / "labels.zarr", folder / "one", folder / "two"
        array = zarr.create_array(str(source), shape=image.shape, chunks=tuple(min(64, n) for n in image.shape), dtype=image.dtype)
        array[:] = image
        seconds = run(options.program, source, one, "--workers", options.workers)
        memory = json.loads((one / "run.json").read_text())["peak_memory_bytes"] / 1e6
        print(f"{seconds:.1f} s, {memory:.0f} MB on {options.workers} workers")
        other = ",".join(str(n) for n in (70, 90, 110)[-image.ndim :])
        run(options.program, source, two, "--workers", 3, "--chunk", other)
        for name in SAME:
            if (one / name).read_bytes() != (two / name).read_bytes():
                print(f"{name} depends on chunks or workers")
                wrong += 1
        skeletons = zarr.open(str(one / "skeleton.zarr/0"), mode="r")[:]
        if (skeletons != zarr.open(str(two / "skeleton.zarr/0"), mode="r")[:]).any():
            print("skeleton.zarr depends on chunks or workers")
            wrong += 1
        if ((skeletons != 0) & (skeletons != image)).any() or skeletons.dtype != image.dtype:
            print("skeleton.zarr has other labels than the image")
            wrong += 1
        branches, nodes, objects = (pd.read_csv(one / name) for name in ("branches.csv", "nodes.csv", "objects.csv"))
    labels, sizes = np.unique(image[image != 0], return_counts=True)
    by_size = labels[np.argsort(sizes, kind="stable")]
    chosen = by_size[np.unique(np.linspace(0, len(by_size) - 1, options.count).astype(int))]
    numbers = np.searchsorted(labels, image).astype(np.int32) + 1
    numbers[image == 0] = 0
    boxes = find_objects(numbers)
    del numbers
    for label in chosen:
        box = boxes[int(np.searchsorted(labels, label))]
        mask = np.pad(image[box] == label, 1)
        faults = (faults_of(label, image, box, skeletons, branches, nodes), faults_of_object(label, mask, box, objects))
        for fault in itertools.chain(*faults):
            print(f"label {label}: {fault}")
            wrong += 1
    print(f"{len(chosen)} of {len(labels)} labels compared, of {sizes.min()} to {sizes.max()} voxels: {wrong} differences")
    if options.kimimaro:
        import kimimaro

        began = time.monotonic()
        found = kimimaro.skeletonize(image, dust_threshold=0, progress=False, parallel=options.workers)
        print(f"kimimaro: {time.monotonic() - began:.1f} s, skeletons of {len(found)} labels")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
