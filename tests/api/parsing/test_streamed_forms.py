"""The file of a form is the same whether it is read as a whole or as it comes, in pieces of any size."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.parsing.multipart import parse_file
from api.parsing.streamed_forms import StreamedForm
from domain.errors import Invalid

KIND = "multipart/form-data; boundary=b"
FIELD = b'--b\r\nContent-Disposition: form-data; name="note"\r\n\r\nx\r\n'
HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n'


async def stream(body: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


async def read(body: bytes, size: int) -> tuple[str, str, bytes]:
    form = StreamedForm(KIND, stream(body, size))
    name, kind = await form.find_file()
    return name, kind, b"".join([piece async for piece in form.read_file()])


@given(
    st.lists(st.sampled_from([b"\r\n--", b"--", b"\r", b"\n", b"a,b", b"\xff"])),
    st.integers(1, 40),
)
async def test_a_file_in_pieces_is_the_file(parts: list[bytes], size: int) -> None:
    content = b"".join(parts)
    while b"--b" in content:  # no content has its own boundary
        content = content.replace(b"--b", b"")
    body = b"preamble\r\n" + FIELD + HEAD + content + b"\r\n" + FIELD + b"--b--\r\n"
    assert await read(body, size) == ("a.csv", "text/csv", content)
    assert parse_file(KIND, body).content == content


@pytest.mark.parametrize("size", [1, 5, 10_000])
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (FIELD + b"--b--", "has none"),
        (HEAD + b"x\r\n" + HEAD + b"y\r\n--b--", "has more than one"),
        (HEAD + b"x", "cut short"),
        (HEAD + b"x\r\n--b", "cut short"),
        (b"", "cut short"),
        (b"--b\r\n" + b"a" * 9000, "has no head"),
        (FIELD * 21 + b"--b--", "more than 20 parts"),
    ],
)
async def test_what_is_no_form_with_one_file_is_refused(
    body: bytes, sentence: str, size: int
) -> None:
    with pytest.raises(Invalid, match=sentence):
        await read(body, size)
