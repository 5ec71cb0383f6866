"""Strangers at the ports of runs in several processes: every run ends as if they were not there.

    python scripts/strangers.py [--program target/release/anabranch] [--rounds 60]

Each round runs one image in processes that start each other (`--processes`) or in a list of hosts with a secret
(`--hosts`), while strangers are at all of their ports: the program itself as a member with another secret and another
image, handshakes of an earlier run that were overheard, greetings that break off, noise, and connections that say nothing,
200 at a time. The outputs are held to those of one process, and the times to rounds without strangers. One process is
stopped for a moment in every round, so that the others wait for it. Linux only: ports
are found by the sockets of the processes, so that nobody else's are touched.
"""

import argparse
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

SECRET = "known to the processes of this script only"
INVARIANT = ["branches.csv", "nodes.csv", "skeletons.csv", "summary.json"]
# Seconds for which a process is stopped, so that the others wait for it.
HELD = 0.4
KINDS = ["none", "member", "replay", "partial", "noise", "silent"]


def listening(pids: set[int]) -> set[int]:
    """The ports at which processes listen on loopback."""
    inodes = set()
    for pid in pids:
        try:
            for entry in os.scandir(f"/proc/{pid}/fd"):
                link = os.readlink(entry.path)
                if link.startswith("socket:["):
                    inodes.add(link[8:-1])
        except OSError:
            pass
    ports = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            ports.add(int(fields[1].split(":")[1], 16))
    return ports


def family(pid: int) -> set[int]:
    """A process and those that it has started."""
    found = {pid}
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found.update(map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split()))
    except OSError:
        pass
    return found


def call(port: int, words: bytes, held: list) -> None:
    """Says something at a port, and stays."""
    try:
        stranger = socket.create_connection(("127.0.0.1", port), timeout=1)
        stranger.sendall(words)
        held.append(stranger)
    except OSError:
        pass


class Strangers:
    """All strangers of a round, in a thread of their own."""

    def __init__(self, kind: str, roots: list[int], case: "Case", heard: list[bytes]):
        self.kind, self.roots, self.case, self.heard = kind, roots, case, heard
        self.held, self.members, self.seen = [], [], set()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        # Also where there are none, so that looking for ports costs all rounds the same.
        while not self.over.is_set():
            pids = set().union(*map(family, self.roots)) - {member.pid for member in self.members}
            for port in listening(pids):
                is_new = port not in self.seen
                self.seen.add(port)
                self.visit(port, is_new)
            time.sleep(0.0005)

    def visit(self, port: int, is_new: bool) -> None:
        if self.kind == "member" and is_new:
            self.members.append(self.case.member(port))
        elif self.kind == "replay":
            call(port, random.choice(self.heard), self.held)
        elif self.kind == "partial":
            words = random.choice(self.heard)
            call(port, words[: random.randrange(len(words))], self.held)
        elif self.kind == "noise":
            call(port, random.choice([b"", b"anabrmsh", b"GET / HTTP/1.1\r\n\r\n"]) + random.randbytes(200), self.held)
        elif self.kind == "silent" and is_new:
            for _ in range(200):
                call(port, b"", self.held)

    def end(self) -> None:
        self.over.set()
        self.thread.join()
        for member in self.members:
            member.kill()
            member.wait()
        for stranger in self.held:
            stranger.close()


class Case:
    """One image, and how it is run."""

    def __init__(self, program: Path, folder: Path):
        self.program, self.folder = program, folder
        for name, seed in [("image", 1), ("other", 2)]:
            self.start(["phantom", folder / f"{name}.zarr", "--shape", "64,64,64", "--seed", seed, "--chunk", 32, "--quiet"]).wait()
        self.start(["run", folder / "image.zarr", "--out", folder / "alone", "--quiet"]).wait()

    def start(self, arguments: list, **more) -> subprocess.Popen:
        environment = {**os.environ, "ANABRANCH_SECRET": SECRET}
        return subprocess.Popen([str(it) for it in [self.program, *arguments]], env=environment, **more)

    def member(self, port: int) -> subprocess.Popen:
        """The program as a member that another process has started, with a secret of its own and another image."""
        out = self.folder / "stranger"
        arguments = ["run", "--member", 1, self.folder / "other.zarr", "--out", out, "--processes", 2, "--quiet"]
        member = self.start(arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        member.stdin.write(random.randbytes(32) + f"127.0.0.1:{port}\n127.0.0.1:1\n".encode())
        member.stdin.close()
        return member

    def hold(self, processes: list[subprocess.Popen]) -> None:
        """Stops the last process for a moment, so that the others wait for it while strangers come."""
        deadline = time.monotonic() + 1
        while True:
            last = max(family(processes[-1].pid)) if len(processes) == 1 else processes[-1].pid
            if last != processes[0].pid or time.monotonic() > deadline:
                break
        if last != processes[0].pid:
            time.sleep(random.uniform(0, 0.03))
            os.kill(last, signal.SIGSTOP)
            time.sleep(HELD)
            os.kill(last, signal.SIGCONT)

    def begin(self, hosts: bool) -> list[subprocess.Popen]:
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        arguments = ["run", self.folder / "image.zarr", "--out", out, "--quiet", "--workers", 1]
        pipe = {"stderr": subprocess.PIPE, "text": True}
        if not hosts:
            return [self.start([*arguments, "--processes", 2], **pipe)]
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            second.bind(("127.0.0.1", 0))
            lines = [f"127.0.0.1:{it.getsockname()[1]}\n" for it in [first, second]]
        (self.folder / "hosts.txt").write_text("".join(lines))
        host = [*arguments, "--hosts", self.folder / "hosts.txt", "--process"]
        return [self.start([*host, n], **pipe) for n in [0, 1]]

    def check(self) -> str:
        """What is wrong with the outputs."""
        for name in INVARIANT:
            if (self.folder / "out" / name).read_bytes() != (self.folder / "alone" / name).read_bytes():
                return f"{name} differs"
        return ""


def overheard(case: Case) -> list[bytes]:
    """What a process has said on its connections with another one, by a list of hosts that leads through here."""
    words, lock, streams = [], threading.Lock(), []
    between, first, second = socket.socket(), socket.socket(), socket.socket()
    for it in [between, first, second]:
        it.bind(("127.0.0.1", 0))
    between.listen()
    real, ours, own = (it.getsockname()[1] for it in [first, between, second])
    first.close(), second.close()

    def keep(source: socket.socket, target: socket.socket) -> None:
        said = b""
        try:
            while part := source.recv(1 << 16):
                said += part
                target.sendall(part)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        with lock:
            words.append(said[:4096])

    def serve() -> None:
        while True:
            here, _ = between.accept()
            try:
                there = socket.create_connection(("127.0.0.1", real))
            except OSError:
                here.close()
                continue
            for pair in [(here, there), (there, here)]:
                streams.append(threading.Thread(target=keep, args=pair, daemon=True))
                streams[-1].start()

    threading.Thread(target=serve, daemon=True).start()
    processes = []
    for process, ports in [(0, [real, own]), (1, [ours, own])]:
        hosts = case.folder / f"overheard-{process}.txt"
        hosts.write_text("".join(f"127.0.0.1:{port}\n" for port in ports))
        arguments = ["run", case.folder / "image.zarr", "--out", case.folder / "overheard", "--quiet", "--workers", 1]
        processes.append(case.start([*arguments, "--hosts", hosts, "--process", process]))
    assert [process.wait() for process in processes] == [0, 0], "a run without strangers"
    for stream in streams:
        stream.join()
    return [said for said in words if len(said) > 40]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=Path("target/release/anabranch"))
    parser.add_argument("--rounds", type=int, default=60, help="of each kind of strangers")
    arguments = parser.parse_args()
    random.seed(14)
    wrong, plain = [], {}
    with tempfile.TemporaryDirectory() as folder:
        case = Case(arguments.program.resolve(), Path(folder))
        heard = overheard(case)
        for kind in KINDS:
            times = {False: [], True: []}
            callers = 0
            for number in range(arguments.rounds):
                hosts = number % 2 == 1
                begun = time.monotonic()
                processes = case.begin(hosts)
                strangers = Strangers(kind, [process.pid for process in processes], case, heard)
                case.hold(processes)
                said = [process.communicate()[1] for process in processes]
                times[hosts].append(time.monotonic() - begun)
                strangers.end()
                callers += len(strangers.held) + len(strangers.members)
                codes = [process.returncode for process in processes]
                fault = f"codes {codes}: {said}" if any(codes) or any(said) else case.check()
                if fault:
                    wrong.append(f"{kind}, {'hosts' if hosts else 'processes'}: {fault}")
                    print(wrong[-1], flush=True)
            medians = {hosts: statistics.median(it) for hosts, it in times.items() if it}
            plain = plain or medians
            more = ", ".join(
                f"{'--hosts' if hosts else '--processes'} {median:.2f} s ({median - plain[hosts]:+.2f}, most {max(times[hosts]):.2f})"
                for hosts, median in medians.items()
            )
            print(f"{kind:8} {arguments.rounds} rounds, {callers} strangers: {more}", flush=True)
    print(f"{len(wrong)} rounds went wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
