"""Says who it is, and waits; or ends as it is asked to: python -m tests.testkit.processes.telling_child [CODE | SENTENCE]"""

import json
import os
import sys
import time


def main() -> None:
    known = {
        "name": __name__,
        "argv": sys.argv[1:],
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "session": os.getsid(0),
        "stdin": sys.stdin.read(),
        "modules": sorted(sys.modules),
    }
    print(json.dumps(known), flush=True)
    if len(sys.argv) > 1:
        sys.exit(int(sys.argv[1]) if sys.argv[1].isdigit() else sys.argv[1])
    print("ready", flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main()
