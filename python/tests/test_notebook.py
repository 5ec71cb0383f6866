"""The notebook runs, on phantoms and, where there is some, on data."""

import json
import os
from pathlib import Path

import pytest

from conftest import optional

NOTEBOOK = Path(__file__).parent.parent / "examples" / "lungs.ipynb"


def run_notebook():
    """The names that its cells leave."""
    optional("matplotlib").use("agg")
    names = {}
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    return names


def test_healthy_lungs_have_more_vessels_than_diseased_ones(monkeypatch):
    monkeypatch.delenv("ANABRANCH_DATA", raising=False)
    medians = run_notebook()["medians"]
    assert (medians.loc["healthy", ["length_per_volume", "branches_per_volume"]] > medians.loc["diseased", ["length_per_volume", "branches_per_volume"]]).all()


@pytest.mark.skipif("ANABRANCH_DATA" not in os.environ, reason="ANABRANCH_DATA names no folder with healthy and diseased lungs")
def test_the_notebook_runs_on_data():
    assert set(run_notebook()["medians"].index) == {"healthy", "diseased"}


@pytest.mark.skipif("ANABRANCH_IMAGE" not in os.environ, reason="ANABRANCH_IMAGE names no mask")
def test_the_notebook_runs_on_an_image():
    assert run_notebook()["results"].summary["branches"] > 0
