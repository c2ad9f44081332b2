#!/usr/bin/env bash
# Software: pytest-xdist 3.8.0 with pytest 9.2.0.
#
# `--dist loadgroup` keeps the tests of a group on one worker by writing the group behind the name of each test, in an
# attribute of pytest. In pytest 9.2.0 the name is kept in another attribute: the group is lost, without a warning, and
# every test goes to whichever worker is free.
#
# Seen: with pytest 9.1.0 each of 8 groups stays on one worker, with 9.2.0 they are scattered.
# For us: every worker started the stacks and servers that a file shares, which made a run take twice as long. The
# groups are made by a scheduler of our own (tests/testkit/tiers/worker_groups.py), and a run that scatters one is red.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

for number in 1 2 3 4 5 6 7 8; do
  cat > "test_$number.py" <<CODE
import pytest

pytestmark = pytest.mark.xdist_group("group $number")


@pytest.mark.parametrize("turn", range(4))
def test_it(turn, worker_id):
    with open("$folder/seen_$number", "a") as file:
        print(worker_id, file=file)
CODE
done

for version in 9.1.0 9.2.0; do
  rm -f seen_*
  "${PYTHON:-python3}" -m venv "venv-$version"
  "venv-$version/bin/python" -m pip install --quiet --disable-pip-version-check "pytest==$version" pytest-xdist==3.8.0
  "venv-$version/bin/python" -m pytest -q -n 2 --dist loadgroup -p no:cacheprovider > log || { cat log; exit 1; }
  together=0
  for file in seen_*; do
    if [ "$(sort -u "$file" | wc -l)" = 1 ]; then together=$((together + 1)); fi
  done
  if [ "$together" = 8 ]; then echo "pytest $version: groups stay together"; else echo "pytest $version: groups are scattered"; fi
done | tee seen

cat > expected <<'TEXT'
pytest 9.1.0: groups stay together
pytest 9.2.0: groups are scattered
TEXT

diff expected seen || { echo "this finding no longer holds"; exit 1; }
echo "as described"
