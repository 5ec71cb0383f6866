#!/usr/bin/env python3
"""Runs that write into one folder at once, and processes that outlive their run: nothing may be lost or mixed.

    race_outputs.py PROGRAM [--rounds 3000] [--leftover 300] [--seed N]

A round of the first kind starts two or three runs into one folder, some of which are killed. Afterwards the folder holds
the outputs of one run, whole, or the next call makes it so without computing anything. A round of the second kind kills
the first of two processes, starts a run of another image in its place, and lets the second process go on meanwhile: the
outputs, and what the state knows, are those of the other image only. Prints a line a hundred rounds; the exit code is 1
where anything was lost. Needs Linux and nothing but Python.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = ["branches.csv", "nodes.csv", "overview.png", "run.json", "skeleton.zarr", "skeletons.csv", "summary.json", "voxels.npy"]


class Lab:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        for name, seed in [("a", 3), ("b", 4)]:
            self.call("phantom", f"{name}.zarr", "--shape", "32,32,32", "--chunk", "16", "--seed", seed, "--radius", 4)
            self.call("run", f"{name}.zarr", "--out", f"expected-{name}")
            self.call("fuse", f"{name}.zarr", "--out", f"fused-{name}.zarr", "--chunk", "16")
        self.expected = {name: outputs(folder / f"expected-{name}") for name in "ab"}
        self.fused = {name: files(folder / f"fused-{name}.zarr") for name in "ab"}
        self.failures = []

    def start(self, *arguments):
        command = [self.program, *map(str, arguments), "--quiet", "--workers", "1"]
        return subprocess.Popen(command, cwd=self.folder, stderr=subprocess.PIPE, text=True)

    def call(self, *arguments, code=0):
        process = self.start(*arguments)
        said = process.communicate()[1]
        if process.returncode != code:
            raise RuntimeError(f"{arguments} ended with {process.returncode} in place of {code}: {said}")
        return said

    def fail(self, what):
        self.failures.append(what)
        print("LOST:", what, flush=True)


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def is_running(process):
    try:
        return ") Z" not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


def outputs(folder):
    """All but what differs from run to run; nothing where an output is missing, or something else is there."""
    if sorted(os.listdir(folder)) != NAMES:
        return sorted(os.listdir(folder))
    return {name: text for name, text in files(folder).items() if name != "run.json"}


def at_once(lab, kind):
    """One round of runs at once. `kind` says of what: run, state, fuse."""
    out = lab.folder / ("out.zarr" if kind == "fuse" else f"out-{kind}")
    call = {
        "run": ["run", "a.zarr", "--out", out.name, "--overwrite"],
        "state": ["run", "a.zarr", "--out", out.name, "--state", "state"],
        "fuse": ["fuse", "a.zarr", "--out", out.name, "--chunk", "16", "--overwrite"],
    }[kind]
    if not out.exists():
        lab.call(*call)
    count, kill = random.choice([2, 2, 3]), random.random() < 0.3
    processes = []
    for _ in range(count):
        processes.append(lab.start(*call))
        time.sleep(random.random() * 0.03)
    if kill:
        time.sleep(random.random() * 0.06)
        random.choice(processes).kill()
    said = [process.communicate()[1] for process in processes]
    codes = [process.returncode for process in processes]
    allowed = {0, 73, -9} if kill else {0, 73}
    what = f"{kind}, exit codes {codes}, {said}"
    if not set(codes) <= allowed:
        return lab.fail(what)
    if kill:
        # Refused since there are outputs, all of them, whatever the one that was killed has left.
        lab.call("fuse" if kind == "fuse" else "run", "b.zarr", "--out", out.name, code=73)
        if kind == "fuse":
            lab.call(*call)
    found = files(out) if kind == "fuse" else outputs(out)
    if found != (lab.fused if kind == "fuse" else lab.expected)["a"]:
        lab.fail(f"{what}: {found if isinstance(found, list) else 'other bytes'}")
        shutil.rmtree(out)
    hidden = [name for name in os.listdir(lab.folder) if "anabranch-partial" in name]
    if hidden:
        lab.fail(f"{what}: {hidden} is left")


def leftover(lab, number):
    """A process of a killed run of one image goes on while a run of the other one writes in its place."""
    before, after = random.sample("ab", 2)
    place = ["--out", "late", "--overwrite"] + (["--state", "late-state"] if number % 2 else [])
    first = lab.start("run", f"{before}.zarr", *place, "--processes", 2)
    children, deadline = [], time.time() + 10
    while not children and first.poll() is None and time.time() < deadline:
        children = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    time.sleep(random.random() * 0.15)
    running = []
    for child in map(int, children):
        try:
            os.kill(child, signal.SIGSTOP)
            running.append(child)
        except ProcessLookupError:
            pass
    first.kill()
    first.wait()
    second = lab.start("run", f"{after}.zarr", *place)
    time.sleep(random.random() * 0.05)
    for child in running:
        try:
            os.kill(child, signal.SIGCONT)
        except ProcessLookupError:
            pass
    said = second.communicate()[1]
    first.stderr.close()
    what = f"leftover round {number} {place}"
    if second.returncode != 0:
        return lab.fail(f"{what}: exit code {second.returncode}: {said}")
    found = outputs(lab.folder / "late")
    deadline = time.time() + 20
    while any(map(is_running, running)) and time.time() < deadline:
        time.sleep(0.005)
    if not found == outputs(lab.folder / "late") == lab.expected[after]:
        lab.fail(f"{what}: {found if isinstance(found, list) else 'other bytes'}")
    if number % 2:
        lab.call("run", f"{after}.zarr", *place)
        if outputs(lab.folder / "late") != lab.expected[after]:
            lab.fail(f"{what}: the state knows something of the other image")
    return bool(running)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=3000)
    parser.add_argument("--leftover", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(os.path.abspath(options.program), Path(folder))
        for number in range(options.rounds):
            at_once(lab, random.choice(["run", "run", "state", "fuse"]))
            if (number + 1) % 100 == 0:
                print(f"{number + 1} rounds at once, {len(lab.failures)} lost", flush=True)
        met = 0
        for number in range(options.leftover):
            met += bool(leftover(lab, number))
            if (number + 1) % 50 == 0:
                print(f"{number + 1} rounds of leftover processes ({met} met), {len(lab.failures)} lost", flush=True)
        sys.exit(1 if lab.failures else 0)


if __name__ == "__main__":
    main()
