"""What is public has a docstring, and what docstrings show is so."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import anabranch

MODULES = [module.name for module in pkgutil.iter_modules(anabranch.__path__) if module.name != "_native"]


@pytest.mark.parametrize("name", ["", *MODULES])
def test_examples_show_what_comes_out(name):
    module = importlib.import_module(f"anabranch.{name}" if name else "anabranch")
    assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


def test_everything_public_is_explained():
    for name in anabranch.__all__:
        thing = getattr(anabranch, name)
        if name == "__version__":
            continue
        assert inspect.getdoc(thing), name
        if inspect.isclass(thing):
            for part, value in vars(thing).items():
                assert part.startswith("_") or not callable(value) or inspect.getdoc(value), f"{name}.{part}"


def test_arguments_of_a_run_are_those_that_are_explained():
    text = inspect.getdoc(anabranch.run)
    explained = {
        name.strip()
        for line in text.split("Returns\n")[0].splitlines()
        if " : " in line and not line.startswith(" ")
        for name in line.split(" : ")[0].split(",")
    }
    assert explained == set(inspect.signature(anabranch.run).parameters)
