"""Public functions, models and kernels are documented: parameters as in the signature, models with house sections."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from numpydoc.docscrape import NumpyDocString

from archmodel.models import Model, models

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))

from generate.docstrings import HOUSE_SECTIONS, split_house_sections

ENOUGH_FOR_A_SECTION = 3  # parameters; fewer are told by the summary


def modules() -> Iterator[ModuleType]:
    for name in ("archmodel.api", "archmodel.models", "archmodel.economy", "archmodel.kernels"):
        package = importlib.import_module(name)
        yield package
        for module in pkgutil.iter_modules(package.__path__):
            yield importlib.import_module(f"{name}.{module.name}")


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Functions (of kernels: before compilation) and classes that a module defines."""
    for name, value in vars(module).items():
        plain = getattr(value, "py_func", value)
        is_own = getattr(plain, "__module__", None) == module.__name__ and not name.startswith("_")
        if is_own and (inspect.isfunction(plain) or inspect.isclass(plain)):
            yield f"{module.__name__}.{name}", plain


PUBLIC = dict(item for module in modules() for item in public(module))
FUNCTIONS = [name for name, value in PUBLIC.items() if inspect.isfunction(value)]


def read(documented: Any) -> tuple[NumpyDocString, set[str]]:
    rest, sections = split_house_sections((inspect.getdoc(documented) or "").splitlines())
    return NumpyDocString("\n".join(rest)), {name for name, text in sections.items() if any(text)}


def signature_of(function: Any) -> list[str]:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    parameters = inspect.signature(function).parameters.values()
    return [stars.get(parameter.kind, "") + parameter.name for parameter in parameters]


@pytest.mark.parametrize("name", PUBLIC)
def test_summary_is_one_sentence(name):
    docstring, _ = read(PUBLIC[name])
    summary = " ".join(docstring["Summary"])
    assert summary.endswith(".")
    assert len(docstring["Summary"]) == 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_parameters_are_those_of_the_signature(name):
    docstring, _ = read(PUBLIC[name])
    documented = [part.strip() for entry in docstring["Parameters"] for part in entry.name.split(",")]
    signature = signature_of(PUBLIC[name])
    if "parameters as in" in " ".join(docstring["Summary"]):
        assert set(documented) < set(signature)
    elif documented or len(signature) >= ENOUGH_FOR_A_SECTION:
        assert documented == signature


@pytest.mark.parametrize("name", models())
def test_model_says_its_equation_and_its_sources(name):
    _, sections = read(type(models()[name]))
    assert sections == set(HOUSE_SECTIONS)


@pytest.mark.parametrize("name", models())
@pytest.mark.parametrize("method", ["supports", "evaluate", "evaluate_batch"])
def test_model_takes_what_the_protocol_says(name, method):
    assert signature_of(getattr(type(models()[name]), method)) == signature_of(getattr(Model, method))
