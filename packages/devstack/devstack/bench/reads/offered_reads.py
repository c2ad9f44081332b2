"""
Every list that the OpenAPI document offers, with each filter, each order, and each filter in each order.

A parameter for which there is no sample is an error: who offers a new filter says here what it is filtered by.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# What says which part of a list is wanted, or in which form.
PAGING = frozenset({"page", "page_size", "cursor", "limit", "format"})
SORT = "sort"
# Of these lists, a number or a cursor to go on from.
PLACES = frozenset({("/audit", "before"), ("/events", "after")})
# Neither is a list: one hashes entries anew, the others are made of what one outage or network has.
NO_LISTS = ("/audit/verify", "/timeline")
Samples = Mapping[str, Sequence[str]]


class NoSample(Exception):
    """The sentence names the parameter."""


@dataclass(frozen=True, slots=True)
class OfferedRead:
    """A request: its path below the prefix, and its parameters."""

    path: str
    parameters: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        said = "&".join(f"{name}={value}" for name, value in self.parameters)
        return f"{self.path}?{said}" if said else self.path


def list_reads(document: Mapping[str, Any], prefix: str, samples: Samples) -> list[OfferedRead]:
    """Return every read of a list. Raises NoSample for a parameter that nobody has a sample of."""
    found: list[OfferedRead] = []
    for path, operations in document["paths"].items():
        offered = _list_offered(operations.get("get", {}))
        short = path.removeprefix(prefix)
        if {"page", "limit"} & offered.keys() and not short.endswith(NO_LISTS):
            found += _combine(_fill(short, samples), short, offered, samples)
    return found


def _list_offered(operation: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the parameters of a query; older names of others are left out."""
    return {
        each["name"]: each
        for each in operation.get("parameters", [])
        if each.get("in") == "query" and not each.get("deprecated")
    }


def _combine(
    path: str, template: str, offered: Mapping[str, Mapping[str, Any]], samples: Samples
) -> Iterator[OfferedRead]:
    filters = [
        (name, value)
        for name in offered
        if name not in {*PAGING, SORT} and (template, name) not in PLACES
        for value in _find_samples(template, name, samples)
    ]
    orders = [(SORT, value) for value in _list_orders(offered.get(SORT))]
    yield OfferedRead(path)
    for each in (*filters, *orders):
        yield OfferedRead(path, (each,))
    for order in orders:
        for each in filters:
            yield OfferedRead(path, (each, order))


def _find_samples(template: str, name: str, samples: Samples) -> Sequence[str]:
    """Return what is asked for by a parameter: of this list, if it has a meaning of its own there."""
    found = samples.get(f"{template} {name}", samples.get(name))
    if found is None:
        raise NoSample(f"{template} offers {name!r}, and there is no sample of it")
    return found


def _list_orders(parameter: Mapping[str, Any] | None) -> Iterator[str]:
    if parameter is None:
        return
    found = re.search(r"\(([a-z_|]+)\)", parameter["schema"]["pattern"])
    if found is None:
        raise NoSample("the form of `sort` does not name its fields")
    for field in found[1].split("|"):
        yield from (field, f"-{field}")


def _fill(path: str, samples: Samples) -> str:
    return re.sub(r"\{([a-z_]+)\}", lambda name: _find_samples(path, name[1], samples)[0], path)
