"""The live page in a browser: it follows an analysis, and goes on where it was when a lost connection is back.

How many epochs there are depends on when files come. So a test never counts on an epoch: it brings chunks, waits until the server
tells the results of just these chunks, and then until the page shows them.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import urllib.request

import pytest
from conftest import eventually, overflow

# Texts on the console where the connection is cut.
LOST = ["ERR_CONNECTION", "ERR_INCOMPLETE_CHUNKED", "ERR_EMPTY_RESPONSE", "ERR_NETWORK", "ERR_SOCKET"]
SHAPE, CHUNK = (64, 96, 128), 32


class Line:
    """A connection between the browser and the program that can be cut, stopped up and mended."""

    def __init__(self, port):
        self.port, self.open, self.flows = port, [], threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.own = self.listener.getsockname()[1]
        self.mend()

    def accept(self, listener):
        while True:
            try:
                browser, _ = listener.accept()
            except OSError:
                return  # It has been cut.
            self.open.append(browser)
            try:
                program = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                browser.close()
                continue  # The program has ended.
            self.open.append(program)
            for one, other in [(browser, program), (program, browser)]:
                threading.Thread(target=self.pass_on, args=(one, other), daemon=True).start()

    def pass_on(self, one, other):
        try:
            while data := one.recv(1 << 16):
                self.flows.wait()
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
        self.flows.set()
        if self.listener.fileno() < 0:
            self.listener = socket.create_server(("127.0.0.1", self.own))
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def address(self, of_program):
        return re.sub(r":\d+/", f":{self.own}/", of_program)


class Scan:
    """An image of which chunks come one by one, and `watch --serve` on it."""

    def __init__(self, program, whole, folder):
        self.program, self.whole, self.folder = program, whole, folder
        stored = (path.relative_to(whole) for path in whole.rglob("*") if path.is_file() and path.suffix != ".json")
        # Those of both planes of chunks in turn.
        self.to_come = sorted(stored, key=lambda path: (path.parts[2:], path.parts[1]))
        self.come = []
        (folder / "scan.zarr").mkdir()
        shutil.copy(whole / "zarr.json", folder / "scan.zarr")
        self.start()

    def start(self):
        options = ["--state", "state", "--out", "results", "--serve", "127.0.0.1:0", "--chunk", str(CHUNK), "--settle", "0.2", "--poll", "0.5"]
        command = [os.environ["ANABRANCH"], "watch", "scan.zarr", *options]
        with open(self.folder / "messages.txt", "a") as messages:
            self.watch = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=messages, text=True)
        self.address = next((found[0] for line in self.watch.stdout if (found := re.search(r"http://\S+", line))), None)
        assert self.address, (self.folder / "messages.txt").read_text()
        self.port = int(self.address.split(":")[2].split("/")[0])
        threading.Thread(target=lambda: [None for _ in self.watch.stdout], daemon=True).start()

    def end(self):
        self.watch.kill()
        self.watch.wait()

    def get(self, name):
        with urllib.request.urlopen(self.address + name, timeout=60) as answer:
            return answer.read().decode()

    def bring(self, count):
        """Brings chunks, waits until the server tells the results of all that have come, and returns their summary."""
        for chunk in self.to_come[:count]:
            to = self.folder / "scan.zarr" / chunk
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.whole / chunk, self.folder / "new")
            (self.folder / "new").rename(to)
        self.come, self.to_come = self.come + self.to_come[:count], self.to_come[count:]
        once = self.folder / "once"
        self.program("run", self.folder / "scan.zarr", "--out", once, "--overwrite", "--quiet")
        expected = json.loads((once / "summary.json").read_text())
        told = ("branches", "total_length", "junctions", "tips", "loops", "skeletons")

        def last():
            lines = json.loads(self.get("history.json"))
            return {name: lines[-1][name] for name in told} if lines else {}

        eventually(last, {name: expected[name] for name in told})
        assert (self.folder / "results" / "branches.csv").read_bytes() == (once / "branches.csv").read_bytes()
        eventually(lambda: json.loads(self.get("map.json"))["counts"], self.counts())
        return json.loads((self.folder / "results" / "summary.json").read_text())

    def states(self):
        """The state of each chunk that has to be shown: 0 missing, 2 read with a neighbour missing, 3 read."""
        shape = [size // CHUNK for size in SHAPE]
        all_of_them = [(z, y, x) for z in range(shape[0]) for y in range(shape[1]) for x in range(shape[2])]
        come = {tuple(map(int, chunk.parts[1:])) for chunk in self.come}
        missing = set(all_of_them) - come
        beside = lambda one: any(max(abs(a - b) for a, b in zip(one, other)) <= 1 for other in missing)
        return {one: 0 if one in missing else 2 if beside(one) else 3 for one in all_of_them}

    def counts(self):
        states = list(self.states().values())
        return [states.count(state) for state in range(5)]


@pytest.fixture(scope="session")
def whole(program, tmp_path_factory):
    """The image when all of its chunks have come."""
    image = tmp_path_factory.mktemp("whole") / "image.zarr"
    program("phantom", image, "--shape", ",".join(map(str, SHAPE)), "--chunk", CHUNK, "--seed", "2", "--quiet")
    return image


@pytest.fixture
def scan(program, whole, tmp_path):
    scan = Scan(program, whole, tmp_path)
    yield scan
    scan.end()


@pytest.fixture
def line(scan):
    line = Line(scan.port)
    yield line
    line.cut()


def digits(text):
    """A number as people read it, as a number."""
    return float(re.sub("[^0-9.e-]", "", text.replace("−", "-")))


def figures(page):
    """The key figures that the page shows, by their names."""
    script = "[...document.querySelectorAll('#figures dl > div')].map(div => [div.querySelector('dt').textContent, div.querySelector('dd').firstChild.textContent])"
    return {name.split(",")[0]: digits(text) for name, text in page.evaluate(script)}


def expected_figures(summary):
    """The same, from a summary: four digits, or all of a whole number."""
    names = {"branches": "branches", "total length": "total_length", "junctions": "junctions", "tips": "tips", "loops": "loops", "skeletons": "skeletons"}
    numbers = {shown: summary[name] for shown, name in names.items()}
    numbers["median length of a branch"] = summary["branch_distance"]["50%"]
    numbers["median radius of a branch"] = summary["mean_radius"]["50%"]
    numbers["foreground"] = 100 * summary["foreground_fraction"]
    rounded = lambda number: number if number == int(number) else float(f"{number:.4g}") if number < 1e4 else round(number)
    return {name: float(rounded(number)) for name, number in numbers.items()}


def colours_of_chunks(page):
    """The colour of the map's canvas in the middle of each square, row by row."""
    script = """() => {
        const canvas = document.getElementById("map"), context = canvas.getContext("2d");
        const rows = [];
        for (let y = 15; y < canvas.height; y += 32) for (let x = 15; x < canvas.width; x += 32)
            rows.push([...context.getImageData(x, y, 1, 1).data].slice(0, 3).join(","));
        return rows;
    }"""
    return page.evaluate(script)


def colours_of_states(page):
    """The colours that stand for chunks that are missing, read with a neighbour missing, and read, in this light."""
    script = """() => ["--line", "--sky", "--blue"].map(name => {
        const probe = document.body.appendChild(document.createElement("span"));
        probe.style.color = `var(${name})`;
        const colour = getComputedStyle(probe).color.match(/\\d+/g).slice(0, 3).join(",");
        probe.remove();
        return colour;
    })"""
    return dict(zip([0, 2, 3], page.evaluate(script)))


def epochs(page):
    """The numbers of the epochs in the table of changes, from above."""
    return [int(digits(text)) for text in page.locator("#changes tbody tr td:first-child").all_inner_texts()]


def status(page):
    return page.evaluate("document.getElementById('status').className.replace('status', '').trim()")


def shown(page, scan, summary):
    """Waits until the page shows what the server tells, and looks at all its parts."""
    eventually(lambda: {name: value for name, value in figures(page).items() if name != "provisional branches"}, expected_figures(summary))
    told = [line["number"] for line in json.loads(scan.get("history.json"))]
    eventually(lambda: epochs(page)[-len(told):], told[::-1])
    legend = [(name, count) for name, count in zip(["missing", "arrived, being read", "read, a neighbour is missing", "read", "not readable"], scan.counts()) if count]
    eventually(lambda: page.locator("#map-legend li").all_inner_texts(), [f"{name}: {count}" for name, count in legend])
    eventually(lambda: page.locator("#charts svg polyline").count(), 6)


def test_epochs_come_without_a_reload_and_numbers_are_those_of_the_results(scan, open_page):
    page = open_page(scan.address, ready="#status")
    page.evaluate("window.opened = true")
    for count in (2, 3, 4):
        shown(page, scan, scan.bring(count))
    assert page.evaluate("window.opened"), "it is the page that was opened"
    eventually(lambda: page.evaluate("document.getElementById('picture').naturalWidth > 100"), True)
    eventually(lambda: status(page), "")
    assert len(epochs(page)) >= 3
    last = page.locator("#charts figure").first.locator("circle title").last
    assert digits(last.text_content().split(": ")[1]) == figures(page)["branches"], "the curve ends at the number that is shown"


def test_the_map_shows_which_chunks_have_been_read(scan, open_page):
    page = open_page(scan.address, ready="#status")
    shown(page, scan, scan.bring(16))
    colours, states = colours_of_states(page), scan.states()
    assert set(states.values()) == {0, 2, 3}, "all are there to be seen"
    page.locator("#plane").focus()
    for plane in range(SHAPE[0] // CHUNK):
        page.keyboard.press("ArrowRight")
        assert page.locator("#plane-name").inner_text() == f"{plane + 1} of {SHAPE[0] // CHUNK}"
        expected = [colours[state] for (z, _, _), state in states.items() if z == plane]
        eventually(lambda: colours_of_chunks(page), expected)


def test_a_connection_that_was_cut_is_mended(scan, line, open_page):
    page = open_page(line.address(scan.address), ready="#status", allowed=LOST)
    before = scan.bring(4)
    shown(page, scan, before)
    line.cut()
    eventually(lambda: status(page), "lost")
    assert "Trying again" in page.locator("#status").inner_text()
    after = scan.bring(4)
    assert expected_figures(before) != expected_figures(after)
    assert figures(page)["branches"] == before["branches"], "what was known stays"
    line.mend()
    # Every epoch has a line then, also those of the time without a connection.
    shown(page, scan, after)
    eventually(lambda: status(page) in ("", "working"), True)


def test_a_connection_that_has_fallen_silent_is_opened_anew(scan, line, open_page):
    page = open_page(line.address(scan.address), ready="#status", allowed=LOST, clock=True)
    shown(page, scan, scan.bring(4))
    line.flows.clear()
    page.clock.fast_forward(60_000)
    eventually(lambda: status(page), "lost")
    after = scan.bring(4)
    line.cut()
    line.mend()
    shown(page, scan, after)


def test_the_end_is_said_and_what_was_found_stays(scan, open_page):
    page = open_page(scan.address, ready="#status")
    summary = scan.bring(6)
    shown(page, scan, summary)
    eventually(lambda: page.evaluate("document.getElementById('picture').naturalWidth > 100"), True)
    scan.watch.send_signal(signal.SIGINT)
    eventually(lambda: status(page), "ended")
    assert "The program has ended" in page.locator("#status").inner_text()
    assert scan.watch.wait(120) == 0
    assert figures(page)["branches"] == summary["branches"]
    assert page.locator("#files a[href]").count() == 0, "nothing is served any more"
    assert "in the folder results" in page.locator("#not-served").inner_text()


def test_a_program_that_was_started_again_has_another_page(scan, line, open_page):
    page = open_page(line.address(scan.address), ready="#status", allowed=[*LOST, "404"])
    shown(page, scan, scan.bring(4))
    scan.end()
    eventually(lambda: status(page), "lost")
    scan.start()
    line.port = scan.port
    eventually(lambda: status(page), "ended")
    assert "printed a new address" in page.locator("#status").inner_text()
    again = open_page(scan.address, ready="#status")
    shown(again, scan, scan.bring(4))


def test_a_page_that_nobody_looks_at_asks_for_nothing_until_it_is_seen(scan, open_page):
    hidden = "Object.defineProperty(document, 'hidden', { configurable: true, get: () => window.unseen ?? true });"
    page = open_page(scan.address, ready="#status", before=hidden)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    summary = scan.bring(6)
    eventually(lambda: "Epoch" in page.locator("#status").inner_text(), True)
    assert asked == [] and figures(page) == {}
    page.evaluate("window.unseen = false; document.dispatchEvent(new Event('visibilitychange'))")
    shown(page, scan, summary)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_it_fits_its_window(scan, open_page, scheme, width):
    page = open_page(scan.address, width=width, scheme=scheme, ready="#status")
    assert overflow(page) <= 0, "before anything has come"
    shown(page, scan, scan.bring(8))
    eventually(lambda: page.evaluate("document.getElementById('picture').naturalWidth > 100"), True)
    assert overflow(page) <= 0
    light = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((sum, c) => sum + +c, 0)")
    assert (light > 500) == (scheme == "light")
    outside = "[...document.querySelectorAll('#status, section, canvas, #picture, svg')].filter(one => one.getBoundingClientRect().right > innerWidth + 1).length"
    assert page.evaluate(outside) == 0


def test_the_report_of_the_last_epoch_is_one_click_away(scan, open_page):
    summary = scan.bring(6)
    page = open_page(scan.address, ready="#status")
    shown(page, scan, summary)
    page.get_by_role("link", name="The report of these results").click()
    page.wait_for_selector("html[data-ready]", state="attached", timeout=120_000)
    assert page.locator("#charts svg").count() > 0
    for name in ("summary.json", "branches.csv"):
        assert scan.get(name) == (scan.folder / "results" / name).read_text()
