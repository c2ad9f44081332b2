"""`apexchainx export`: a dataset as a file, which is put in its place when it is proven to be whole."""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any
from urllib.parse import quote

import httpx
import typer

from cli.databases import ApiKey, ApiUrl, DataDir, NoDatabase, find_api
from domain.exports.datasets import Dataset, ExportFormat

API = "/api/v1/exports"
# The first bytes come when the server has sorted what it found.
TIMEOUT = httpx.Timeout(30, read=300)


class ExportBroken(Exception):
    """Says in one sentence why there is no file."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    export_id: str
    size: int
    sha256: str


def command(
    dataset: Annotated[Dataset, typer.Argument(help="What to export.")],
    output: Annotated[Path, typer.Option(help="The file; - is the standard output.")],
    form: Annotated[ExportFormat, typer.Option("--format")] = ExportFormat.CSV,
    where: Annotated[
        list[str] | None,
        typer.Option(help="A filter as docs/exports.md lists them: severity=high. Repeat it."),
    ] = None,
    url: ApiUrl = None,
    api_key: ApiKey = None,
    data_dir: DataDir = None,
) -> None:
    """
    Asks the API at --url with --api-key, or that of the engine that runs in --data-dir. The file appears when all
    of it has come and its digest is the one on record; an older one of its name stays until then.
    """
    try:
        wanted = dict(_split(each) for each in where or ())
        address, key = find_api(url, api_key, data_dir)
        with (
            httpx.Client(
                base_url=address, headers={"X-API-Key": key}, timeout=TIMEOUT, trust_env=False
            ) as client,
            open_whole(output) as file,
        ):
            got = receive_file(client, dataset, wanted | {"format": str(form)}, file)
            rows = check_receipt(client, got)
    except (NoDatabase, ExportBroken, OSError, httpx.HTTPError) as failure:
        said = str(failure) or type(failure).__name__
        raise SystemExit(f"apexchainx: {said}") from None
    print(f"{rows} rows, {got.size} bytes, sha256 {got.sha256}", file=sys.stderr)


def _split(condition: str) -> tuple[str, str]:
    name, equals, value = condition.partition("=")
    if not (name and equals):
        raise ExportBroken(f"--where {condition!r} is no filter: write it like severity=high")
    if os.fsencode(condition).decode(errors="replace") != condition:
        raise ExportBroken(f"--where {condition!r} is not text in UTF-8")
    return name, value


@contextmanager
def open_whole(output: Path) -> Iterator[IO[bytes]]:
    """Open a file that gets its name at the end of the block, and is removed when that fails."""
    if str(output) == "-":
        yield sys.stdout.buffer
        return
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(output)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def receive_file(
    client: httpx.Client, dataset: Dataset, wanted: dict[str, str], file: IO[bytes]
) -> Downloaded:
    """Write what the API answers to a file. Raises ExportBroken for a refusal and for what breaks off."""
    digest, size = hashlib.sha256(), 0
    try:
        with client.stream("GET", f"{API}/{dataset}", params=wanted) as answer:
            if answer.status_code != httpx.codes.OK:
                answer.read()
                raise ExportBroken(_describe(answer))
            for part in answer.iter_bytes():
                file.write(part)
                digest.update(part)
                size += len(part)
    except httpx.RemoteProtocolError:
        raise ExportBroken(f"the connection was cut after {size} bytes: ask again") from None
    return Downloaded(answer.headers["X-Export-Id"], size, digest.hexdigest())


def check_receipt(client: httpx.Client, got: Downloaded) -> int:
    """Return the number of rows. Raises ExportBroken where the file is not the one on record."""
    answer = client.get(f"{API}/receipts/{quote(got.export_id, safe='')}")
    if answer.status_code != httpx.codes.OK:
        raise ExportBroken(_describe(answer))
    receipt: dict[str, Any] = answer.json()
    if not receipt["complete"] or (receipt["bytes"], receipt["sha256"]) != (got.size, got.sha256):
        raise ExportBroken(
            f"{got.size} bytes came with sha256 {got.sha256}, and the receipt of {got.export_id} says otherwise: "
            "ask again"
        )
    return int(receipt["rows"])


def _describe(answer: httpx.Response) -> str:
    with suppress(ValueError, KeyError, TypeError):
        return f"{answer.json()['detail']} ({answer.status_code})"
    return f"the API answered {answer.status_code}"
