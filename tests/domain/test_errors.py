"""Each expected error says whether to change, to wait or to stop, and has a code of its own."""

import ast
import inspect

from domain import errors
from domain.errors import ApexError, Invalid, Refused, Stop, TryAgain
from tests.testkit.source_tree import PRODUCTION, list_modules

ALL = [each for _, each in inspect.getmembers(errors, inspect.isclass)]


def test_every_error_has_exactly_one_kind() -> None:
    kinds = (Refused, TryAgain, Stop)
    for each in set(ALL) - {ApexError}:
        assert sum(issubclass(each, kind) for kind in kinds) == 1, each


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [each.code for each in ALL]
    assert len(set(codes)) == len(codes)


def test_the_module_docstring_names_every_error() -> None:
    drawn = errors.__doc__ or ""
    assert [each.__name__ for each in ALL if each.__name__ not in drawn] == []


def _find_made_errors() -> set[str]:
    """The errors that the product makes, to raise or to answer them."""
    return {
        node.func.id
        for path in list_modules(PRODUCTION)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def test_every_error_is_raised_somewhere() -> None:
    made = _find_made_errors()
    leaves = [each for each in ALL if not each.__subclasses__()]
    assert [each.__name__ for each in leaves if each.__name__ not in made] == []


def test_the_message_names_the_invalid_field() -> None:
    assert str(Invalid("site_name", "must not be empty")) == "site_name: must not be empty"
