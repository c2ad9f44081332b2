"""The pages hang together: links and files exist, each page can be reached, and all speak the field's words."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PICTURE_BYTES_MAX = 150_000


def find_pages() -> list[Path]:
    """What a person may read: all documents, and those of the packages."""
    packages = (ROOT / "packages").glob("*/README.md")
    return [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "findings" / "README.md", *packages]


def _links(page: Path) -> list[tuple[Path, str]]:
    """Where the links of a page lead: a file of ours, and the heading in it, if they name one."""
    found = re.findall(r"\]\(([^)#\s]*)(?:#([^)]+))?\)", page.read_text())
    inside = [(link, anchor) for link, anchor in found if "://" not in link]
    return [((page.parent / link if link else page).resolve(), anchor) for link, anchor in inside]


def _anchors(page: Path) -> set[str]:
    """The headings of a page, as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", each.lower()).replace(" ", "-") for each in headings}


def test_no_link_leads_nowhere() -> None:
    broken = [
        (str(page.relative_to(ROOT)), target.name, anchor)
        for page in find_pages()
        for target, anchor in _links(page)
        if not target.exists() or (anchor and anchor not in _anchors(target))
    ]
    assert broken == []


@pytest.mark.parametrize("start", ["README.md", "docs/README.md"])
def test_every_page_can_be_reached(start: str) -> None:
    """From the README everything, and from the index every document."""
    reached: set[Path] = set()
    waiting = [ROOT / start]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [target for target, _ in _links(page) if target.suffix == ".md"]
    assert [page for page in find_pages() if page not in reached] == []


def test_every_picture_is_small_and_is_shown() -> None:
    pictures = {path.resolve() for path in (DOCS / "images").glob("*")}
    assert {path.name for path in pictures if path.stat().st_size >= PICTURE_BYTES_MAX} == set()
    assert pictures == {
        target for page in find_pages() for target, _ in _links(page) if target in pictures
    }


# Words that the project once used for what the field has a word for; the decisions' index translates them.
DIALECT = (
    *(r"parked", r"by hand", r"told", r"ruling", r"rides?", r"riders?", r"orphans?", r"errands?"),
    *(
        r"preparers?",
        r"insists?",
        r"inspections?",
        r"inspected",
        r"adopt(?:s|ed|ion)?",
        r"stor(?:y|ies)",
    ),
    *(
        r"(?:the|a|this|that|whole|one) book",
        r"booked",
        r"clearings?",
        r"(?:a|whole|the|each) life",
    ),
    *(
        r"(?<!circuit[ -])(?<!circuit_)breaker",
        r"(?:is|are|be|payments?) held",
        r"ledger check",
        r"apexchainx key ",
    ),
)
# They tell of the past: what was decided and what has changed, in the words of its day.
OF_THE_PAST = {DOCS / "changelog.md", *(DOCS / "decisions").glob("*.md")}


@pytest.mark.parametrize(
    "page", sorted(set(find_pages()) - OF_THE_PAST), ids=lambda page: page.name
)
def test_no_page_speaks_the_old_dialect(page: Path) -> None:
    pattern = re.compile(rf"\b(?:{'|'.join(DIALECT)})\b", re.IGNORECASE)
    text = page.read_text()
    found = [(text[: match.start()].count("\n") + 1, match[0]) for match in pattern.finditer(text)]
    assert found == []


def test_every_file_that_a_page_names_exists() -> None:
    named = r"`((?:\w[\w.-]*/)+[\w-]+\.(?:py|sql|sh|json|yml|md))`"
    missing = [
        (page.name, path)
        for page in find_pages()
        for path in re.findall(named, page.read_text())
        if "NAME" not in path
        and not any((folder / path).exists() for folder in (ROOT, page.parent, DOCS))
    ]
    assert missing == []
