#!/usr/bin/env python3
"""Measures a release build as a whole: import, memory, starts, freshness, search. Prints one figure a line.

  figures.py BINARY [ROWS.ndjson.gz]

Without ROWS it makes 20,000 rows of its own, the same each time. Standard library only.
"""
import gzip, http.client, json, os, random, re, socket, subprocess, sys, tempfile, time

from ledger import note

WORDS = ("own the design of our next generation platform with a small team that ships to production every week you will "
         "review code plan capacity debug hardware and software together write tests measure latency improve cooling "
         "power networking storage scheduling kernels compilers verification timing").split()
TITLES = ["Staff RTL Design Engineer", "Design Verification Engineer", "Data Center Technician", "Senior SRE, GPU Fleet",
          "ML Platform Engineer", "Distributed Storage Engineer", "Physical Design Engineer", "GPU Kernel Engineer",
          "Electrical Engineer, Data Center", "Network Engineer, InfiniBand", "Account Executive", "Recruiter"]
SKILLS = ["SystemVerilog", "UVM", "Kubernetes", "Slurm", "CUDA", "Rust", "Go", "PyTorch", "InfiniBand", "NCCL", "Python"]
PLACES = ["Austin, TX", "Ashburn, VA", "Santa Clara, CA", "Seattle, WA", "Dublin, Ireland", "Munich, Germany", "Remote - US"]


def made_rows(path, count):
    rng = random.Random(7)
    with gzip.open(path, "wt", compresslevel=1) as out:
        for n in range(count):
            text = " ".join(rng.choice(WORDS) for _ in range(380)) + " " + ", ".join(rng.sample(SKILLS, 4))
            low = rng.randrange(90, 300)
            out.write(json.dumps({"source": "bench", "source_id": str(n), "title": f"{rng.choice(TITLES)} {n % 97}",
                                  "company": f"Employer {n % 400}", "locations": [rng.choice(PLACES)],
                                  "salary_raw": f"${low}K - ${low + 60}K", "description_text": text}) + "\n")


class Board:
    def __init__(self, binary, data):
        self.binary, self.data = binary, data
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.env = {**os.environ, "BACKPLANE_DATA_DIR": data, "BACKPLANE_SERVER__BIND": f"127.0.0.1:{self.port}",
                    "BACKPLANE_LIMITS__ENABLED": "false", "BACKPLANE_LOG__FILTER": "warn"}
        self.line = None

    def start(self):
        began = time.monotonic()
        self.process = subprocess.Popen([self.binary, "serve"], env=self.env, stdout=subprocess.DEVNULL)
        while True:
            try:
                if self.call("GET", "/readyz")[0] == 200:
                    return time.monotonic() - began
            except OSError:
                self.line = None
            if self.process.poll() is not None or time.monotonic() - began > 300:
                raise SystemExit("the board did not become ready")
            time.sleep(0.005)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.line = None

    def call(self, method, path, body=None, token=None):
        self.line = self.line or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self.line.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = self.line.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text.startswith((b"{", b"[")) else None

    def need(self, *asked):
        status, body = self.call(*asked)
        if status >= 300:
            raise SystemExit(f"{asked[0]} {asked[1]}: {status} {body}")
        return body

    def memory(self):
        status = open(f"/proc/{self.process.pid}/status").read()
        return {name: int(kb) // 1024 for name, kb in re.findall(r"(VmHWM|RssAnon|RssFile):\s+(\d+) kB", status)}

    def mails(self):
        folder = os.path.join(self.data, "mail")
        return sorted(name for name in os.listdir(folder) if name.endswith(".eml")) if os.path.isdir(folder) else []

    def mailed_token(self, address):
        while True:
            for name in reversed(self.mails()):
                text = open(os.path.join(self.data, "mail", name), newline="").read().replace("=\r\n", "").replace("=3D", "=")
                found = re.search(r"token=([\w-]+)", text)
                if f"To: {address}" in text and found:
                    return found[1]
            time.sleep(0.01)


def spread(seconds):
    ordered = sorted(seconds)
    at = lambda share: ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000
    return f"p50 {at(0.5):.1f} ms, p99 {at(0.99):.1f} ms, n={len(ordered)}"


def run_import(board, rows):
    began = time.monotonic()
    child = subprocess.Popen([board.binary, "import", "--format", "ndjson", rows, "--employer-from-company", "--json"],
                             env=board.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit("the import failed")
    return time.monotonic() - began, json.loads(out.splitlines()[-1]), usage.ru_maxrss // 1024


def freshness(board, count):
    address = "bench@employer.example"
    board.need("POST", "/v1/auth/register", {"email": address, "password": "a long enough password", "name": "Bench"})
    token = board.need("POST", "/v1/auth/verify-email", {"token": board.mailed_token(address)})["access_token"]
    employer = board.need("POST", "/v1/employers", {"name": "Bench", "website": "https://employer.example"}, token)["id"]
    board.need("POST", "/v1/alerts", {"email": "reader@example.org", "query": {"q": "zyxbench"}, "frequency": "instant"})
    board.need("POST", "/v1/alerts/confirm", {"token": board.mailed_token("reader@example.org")})
    found, mailed = [], []
    for n in range(count):
        draft = {"title": f"Engineer zyxbench{n}", "description": "Own it: zyxbench."}
        posting = board.need("POST", f"/v1/employers/{employer}/postings", draft, token)["id"]
        before, began = len(board.mails()), time.monotonic()
        board.need("POST", f"/v1/postings/{posting}/publish", {}, token)
        searchable = told = None
        while searchable is None or told is None:
            now = time.monotonic() - began
            if searchable is None and board.need("GET", f"/v1/search?q=zyxbench{n}&limit=1")["total"]:
                searchable = now
            if told is None and len(board.mails()) > before:
                told = now
            if now > 30:
                raise SystemExit("a posting did not arrive")
        found.append(searchable)
        mailed.append(told)
    return found, mailed


def searches(board, seconds):
    rng = random.Random(3)
    words = ["engineer", "senior", "gpu", "kubernetes", "design", "data center", "verification", "python", "network", "power"]
    took, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        q = "+".join(rng.sample(words, rng.randrange(1, 3))).replace(" ", "+")
        extra = rng.choice(["", "&country=US", "&sort=newest", "&seniority=senior", "&near=Austin,TX"])
        began = time.monotonic()
        board.need("GET", f"/v1/search?q={q}{extra}&facets=discipline,seniority,country,workplace,skill")
        took.append(time.monotonic() - began)
    return took


def main():
    binary, rows = os.path.abspath(sys.argv[1]), (sys.argv[2] if len(sys.argv) > 2 else None)
    with tempfile.TemporaryDirectory(prefix="backplane-bench-") as folder:
        if rows is None:
            rows = os.path.join(folder, "rows.ndjson.gz")
            made_rows(rows, 20_000)
        board = Board(binary, os.path.join(folder, "data"))
        took, counts, peak = run_import(board, rows)
        total = sum(counts[name] for name in ("created", "updated", "unchanged", "closed", "rejected"))
        note("real-looking rows imported", f"{total / took:,.0f}/s, peak {peak} MB", "≥ 3,000/s", total / took >= 3000)
        print(f"import: {total} rows in {took:.1f} s, {total / took:.0f} rows/s, peak {peak} MB, {counts}")
        took, counts, _ = run_import(board, rows)
        print(f"import again: {took:.1f} s, {counts}")
        took = board.start()
        postings = board.need("GET", "/v1/search?limit=1")["total"]
        print(f"index from nothing: {postings} postings, ready after {took:.1f} s, {postings / took:.0f}/s; memory {board.memory()}")
        board.stop()
        print(f"start with index: ready after {board.start() * 1000:.0f} ms; memory {board.memory()}")
        took = searches(board, 5)
        print(f"search with five facets, one client: {spread(took)}, {len(took) / 5:.0f}/s; memory {board.memory()}")
        found, mailed = freshness(board, 100)
        note("publish to searchable", spread(found), "p99 < 1 s", sorted(found)[98] < 1)
        note("publish to the mail of an alert accepted", spread(mailed), "p99 < 5 s", sorted(mailed)[98] < 5)
        print(f"publish to searchable: {spread(found)}")
        print(f"publish to mail accepted: {spread(mailed)}")
        board.stop()


if __name__ == "__main__":
    main()
