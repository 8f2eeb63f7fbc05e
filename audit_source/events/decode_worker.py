"""The second process, which decodes page files: one core decodes while the other writes to the database.

Run as a program of its own. It reads one JSON request per line from its standard input, and writes one answer per line.
It ends at the end of its input, so it never outlives the process that started it.
"""

import gc
import json
import signal
import sys

READY = b"ready\n"


def main() -> None:
    """Answer requests `[path, window_start]` with `[arrived, total, next_offset]`, or null: see `decode_file`."""
    # Ctrl-C is for the parent.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _save_memory()
    from .page_files import decode_file

    answers = sys.stdout.buffer
    answers.write(READY)
    answers.flush()
    for line in sys.stdin.buffer:
        path, window_start = json.loads(line)
        try:
            facts = decode_file(path, window_start)
        except OSError:
            # The disk is full, for example. The parent decodes the page itself.
            facts = None
        answers.write(json.dumps(facts).encode() + b"\n")
        answers.flush()


def _save_memory() -> None:
    # Pages hold no reference cycles, and a collection takes a quarter of the time of a page.
    gc.disable()


if __name__ == "__main__":
    main()
