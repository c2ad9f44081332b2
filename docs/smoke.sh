#!/bin/sh
# Settles one small outage through a running engine, on whatever network it is set up for, and shows
# the proof. On a real network this moves money: the reward of a low-severity outage.
set -eu
: "${APEXCHAINX_URL:?the address of the API, such as http://127.0.0.1:8000}"
: "${APEXCHAINX_KEY:?an API key}"
api="$APEXCHAINX_URL/api/v1"
id="SMOKE-$(date -u +%Y%m%d%H%M%S)"

ask() { # method path [body]
    curl -sS --fail-with-body --noproxy '*' -X "$1" "$api$2" -H "X-API-Key: $APEXCHAINX_KEY" \
        -H 'Content-Type: application/json' ${3:+-d "$3"}
}
field() { python3 -c "import json,sys; v=json.load(sys.stdin); print(eval('v'+sys.argv[1]))" "$1"; }

began=$(python3 -c "from datetime import *; print((datetime.now(UTC) - timedelta(minutes=6)).isoformat())")
echo "declaring $id"
ask POST /outages "{\"id\":\"$id\",\"site_name\":\"Smoke test\",\"severity\":\"low\",\"detected_at\":\"$began\"}" >/dev/null
echo "resolving it after 5 minutes"
ask POST "/outages/$id/resolve" '{"mttr_minutes":5}' >/dev/null
echo "waiting for the dispute window and the chain"
tries=0
while [ "$(ask GET "/outages/$id" | field "['lifecycle']")" != closed ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { echo "not settled within five minutes; see: apexchainx payments explain" >&2; exit 1; }
    sleep 1
done
payment=$(ask GET "/payments?outage_id=$id" | field "['items'][0]['id']")
paid=$(ask GET "/payments/$payment")
value() { echo "$paid" | field "['$1']"; }
echo "$(value amount) $(value asset_code) in transaction $(value transaction_hash), ledger $(value ledger)"
echo "every step of it: apexchainx payments explain $payment"
