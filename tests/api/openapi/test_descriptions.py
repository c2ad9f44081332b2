"""Whoever reads the OpenAPI document alone learns what an operation does, what a parameter means, what to send."""

from typing import Any

import jsonschema_rs
import pytest

from api.middleware import PREFIX
from api.openapi.descriptions import is_described, list_parameters, load_descriptions
from tests.testkit.described_app import get_document

DOCUMENT: dict[str, Any] = get_document()
OPERATIONS = {
    f"{method.upper()} {path.removeprefix(PREFIX)}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
KNOWN = load_descriptions()
PROPERTIES: dict[str, dict[str, Any]] = {
    name: schema["properties"]
    for name, schema in DOCUMENT["components"]["schemas"].items()
    if "properties" in schema
}


def _list_bodies() -> set[str]:
    """The schemas of what callers send as JSON."""
    schemas = [
        variant
        for operation in OPERATIONS.values()
        for content in operation.get("requestBody", {}).get("content", {}).values()
        for variant in content["schema"].get("anyOf", [content["schema"]])
    ]
    return {each["$ref"].rpartition("/")[2] for each in schemas if "$ref" in each}


def test_every_operation_and_every_tag_is_described() -> None:
    assert [
        name for name, operation in OPERATIONS.items() if not operation.get("description")
    ] == []
    used = {operation["tags"][0] for operation in OPERATIONS.values() if operation.get("tags")}
    assert {tag["name"] for tag in DOCUMENT["tags"]} == used


def test_every_parameter_is_described_and_no_sentence_is_of_one_that_is_gone() -> None:
    parameters = list(list_parameters(DOCUMENT, PREFIX))
    assert [(of, each["name"]) for of, each in parameters if not is_described(each)] == []
    names = {each["name"] for _, each in parameters}
    names |= {f"{each['name']} {of}" for of, each in parameters}
    assert set(KNOWN["parameters"]) - names == set()


def test_every_field_of_every_schema_is_described() -> None:
    assert [
        f"{name}.{field}"
        for name, properties in PROPERTIES.items()
        for field, schema in properties.items()
        if not str(schema.get("description", "")).endswith(".")
    ] == []


def test_no_sentence_is_of_a_field_that_is_gone() -> None:
    named = {
        f"{name}.{field}"
        for name, fields in KNOWN["fields"].items()
        for field in set(fields) - set(PROPERTIES[name])
    }
    assert named == set()
    used = {
        field
        for name, properties in PROPERTIES.items()
        for field, schema in properties.items()
        if schema["description"] == KNOWN["any_field"].get(field)
        and field not in KNOWN["fields"].get(name, {})
    }
    assert set(KNOWN["any_field"]) == used


def test_an_amount_of_stroops_and_an_instant_say_their_unit() -> None:
    lacking = []
    for name, properties in PROPERTIES.items():
        for field, schema in properties.items():
            kinds = [schema, *schema.get("anyOf", [])]
            said = schema["description"].lower()
            if field.endswith("_stroops") and "stroops" not in said:
                lacking.append(f"{name}.{field}")
            is_instant = any(each.get("format") == "date-time" for each in kinds)
            of_time = ("utc", "time zone", "when", "from here on", "until")
            if is_instant and not any(word in said for word in of_time):
                lacking.append(f"{name}.{field}")
    assert lacking == []


def test_every_body_has_an_example() -> None:
    assert set(KNOWN["examples"]) == _list_bodies()


@pytest.mark.parametrize("name", KNOWN["examples"])
def test_an_example_is_what_the_body_takes(name: str) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    assert [each.message for each in validator.iter_errors(KNOWN["examples"][name])] == []


def test_no_example_names_a_receiver_of_somebody_else() -> None:
    """Tools send what a document shows."""
    assert KNOWN["examples"]["WebhookBody"]["url"].startswith("http://127.0.0.1:")
