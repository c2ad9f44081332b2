"""iCalendar (RFC 5545), as much of it as a maintenance notice is made of: lines and components."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from domain.errors import Invalid

LINES_MAX = 5000
_LINE = re.compile(r"([A-Za-z0-9-]+)((?:;[^:\"]*(?:\"[^\"]*\"[^:\"]*)*)?):(.*)", re.DOTALL)
_PARAMETER = re.compile(r";([A-Za-z0-9-]+)=(\"[^\"]*\"|[^;]*)")
_ESCAPED = re.compile(r"\\([\\;,nN])")


@dataclass(frozen=True, slots=True)
class Property:
    name: str
    parameters: dict[str, str]
    value: str


@dataclass(slots=True)
class Component:
    name: str
    properties: list[Property] = field(default_factory=list)
    parts: list["Component"] = field(default_factory=list)

    def list_properties(self, name: str) -> list[Property]:
        return [each for each in self.properties if each.name == name]

    def get(self, name: str) -> Property | None:
        """Return the one property of a name. Raises Invalid when there are several."""
        found = self.list_properties(name)
        if len(found) > 1:
            raise Invalid(name, f"stands {len(found)} times in {self.name}: send it once")
        return found[0] if found else None

    def read_text(self, name: str) -> str | None:
        found = self.get(name)
        return None if found is None else unescape(found.value).strip() or None


def unescape(value: str) -> str:
    return _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)


def read_calendar(content: bytes) -> Component:
    """Return the one VCALENDAR of a file. Raises Invalid."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("body", f"is not text in UTF-8: see byte {error.start}") from None
    if "\x00" in text:
        raise Invalid("body", "must not contain a null byte")
    lines = [line for line in _unfold(text) if line]
    if len(lines) > LINES_MAX:
        raise Invalid("body", f"must be at most {LINES_MAX} lines")
    root = Component("")
    stack = [root]
    for number, line in enumerate(lines, 1):
        _take_line(stack, _read_line(line, number), number)
    if len(stack) > 1 or len(root.parts) != 1 or root.parts[0].name != "VCALENDAR":
        raise Invalid("body", "must be one iCalendar, from BEGIN:VCALENDAR to END:VCALENDAR")
    return root.parts[0]


def _unfold(text: str) -> Iterator[str]:
    """A line that begins with a blank goes on with the line before it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    whole = lines[0]
    for line in lines[1:]:
        if line[:1] in (" ", "\t"):
            whole += line[1:]
        else:
            yield whole
            whole = line
    yield whole


def _read_line(line: str, number: int) -> Property:
    match = _LINE.fullmatch(line)
    if match is None:
        raise Invalid("body", f"line {number} is no line of an iCalendar: {line[:60]!r}")
    parameters = {name.upper(): value.strip('"') for name, value in _PARAMETER.findall(match[2])}
    return Property(match[1].upper(), parameters, match[3])


def _take_line(stack: list[Component], line: Property, number: int) -> None:
    if line.name == "BEGIN":
        made = Component(line.value.strip().upper())
        stack[-1].parts.append(made)
        stack.append(made)
    elif line.name == "END":
        if line.value.strip().upper() != stack[-1].name or len(stack) == 1:
            raise Invalid("body", f"line {number} ends what has not begun: {line.value[:60]!r}")
        stack.pop()
    else:
        stack[-1].properties.append(line)
