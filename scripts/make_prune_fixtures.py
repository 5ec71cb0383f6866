#!/usr/bin/env python3
"""Write tests/fixtures/prune.txt: masks of boxes, pruning rules, and which skeleton voxels stay by the definition here.

The definition, in NumPy and with skan's paths: a round takes the branches off that lead from a voxel where branches meet to a tip
and are shorter than the rule says, but leaves two ends of branches at that voxel, the longest first (of equal ones that whose tip is
first in raster order). Then, in raster order, those voxels of the junctions concerned go that are simple and no end points. Rounds
follow until one takes nothing off.

    python scripts/make_prune_fixtures.py            # NumPy, SciPy, scikit-image 0.26, skan 0.13.1
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt, label
from skan import Skeleton
from skimage.measure import euler_number
from skimage.morphology import skeletonize

AROUND = np.array([p for p in np.ndindex(3, 3, 3) if p != (1, 1, 1)]) - 1
FULL = np.ones((3, 3, 3), int)


def neighbours(voxel, voxels):
    return [n for n in map(tuple, AROUND + voxel) if n in voxels]


def is_simple(voxel, voxels):
    """Whether taking a voxel off changes neither components nor Euler number of what is around it."""
    box = np.zeros((5, 5, 5), bool)
    for n in neighbours(voxel, voxels):
        box[tuple(np.subtract(n, voxel) + 2)] = True
    if label(box, FULL)[1] != 1:
        return False
    without = euler_number(box, connectivity=3)
    box[2, 2, 2] = True
    return euler_number(box, connectivity=3) == without


def junctions(roots, voxels):
    """All voxels with three neighbours and more that hang together with one of the roots."""
    reached, todo = set(roots), list(roots)
    while todo:
        for n in neighbours(todo.pop(), voxels):
            if n not in reached and len(neighbours(n, voxels)) >= 3:
                reached.add(n)
                todo.append(n)
    return reached


def paths(voxels, shape, spacing):
    image = np.zeros(shape, bool)
    image[tuple(np.array(sorted(voxels)).T)] = True
    skeleton = Skeleton(image, spacing=spacing)
    lengths = skeleton.path_lengths()
    for i in range(skeleton.n_paths):
        yield [tuple(int(n) for n in p) for p in skeleton.path_coordinates(i)], lengths[i]


def touches(voxel, shape, spacing, radius):
    return any(
        min(i, n - 1 - i) == 0 or (min(i, n - 1 - i) + 1) * size < radius
        for i, n, size in zip(voxel, shape, spacing)
        if n > 1
    )


def prune(skeleton, mask, spacing, length=None, ratio=None, keep_border=False):
    radii = distance_transform_edt(mask, sampling=spacing)
    voxels = {tuple(int(n) for n in p) for p in np.argwhere(skeleton)}
    while len(voxels) > 1 and any(neighbours(v, voxels) for v in voxels):
        ends, twigs = defaultdict(int), defaultdict(list)
        found = list(paths(voxels, mask.shape, spacing))
        for path, _ in found:
            ends[path[0]] += 1
            ends[path[-1]] += 1
        for path, long in found:
            for path in (path, path[::-1]):
                root, tip = path[0], path[-1]
                if ends[tip] != 1 or ends[root] < 3:
                    continue
                short = length is not None and long < length or ratio is not None and long < ratio * radii[root]
                at_border = keep_border and any(touches(v, mask.shape, spacing, radii[v]) for v in path)
                if short and not at_border:
                    twigs[root].append((-long, tip, path))
        removed = []
        for root, short in twigs.items():
            stay = max(0, 2 - (ends[root] - len(short)))
            removed += [(root, path) for _, _, path in sorted(short)[stay:]]
        if not removed:
            break
        touched = junctions([root for root, _ in removed], voxels)
        for _, path in removed:
            voxels -= set(path[1:])
        for voxel in sorted(touched & voxels):
            if len(neighbours(voxel, voxels)) != 1 and is_simple(voxel, voxels):
                voxels.remove(voxel)
    return voxels


def mask_of(shape, boxes):
    mask = np.zeros(shape, bool)
    for z, y, x, dz, dy, dx in boxes:
        mask[z : z + dz, y : y + dy, x : x + dx] = True
    return mask


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "tests/fixtures/prune.txt")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    rules = [{"length": 4}, {"length": 9}, {"ratio": 3}, {"length": 6, "ratio": 2, "keep_border": True}]
    lines = []
    while len(lines) < options.count:
        shape = (20, 22, 24) if len(lines) % 4 else (1, 40, 40)
        count = random.integers(3, 14)
        lows = [[random.integers(0, max(1, n - 2)) for n in shape] for _ in range(count)]
        boxes = []
        for low in lows:  # Bars, one voxel thick and more: thorns on each other.
            size = [int(random.integers(1, 5)) for _ in shape]
            size[random.integers(0, 3)] = int(random.integers(6, 21))
            boxes.append([int(n) for n in low] + size)
        spacing = [(1, 1, 1), (2, 0.5, 0.5)][len(lines) % 3 == 2]
        rule = rules[len(lines) // 2 % len(rules)]
        mask = mask_of(shape, boxes)
        skeleton = skeletonize(mask, method="lee") > 0
        left = prune(skeleton, mask, spacing, **rule)
        if len(left) == skeleton.sum() and len(lines) % 5:
            continue  # Mostly such as something is taken off.
        text = lambda numbers: ",".join(str(n) for n in numbers)
        kept = sorted(int(np.ravel_multi_index(v, shape)) for v in left)
        call = " ".join(f"--{'prune' if k == 'length' else 'prune-ratio'} {v}" for k, v in rule.items() if k != "keep_border")
        call += " --keep-border" if rule.get("keep_border") else ""
        lines.append("|".join([text(shape), text(spacing), call, ";".join(map(text, boxes)), " ".join(map(str, kept))]))
    options.out.write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} masks in {options.out}")


if __name__ == "__main__":
    main()
