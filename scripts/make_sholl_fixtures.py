"""Writes tests/fixtures/sholl.txt: Sholl analyses by skan of the skeletons in tests/fixtures/reference/.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0 skan==0.13.1
    python scripts/make_sholl_fixtures.py [--reference tests/fixtures/reference] [--out tests/fixtures/sholl.txt]

A line is an analysis, as JSON: the name of the `fixture`; `center` in the unit of the spacing; `step` between shells, null for
skan's own shells; what `skan.csr.sholl_analysis` returns as `radii` and `crossings`. Shells with a step lie as skan places
shells: from 0 to the largest distance of a voxel.
"""

import argparse
import json
import pathlib
import warnings

import numpy as np
import skan
from make_network_fixtures import read
from skan.csr import sholl_analysis

warnings.filterwarnings("ignore")


def centers_of(skeleton, spacing):
    """A voxel of the skeleton, and a point off the grid that may be outside of the image."""
    voxels = np.argwhere(skeleton)
    return [voxels[len(voxels) // 2] * spacing, (np.array(skeleton.shape) * 0.75 - 8.5) * spacing]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--reference", type=pathlib.Path, default=pathlib.Path("tests/fixtures/reference"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("tests/fixtures/sholl.txt"))
    arguments = parser.parse_args()
    lines = []
    for path in sorted(arguments.reference.glob("*.txt")):
        _, skeleton, spacing = read(path)
        try:
            graph = skan.Skeleton(skeleton, spacing=spacing)
        except ValueError:  # no branches at all
            continue
        diagonal = np.linalg.norm(spacing)
        for center in centers_of(skeleton, spacing):
            distances = np.linalg.norm(graph.coordinates * spacing - center, axis=1)
            # The second is shorter than an edge: one edge may cross several shells.
            for step in (None, 0.4 * diagonal, 2.5 * diagonal):
                shells = None if step is None else np.arange(0, distances.max() + np.finfo(np.float32).eps, step)
                if shells is not None and len(shells) < 2:
                    continue
                try:
                    _, radii, crossings = sholl_analysis(graph, center, shells)
                except ValueError:  # skan wants two shells
                    continue
                analysis = {"fixture": path.stem, "center": list(map(float, center)), "step": step and float(step)}
                analysis |= {"radii": radii.tolist(), "crossings": crossings.tolist()}
                lines.append(json.dumps(analysis))
    arguments.out.write_text("".join(f"{line}\n" for line in lines))
    print(f"{len(lines)} analyses")


if __name__ == "__main__":
    main()
