"""A file that is none is refused in a sentence, before anything is sent."""

import os
from pathlib import Path

import pytest

from cli.jobs import imports

CSV = b"service_id,start_time,end_time"


def test_a_file_whose_name_says_nothing_of_its_format_is_refused_in_words(
    tmp_path: Path,
) -> None:
    file = tmp_path / "outages.xlsx"
    file.write_bytes(b"PK")
    with pytest.raises(SystemExit, match="apexchainx: file: must be CSV, JSON or NDJSON"):
        imports.command(file, url="http://127.0.0.1:9", api_key="a-key")


@pytest.mark.parametrize(
    ("url", "key", "said"),
    [
        ("http://[::1", "a-key", "is no address of an API"),
        ("sla.example.com", "a-key", "is no address of an API"),
        ("http://", "a-key", "is no address of an API"),
        ("http://127.0.0.1:9", "schlüssel", "has a character that is in no key"),
        ("http://127.0.0.1:9", "a\nkey", "has a character that is in no key"),
    ],
)
def test_an_address_or_a_key_that_is_none_is_refused_in_words(
    tmp_path: Path, url: str, key: str, said: str
) -> None:
    file = tmp_path / "outages.csv"
    file.write_bytes(CSV)
    with pytest.raises(SystemExit, match=rf"apexchainx: .*{said}"):
        imports.command(file, url=url, api_key=key)


def test_a_file_whose_name_is_no_text_is_sent_all_the_same(tmp_path: Path) -> None:
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv"))
    file.write_bytes(CSV)
    with pytest.raises(SystemExit, match=r"apexchainx: .*refused"):
        imports.command(file, url="http://127.0.0.1:9", api_key="a-key")
