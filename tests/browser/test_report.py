"""The report in a browser."""

import csv

import pytest
from conftest import colours, eventually, overflow


@pytest.fixture(scope="module")
def report(program, phantom):
    program("report", phantom, "--quiet")
    return phantom / "report.html"


@pytest.fixture(scope="module")
def table(phantom):
    with open(phantom / "branches.csv", newline="") as file:
        return list(csv.DictReader(file))


def settle(page):
    """Waits until the view has been drawn and looks the same twice."""
    page.wait_for_selector("#view canvas[data-drawn]")
    last = [None]

    def rests():
        last.append(colours(page, "#view canvas"))
        return last.pop(0) == last[0]

    eventually(rests, True)


def rows(page):
    """The numbers of branches in the rows of the table that are in view."""
    script = "[...document.querySelectorAll('.grid-body .grid-row')].map(row => [row.ariaRowIndex, row.children[0].textContent])"
    return [int(branch) for _, branch in sorted(page.evaluate(script), key=lambda row: int(row[0]))]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_a_page_fits_its_window_and_is_readable_in_light_and_dark(open_page, report, scheme, width):
    page = open_page(report, width=width, scheme=scheme)
    assert overflow(page) <= 0
    light = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((sum, c) => sum + +c, 0)")
    assert (light > 500) == (scheme == "light")
    assert page.locator("#charts svg").count() == 5


def test_the_view_draws_the_network_and_turns_by_mouse_and_keys(open_page, report):
    page = open_page(report)
    settle(page)
    first = colours(page, "#view canvas")
    background = max(first, key=first.get)
    assert sum(first.values()) - first[background] > 0.01 * sum(first.values())
    assert len(first) > 50, "tubes are shaded"
    page.locator("#view canvas").focus()
    page.keyboard.press("ArrowRight")
    eventually(lambda: colours(page, "#view canvas") != first, True)
    turned = colours(page, "#view canvas")
    page.keyboard.press("0")
    eventually(lambda: colours(page, "#view canvas"), first)
    page.locator("#view canvas").evaluate("canvas => canvas.scrollIntoView({block: 'center', behavior: 'instant'})")
    box = page.locator("#view canvas").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 420, box["y"] + 240, steps=4)
    page.mouse.up()
    eventually(lambda: colours(page, "#view canvas") not in (first, turned), True)


def test_colours_stand_for_what_is_chosen(open_page, report):
    page = open_page(report)
    settle(page)
    seen = []
    for choice in page.locator("#colour-by option").evaluate_all("options => options.map(option => option.value)"):
        page.locator("#colour-by").select_option(choice)
        if seen:
            eventually(lambda: colours(page, "#view canvas") != seen[-1], True)
        seen.append(colours(page, "#view canvas"))
    assert len(seen) >= 5


def test_the_table_filters_and_the_view_follows(open_page, report, table):
    page = open_page(report)
    settle(page)
    before = colours(page, "#view canvas")
    lengths = [float(row["branch_distance"]) for row in table]
    page.locator(".filters summary").click()
    page.locator("#length-min").fill("10")
    expected = sum(length >= 10 for length in lengths)
    assert page.locator(".table-count").inner_text().startswith(f"{expected} of {len(table)} branches")
    eventually(lambda: colours(page, "#view canvas") != before, True)
    page.locator(".filter-kinds input").nth(2).uncheck()
    expected = [int(row["branch_id"]) for row in table if float(row["branch_distance"]) >= 10 and row["branch_type"] != "2"]
    shown = rows(page)
    assert shown == expected[: len(shown)] and shown
    page.get_by_role("button", name="Clear filters").click()
    assert page.locator(".table-count").inner_text() == f"{len(table)} branches"
    eventually(lambda: colours(page, "#view canvas"), before)


def test_the_table_sorts_by_every_column(open_page, report, table):
    page = open_page(report)
    page.locator("[data-key=length] button").click()
    by_length = sorted(table, key=lambda row: -float(row["branch_distance"]))
    assert rows(page)[:5] == [int(row["branch_id"]) for row in by_length[:5]]
    assert page.locator("[data-key=length]").get_attribute("aria-sort") == "descending"
    page.locator("[data-key=length] button").click()
    assert float(table[rows(page)[0]]["branch_distance"]) == min(float(row["branch_distance"]) for row in table)
    keys = page.locator("[data-key]").evaluate_all("cells => cells.map(cell => cell.dataset.key)")
    for key in keys:
        page.locator(f"[data-key={key}] button").click()
        assert page.locator(f"[data-key={key}]").get_attribute("aria-sort") in ("ascending", "descending")
        assert len(rows(page)) > 10


def test_the_table_works_by_keyboard_and_selects_in_the_view(open_page, report, table):
    page = open_page(report)
    grid = page.locator(".rows")
    grid.focus()
    for _ in range(30):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator(".grid-row.selected > div").first.inner_text() == "30"
    assert page.locator(".view-status").inner_text().startswith("Branch 30 ·")
    page.keyboard.press("End")
    eventually(lambda: rows(page)[-1], len(table) - 1)
    page.keyboard.press("Home")
    eventually(lambda: rows(page)[0], 0)


def test_a_click_in_the_view_selects_the_branch_there(open_page, report):
    page = open_page(report)
    settle(page)
    page.locator("#view canvas").evaluate("canvas => canvas.scrollIntoView({block: 'center', behavior: 'instant'})")
    box = page.locator("#view canvas").bounding_box()
    for place in range(40):
        # Along the middle, and then above and below it.
        across, down = 0.3 + 0.4 * (place % 10) / 9, (0.5, 0.42, 0.58, 0.35)[place // 10]
        page.mouse.click(box["x"] + box["width"] * across, box["y"] + box["height"] * down)
        if page.locator(".view-status").inner_text():
            break
    assert page.locator(".view-status").inner_text().startswith("Branch ")


def test_charts_become_violins(open_page, report):
    page = open_page(report)
    page.get_by_role("button", name="Violins").click()
    page.wait_for_selector("#charts polygon")
    assert page.locator("#charts .median").count() >= 4


def test_the_picture_zooms_by_keys(open_page, report):
    page = open_page(report)
    page.locator(".picture-stage").focus()
    page.keyboard.press("+")
    assert "scale(1.25)" in page.locator(".picture-stage img").get_attribute("style")


def test_without_webgl_the_page_says_so_and_draws_lines(open_page, report):
    page = open_page(report, before="const get = HTMLCanvasElement.prototype.getContext; HTMLCanvasElement.prototype.getContext = function (kind, ...rest) { return kind === 'webgl2' ? null : get.call(this, kind, ...rest); };")
    settle(page)
    assert "no WebGL 2" in page.locator("#view .notice").inner_text()
    drawn = colours(page, "#view canvas")
    assert sum(drawn.values()) - max(drawn.values()) > 1000


@pytest.mark.parametrize("form", ["flat", "skan", "labels", "empty"])
def test_results_of_every_form_are_shown(program, open_page, tmp_path, form):
    shape = "1,200,220" if form == "flat" else "24,60,70"
    program("phantom", tmp_path / "image.zarr", "--shape", shape, "--seed", "5", "--quiet")
    options = {"flat": [], "skan": ["--columns", "skan"], "labels": ["--labels"], "empty": ["--threshold", "3"]}[form]
    program("run", tmp_path / "image.zarr", "--out", tmp_path / "results", "--quiet", *options)
    program("report", tmp_path / "results", "--quiet")
    page = open_page(tmp_path / "results" / "report.html")
    assert overflow(page) <= 0
    if form == "empty":
        assert "There is no branch to show" in page.locator("#view").inner_text()
        return
    settle(page)
    assert len(colours(page, "#view canvas")) > 5
    assert (page.locator("[data-key=radius]").count() == 1) == (form != "skan")
    assert (page.locator("[data-key=label]").count() == 1) == (form == "labels")


def test_it_prints(open_page, report, tmp_path):
    page = open_page(report)
    settle(page)
    page.pdf(path=tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").stat().st_size > 50_000
