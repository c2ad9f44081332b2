"""A page as somebody reads it: its forms, links, headings and words; one that is not well-formed is refused."""

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "hr", "img"}
FIELDS = {"input", "select", "textarea"}


@dataclass
class PageForm:
    """What is sent when its button is pressed, as it stands."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    button: str = ""


@dataclass
class Page:
    forms: list[PageForm] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    # Whatever a browser would load or lead to.
    addresses: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    # What stands beside a field that was refused.
    problems: list[str] = field(default_factory=list)
    refusal: str = ""
    done: str = ""
    refresh: str = ""
    words: str = ""

    def find_form(self, ending: str) -> PageForm:
        """Return the one form whose action ends so."""
        found = [form for form in self.forms if form.action.endswith(ending)]
        assert len(found) == 1, (ending, [form.action for form in self.forms])
        return found[0]

    def list_actions(self) -> set[str]:
        """Return the last part of what each form does, without logging out and filters."""
        own = {form.action.rpartition("/")[2] for form in self.forms if form.method == "post"}
        return own - {"logout"}


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self.open: list[str] = []
        self.ids: Counter[str] = Counter()
        self.labelled: set[str] = set()
        self.asked: list[str] = []
        self.described: list[str] = []
        self._select: tuple[str, bool] | None = None
        self._area: str | None = None
        self._into = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        assert len(given) == len(attrs), f"{tag} has an attribute twice"
        self._check(tag, given)
        if tag not in VOID:
            self.open.append(tag)
        self._take_form(tag, given)
        if tag == "a":
            self.page.links.append(given["href"])
        if tag == "meta" and given.get("http-equiv") == "refresh":
            self.page.refresh = given["content"]
        kinds = given.get("class", "").split()
        if tag == "p" and {"problem", "refused", "done"} & set(kinds):
            self._into = kinds[0]
            if kinds[0] == "problem":
                self.page.problems.append("")
        if tag in {"h1", "h2", "h3"}:
            self._into = tag
            self.page.headings.append("")

    def _check(self, tag: str, given: dict[str, str]) -> None:
        assert tag not in {"script", "style", "iframe", "object", "embed", "base"}, tag
        assert "style" not in given, f"{tag} has a style of its own"
        assert not [name for name in given if name.startswith("on")], f"{tag} has a handler"
        self.page.addresses += [given[n] for n in ("href", "src", "action") if n in given]
        if "id" in given:
            self.ids[given["id"]] += 1
        if tag == "label":
            self.labelled.add(given["for"])
        if tag in FIELDS and given.get("type") != "hidden":
            self.asked.append(given["id"])
        self.described += given.get("aria-describedby", "").split()
        self.described += given.get("aria-labelledby", "").split()

    def _take_form(self, tag: str, given: dict[str, str]) -> None:
        if tag == "form":
            assert "form" not in self.open[:-1], "a form inside another"
            self.page.forms.append(PageForm(given["action"], given["method"]))
        if tag == "input":
            self.page.forms[-1].fields[given["name"]] = given.get("value", "")
        if tag == "select":
            self._select = given["name"], False
            self.page.forms[-1].fields[given["name"]] = ""
        if tag == "option" and self._select is not None:
            name, chosen = self._select
            first = not chosen and not self.page.forms[-1].fields[name]
            if "selected" in given or first:
                self.page.forms[-1].fields[name] = given["value"]
                self._select = name, "selected" in given
        if tag == "textarea":
            self._area = given["name"]
            self.page.forms[-1].fields[given["name"]] = ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> ends nothing"
        assert self.open[-1] == tag, f"</{tag}> where <{self.open[-1]}> is open"
        self.open.pop()
        if tag in {"h1", "h2", "h3", "p"}:
            self._into = ""
        if tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        self.page.words += f" {' '.join(data.split())}" if data.strip() else ""
        if self._area is not None:
            # The first line break of a text area is none of its content.
            self.page.forms[-1].fields[self._area] += data.removeprefix("\n")
        match self._into:
            case "problem":
                self.page.problems[-1] += data
            case "refused":
                self.page.refusal += data
            case "done":
                self.page.done += data
            case "h1" | "h2" | "h3":
                self.page.headings[-1] += " ".join(data.split())


def parse_page(text: str) -> Page:
    """Read a page. Fails for tags that do not match, ids that are there twice, fields without a label, and scripts."""
    assert text.startswith("<!doctype html>\n<html lang="), text[:60]
    parser = _Parser()
    parser.feed(text.removeprefix("<!doctype html>"))
    parser.close()
    assert parser.open == [], parser.open
    assert [each for each, count in parser.ids.items() if count > 1] == []
    assert [each for each in parser.asked if each not in parser.labelled] == []
    assert [each for each in parser.described if each not in parser.ids] == []
    assert parser.page.headings, "a page begins with a heading"
    foreign = [
        each for each in parser.page.addresses if not each.startswith(("/console", "#", "?"))
    ]
    assert foreign == [], "it leads elsewhere"
    return parser.page
