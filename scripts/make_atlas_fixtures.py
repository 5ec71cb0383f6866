"""Writes tests/fixtures/atlas.txt: the regions of an atlas for the volumes in tests/fixtures/reference/, by NumPy and skan.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0 skan==0.13.1 pandas==3.1.1
    python scripts/make_atlas_fixtures.py [--reference tests/fixtures/reference] [--out tests/fixtures/atlas.txt]

The atlas of a volume follows from its shape: see `atlas_of`. A line is a volume, as JSON: the name of the `fixture`; `regions`,
the rows of atlas.csv without names; `branches`, the label of each branch; `parts`, the rows of atlas_branches.csv.

Definitions: the region of a branch is that of its voxel number (n - 1) // 2 of n, both ends included, from the end that is
earlier in raster order. A step between two voxels counts half of its length for the region of each. A junction is in the region
of its first voxel.
"""

import argparse
import json
import pathlib

import numpy as np
from make_network_fixtures import read
from network_tables import branches_of, degrees_of, finite, junctions_of, radii_of


def atlas_of(shape):
    """Blocks of labels from -2 to 4, some of them apart."""
    places = np.indices((1,) * (3 - len(shape)) + shape)
    z, y, x = places[0] // 3, places[1] // 4, places[2] // 5
    return ((5 * z + 3 * y + 2 * x + z * y * x) % 7 - 2).reshape(shape)


def canonical(path):
    """A path in the direction in which the table has it: from the earlier end, of a cycle from the earlier neighbour."""
    path = [tuple(map(int, voxel)) for voxel in path]
    return path if path[:2] < path[:-3:-1] else path[::-1]


def regions_of(mask, skeleton, spacing, atlas):
    """The rows of atlas.csv, the label of each branch, and the rows of atlas_branches.csv."""
    radii = radii_of(mask, spacing)
    degrees = degrees_of(skeleton, spacing)
    junctions = junctions_of(skeleton, degrees)
    labels = sorted(set(atlas.ravel().tolist()))
    found = {label: {"branches": 0, "length": 0.0, "junctions": 0, "tips": 0, "radii": 0.0} for label in labels}
    branches, parts = [], []
    for number, path in enumerate(branches_of(skeleton, spacing)[0]):
        path = canonical(path)
        along = [int(atlas[voxel]) for voxel in path]
        lengths = dict.fromkeys(sorted(set(along)), 0.0)
        for before, after, (one, other) in zip(path, path[1:], zip(along, along[1:])):
            step = np.linalg.norm(np.subtract(before, after) * spacing)
            lengths[one] += step / 2
            lengths[other] += step / 2
        radius = np.mean([radii[voxel] for voxel in path])
        for label, length in lengths.items():
            parts.append([number, label, length])
            found[label]["length"] += length
            found[label]["radii"] += length * radius
        branches.append(along[(len(path) - 1) // 2])
        found[branches[-1]]["branches"] += 1
    for voxel, degree in degrees.items():
        found[int(atlas[voxel])]["tips"] += degree == 1
    for number in range(junctions.max() + 1):
        first = tuple(np.argwhere(junctions == number)[0])
        found[int(atlas[first])]["junctions"] += 1
    rows = []
    for label, row in found.items():
        if label == 0 and not (row["branches"] or row["length"] or row["junctions"] or row["tips"]):
            continue
        voxels = int((atlas == label).sum())
        volume, total = voxels * float(np.prod(spacing)), row.pop("radii")
        densities = {f"{name}_density": row[f"{many}"] / volume for name, many in
                     (("branch", "branches"), ("length", "length"), ("junction", "junctions"))}
        mean = finite(total / row["length"]) if row["length"] else None
        rows.append({"region": label, "voxels": voxels, "volume": volume, **row, **densities, "mean_radius": mean})
    return rows, branches, parts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--reference", type=pathlib.Path, default=pathlib.Path("tests/fixtures/reference"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("tests/fixtures/atlas.txt"))
    arguments = parser.parse_args()
    lines = []
    for path in sorted(arguments.reference.glob("*.txt")):
        mask, skeleton, spacing = read(path)
        regions, branches, parts = regions_of(mask, skeleton, spacing, atlas_of(mask.shape))
        fixture = {"fixture": path.stem, "regions": regions, "branches": branches, "parts": parts}
        lines.append(json.dumps(fixture, separators=(",", ":"), default=int))
    arguments.out.write_text("".join(f"{line}\n" for line in lines))
    print(f"{len(lines)} volumes")


if __name__ == "__main__":
    main()
