#!/usr/bin/env bash
# Software: temporalio 1.35.0 (Python).
#
# A worker that is given no build id makes one itself, "a unique hash representing the entire set of code". It hashes
# the instructions at the top of each loaded module alone: not the bodies of functions, and not the constants. So two
# releases whose workflow does other things have one build id, while a library that is loaded and never used gives the
# same workflow another one.
#
# Seen: the same id before and after a workflow's code was changed; another id after `import imaplib`.
# For us: every worker is given its build id, which names the version that is installed.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check temporalio==1.35.0

write_release() { # FOLDER SECONDS SENTENCE
  mkdir "$1"
  cat > "$1/orders.py" <<CODE
import asyncio

from temporalio import workflow


@workflow.defn
class Order:
    @workflow.run
    async def run(self) -> str:
        await asyncio.sleep($2)
        return "$3"
CODE
}

cat > show_id.py <<'CODE'
import sys

sys.path.insert(0, sys.argv[1])
for name in ["orders", *sys.argv[2:]]:
    __import__(name)
from temporalio.worker._worker import load_default_build_id  # what Worker calls

print(load_default_build_id())
CODE

show_id() { venv/bin/python -B show_id.py "$@"; }

write_release first 60 "paid at once"
write_release second 86400 "paid after a day, which is another sequence of timers"
sed -i 's/        return/        await asyncio.sleep(1)\n        return/' second/orders.py

first="$(show_id first)"
again="$(show_id first)"
second="$(show_id second)"
loaded="$(show_id first imaplib)"

compare() { if [ "$1" = "$2" ]; then echo "the same id"; else echo "another id"; fi; }
{
  echo "the same release again: $(compare "$first" "$again")"
  echo "a release with another workflow: $(compare "$first" "$second")"
  echo "the first release, and one more library loaded: $(compare "$first" "$loaded")"
} > seen

cat > expected <<'TEXT'
the same release again: the same id
a release with another workflow: the same id
the first release, and one more library loaded: another id
TEXT

cat seen
diff expected seen || { echo "this finding no longer holds"; exit 1; }
echo "as described"
