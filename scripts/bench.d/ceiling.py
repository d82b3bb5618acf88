#!/usr/bin/env python3
"""Search and reverse matching beside the thinnest possible program, in one run on the same rows and the same requests.

  ceiling.py BINARY BENCH_DIR WORK_DIR [COUNT ...]

BENCH_DIR holds `gen`, `limit` and `load` (see its README). WORK_DIR keeps what is generated. Standard library only.
"""
import datetime, json, os, re, subprocess, sys, time, tomllib, glob, urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from figures import Board
from ledger import note, point

LEVELS = {"junior": "entry"}
PLACES = {"onsite": "on_site"}
FACETS = "discipline,seniority,country,workplace,skill"


def tools(bench, target):
    for name in ("gen", "limit", "load"):
        subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=os.path.join(bench, name), check=True,
                       env={**os.environ, "CARGO_TARGET_DIR": target})
    found = {}
    for name in ("gen", "limit", "load"):
        found[name] = os.path.join(target, "release", name)
    return found


def our_skills():
    ids = []
    for path in sorted(glob.glob(os.path.join(HERE, "../../config/taxonomy/skills_*.toml"))):
        data = tomllib.load(open(path, "rb"))
        ids += [skill["id"] for skill in data.get("skills", data.get("skill", []))]
    return ids


class Translation:
    """The generator's 400 skills as ours, one for one as far as they go; its cities with their countries."""

    def __init__(self):
        self.known, self.skills, self.countries = our_skills(), {}, {}

    def skill(self, name):
        return self.skills.setdefault(name, self.known[len(self.skills) % len(self.known)])

    def row(self, p):
        self.countries[p["city"]] = p["country"]
        posted = datetime.datetime.fromtimestamp(p["posted_at"], datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"source": "bench", "source_id": str(p["id"]), "title": p["title"], "company": p["company"],
                "description": p["description"], "description_format": "markdown", "discipline": p["discipline"],
                "seniority": LEVELS.get(p["seniority"], p["seniority"]), "employment_type": p["employment"], "specialties": [],
                "skills": [self.skill(s) for s in p["skills"]], "workplace": PLACES.get(p["remote"], p["remote"]),
                "locations": [{"city": p["city"], "country": p["country"]}],
                "pay": {"base": {"min": p["pay_min"], "max": p["pay_max"], "currency": "USD", "period": "year"}},
                "posted_at": posted, "expires_at": "2030-01-01T00:00:00Z"}

    def city(self, name):
        country = self.countries.get(name, "US")
        real = name in REAL
        return name if real else f"{country}-{'_'.join(re.findall('[a-z0-9]+', name.lower()))}"

    def request(self, q):
        pairs = [("q", q["q"]), ("limit", "20"), ("facets", FACETS)]
        for name in ("discipline", "country"):
            if q.get(name):
                pairs.append((name, q[name]))
        if q.get("seniority"):
            pairs.append(("seniority", LEVELS.get(q["seniority"], q["seniority"])))
        if q.get("remote"):
            pairs.append(("workplace", PLACES.get(q["remote"], q["remote"])))
        if q.get("city"):
            pairs.append(("city", self.city(q["city"])))
        pairs += [("skill", self.skill(s)) for s in q.get("skills", [])]
        if q.get("min_pay"):
            pairs.append(("pay_min", str(q["min_pay"])))
        if q["sort"] == "newest":
            pairs.append(("sort", "newest"))
        path = "/v1/search?" + urllib.parse.urlencode([pair for pair in pairs if pair[1]])
        return {"kind": q["kind"], "method": "GET", "path": path, "headers": {}, "body": ""}


REAL = set()


def generate(tool, work, count):
    rows = os.path.join(work, f"p{count}.ndjson")
    if not os.path.exists(rows):
        with open(rows, "w") as out:
            subprocess.run([tool["gen"], "postings", "--n", str(count)], stdout=out, check=True)
    queries = os.path.join(work, "queries.ndjson")
    if not os.path.exists(queries):
        with open(queries, "w") as out:
            subprocess.run([tool["gen"], "queries", "--n", "1000"], stdout=out, check=True)
    return rows, queries


def memory(pid):
    status = open(f"/proc/{pid}/status").read()
    return {name: int(kb) // 1024 for name, kb in re.findall(r"(VmHWM|RssAnon|RssFile):\s+(\d+) kB", status)}


def load(tool, address, requests, name, clients, seconds=10):
    out = subprocess.run([tool["load"], "--proto", "http", "--addr", address, "--reqs", requests, "--conc", str(clients),
                          "--secs", str(seconds), "--name", name], capture_output=True, text=True, check=True).stdout
    last = out.strip().splitlines()[-1]
    print("   ", last, flush=True)
    found = {key: float(value) for key, value in re.findall(r"(qps|p50|p99|err)=\s*([\d.]+)", last)}
    if found["err"]:
        raise SystemExit(f"{found['err']:.0f} requests of {name} failed")
    return found


def compare(binary, tool, work, count):
    rows, queries = generate(tool, work, count)
    index = os.path.join(work, f"limit{count}")
    if not os.path.isdir(index):
        subprocess.run([tool["limit"], "index", "--in", rows, "--dir", index], check=True)
    asked = [json.loads(line) for line in open(queries)]
    translation = Translation()
    ours = os.path.join(work, f"ours{count}.ndjson")
    with open(rows) as source, open(ours if not os.path.exists(ours) else os.devnull, "w") as out:
        for line in source:
            out.write(json.dumps(translation.row(json.loads(line))) + "\n")
    write = lambda name, items: open(os.path.join(work, name), "w").write("".join(json.dumps(item) + "\n" for item in items))
    write("limit.jsonl", [{"kind": q["kind"], "method": "POST", "path": "/search",
                           "headers": {"Content-Type": "application/json"}, "body": json.dumps(q)} for q in asked])
    ours_asked = [translation.request(q) for q in asked]
    write("ours.jsonl", ours_asked)
    # Answers are given again for a while: with this header each is made anew.
    write("anew.jsonl", [{**request, "headers": {"Cache-Control": "no-cache"}} for request in ours_asked])
    board = Board(binary, os.path.join(work, f"data{count}"))
    if not os.path.isdir(board.data):
        began = time.monotonic()
        subprocess.run([binary, "import", "--format", "ndjson", ours, "--employer-from-company", "--json"], env=board.env,
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took = time.monotonic() - began
        print(f"{count}: import {took:.1f} s, {count / took:.0f} rows/s", flush=True)
        note(f"{count:,} generated rows imported", f"{count / took:,.0f}/s", "≥ 3,000/s", count / took >= 3000)
        took = board.start()
        print(f"{count}: index from nothing {took:.1f} s, {count / took:.0f} postings/s; memory {board.memory()}", flush=True)
        note(f"{count:,} postings: index from the database", f"{count / took:,.0f}/s", "≥ 8,000/s", count / took >= 8000)
        board.stop()
    took = board.start()
    print(f"{count}: start {took * 1000:.0f} ms; memory {board.memory()}", flush=True)
    note(f"{count:,} postings: ready after a start", f"{took * 1000:.0f} ms", "< 2 s at 100,000", took < 2)
    for clients in (1, 8):
        limit = subprocess.Popen([tool["limit"], "serve", "--dir", index, "--port", "7800", "--workers", "2"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(3 if count <= 200_000 else 12)
        print(f"{count}, {clients} clients: limit", flush=True)
        least = load(tool, "127.0.0.1:7800", os.path.join(work, "limit.jsonl"), "limit", clients)
        print("    memory", memory(limit.pid), flush=True)
        limit.terminate()
        limit.wait()
        if clients == 1:
            point("limit, p50", count, least["p50"])
            point("limit, p99", count, least["p99"])
        for name, what in (("anew", "every answer made anew"), ("ours", "as it is")):
            print(f"{count}, {clients} clients: backplane, {what}", flush=True)
            found = load(tool, f"127.0.0.1:{board.port}", os.path.join(work, f"{name}.jsonl"), "backplane", clients)
            ratio = found["qps"] / least["qps"]
            note(f"{count:,} postings, {clients} clients, {what}", told(found), "≥ 0.70", ratio >= 0.7, told(least), ratio)
            if clients == 1 and name == "anew":
                point("Backplane anew, p50", count, found["p50"])
                point("Backplane anew, p99", count, found["p99"])
        used = board.memory()
        print("    memory", used, flush=True)
    note(f"{count:,} postings: memory after it", f"{used['RssAnon']} MB own, {used['RssFile']} MB mapped", "< 250 MB own at 100,000",
         used["RssAnon"] < 250 if count == 100_000 else None)
    suggesting(tool, board, work, count)
    reading(tool, board, work)
    board.stop()


def told(found):
    return f"{found['qps']:,.0f}/s, p50 {found['p50']:.2f} ms, p99 {found['p99']:.1f} ms"


def suggesting(tool, board, work, count):
    """What is offered while typing, by one client: beginnings of words, some under filters."""
    beginnings = ["k", "ku", "kube", "eng", "senior d", "data ce", "rel", "aus", "ver", "py", "dist", "net"]
    with open(os.path.join(work, "suggest.jsonl"), "w") as out:
        for beginning in beginnings:
            for more in ("", "&discipline=silicon", "&country=US&seniority=senior"):
                path = f"/v1/suggest?q={urllib.parse.quote(beginning)}{more}"
                out.write(json.dumps({"kind": "suggest", "method": "GET", "path": path, "headers": {}, "body": ""}) + "\n")
    found = load(tool, f"127.0.0.1:{board.port}", os.path.join(work, "suggest.jsonl"), "suggest", 1, 5)
    note(f"{count:,} postings: suggestions with counts", told(found), "< 5 ms", found["p99"] < 5)


def reading(tool, board, work):
    """One posting read, beside the least that actix-web can answer."""
    subprocess.run(["cargo", "build", "--release", "--quiet", "--package", "backplane-api", "--example", "hello"], check=True)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "../../target"))
    found = board.need("GET", "/v1/search?limit=100")["data"]
    requests = {"posting.jsonl": [f"/v1/postings/{hit['id']}" for hit in found], "hello.jsonl": ["/"]}
    for name, paths in requests.items():
        with open(os.path.join(work, name), "w") as out:
            out.writelines(json.dumps({"kind": "read", "method": "GET", "path": path, "headers": {}, "body": ""}) + "\n" for path in paths)
    hello = subprocess.Popen([os.path.join(target, "release/examples/hello"), "127.0.0.1:7801"])
    time.sleep(1)
    least = load(tool, "127.0.0.1:7801", os.path.join(work, "hello.jsonl"), "hello", 8)
    hello.terminate()
    hello.wait()
    ours = load(tool, f"127.0.0.1:{board.port}", os.path.join(work, "posting.jsonl"), "posting", 8)
    ratio = ours["qps"] / least["qps"]
    note("one posting read, 8 clients, beside an empty actix answer", told(ours), "≥ 0.50", ratio >= 0.5, told(least), ratio)


def reverse(tool, work, count, postings):
    """Stored searches against new postings, both programs on the same files."""
    searches, new = os.path.join(work, f"s{count}.ndjson"), os.path.join(work, "new.ndjson")
    if not os.path.exists(searches):
        subprocess.run([tool["gen"], "searches", "--n", str(count)], stdout=open(searches, "w"), check=True)
        subprocess.run([tool["gen"], "postings", "--n", str(postings), "--stream", "new"], stdout=open(new, "w"), check=True)
        # Several skills mean all of them there and any of them here: one means the same.
        kept = [{**search, "skills": search["skills"][:1]} for search in map(json.loads, open(searches))]
        open(searches, "w").write("".join(json.dumps(search) + "\n" for search in kept))
    print(f"{count} stored searches: limit", flush=True)
    least = printed([tool["limit"], "perc", "--searches", searches, "--in", new, "--m", str(count), "--n", str(postings),
                     "--mode", "ideal"])
    least = {key: float(value) / 1000 for key, value in re.findall(r"(p50|p99)=\s*([\d.]+)us", least)}
    translation = Translation()
    rows = [translation.row(json.loads(line)) for line in open(new)]
    ours, asked = os.path.join(work, "new-ours.ndjson"), os.path.join(work, f"s{count}.txt")
    kept = ("title", "description", "discipline", "seniority", "employment_type", "specialties", "skills", "workplace", "locations",
            "pay")
    with open(ours, "w") as out:
        for row in rows:
            out.write(json.dumps({name: row[name] for name in kept}) + "\n")
    with open(searches) as source, open(asked, "w") as out:
        for line in source:
            search = {"q": " ".join(json.loads(line)["kw"]), "sort": "", **json.loads(line), "kind": ""}
            path = translation.request(search)["path"].split("?", 1)[1]
            pairs = [pair for pair in urllib.parse.parse_qsl(path) if pair[0] not in ("limit", "facets")]
            out.write(urllib.parse.urlencode(pairs) + "\n")
    print(f"{count} stored searches: backplane", flush=True)
    found = printed(["cargo", "bench", "--quiet", "--package", "backplane-search", "--bench", "stored_searches", "--", asked, ours])
    found = {key: float(value) for key, value in re.findall(r"(p50|p99) ([\d.]+) ms", found)}
    for name in ("p50", "p99"):
        ratio = found[name] / least[name]
        note(f"{count:,} stored searches against one posting, {name}", f"{found[name]:.2f} ms", "≤ 2.00", ratio <= 2,
             f"{least[name]:.2f} ms", ratio)


def printed(command):
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    print(out, end="", flush=True)
    return out


def main():
    binary, bench, work = (os.path.abspath(path) for path in sys.argv[1:4])
    counts = [int(count) for count in sys.argv[4:]] or [100_000]
    os.makedirs(work, exist_ok=True)
    tool = tools(bench, os.environ.get("BENCH_TARGET", os.path.join(work, "target")))
    text = open(os.path.join(bench, "gen/src/main.rs")).read()
    REAL.update(pair.split(":")[0] for pair in re.search(r'const CITIES: &str = "([^"]*)"', text)[1].split("|"))
    for count in counts:
        compare(binary, tool, work, count)
    reverse(tool, work, 1_000_000, 2_000)


if __name__ == "__main__":
    main()
