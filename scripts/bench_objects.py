"""Times the objects of a mask: the program against connected-components-3d and scikit-image, in turn on one machine.

    python scripts/bench_objects.py VOLUME.zarr [--program target/release/anabranch] [--rounds 5] [--scikit-image]

Needs numpy, zarr and connected-components-3d, and with --scikit-image also that. Prints seconds and peak memory of the
program as a whole process, from stored chunks to a table on the disk, and seconds of the peers' calls alone, on an array that
is in memory already: components of 26 neighbours, and their statistics (voxels, boxes, centroids).
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import cc3d
import numpy as np
import zarr


def program(path, volume, out, workers):
    call = [path, "objects", volume, "--out", out, "--overwrite", "--quiet", "--workers", str(workers)]
    began = time.perf_counter()
    process = subprocess.Popen(call)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the program ended with status {status}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def peer(mask):
    began = time.perf_counter()
    labels = cc3d.connected_components(mask, connectivity=26)
    found = cc3d.statistics(labels)
    return time.perf_counter() - began, len(found["voxel_counts"]) - 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("volume")
    parser.add_argument("--program", default="target/release/anabranch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scikit-image", action="store_true")
    arguments = parser.parse_args()
    volume = zarr.open(arguments.volume, mode="r")
    mask = (volume if hasattr(volume, "shape") else volume["0"])[:] != 0
    mask = mask.astype(np.uint8)
    times, peaks, peers = {1: [], 2: []}, [], []
    with tempfile.TemporaryDirectory(dir="/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None) as folder:
        for _ in range(arguments.rounds):
            for workers in times:
                seconds, peak = program(arguments.program, arguments.volume, folder + "/out", workers)
                times[workers].append(seconds)
                peaks.append(peak)
            seconds, objects = peer(mask)
            peers.append(seconds)
        rows = sum(1 for _ in open(folder + "/out/objects.csv")) - 1
    if rows != objects:
        raise SystemExit(f"{rows} objects, and connected-components-3d finds {objects}")
    for workers, seconds in times.items():
        print(f"anabranch objects, {workers} workers: {statistics.median(seconds):.3f} s, up to {max(peaks):.0f} MiB")
    print(f"connected-components-3d with statistics: {statistics.median(peers):.3f} s, {objects} objects")
    if arguments.scikit_image:
        from skimage.measure import label, regionprops_table

        began = time.perf_counter()
        labels = label(mask, connectivity=3)
        regionprops_table(labels, mask, properties=("area", "bbox", "centroid", "euler_number", "inertia_tensor_eigvals"))
        print(f"scikit-image, label and regionprops: {time.perf_counter() - began:.3f} s")


if __name__ == "__main__":
    main()
