"""What of a changed OpenAPI document breaks those who call the API as the older one describes it."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")
# A limit that may only become wider: by which sign.
UPPER = ("maxLength", "maximum", "maxItems")
LOWER = ("minLength", "minimum", "minItems")


def list_breaking(old: Schema, new: Schema) -> list[str]:
    """Return a sentence for each change that breaks a caller; what is only added breaks nobody."""
    return list(_Comparison(old, new).compare())


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self.old, self.new = old, new
        # Schemas may contain themselves.
        self.seen: set[tuple[str, str, bool]] = set()

    def compare(self) -> Iterator[str]:
        for path, operations in self.old["paths"].items():
            for method in METHODS:
                if method not in operations:
                    continue
                where = f"{method.upper()} {path}"
                now = self.new["paths"].get(path, {}).get(method)
                if now is None:
                    yield f"{where} is gone"
                else:
                    yield from self._compare_operation(where, operations[method], now)

    def _compare_operation(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        yield from self._compare_parameters(where, old, new)
        before, now = _get_content(old.get("requestBody")), _get_content(new.get("requestBody"))
        for kind, schema in before.items():
            if kind not in now:
                yield f"{where} takes no {kind}"
            else:
                yield from self._compare(f"{where} body", schema, now[kind], sent=True)
        if "requestBody" in new and "requestBody" not in old and new["requestBody"].get("required"):
            yield f"{where} needs a body"
        for status, response in old["responses"].items():
            if not status.startswith("2"):
                continue
            if status not in new["responses"]:
                yield f"{where} is not answered {status}"
                continue
            answered = _get_content(new["responses"][status])
            for kind, schema in _get_content(response).items():
                if kind not in answered:
                    yield f"{where} answers no {kind}"
                else:
                    yield from self._compare(
                        f"{where} {status}", schema, answered[kind], sent=False
                    )

    def _compare_parameters(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        before, now = self._get_parameters(self.old, old), self._get_parameters(self.new, new)
        for key, parameter in before.items():
            if key not in now:
                yield f"{where} does not take {key[1]}"
            else:
                yield from self._compare(
                    f"{where} {key[1]}", parameter["schema"], now[key]["schema"], sent=True
                )
        for key, parameter in now.items():
            if parameter.get("required") and not before.get(key, {}).get("required"):
                yield f"{where} needs {key[1]}"

    @staticmethod
    def _get_parameters(document: Schema, operation: Schema) -> dict[tuple[str, str], Schema]:
        found = {}
        for each in operation.get("parameters", []):
            parameter = _resolve(document, each)
            found[parameter["in"], parameter["name"]] = parameter
        return found

    def _compare(self, where: str, old: Schema, new: Schema, *, sent: bool) -> Iterator[str]:
        pair = (old.get("$ref", ""), new.get("$ref", ""), sent)
        if pair[0] and pair[1]:
            if pair in self.seen:
                return
            self.seen.add(pair)
        old, new = _resolve(self.old, old), _resolve(self.new, new)
        if old.get("type") != new.get("type") and not ("anyOf" in new and "anyOf" not in old):
            yield f"{where} was {old.get('type')} and is {new.get('type')}"
        gone = [value for value in old.get("enum", []) if value not in new.get("enum", [value])]
        if gone:
            yield f"{where} does not know {', '.join(map(str, gone))}"
        yield from self._compare_variants(where, old, new, sent=sent)
        yield from self._compare_members(where, old, new, sent=sent)
        if "items" in old and "items" in new:
            yield from self._compare(f"{where}[]", old["items"], new["items"], sent=sent)
        if sent:
            yield from _compare_limits(where, old, new)

    def _compare_variants(
        self, where: str, old: Schema, new: Schema, *, sent: bool
    ) -> Iterator[str]:
        """By type or name: a variant that is gone is refused, or is never answered."""
        now = {_name(each): each for each in new.get("anyOf", [new])}
        for each in old.get("anyOf", []):
            if _name(each) not in now:
                yield f"{where} is no {_name(each)} any more"
            else:
                yield from self._compare(where, each, now[_name(each)], sent=sent)

    def _compare_members(
        self, where: str, old: Schema, new: Schema, *, sent: bool
    ) -> Iterator[str]:
        now = new.get("properties", {})
        for name, schema in old.get("properties", {}).items():
            if name not in now:
                yield f"{where}.{name} is gone"
            else:
                yield from self._compare(f"{where}.{name}", schema, now[name], sent=sent)
        needed = {*new.get("required", [])} - {*old.get("required", [])}
        if sent and "properties" in old and needed:
            yield f"{where} needs {', '.join(sorted(needed))}"
        lost = {*old.get("required", [])} - {*new.get("required", [])}
        if not sent and "properties" in new and (lost := lost & {*now}):
            yield f"{where} may lack {', '.join(sorted(lost))}"


def _compare_limits(where: str, old: Schema, new: Schema) -> Iterator[str]:
    for names, sign in ((UPPER, 1), (LOWER, -1)):
        for name in names:
            if name in new and (name not in old or sign * new[name] < sign * old[name]):
                yield f"{where} has {name} {new[name]}, and had {old.get(name, 'none')}"


def _get_content(of: Schema | None) -> dict[str, Schema]:
    content = (of or {}).get("content", {})
    return {kind: each["schema"] for kind, each in content.items() if "schema" in each}


def _name(schema: Schema) -> str:
    return str(schema.get("$ref") or schema.get("type") or schema.get("const"))


def _resolve(document: Schema, schema: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    found = document
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found
