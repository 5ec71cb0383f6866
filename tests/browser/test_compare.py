"""The page of a comparison in a browser."""

import csv

import pytest
from conftest import overflow


@pytest.fixture(scope="module")
def samples(program, tmp_path_factory):
    """Results of six phantoms, of thin and of thick tubes."""
    folder = tmp_path_factory.mktemp("samples")
    for group, radius in (("thin", 2), ("thick", 4)):
        for seed in range(3):
            image = folder / f"{group}{seed}.zarr"
            program("phantom", image, "--shape", "48,48,48", "--radius", radius, "--seed", seed, "--quiet")
            program("run", image, "--out", folder / f"{group}{seed}", "--spacing", "2um", "--quiet")
    return folder


@pytest.fixture(scope="module")
def comparison(program, samples):
    groups = [argument for group in ("thin", "thick") for argument in ("--group", f"{group}={samples}/{group}?")]
    program("compare", *groups, "--out", samples / "compare.html", "--quiet")
    return samples / "compare.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_violins_are_drawn_with_a_point_for_each_sample(open_page, comparison, scheme, width):
    page = open_page(comparison, width=width, scheme=scheme)
    page.wait_for_selector("#violin-charts svg polygon")
    assert overflow(page) <= 0
    assert page.locator("#violin-charts svg").count() == 4
    assert page.locator("#violin-charts svg polygon").count() == 8, "two groups in each"
    assert page.locator("#violin-charts svg circle.point").count() == 24, "six samples in each"
    assert page.locator("#density-charts svg").count() == 6
    light = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((sum, c) => sum + +c, 0)")
    assert (light > 500) == (scheme == "light")


def test_points_lie_at_the_values_of_the_samples(open_page, comparison):
    page = open_page(comparison)
    page.wait_for_selector("#violin-charts svg polygon")
    with open(comparison.with_suffix(".csv"), newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["measure"] == "radius"]
    radii = {row["sample"]: float(row["value"]) for row in rows}
    script = """() => [...document.querySelectorAll('#violin-charts figure')][2].querySelectorAll('circle.point title').length
        && [...[...document.querySelectorAll('#violin-charts figure')][2].querySelectorAll('circle.point')]
            .map(point => [point.querySelector('title').textContent.split(':')[0], +point.getAttribute('cy')])"""
    places = dict(page.evaluate(script))
    assert set(places) == set(radii)
    # A larger radius lies higher.
    order = sorted(radii, key=radii.get)
    assert all(places[a] >= places[b] for a, b in zip(order, order[1:])), (radii, places)


def test_the_page_says_what_three_samples_a_side_cannot_show(open_page, comparison):
    page = open_page(comparison)
    statement = page.locator(".statement").inner_text()
    assert "p cannot be below 0.1" in statement
    cells = page.locator("table.contrasts tbody tr").evaluate_all("rows => rows.map(row => row.querySelector('td.text').textContent)")
    assert len(cells) == 21 and "no difference can be shown with so few samples" in cells
    assert not any(cell.startswith("a difference") for cell in cells)


def test_names_of_samples_and_groups_are_text(open_page, program, samples, tmp_path):
    hostile = "<img/src/onerror><script>alert(1)</script>"
    program("compare", "--group", f"{hostile}={samples}/thin0", "--group", f"b={samples}/thick0", "-o", tmp_path / "c.html", "--quiet")
    page = open_page(tmp_path / "c.html")
    page.wait_for_selector("#violin-charts svg polygon")
    assert hostile in page.locator("h1").inner_text()
    assert page.locator("img").count() == 0
