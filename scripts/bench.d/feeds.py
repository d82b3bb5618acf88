"""Reads every feed of a running board to its end and says what that cost the server. Linux only: it reads /proc.

    feeds.py http://127.0.0.1:8080 PID [TURNS]

Each feed is read TURNS times (2 when missing), the snapshot once more by a reader who takes half a minute. Prints one line each: rows, bytes,
seconds to the first byte and to the last, and the server's anonymous memory before, at its highest, and afterwards, in MB.
"""

import json
import re
import sys
import threading
import time
import urllib.request

BASE, PID = sys.argv[1].rstrip("/"), int(sys.argv[2])
TURNS = int(sys.argv[3]) if len(sys.argv) > 3 else 2


def anonymous():
    with open(f"/proc/{PID}/status") as status:
        return int(re.search(r"RssAnon:\s+(\d+)", status.read()).group(1)) / 1024


class Watch:
    """The highest memory while it is open."""

    def __enter__(self):
        self.before = self.peak = anonymous()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def look(self):
        while not self.done.wait(0.05):
            self.peak = max(self.peak, anonymous())

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        self.after = anonymous()


def read(path, mark, pause=0.0):
    """Reads a feed a piece at a time; returns rows, bytes, seconds to the first and to the last byte."""
    began, rows, size, first, tail = time.monotonic(), 0, 0, None, b""
    with urllib.request.urlopen(BASE + path, timeout=120) as answer:
        while piece := answer.read1(1 << 16):
            first = first or time.monotonic() - began
            size += len(piece)
            joined = tail + piece
            rows += joined.count(mark)
            # What of the mark may stand across two pieces is looked at again.
            tail = joined[len(joined) - len(mark) + 1:] if len(mark) > 1 else b""
            if pause:
                time.sleep(pause)
    return rows, size, first or 0.0, time.monotonic() - began


def walk_changes():
    began, rows, size, first, cursor = time.monotonic(), 0, 0, None, "0"
    while cursor:
        with urllib.request.urlopen(f"{BASE}/v1/changes?limit=100&after={cursor}", timeout=120) as answer:
            body = answer.read()
        first = first or time.monotonic() - began
        size += len(body)
        page = json.loads(body)
        rows += len(page["data"])
        cursor = page["next_cursor"]
    return rows, size, first, time.monotonic() - began


def walk_sitemaps():
    began, rows, size, first = time.monotonic(), 0, 0, None
    with urllib.request.urlopen(BASE + "/sitemap.xml", timeout=120) as answer:
        maps = re.findall(r"/sitemaps/\d+\.xml", answer.read().decode())
    for path in maps:
        found, more, to_first, _ = read(path, b"<url>")
        rows, size, first = rows + found, size + more, first or to_first
    return rows, size, first or 0.0, time.monotonic() - began


def report(name, what):
    with Watch() as watch:
        rows, size, first, whole = what()
    print(f"{name:22} {rows:7} rows {size / 1e6:7.1f} MB  first {first * 1000:6.0f} ms  whole {whole:6.1f} s  "
          f"anonymous {watch.before:5.0f} -> {watch.peak:5.0f} -> {watch.after:5.0f} MB", flush=True)


for turn in range(TURNS):
    report("snapshot", lambda: read("/v1/feeds/postings.ndjson", b"\n"))
    report("indeed.xml", lambda: read("/v1/feeds/indeed.xml", b"<referencenumber>"))
    report("linkedin.xml", lambda: read("/v1/feeds/linkedin.xml", b"<partnerJobId>"))
    report("change feed", walk_changes)
    report("sitemaps", walk_sitemaps)
    for form, mark in (("atom", b"<entry>"), ("rss", b"<item>"), ("json", b'"date_published"')):
        report(f"search.{form}", lambda: read(f"/v1/feeds/search.{form}?limit=100", mark))
report("snapshot, slow reader", lambda: read("/v1/feeds/postings.ndjson", b"\n", 0.003))
