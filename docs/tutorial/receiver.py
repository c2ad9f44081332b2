"""A webhook receiver for the tutorial: prints each event whose signature is genuine, and refuses the others.

python3 docs/tutorial/receiver.py PORT SECRET
"""

import base64
import hashlib
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, SECRET = int(sys.argv[1]), sys.argv[2]


def is_genuine(headers, body):
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    sent = headers.get("webhook-signature", "").split()
    # What is missing or malformed is not signed, so that the timestamp is read of genuine ones alone.
    fits = any(hmac.compare_digest(expected, each.encode()) for each in sent)
    return fits and abs(time.time() - int(headers["webhook-timestamp"])) <= 300


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        genuine = is_genuine(self.headers, body)
        if genuine:
            event = json.loads(body)
            # In one piece: two events may arrive in the same moment.
            sys.stdout.write(f"verified {event['type']} {event['data']}\n")
            sys.stdout.flush()
        self.send_response(204 if genuine else 401)
        self.end_headers()

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Receiver).serve_forever()
