#!/usr/bin/env bash
# Software: holidays 0.109, workalendar 17.0.0.
#
# Both packages are asked for the national holidays of one year, which service hours of contracts are counted by. For
# many countries they answer with other days, and neither is always the one that is right: a law of 2024 that made a day
# a holiday, an eve, a Sunday, a day that moves when it falls on a weekend.
#
# Seen: for 2026 they agree on Germany, France and Austria, and differ on Japan, the United States, Brazil, Denmark,
# Ireland and the Netherlands.
# For us: no verdict depends on such a package: minutes count around the clock, and where service hours will count, the
# dated list in the contract decides.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check holidays==0.109 workalendar==17.0.0

cat > run.py <<'CODE'
import holidays
from workalendar.registry import registry

for country in ("DE", "FR", "AT", "JP", "US", "BR", "DK", "IE", "NL"):
    one = {day.isoformat() for day in holidays.country_holidays(country, years=2026)}
    other = {day.isoformat() for day, _ in registry.get(country)().holidays(2026)}
    shown = [f"holidays alone {' '.join(sorted(one - other))}"] if one - other else []
    shown += [f"workalendar alone {' '.join(sorted(other - one))}"] if other - one else []
    print(f"{country}: {'; '.join(shown) or 'the same days'}")
CODE

cat > expected <<'TEXT'
DE: the same days
FR: the same days
AT: the same days
JP: holidays alone 2026-05-06 2026-09-22
US: holidays alone 2026-06-19
BR: holidays alone 2026-04-03 2026-11-20; workalendar alone 2026-04-05
DK: workalendar alone 2026-05-01 2026-12-24
IE: holidays alone 2026-02-02; workalendar alone 2026-12-28
NL: workalendar alone 2026-05-05
TEXT

venv/bin/python run.py | tee seen
diff expected seen || { echo "this finding no longer holds"; exit 1; }
echo "as described"
