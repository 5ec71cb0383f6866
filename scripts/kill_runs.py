"""Kills runs with a checkpoint at random moments, and compares what they write in the end with a run that is not killed.

    cargo build --release
    anabranch phantom big.zarr --shape 1024,1024,1024 --seed 1 --chunk 64
    python scripts/kill_runs.py big.zarr --kills 30

The run is started again after each kill, until it ends by itself; then it begins anew, until there were as many kills. Prints how
much work was done again for each kill: the CPU time of all parts of a run, against that of one with a checkpoint that is not
killed; and beside it what the checkpoint itself costs, against a run without one. With `--state`, of the first run with a state.
"""

import argparse
import filecmp
import os
import random
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path


def start(program, arguments):
    return subprocess.Popen([program, "run", *arguments, "--quiet"])


def ended(process):
    """The exit code and the CPU time of a process that has ended or is ending."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime


def differ(a, b):
    """Whether outputs differ, but for the record of the run."""
    names = {path.relative_to(a) for path in a.rglob("*") if path.is_file()}
    if names != {path.relative_to(b) for path in b.rglob("*") if path.is_file()}:
        return True
    return any(name.name != "run.json" and not filecmp.cmp(a / name, b / name, shallow=False) for name in names)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image")
    parser.add_argument("--program", default="target/release/anabranch")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", action="store_true", help="kill runs with a state, and not with a checkpoint")
    arguments, options = parser.parse_known_args()
    drawn = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        whole, out, kept = (Path(folder) / name for name in ("whole", "out", "kept"))
        run = [arguments.image, "--workers", "2", *options]
        keep = ["-o", str(out), "--state" if arguments.state else "--checkpoint", str(kept)]
        plain, keeping, usual = [], [], []
        for _ in range(3):
            shutil.rmtree(whole, ignore_errors=True)
            code, cpu = ended(start(arguments.program, [*run, "-o", str(whole)]))
            assert code == 0, "the run fails without a kill"
            plain.append(cpu)
            for folder_of_run in (out, kept):
                shutil.rmtree(folder_of_run, ignore_errors=True)
            began = time.time()
            code, cpu = ended(start(arguments.program, [*run, *keep]))
            assert code == 0 and not differ(whole, out), "the run with a checkpoint differs"
            keeping.append(cpu), usual.append(time.time() - began)
        plain, keeping, usual = (statistics.median(times) for times in (plain, keeping, usual))
        what = "state" if arguments.state else "checkpoint"
        print(f"CPU time {plain:.2f} s; with a {what} {keeping:.2f} s, {keeping / plain - 1:+.1%}; it takes {usual:.2f} s")
        kills, again = 0, []
        while kills < arguments.kills:
            for folder_of_run in (out, kept):
                shutil.rmtree(folder_of_run, ignore_errors=True)
            spent, killed = 0.0, 0
            while True:
                process = start(arguments.program, [*run, *keep])
                moment = drawn.uniform(0, usual)
                if kills < arguments.kills:
                    # Not waited for, so that its CPU time can be read afterwards; one that has ended feels nothing.
                    time.sleep(moment)
                    os.kill(process.pid, signal.SIGKILL)
                code, cpu = ended(process)
                spent += cpu
                # Or it was killed when all was done, and the checkpoint gone: its results are not written over.
                if code == 0 or code == 73 and not kept.exists():
                    break
                assert code < 0, f"exit code {code}"
                kills, killed = kills + 1, killed + 1
            assert not differ(whole, out), f"other outputs after {killed} kills"
            assert arguments.state or not kept.exists(), "the checkpoint is left"
            assert not (kept / "sweep").exists(), "what was kept of the thinning is left"
            if killed:
                again.append((spent - keeping) / plain / killed)
                print(f"{killed} kills: {spent:.2f} s of CPU time, {again[-1]:+.1%} for each")
        print(f"{kills} kills, all outputs equal; {statistics.mean(again):+.1%} of a run again for each, {max(again):+.1%} at most")


if __name__ == "__main__":
    main()
