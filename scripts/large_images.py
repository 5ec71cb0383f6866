"""Time and memory of images that are larger than memory, made of copies of a small one that are linked side by side.

    cargo build --release
    python scripts/large_images.py [--only tall,gray] [--folder FOLDER] [--workers 2]
    python scripts/large_images.py --image plane.zarr --times 1,4,4

Without --image the copies are of a phantom of 1024³ voxels, or of a gray one of 512³, which are made first in the folder, or found
there. Stored chunks are hard links, so that an image of 7·10^10 voxels takes a few hundred megabytes of disk. Every copy is read and
decoded like any other chunk; that the files are in the cache of the system makes reading faster than from a disk. Prints a row of
a table for each image: wall time of the whole process, CPU time, peak resident memory, and the engine that thinned. Needs nothing
but Python's standard library, on a system with hard links and `wait4`.
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MASK = ("1024,1024,1024", [])
GRAY = ("512,512,512", ["--gray"])
SMOOTHED = ["--sigma", "1", "--threshold", "otsu"]
# A name, the phantom, copies along z, y and x, the only layer of chunks that is taken or None, and options of the run.
CASES = [
    ("base", MASK, (1, 1, 1), None, []),
    ("tall", MASK, (8, 1, 1), None, []),
    ("taller", MASK, (16, 1, 1), None, []),
    ("flat", MASK, (1, 32, 32), 7, []),
    ("cube", MASK, (4, 4, 4), None, []),
    ("gray", GRAY, (8, 4, 4), None, SMOOTHED),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=Path("target/release/anabranch"))
    parser.add_argument("--folder", type=Path, help="where images and outputs lie; a temporary folder by default")
    parser.add_argument("--only", help="names of cases, with commas between: " + ", ".join(case[0] for case in CASES))
    parser.add_argument("--image", type=Path, help="a Zarr array of version 3 with one file a chunk, in place of the cases")
    parser.add_argument("--times", default="2,2,2", help="its copies along z, y and x, or y and x")
    parser.add_argument("--options", default="", help="further options of `anabranch run`, for --image")
    parser.add_argument("--workers", default="2")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        measure(arguments, folder.resolve())


def measure(arguments, folder):
    program = str(arguments.program.resolve())
    header = "| image | voxels | engine | time, s | CPU, s | peak memory, MiB |\n|---|---:|---|---:|---:|---:|"
    if arguments.image:
        print(header, flush=True)
        times = [int(number) for number in arguments.times.split(",")]
        image = link(arguments.image.resolve(), folder / "linked.zarr", times, None)
        row(program, image, folder, [*arguments.options.split(), "--workers", arguments.workers])
        return
    names = arguments.only.split(",") if arguments.only else [case[0] for case in CASES]
    unknown = set(names) - {case[0] for case in CASES}
    if unknown:
        sys.exit(f"there is no case {', '.join(sorted(unknown))}")
    print(header, flush=True)
    for name, (shape, kind), times, layer, options in CASES:
        if name not in names:
            continue
        base = folder / ("gray.zarr" if kind else "mask.zarr")
        if not base.exists():
            call = [program, "phantom", str(base), "--shape", shape, "--chunk", "64", "--seed", "1", "--quiet", *kind]
            subprocess.run(call, check=True)
        image = link(base, folder / f"{name}.zarr", times, layer)
        row(program, image, folder, [*options, "--workers", arguments.workers])
        shutil.rmtree(image)


def link(source, target, times, layer):
    """A larger image of links to the chunks of one, or to those of one layer of it."""
    metadata = json.loads((source / "zarr.json").read_text())
    chunk = metadata["chunk_grid"]["configuration"]["chunk_shape"]
    shape = metadata["shape"]
    if any(n % c for n, c in zip(shape, chunk)) or len(times) != len(shape):
        sys.exit(f"{source}: copies of whole chunks alone can be linked, as many numbers of them as there are axes")
    if layer is not None:
        shape = [chunk[0], *shape[1:]]
    counts = [n // c for n, c in zip(shape, chunk)]
    metadata["shape"] = [n * k for n, k in zip(shape, times)]
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    (target / "zarr.json").write_text(json.dumps(metadata))
    for path in (path for path in (source / "c").rglob("*") if path.is_file()):
        place = [int(part) for part in path.relative_to(source / "c").parts]
        if layer is not None and place[0] != layer:
            continue
        first = [0, *place[1:]] if layer is not None else place
        copies = [[p + n * k for k in range(times)] for p, n, times in zip(first, counts, times)]
        for above in itertools.product(*copies[:-1]):
            inside = target / "c" / Path(*map(str, above))
            inside.mkdir(parents=True, exist_ok=True)
            for last in copies[-1]:
                os.link(path, inside / str(last))
    return target


def row(program, image, folder, options):
    out = folder / "results"
    shutil.rmtree(out, ignore_errors=True)
    begin = time.perf_counter()
    call = [program, "run", str(image), "--out", str(out), "--columns", "skan", "--quiet", *options]
    process = subprocess.Popen(call)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{image.name}: the run ended with {process.returncode}")
    seconds, cpu, peak = time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    shape = json.loads((image / "zarr.json").read_text())["shape"]
    voxels = 1
    for n in shape:
        voxels *= n
    engine = json.loads((out / "run.json").read_text())["engine"]
    size = " x ".join(map(str, shape))
    print(f"| {image.stem}, {size} | {voxels:.2g} | {engine} | {seconds:.1f} | {cpu:.1f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
