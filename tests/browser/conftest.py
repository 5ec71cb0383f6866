"""Pages in a real browser: started by `.ci/browser`, which names the program and the browser in the environment.

A test takes `program` to make results and pages, and `open_page` to open one of them, at a width and in light or dark. A page on
which the console shows an error or a script fails fails its test.
"""

import os
import subprocess
import time

import pytest
from playwright.sync_api import sync_playwright

# WebGL without a graphics card.
ARGUMENTS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="session")
def program():
    """Calls the program; returns what it prints."""

    def call(*arguments):
        command = [os.environ["ANABRANCH"], *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


@pytest.fixture(scope="session")
def phantom(program, tmp_path_factory):
    """Results of a phantom of 48 x 120 x 160 voxels, whose voxels have a size."""
    folder = tmp_path_factory.mktemp("phantom")
    program("phantom", folder / "image.zarr", "--shape", "48,120,160", "--seed", "3", "--quiet")
    program("run", folder / "image.zarr", "--out", folder / "results", "--spacing", "2,0.5,0.5um", "--quiet")
    return folder / "results"


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Opens a file or an address; `allowed` are texts of errors on the console that are expected, `before` is a script that runs
    first, and with `clock` the test can put the page's clock forward."""
    contexts, errors = [], []

    def open_it(where, width=1440, height=900, scheme="light", ready="html[data-ready]", allowed=(), before=None, clock=False):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()

        def note(kind, text):
            if not any(part in text for part in allowed):
                errors.append(f"{kind}: {text}")

        page.on("console", lambda message: message.type == "error" and note("console", message.text))
        page.on("pageerror", lambda error: note("script", str(error)))
        if clock:
            page.clock.install()
        if before:
            page.add_init_script(before)
        page.goto(where if "://" in str(where) else f"file://{where}")
        if ready:
            page.wait_for_selector(ready, state="attached", timeout=60_000)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert not errors, errors


def eventually(get, expected):
    """Waits until something is as expected; fails with what it is if it does not become so."""
    end = time.monotonic() + 120
    while (found := get()) != expected and time.monotonic() < end:
        time.sleep(0.05)
    assert found == expected
    return found


def overflow(page):
    """How much wider than its window a page is, in pixels."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def colours(page, selector):
    """The number of pixels by colour of a canvas, without the colours of fewer than three pixels."""
    script = """selector => {
        const canvas = document.querySelector(selector), copy = document.createElement("canvas");
        [copy.width, copy.height] = [canvas.width, canvas.height];
        const context = copy.getContext("2d");
        context.drawImage(canvas, 0, 0);
        const counts = {}, { data } = context.getImageData(0, 0, copy.width, copy.height);
        for (let i = 0; i < data.length; i += 4) {
            const key = [data[i], data[i + 1], data[i + 2]].join(",");
            counts[key] = (counts[key] || 0) + 1;
        }
        return counts;
    }"""
    return {key: count for key, count in page.evaluate(script, selector).items() if count > 2}
