"""Each expected error says whether to change, to wait or to stop, and has a code of its own."""

import inspect

from domain import errors
from domain.errors import ApexError, Invalid, Refused, Stop, TryAgain

ALL = [each for _, each in inspect.getmembers(errors, inspect.isclass)]


def test_every_error_is_of_exactly_one_kind() -> None:
    kinds = (Refused, TryAgain, Stop)
    for each in set(ALL) - {ApexError}:
        assert sum(issubclass(each, kind) for kind in kinds) == 1, each


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [each.code for each in ALL]
    assert len(set(codes)) == len(codes)


def test_the_tree_at_the_top_of_the_file_names_every_error() -> None:
    drawn = errors.__doc__ or ""
    assert [each.__name__ for each in ALL if each.__name__ not in drawn] == []


def test_an_invalid_field_is_named_in_the_sentence() -> None:
    assert str(Invalid("site_name", "must not be empty")) == "site_name: must not be empty"
