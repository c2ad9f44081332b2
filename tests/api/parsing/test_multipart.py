"""A form is read as browsers write it: one file, with whatever bytes it has."""

import pytest

from api.parsing.multipart import parse_file
from domain.errors import Invalid

KIND = "multipart/form-data; boundary=----WebKitFormBoundaryAbc"
B = b"------WebKitFormBoundaryAbc"


def build_part(head: bytes, content: bytes) -> bytes:
    return B + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


FILE = b'Content-Disposition: form-data; name="file"; filename="C:\\fakepath\\a b.csv"'


@pytest.mark.parametrize("content", [b"", b"a,b\r\n1,2\r\n", b"\r\n--\r\n", bytes(range(256))])
def test_the_file_is_what_was_sent_to_the_last_byte(content: bytes) -> None:
    other = build_part(b'Content-Disposition: form-data; name="note"', b"hello")
    body = other + build_part(FILE + b"\r\nContent-Type: text/csv", content) + B + b"--\r\n"
    found = parse_file(KIND, body)
    assert (found.name, found.content) == ("a b.csv", content)
    assert "content" not in repr(found)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (None, b""),
        ("multipart/form-data", build_part(FILE, b"x") + B + b"--"),
        ("text/plain; boundary=----WebKitFormBoundaryAbc", build_part(FILE, b"x") + B + b"--"),
        (KIND, b""),
        (KIND, build_part(FILE, b"x")),
        (KIND, B + b"--\r\n"),
        (KIND, build_part(FILE, b"x") * 2 + B + b"--"),
        (KIND, build_part(FILE, b"x") * 30 + B + b"--"),
        (KIND, B + b"\r\nno head" + B + b"--"),
    ],
)
def test_whatever_is_no_form_with_one_file_is_refused(kind: str | None, body: bytes) -> None:
    with pytest.raises(Invalid, match="one part named file"):
        parse_file(kind, body)


def test_the_name_of_a_file_is_in_utf_8_as_browsers_send_it() -> None:
    head = 'Content-Disposition: form-data; name="file"; filename="St\u00f6rung \u2116 7.csv"'
    found = parse_file(KIND, build_part(head.encode(), b"x") + B + b"--\r\n")
    assert found.name == "St\u00f6rung \u2116 7.csv"
    latin = head.replace("\u2116", "N").encode("latin-1")
    assert parse_file(KIND, build_part(latin, b"x") + B + b"--").name == "St\ufffdrung N 7.csv"


@pytest.mark.parametrize("charset", ["idna", "undefined", "a\x00b"])
def test_what_is_said_in_a_character_set_that_cannot_be_read_is_left_out(charset: str) -> None:
    head = f"Content-Disposition: form-data; name=\"file\"; filename*={charset}''a.csv"
    found = parse_file(KIND, build_part(head.encode(), b"x") + B + b"--\r\n")
    assert (found.name, found.content) == ("unnamed", b"x")
    with pytest.raises(Invalid, match="one part named file"):
        parse_file(f"multipart/form-data; boundary*={charset}''b", b"")
