"""What the Python package costs beside the program: `anabranch.run` on a NumPy array, against the program on the same
volume as a .npy file, in turn.

    cargo build --release
    python -m pip install ./python
    python scripts/bench_python.py [--size 512] [--pairs 15] [--workers 2] [--program target/release/anabranch]

Prints medians of the user CPU and the wall-clock seconds: of the program as a whole process, of the call of
`anabranch.run`, and of a whole Python process that imports the package, loads the file and makes the call. Checks that the
tables have the same numbers.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CALL = """
import json, resource, sys, time
import numpy as np
import anabranch
mask = np.load(sys.argv[1])
before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_utime, time.perf_counter()
results = anabranch.run(mask, workers=int(sys.argv[2]))
wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_utime
print(json.dumps([after - before, wall, len(results.branches), float(results.branches["branch_distance"].sum())]))
"""


def child(command: list[str]) -> tuple[float, float, str]:
    """User CPU and wall-clock seconds of a process, and what it prints."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    wall = time.perf_counter() - begin
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, wall, done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=Path("target/release/anabranch"))
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    import numpy as np
    import pandas as pd
    import zarr

    program, workers = str(arguments.program.resolve()), str(arguments.workers)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image, array, out = folder / "mask.zarr", folder / "mask.npy", folder / "out"
        shape = ",".join([str(arguments.size)] * 3)
        subprocess.run([program, "phantom", str(image), "--shape", shape, "--radius", "14", "--quiet"], check=True)
        np.save(array, zarr.open(image, mode="r")[:] != 0)
        ours, calls, wholes = [], [], []
        for _ in range(arguments.pairs):
            run = [program, "run", str(array), "--out", str(out), "--overwrite", "--quiet", "--workers", workers]
            ours.append(child(run)[:2])
            cpu, wall, said = child([sys.executable, "-c", CALL, str(array), workers])
            *call, rows, length = json.loads(said)
            calls.append(tuple(call))
            wholes.append((cpu, wall))
            table = pd.read_csv(out / "branches.csv")
            assert len(table) == rows and abs(table["branch_distance"].sum() - length) < 1e-6 * length
    print("| what | user CPU, s | wall, s | against the program (wall) |")
    print("|---|---:|---:|---:|")
    program_wall = statistics.median(wall for _, wall in ours)
    names = ["the program on a .npy file", "`anabranch.run` on a NumPy array", "a whole Python process with it"]
    for name, times in zip(names, [ours, calls, wholes]):
        cpu, wall = (statistics.median(column) for column in zip(*times))
        print(f"| {name} | {cpu:.3f} | {wall:.3f} | {wall / program_wall:.2f} |")


if __name__ == "__main__":
    main()
