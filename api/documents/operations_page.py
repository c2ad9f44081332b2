"""The pages for people who read the API in a browser: plain HTML of the OpenAPI document, without a script."""

import json
import re
from collections import defaultdict
from html import escape
from typing import Any

from api.openapi.shared_errors import SHARED

METHODS = ("get", "post", "put", "patch", "delete")


def render_operations(document: dict[str, Any]) -> str:
    """Return the page of every operation, by its tag."""
    tags: dict[str, list[str]] = defaultdict(list)
    parameters = document["components"].get("parameters", {})
    shared: dict[str | None, Any] = {
        f"#/components/parameters/{name}": known for name, known in parameters.items()
    }
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                operation = operations[method]
                tag = (operation.get("tags") or ["others"])[0]
                tags[tag].append(_render_operation(method, path, operation, shared))
    contents = " · ".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in tags)
    described = {tag["name"]: tag["description"] for tag in document["tags"]}
    sections = [
        f'<h2 id="{escape(tag)}">{escape(tag)}</h2><p>{escape(described.get(tag, ""))}</p>{"".join(operations)}'
        for tag, operations in tags.items()
    ]
    schemas = [
        f'<details id="schema-{escape(name)}"><summary>{escape(name)}</summary>{_show(schema)}</details>'
        for name, schema in document["components"]["schemas"].items()
    ]
    head = (
        f"{_render_markdown(document['info']['description'])}<p>As a document for programs: "
        '<a href="/openapi.json">/openapi.json</a>. Errors: <a href="/docs/errors">/docs/errors</a>.</p>'
        f"<p>{contents} · <a href='#schemas'>schemas</a></p>"
    )
    body = "".join([head, *sections, '<h2 id="schemas">schemas</h2>', *schemas])
    return render_page(f"{document['info']['title']} {document['info']['version']}", body)


def _render_markdown(text: str) -> str:
    """Return a paragraph and a list, with what is bold or code in them."""
    shown = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
    shown = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", shown)
    paragraph, _, points = shown.partition("\n\n")
    items = "".join(
        f"<li>{point}</li>" for point in points.strip().removeprefix("* ").split("\n* ")
    )
    return f"<p>{paragraph}</p><ul>{items}</ul>"


def render_errors() -> str:
    """Return the page that the type of every problem leads to."""
    rows = [
        f'<tr id="{code}"><td><code>{code}</code></td><td>{status}</td>'
        f"<td>{escape(shared.description)}</td><td>{escape(sentence)}</td></tr>"
        for status, shared in SHARED.items()
        for code, sentence in shared.examples.items()
    ]
    head = "<tr><th>code</th><th>status</th><th>meaning</th><th>for example</th></tr>"
    return render_page("Errors", f"<table>{head}{''.join(rows)}</table>")


def render_page(title: str, body: str) -> str:
    """Return a whole page; its style is the one file beside it."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>"
        '<meta name="viewport" content="width=device-width">'
        '<link rel="stylesheet" href="/docs/style.css"></head>'
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )


def _render_operation(
    method: str, path: str, operation: dict[str, Any], shared: dict[str | None, Any]
) -> str:
    """Return an operation; `shared` are the parameters that several refer to."""
    name = escape(operation["operationId"])
    summary = escape(operation.get("summary", ""))
    parts = [f"<p>{escape(operation.get('description', ''))}</p>"]
    if parameters := operation.get("parameters"):
        rows = "".join(
            f"<tr><td><code>{escape(each['name'])}</code></td><td>{each['in']}</td>"
            f"<td>{escape(each.get('description', ''))}</td><td>{_show(each['schema'])}</td></tr>"
            for each in (shared.get(each.get("$ref"), each) for each in parameters)
        )
        parts.append(f"<table>{rows}</table>")
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<p>Body, {escape(kind)}</p>{_show(content['schema'])}")
    for status, response in operation["responses"].items():
        parts.append(_render_response(status, response))
    return (
        f'<details id="{name}"><summary><b>{method.upper()}</b> <code>{escape(path)}</code> '
        f"{summary}</summary>{''.join(parts)}</details>"
    )


def _render_response(status: str, response: dict[str, Any]) -> str:
    if "$ref" in response:
        return f"<p>{status}: <a href='/docs/errors'>{response['$ref'].rpartition('/')[2]}</a></p>"
    shown = "".join(_show(each.get("schema", {})) for each in response.get("content", {}).values())
    return f"<p>{status}: {escape(response['description'])}</p>{shown}"


def _show(schema: dict[str, Any]) -> str:
    text = escape(json.dumps(schema, indent=1))
    name = schema.get("$ref", "").rpartition("/")[2]
    return f'<a href="#schema-{name}">{name}</a>' if name else f"<pre>{text}</pre>"
