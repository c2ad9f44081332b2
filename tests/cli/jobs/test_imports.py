"""A file that is none is refused in a sentence, before anything is sent."""

from pathlib import Path

import pytest

from cli.jobs import imports


def test_a_file_whose_name_says_nothing_of_its_format_is_refused_in_words(
    tmp_path: Path,
) -> None:
    file = tmp_path / "outages.xlsx"
    file.write_bytes(b"PK")
    with pytest.raises(SystemExit, match="apexchainx: file: must be CSV, JSON or NDJSON"):
        imports.command(file, url="http://127.0.0.1:9", api_key="a-key")
