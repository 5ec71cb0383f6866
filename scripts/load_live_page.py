"""How much readers of the live page cost an analysis.

    cargo build --release
    python scripts/load_live_page.py target/release/anabranch

Makes a phantom, follows it with `watch --serve`, and replaces chunks one after the other: first without readers, then with
200 of which half take nothing, in turn. Prints the medians of the seconds that epochs took. Needs Python 3.10 or newer and
nothing else.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path


def chunk_files(image):
    """The files of chunks that hold something, largest first."""
    files = [path for path in image.rglob("*") if path.is_file() and path.suffix != ".json"]
    return sorted(files, key=lambda path: (-path.stat().st_size, str(path)))


class Readers:
    """Readers of the stream of events: every other one takes nothing after its request."""

    def __init__(self, address, count):
        host, token = re.match(r"http://([^/]+)/(\w+)/", address).groups()
        name, port = host.rsplit(":", 1)
        request = f"GET /{token}/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        self.sockets, self.taken, self.going = [], 0, True
        for _ in range(count):
            connection = socket.create_connection((name, int(port)))
            connection.sendall(request)
            self.sockets.append(connection)
        self.thread = threading.Thread(target=self.take, daemon=True)
        self.thread.start()

    def take(self):
        import selectors

        with selectors.DefaultSelector() as selector:
            for connection in self.sockets[::2]:
                selector.register(connection, selectors.EVENT_READ)
            while self.going:
                for key, _ in selector.select(0.2):
                    self.taken += len(key.fileobj.recv(1 << 16))

    def leave(self):
        self.going = False
        self.thread.join()
        for connection in self.sockets:
            connection.close()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program", type=Path)
    arguments.add_argument("--size", type=int, default=512)
    arguments.add_argument("--readers", type=int, default=200)
    arguments.add_argument("--epochs", type=int, default=40, help="epochs of each kind")
    options = arguments.parse_args()
    program = options.program.resolve()
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "phantom.zarr")
        shape = ",".join([str(options.size)] * 3)
        subprocess.run([program, "phantom", image, "--shape", shape, "--seed", "1", "--quiet"], check=True)
        command = [program, "watch", image, "--state", "state", "--out", "results", "--serve", "--settle", "0.1"]
        follower = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        try:
            address = next(found[0] for line in follower.stdout if (found := re.search(r"http://\S+", line)))
            threading.Thread(target=lambda: [None for _ in follower.stdout], daemon=True).start()
            measure(address, image, options)
        finally:
            follower.terminate()
            follower.wait()


def lines(address):
    with urllib.request.urlopen(address + "history.json") as answer:
        return json.load(answer)


def epoch(address, last):
    """Waits for the epoch after the last one."""
    while True:
        found = lines(address)
        if found and found[-1]["number"] > last:
            return found[-1]
        time.sleep(0.02)


def measure(address, image, options):
    last = epoch(address, -1)
    files = chunk_files(image)[: 2 * options.epochs]
    kept = {path: path.read_bytes() for path in files}
    seconds, taken = {0: [], options.readers: []}, 0
    for turn, path in enumerate(files):
        count = options.readers if turn % 2 else 0
        readers = Readers(address, count) if count else None
        time.sleep(0.2)
        # A chunk goes and comes again.
        path.unlink()
        last = epoch(address, last["number"])
        seconds[count].append(last["seconds"])
        new = path.with_suffix(".new")
        new.write_bytes(kept[path])
        os.replace(new, path)
        last = epoch(address, last["number"])
        seconds[count].append(last["seconds"])
        if readers:
            readers.leave()
            taken += readers.taken
    medians = {count: statistics.median(values) for count, values in seconds.items()}
    print("| readers | epochs | median seconds of an epoch | quartiles |\n|---:|---:|---:|---|")
    for count, values in seconds.items():
        low, _, high = statistics.quantiles(values, n=4)
        print(f"| {count} | {len(values)} | {medians[count]:.4f} | {low:.4f} to {high:.4f} |")
    print(f"\nWith readers an epoch takes {medians[options.readers] / medians[0]:.3f} times as long; they took {taken / 1e6:.1f} MB.")


if __name__ == "__main__":
    main()
