"""The live page in a browser: it follows an analysis, and goes on where it was when a lost connection is back."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request

import pytest
from conftest import colours, overflow


class Line:
    """A connection between the browser and the program that can be cut and mended."""

    def __init__(self, port):
        self.port, self.open = port, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.own = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                browser, _ = listener.accept()
                program = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                return  # It has been cut, or the program has ended.
            self.open += [browser, program]
            for one, other in [(browser, program), (program, browser)]:
                threading.Thread(target=self.pass_on, args=(one, other), daemon=True).start()

    @staticmethod
    def pass_on(one, other):
        try:
            while data := one.recv(1 << 16):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        # Closed alone, a socket on which another thread waits stays open.
        for connection in [self.listener, *self.open]:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()
        self.open = []

    def mend(self):
        self.listener = socket.create_server(("127.0.0.1", self.own))
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()


class Scan:
    """An image of which chunks come one by one, and `watch --serve` on it."""

    def __init__(self, program, folder):
        self.folder, whole = folder, folder / "whole.zarr"
        program("phantom", whole, "--shape", "32,96,128", "--chunk", "32", "--seed", "5", "--quiet")
        self.chunks = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file() and path.suffix != ".json")
        (folder / "scan.zarr").mkdir()
        shutil.copy(whole / "zarr.json", folder / "scan.zarr")
        command = [os.environ["ANABRANCH"], "watch", "scan.zarr", "--state", "state", "--out", "results", "--serve", "--settle", "0.2", "--poll", "0.5"]
        self.watch = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = next(found[0] for line in self.watch.stdout if (found := re.search(r"http://\S+", line)))
        threading.Thread(target=lambda: [None for _ in self.watch.stdout], daemon=True).start()

    def bring(self, count):
        for chunk in self.chunks[:count]:
            to = self.folder / "scan.zarr" / chunk
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.folder / "whole.zarr" / chunk, to.with_name("new"))
            to.with_name("new").rename(to)
        del self.chunks[:count]

    def summary(self):
        return json.loads((self.folder / "results" / "summary.json").read_text())


@pytest.fixture
def scan(program, tmp_path):
    scan = Scan(program, tmp_path)
    yield scan
    scan.watch.kill()
    scan.watch.wait()


def epoch(page):
    return int(page.locator("#status").get_attribute("data-epoch") or -1)


def wait_for_epoch_after(page, last):
    page.wait_for_function("last => Number(document.getElementById('status').dataset.epoch || -1) > last", arg=last, timeout=60_000)
    # What it tells of the epoch follows.
    page.wait_for_function("() => document.querySelector('#changes tbody td')?.textContent === document.getElementById('status').dataset.epoch", timeout=60_000)
    return epoch(page)


def branches(page):
    """The number of branches among the key figures."""
    script = "[...document.querySelectorAll('#figures dt')].find(dt => dt.textContent === 'branches')?.nextElementSibling.firstChild.textContent"
    return int(re.sub(r"\D", "", page.evaluate(script)))


def test_it_follows_epochs_survives_a_lost_connection_and_tells_of_the_end(scan, open_page):
    line = Line(int(scan.address.split(":")[2].split("/")[0]))
    address = re.sub(r":\d+/", f":{line.own}/", scan.address)
    lost = ["ERR_CONNECTION", "ERR_INCOMPLETE_CHUNKED", "ERR_EMPTY_RESPONSE", "ERR_NETWORK", "ERR_SOCKET"]
    page = open_page(address, ready="#status", allowed=lost)
    last = wait_for_epoch_after(page, -1)
    for _ in range(3):
        scan.bring(2)
        last = wait_for_epoch_after(page, last)
        assert branches(page) == scan.summary()["branches"] > 0
    page.wait_for_selector("#picture:not([hidden])")
    assert page.evaluate("document.getElementById('picture').naturalWidth") > 100
    assert len(colours(page, "#map")) >= 3, "chunks that are missing, and that were read"

    line.cut()
    page.wait_for_selector("#status.lost")
    assert branches(page) == scan.summary()["branches"], "what was known stays"
    scan.bring(3)
    line.mend()
    last = wait_for_epoch_after(page, last)
    assert "lost" not in page.locator("#status").get_attribute("class")
    assert branches(page) == scan.summary()["branches"]
    numbers = [int(text) for text in page.locator("#changes tbody tr td:first-child").all_inner_texts()]
    assert numbers == list(range(last, -1, -1)), "every epoch has a line, also those of the time without a connection"

    scan.watch.send_signal(signal.SIGINT)
    page.wait_for_selector("#status.ended")
    assert scan.watch.wait(60) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_it_fits_its_window(scan, open_page, scheme, width):
    scan.bring(6)
    page = open_page(scan.address, width=width, scheme=scheme, ready="#status")
    wait_for_epoch_after(page, -1)
    assert overflow(page) <= 0
    page.wait_for_function("document.querySelectorAll('#charts svg').length === 6")
    page.locator("#plane").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#plane-name").inner_text() == "1 of 1" or page.locator("#plane").is_disabled()


def test_the_report_of_the_last_epoch_is_one_click_away(scan, open_page):
    scan.bring(6)
    page = open_page(scan.address, ready="#status")
    wait_for_epoch_after(page, 0)
    page.get_by_role("link", name="The report of these results").click()
    page.wait_for_selector("html[data-ready]", state="attached", timeout=60_000)
    assert page.locator("#charts svg").count() > 0


def test_without_the_token_there_is_nothing(scan):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(re.sub(r"/\w{32}/", f"/{'0' * 32}/", scan.address))
    assert refused.value.code == 404 and refused.value.read() == b""
