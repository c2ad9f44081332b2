"""docs/api/ shows one request and one answer of every route, and each is answered so."""

from pathlib import Path

from tests.conftest import KEY
from tests.docs.examples.example_documents import FOLDER, SETTINGS, play, read_pages
from tests.docs.examples.example_recorder import describe_shape
from tests.testkit.described_app import get_document
from tests.testkit.stacks import Stacks


async def test_every_example_of_the_documents_is_answered_as_it_is_shown(
    stacks: Stacks, tmp_path: Path
) -> None:
    """The same status and the same fields; `make api-examples` writes the pages anew."""
    async with stacks.start(tmp_path / "examples", settings=SETTINGS) as stack:
        pages = await play(stack, KEY)
    answered = {
        each.route: (each.status, describe_shape(each.answer))
        for examples in pages.values()
        for each in examples
    }
    shown = {
        route: (status, describe_shape(answer)) for route, (status, answer) in read_pages().items()
    }
    assert answered == shown
    index = (FOLDER.parent / "api.md").read_text()
    assert [name for name in pages if f"(api/{name}.md)" not in index] == []


def test_every_route_has_an_example() -> None:
    """What is missing here is asked in tests/docs/examples/."""
    served = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, operations in get_document()["paths"].items()
        for method in operations
    }
    shown = set(read_pages())
    assert (served - shown, shown - served) == (set(), set())
