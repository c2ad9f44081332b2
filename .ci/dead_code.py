"""
Names that nothing in the product uses: vulture, told in pyproject.toml what frameworks call.

A field of a response is read by the caller, who is elsewhere, so none of those has to be listed.
"""

import re
import sys
from pathlib import Path

from vulture import Vulture
from vulture.config import make_config
from vulture.core import Item

FIELD = re.compile(r" {4}\w+: ")


def is_response_field(item: Item) -> bool:
    path = Path(item.filename)
    if item.typ != "variable" or "api" not in path.parts:
        return False
    return bool(FIELD.match(path.read_text().splitlines()[item.first_lineno - 1]))


def main() -> None:
    config = make_config([])
    vulture = Vulture(
        ignore_names=config["ignore_names"], ignore_decorators=config["ignore_decorators"]
    )
    vulture.scavenge(config["paths"])
    found = vulture.get_unused_code(min_confidence=config["min_confidence"])
    dead = [item for item in found if not is_response_field(item)]
    for item in dead:
        print(
            f"{Path(item.filename).relative_to(Path.cwd())}:{item.first_lineno}: nothing uses {item.typ} {item.name}"
        )
    # A file that vulture cannot read would hide what is dead in it.
    sys.exit(bool(dead) or int(vulture.exit_code) != 0)


if __name__ == "__main__":
    main()
