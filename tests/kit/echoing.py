"""A process that works for a test: `python -m tests.kit.echoing`, as kit/apart.py speaks to it."""

import json
import os
import signal
import sys
import time
from pathlib import Path


def say(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def die_once(mark):
    if not mark.exists():
        mark.touch()
        os._exit(3)


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    begin = json.loads(sys.stdin.readline())
    kept = []
    for line in sys.stdin:
        question = json.loads(line)
        number, what = question["id"], question["do"]
        if what == "echo":
            say({"news": question.get("say")})
            say({"id": number, "found": [begin["greeting"], question.get("say"), os.getpid()]})
        elif what == "keep":
            kept.append(number)
        elif what == "release":
            for one in [*reversed(kept), number]:
                say({"id": one, "found": one})
        elif what == "die":
            os._exit(3)
        elif what == "die once":
            die_once(Path(question["mark"]))
            say({"id": number, "found": "alive"})
        elif what == "fail":
            say({"id": number, "failed": "too_little: there is nothing"})
        elif what == "nonsense":
            sys.stdout.write("this is no JSON\n")
            sys.stdout.flush()
            time.sleep(60)


if __name__ == "__main__":
    main()
