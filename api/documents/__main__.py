"""python -m api.documents PREFIX: the length of the OpenAPI document, and after it the document and the page of it."""

import sys

from fastapi.responses import JSONResponse

from api.app import create_app
from api.documents.operations_page import render_operations


def run(prefix: str) -> None:
    described = create_app(prefix=prefix).openapi()
    document = bytes(JSONResponse(described).body)
    page = render_operations(described).encode()
    sys.stdout.buffer.write(b"%d\n%b%b" % (len(document), document, page))


if __name__ == "__main__":
    run(sys.argv[1])
