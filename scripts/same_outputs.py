#!/usr/bin/env python3
"""Whether two builds of the program write the same outputs, byte for byte, but for the version in summary.json.

    python scripts/same_outputs.py OLD NEW [IMAGE ...]

Runs both on masks, gray volumes and 2-D images that the old one makes, and on the images that are given, each as it is and
with options that take other ways through the program: chunks, workers, processes, smoothing, thresholds, methods, regions,
a state over an edit, changes. Compares branches.csv, summary.json, skeleton.zarr, overview.png and the files of changes.
Prints a line a call; the exit code is 1 where anything differs. Needs nothing but Python.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WAYS = [
    [],
    ["--workers", "1"],
    ["--workers", "3", "--chunk", "21"],
    ["--processes", "2", "--workers", "1"],
    ["--spacing", "2,0.5,0.25um"],
    ["--region", "3:40,2:50,1:45"],
    ["--provisional", "--changes", "{changes}"],
    ["--state", "{state}", "--changes", "{changes}"],
]
OF_VOLUMES = [["--method", "lee"]]
OF_GRAY = [
    ["--threshold", "400"],
    ["--threshold", "otsu"],
    ["--sigma", "1.2", "--threshold", "otsu"],
    ["--sigma", "1.2", "--threshold", "otsu", "--state", "{state}"],
    ["--sigma", "0.8", "--threshold", "400", "--processes", "2", "--chunk", "17"],
]
OF_PLANES = [["--method", "lee"], ["--method", "zhang", "--chunk", "33"], ["--workers", "3"], ["--state", "{state}"]]


def call(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)


def outputs(folder):
    """The bytes of all outputs but run.json, by name; of the summary what it says besides the version."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir() or name == "run.json":
            continue
        found[name] = path.read_bytes()
    summary = json.loads(found["summary.json"])
    summary.pop("version", None)
    found["summary.json"] = json.dumps(summary).encode()
    return found


def run(program, image, way, place):
    """Everything that a call leaves, over two runs where it keeps a state: the second after an edit of the image."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    own = image
    if "{state}" in way and image.is_dir():
        own = place / image.name
        shutil.copytree(image, own)
    names = {"{state}": str(place / "state"), "{changes}": str(place / "changes.csv")}
    arguments = [names.get(part, part) for part in way]
    all_of_it = []
    for edit in range(2 if own != image else 1):
        if edit:
            chunks = sorted(path for path in (own / "c").rglob("*") if path.is_file())
            chunks[len(chunks) // 2].unlink()
        done = call(program, "run", own, "--out", place / "out", "--quiet", *arguments)
        if done.returncode:
            return [("refused", done.returncode, done.stderr.replace(str(place), "PLACE"))]
        all_of_it.append(outputs(place / "out"))
    changes = place / "changes.csv"
    return all_of_it + [changes.read_bytes() if changes.exists() else b""]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("images", nargs="*", type=Path)
    options = parser.parse_args()
    different = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        made = [
            ("mask", "64,96,80", [], WAYS + OF_VOLUMES),
            ("thin", "9,120,130", [], WAYS[:5]),
            ("gray", "48,72,64", ["--gray"], OF_GRAY),
            ("plane", "1,300,260", [], OF_PLANES),
        ]
        jobs = []
        for name, shape, more, ways in made:
            image = folder / f"{name}.zarr"
            done = call(options.old, "phantom", image, "--shape", shape, "--chunk", "32", "--seed", "5", "--quiet", *more)
            if done.returncode:
                sys.exit(done.stderr)
            jobs += [(image, way) for way in ways]
        jobs += [(image, way) for image in options.images for way in ([], ["--workers", "1", "--chunk", "50"])]
        for image, way in jobs:
            place = folder / "place"
            before, after = run(options.old, image, way, place), run(options.new, image, way, place)
            same = before == after
            different += not same
            refused = before[0][0] == "refused" if isinstance(before[0], tuple) else False
            print("same" if same else "DIFFERENT", image.name, " ".join(way), "(refused)" if refused else "", flush=True)
    print(f"{different} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
