"""Writes tests/fixtures/paths.txt: the paths that skan finds in the skeletons in tests/fixtures/reference/.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0 skan==0.13.1
    python scripts/make_path_fixtures.py [--reference tests/fixtures/reference] [--out tests/fixtures/paths.txt]

A line is a volume, as JSON: the name of the `fixture`, and `paths`: for each branch, in the order of skan's table, the raster
indices of the voxels of `skan.Skeleton.path_coordinates`. Volumes without branches are left out.
"""

import argparse
import json
import pathlib
import warnings

import numpy as np
import skan
from make_network_fixtures import read

warnings.filterwarnings("ignore")


def paths_of(skeleton, spacing):
    """The raster indices of the voxels of each path; nothing without branches."""
    try:
        graph = skan.Skeleton(skeleton, spacing=spacing)
    except ValueError:  # no branches at all
        return []
    coordinates = (graph.path_coordinates(number).astype(int) for number in range(graph.n_paths))
    return [np.ravel_multi_index(path.T, skeleton.shape).tolist() for path in coordinates]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--reference", type=pathlib.Path, default=pathlib.Path("tests/fixtures/reference"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("tests/fixtures/paths.txt"))
    arguments = parser.parse_args()
    lines = []
    for path in sorted(arguments.reference.glob("*.txt")):
        _, skeleton, spacing = read(path)
        if paths := paths_of(skeleton, spacing):
            lines.append(json.dumps({"fixture": path.stem, "paths": paths}, separators=(",", ":")))
    arguments.out.write_text("".join(f"{line}\n" for line in lines))
    print(f"{len(lines)} volumes")


if __name__ == "__main__":
    main()
