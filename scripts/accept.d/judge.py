"""Plays a board's users from outside and judges what comes back. Called by scripts/accept.

    judge.py BINARY SHARED_DIRECTORY [CHECK…]

Each check is a function named check_*; it raises when something does not hold. All run (or those named), and the exit status is 1
when one failed.
"""

import gzip
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BINARY, SHARED = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
TOOLS = SHARED / "tools"
PASSWORD = "correct horse battery staple"


def require(holds, complaint):
    if not holds:
        raise AssertionError(complaint)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(what, look, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: waited {seconds} s in vain")


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)


class Board:
    """A server with a data directory of its own."""

    def __init__(self, directory, **settings):
        self.directory, self.port, self.process = Path(directory), free_port(), None
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("BACKPLANE_")}
        self.environment |= {"BACKPLANE_DATA_DIR": str(self.directory / "data"),
                             "BACKPLANE_SERVER__BIND": f"127.0.0.1:{self.port}"} | settings

    def start(self, *arguments):
        log = open(self.directory / "server.log", "ab")
        self.process = subprocess.Popen([BINARY, "serve", *arguments], env=self.environment, stdout=log, stderr=log)
        wait_for("the server is not ready", self.is_ready, 60)

    def is_ready(self):
        require(self.process.poll() is None, "the server ended: " + self.log())
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def log(self):
        return (self.directory / "server.log").read_text(errors="replace")[-2000:]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            began = time.monotonic()
            self.process.send_signal(signal.SIGTERM)
            require(self.process.wait(15) == 0, "the server did not stop cleanly: " + self.log())
            require(time.monotonic() - began < 10, "the server took more than 10 s to stop")

    def ask(self, method, path, body=None, token=None):
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, decoded(response.read())
        except urllib.error.HTTPError as error:
            return error.code, decoded(error.read())

    def must(self, status, method, path, body=None, token=None):
        found, answer = self.ask(method, path, body, token)
        require(found == status, f"{method} {path} answered {found} instead of {status}: {answer}")
        return answer

    def command(self, *arguments, **options):
        return run(BINARY, *arguments, env=self.environment, **options)

    def sign_up(self, email, mails):
        self.must(202, "POST", "/v1/auth/register", {"email": email, "password": PASSWORD, "name": "Rita Recruiter"})
        mail = wait_for("no verification mail", lambda: next(iter(mails(email)), None))
        return self.must(200, "POST", "/v1/auth/verify-email", {"token": token_in(mail)}), mail

    def publish(self, employer, title, token):
        posting = {"title": title, "description": "Own it from microarchitecture to timing closure.", "discipline": "silicon",
                   "locations": [{"city": "Austin", "region": "TX", "country": "US"}], "workplace": "hybrid",
                   "pay": {"base": {"min": 200000, "max": 280000, "currency": "USD", "period": "year"}},
                   "apply": {"url": "https://fernhollow.example/apply/1"}}
        draft = self.must(201, "POST", f"/v1/employers/{employer}/postings", posting, token)
        return self.must(200, "POST", f"/v1/postings/{draft['id']}/publish", {}, token)

    def finds(self, words, posting):
        answer = self.must(200, "GET", f"/v1/search?q={words}&limit=50")
        return any(hit["id"] == posting for hit in answer["data"])


def decoded(data):
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")


def text_of(path):
    """The text part of a mail."""
    import email
    import email.policy
    message = email.message_from_bytes(Path(path).read_bytes(), policy=email.policy.default)
    return message.get_body(("plain",)).get_content()


def token_in(path):
    return re.search(r"token=([A-Za-z0-9_.-]+)", text_of(path)).group(1)


def file_mails(directory):
    """Finds mails written as files, oldest first."""
    def mails(address):
        found = sorted(Path(directory).glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        return [path for path in found if f"To: {address}".lower() in path.read_text(errors="replace").lower()]
    return mails


def check_demo(directory):
    done = run(BINARY, "demo", cwd=directory)
    require(done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:])


def check_import_of_real_postings(directory):
    """2,000 real rows: all of them or a reason, the second time nothing new, memory flat."""
    board = Board(directory)
    rows = directory / "rows.ndjson.gz"
    with gzip.open(SHARED / "data" / "postings-real.ndjson.gz", "rb") as source, gzip.open(rows, "wb") as target:
        for _ in range(2000):
            target.write(source.readline())
    counts = []
    for _ in range(2):
        done = board.command("import", "--employer-from-company", "--json", rows)
        require(done.returncode == 0, done.stderr[-1500:])
        counts.append(json.loads(done.stdout.splitlines()[-1]))
    first, second = counts
    require(sum(first.values()) == 2000 and first["created"] > 1900, f"the first import did {first}")
    require(second["created"] == second["updated"] == 0, f"the second import did {second}")
    megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    require(megabytes < 600, f"an import took {megabytes} MB")
    require(board.command("import", "--json", directory / "missing").returncode == 1, "a missing file is not an error")
    require(board.command("import", "--format", "xml", rows).returncode == 2, "an unknown format is not refused")


def recorded_answers():
    """Every recorded answer: (format, file, rows of it)."""
    systems = {"recruitee": "recruitee", "smartrecruiters": "smartrecruiters", "teamtailor": "json_ld", "nvidia": "workday"}
    lists = ("jobs", "offers", "content", "jobPostings", "items")
    for path in sorted((SHARED / "data" / "ats").glob("*/*.json")):
        if path.name.endswith(".metadata.json"):
            continue
        system = re.split("[.-]", path.name)[0]
        form = path.parent.name if path.parent.name in ("greenhouse", "lever", "ashby") else systems[system]
        document = json.loads(path.read_text())
        rows = document if isinstance(document, list) else next((document[name] for name in lists if isinstance(document.get(name), list)), [document])
        yield form, path, rows


def import_answer(board, form, path, *more):
    done = board.command("import", "--format", form, "--json", path, *more)
    require(done.returncode == 0, f"{path.name}: {done.stderr[-1500:]}")
    return json.loads(done.stdout.splitlines()[-1]), done.stdout


def check_recorded_boards(directory):
    """Every recorded answer imports; a second time it changes nothing. One board database for all of them."""
    board = Board(directory)
    answers = list(recorded_answers())
    kept = [path for path in (SHARED / "data" / "ats").glob("*/*.json") if not path.name.endswith(".metadata.json")]
    require(len(answers) == len(kept) >= 54, f"{len(answers)} of {len(kept)} recorded answers are known")
    for number, (form, path, rows) in enumerate(answers):
        whose = ("--employer", f"board-{number}")
        trial, _ = import_answer(board, form, path, *whose, "--dry-run")
        first, _ = import_answer(board, form, path, *whose)
        second, _ = import_answer(board, form, path, *whose)
        require(trial == first, f"{path.name}: the trial said {trial} and the import did {first}")
        require(sum(first.values()) == len(rows), f"{path.name}: {len(rows)} rows became {first}")
        # A posting that another file brought belongs to that file's board.
        require(first["rejected"] == second["rejected"] and second["unchanged"] == first["created"] and
                second["created"] == second["updated"] == second["closed"] == 0, f"{path.name}: again it did {second}")


def visible(form, row):
    """What a reader could see of a row, as far as an edit is concerned; not written like the program does it."""
    if form == "greenhouse":
        return [row["title"].split(), row["location"]["name"], row.get("content")]
    if form == "lever":
        return [row["text"].split(), row["description"], row["lists"], row["additional"], row["categories"], row["country"],
                row["workplaceType"], row.get("salaryRange"), row["applyUrl"]]
    return [row["title"].split(), row["descriptionHtml"], row["location"], row["secondaryLocations"], row.get("workplaceType"),
            row["employmentType"], row["applyUrl"], row["compensation"].get("compensationTierSummary")]


def check_series_of_boards(directory):
    """Later answers of the same board: what is new, what was edited and what is over, counted by hand."""
    series = {}
    for form, path, rows in recorded_answers():
        series.setdefault((form, path.name.split(".")[0]), []).append((path, rows))
    steps = 0
    for number, ((form, name), answers) in enumerate(sorted(series.items())):
        if name in ("anthropic", "takealotgroup", "Yassir", "binance", "moo", "ramp"):
            (directory / str(number)).mkdir()
            board, known, ever = Board(directory / str(number)), None, set()
            for path, rows in (a for a in answers if "sample" not in a[0].name):
                done, text = import_answer(board, form, path, "--employer", "acme")
                now = {str(row["id"]): visible(form, row) for row in rows}
                if known is not None:
                    edited = sum(known[key] != now[key] for key in known.keys() & now.keys())
                    back = len((now.keys() - known.keys()) & ever)  # closed once, and shown again: no new posting
                    expected = {"created": len(now.keys() - ever), "closed": len(known.keys() - now.keys()), "rejected": 0}
                    require({key: done[key] for key in expected} == expected, f"{path.name}: {done}, not {expected}")
                    # An edit may be one that our form of the posting does not show: spaces, a tag.
                    found = done["updated"] - back
                    require(found <= edited and edited - found <= max(2, edited // 4),
                            f"{path.name}: {found} edits, by hand {edited}")
                    steps += 1
                known, ever = now, ever | now.keys()
            empty = directory / "empty.json"
            empty.write_text("[]" if form == "lever" else json.dumps({"jobs": [], "meta": {"total": 0}}))
            done, text = import_answer(board, form, empty, "--employer", "acme")
            require(sum(done.values()) == 0 and "suspect" in text, f"an empty {name}: {text}")
            broken = directory / "broken.json"
            broken.write_bytes(answers[0][0].read_bytes()[:-2000])
            done = board.command("import", "--format", form, "--employer", "acme", broken)
            require(done.returncode == 1, f"half an answer of {name} is imported: {done.stdout}")
            done, text = import_answer(board, form, path, "--employer", "acme")
            require(done["unchanged"] == len(now) and sum(done.values()) == len(now), f"after a bad day {name} did {done}")
    require(steps == 7, f"only {steps} steps were there to judge")


def check_mail_and_dkim(directory):
    """The verification mail and an alert, over SMTP and signed, as a receiver judges them; each arrives once."""
    key, public = directory / "dkim.pem", directory / "dkim.pub.pem"
    run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key, check=True)
    run("openssl", "pkey", "-in", key, "-pubout", "-out", public, check=True)
    port, control, kept = free_port(), free_port(), directory / "kept"
    relay = subprocess.Popen(
        [sys.executable, TOOLS / "faulty_smtp.py", "serve", "--port", str(port), "--ctl", str(control),
         "--log", directory / "mail.ndjson", "--keep", kept], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    board = Board(
        directory, BACKPLANE_MAIL__URL=f"smtp://127.0.0.1:{port}", BACKPLANE_MAIL__FROM="Backplane <board@board.test>",
        BACKPLANE_MAIL__POSTAL_ADDRESS="Backplane, 1 Rack Row, Austin, TX 78701, USA",
        BACKPLANE_SERVER__PUBLIC_URL="https://board.test", BACKPLANE_MAIL__DKIM__SELECTOR="s1",
        BACKPLANE_MAIL__DKIM__DOMAIN="board.test", BACKPLANE_MAIL__DKIM__KEY_FILE=str(key))
    mails = file_mails(kept)
    try:
        wait_for("the relay does not listen", lambda: is_open(port))
        board.start()
        tokens, verification = board.sign_up("rita@fernhollow.test", mails)
        token = tokens["access_token"]
        employer = board.must(201, "POST", "/v1/employers",
                              {"name": "Fernhollow Silicon", "website": "https://fernhollow.example"}, token)["id"]
        carl = "carl@candidate.test"
        board.must(202, "POST", "/v1/alerts", {"email": carl, "query": {"q": "chiplet"}, "frequency": "instant"})
        confirmation = wait_for("no confirmation mail", lambda: next(iter(mails(carl)), None))
        board.must(200, "POST", "/v1/alerts/confirm", {"token": token_in(confirmation)})
        began = time.monotonic()
        board.publish(employer, "Principal Chiplet Architect", token)
        wait_for("no alert", lambda: len(mails(carl)) == 2)
        require(time.monotonic() - began < 5, "the alert took more than 5 s")
        alert = mails(carl)[1]
        for kind, mail in (("transactional", verification), ("transactional", confirmation), ("alert", alert)):
            # The last one is really unsubscribed from, with one click.
            click = ["--oneclick", f"http://127.0.0.1:{board.port}"] if kind == "alert" else []
            done = run(sys.executable, TOOLS / "check_mail.py", "--quiet", "--kind", kind, "--dkim-key", public, *click, mail)
            require(done.returncode == 0, f"{kind}: {done.stdout[-1500:]}{done.stderr[-500:]}")
        dora = "dora@candidate.test"
        board.must(202, "POST", "/v1/alerts", {"email": dora, "query": {"q": "chiplet"}, "frequency": "instant"})
        confirmation = wait_for("no confirmation mail", lambda: next(iter(mails(dora)), None))
        board.must(200, "POST", "/v1/alerts/confirm", {"token": token_in(confirmation)})
        board.publish(employer, "Senior Chiplet Architect", token)
        wait_for("no alert to who stayed", lambda: len(mails(dora)) == 2)
        require(len(mails(carl)) == 2, "who unsubscribed with one click gets mail")
        done = run(sys.executable, TOOLS / "jwt_probe.py", "--url", f"http://127.0.0.1:{board.port}/v1/me", "--token", token,
                   "--other-token", tokens["refresh_token"])
        require(done.returncode == 0, "forged tokens: " + done.stdout[-1500:] + done.stderr[-500:])
        board.stop()
        done = run(sys.executable, TOOLS / "faulty_smtp.py", "count", directory / "mail.ndjson")
        require(done.returncode == 0, "a mail arrived twice: " + done.stdout[-1500:])
    finally:
        board.stop()
        relay.terminate()
        relay.wait()


def check_every_kind_of_mail(directory):
    """Each kind that `mail preview` writes, signed by two keys that `mail dkim generate` made, as a receiver judges it."""
    board = Board(directory, BACKPLANE_MAIL__FROM="Backplane <board@board.test>", BACKPLANE_SERVER__PUBLIC_URL="https://board.test",
                  BACKPLANE_MAIL__POSTAL_ADDRESS="Backplane, 1 Rack Row, Austin, TX 78701, USA")
    for selector, algorithm in (("s1", "rsa"), ("e1", "ed25519")):
        done = board.command("mail", "dkim", "generate", "--selector", selector, "--algorithm", algorithm,
                             "--out", directory / f"{selector}.pem")
        require(done.returncode == 0 and f"{selector}._domainkey.board.test" in done.stdout, done.stdout + done.stderr)
        require((directory / f"{selector}.pem").stat().st_mode & 0o777 == 0o600, "others can read a private key")
        again = board.command("mail", "dkim", "generate", "--selector", selector, "--out", directory / f"{selector}.pem")
        require(again.returncode == 1 and "exists already" in again.stderr, "a key is written over")
    board.environment |= {
        "BACKPLANE_MAIL__DKIM__SELECTOR": "s1", "BACKPLANE_MAIL__DKIM__DOMAIN": "board.test",
        "BACKPLANE_MAIL__DKIM__KEY_FILE": str(directory / "s1.pem"), "BACKPLANE_MAIL__DKIM__SECOND_SELECTOR": "e1",
        "BACKPLANE_MAIL__DKIM__SECOND_KEY_FILE": str(directory / "e1.pem")}
    public = directory / "s1.pub.pem"
    run("openssl", "pkey", "-in", directory / "s1.pem", "-pubout", "-out", public, check=True)
    # The program names every kind that it knows; none may be missing, in no language.
    refused = board.command("mail", "preview", "nonsense", "--dir", directory / "preview")
    kinds = set(refused.stderr.strip().split("there are ")[-1].split(", "))
    require(refused.returncode == 1 and len(kinds) >= 25, f"kinds of mail: {refused.stderr}")
    done = board.command("mail", "preview", "--language", "all", "--dir", directory / "preview")
    require(done.returncode == 0, done.stderr)
    languages = sorted(path for path in (directory / "preview").iterdir())
    require(len(languages) >= 10, f"only {len(languages)} languages")
    judged = []
    for language in languages:
        mails = sorted(language.glob("*.eml"))
        missing = kinds - {mail.stem.split("-")[0] for mail in mails}
        require(not missing, f"{language.name}: nothing of the kinds {missing}")
        bulk = [mail for mail in mails if b"\nList-Unsubscribe:" in mail.read_bytes()]
        require(len(bulk) >= 5, f"only {len(bulk)} bulk mails")
        # SpamAssassin takes seconds for each, so it judges the English ones; its rules are about English.
        spam = ["--spam-max", "1"] if language.name == "en" else []
        judged.append(("alert", bulk, [*spam, "--address", "1 Rack Row"]))
        judged.append(("transactional", [mail for mail in mails if mail not in bulk], spam))
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda part: run(
            sys.executable, TOOLS / "check_mail.py", "--json", "--kind", part[0], "--dkim-key", public, *part[2], *part[1]), judged))
    for (kind, mails, _), answer in zip(judged, done):
        verdicts = [json.loads(line) for line in answer.stdout.splitlines() if line.startswith("{")]
        require(len(verdicts) == len(mails), f"{kind}: {answer.stdout[-500:]}{answer.stderr[-500:]}")
        for verdict in verdicts:
            bad = [row for row in verdict["rows"] if row[0] == "FAIL" or "dkim" in row[1].lower() or "8058" in row[1]]
            require(not bad, f"{verdict['file']}: {bad}")
        require(answer.returncode == 0, f"{kind}: {answer.stdout[-1500:]}")
        scores = [verdict["score"] for verdict in verdicts if verdict["score"] is not None]
        if scores:
            print(f"accept:   {len(scores)} mails {kind}: spam score {sorted(scores)[len(scores) // 2]} in the middle, {max(scores)} at most",
                  flush=True)
    for mail in languages[0].glob("*.eml"):
        require(second_signature_verifies(mail, directory / "e1.pem"), f"{mail.stem}: the Ed25519 signature does not verify")
    print(f"accept:   {sum(len(part[1]) for part in judged)} mails of {len(kinds)} kinds in {len(languages)} languages", flush=True)


def second_signature_verifies(mail, key):
    import base64
    import dkim
    from cryptography.hazmat.primitives import serialization
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    record = b"v=DKIM1; k=ed25519; p=" + base64.b64encode(raw)
    return dkim.DKIM(mail.read_bytes()).verify(idx=1, dnsfunc=lambda name, timeout=5: record)


FUZZ = ["naïve café", "日本語の求人", "работа в Берлине", "مهندس شبكات", "עבודה", "งานชิป", "👩🏽‍🔧 chiplet 🚀", "e\u0301\u0301\u0301", ".", "..", "=?utf-8?q?x?=",
        "<b>rtl</b>", "a" * 90, "\u202etxet", "From me", "c++ c#", "R&D; 100%", "{{ env }}", "\u00a0", "ﬁnfet", "x" * 30 + "é" * 30, "Ω≈ç√", "--", "ß", "µs"]


def check_a_thousand_signatures(directory):
    """A thousand mails with texts in every script, through Postfix: OpenDKIM there, dkimpy and Mail::DKIM behind it agree."""
    import random
    import shutil
    import dkim
    missing = [tool for tool in ("postfix", "opendkim", "dnsmasq", "perl") if not shutil.which(tool)]
    if missing:
        print(f"accept:   passed over, for want of {', '.join(missing)}", flush=True)
        return
    # Postfix gives up its rights, and must still get at what is its own.
    directory.chmod(0o755)
    key, public = directory / "dkim.pem", directory / "dkim.pub.pem"
    run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key, check=True)
    run("openssl", "pkey", "-in", key, "-pubout", "-out", public, check=True)
    behind, port, postfix = Relay(directory), free_port(), directory / "postfix"
    board = Board(
        directory, BACKPLANE_MAIL__URL=f"smtp://127.0.0.1:{port}", BACKPLANE_MAIL__FROM="Backplane <board@board.test>",
        BACKPLANE_MAIL__POSTAL_ADDRESS="1 Rack Row, Austin", BACKPLANE_SERVER__PUBLIC_URL="https://board.test",
        BACKPLANE_LIMITS__ENABLED="false", BACKPLANE_MAIL__CONNECTIONS="1", BACKPLANE_MAIL__DKIM__SELECTOR="s1",
        BACKPLANE_MAIL__DKIM__DOMAIN="board.test", BACKPLANE_MAIL__DKIM__KEY_FILE=str(key))
    chance, count = random.Random(7), 1000
    try:
        log = behind.turn_page()
        done = run(TOOLS / "relay_up.sh", "start", postfix, public, "board.test", "s1", port, f"127.0.0.1:{behind.port}")
        require(done.returncode == 0, done.stdout + done.stderr)
        board.start()
        for n in range(count):
            words = " ".join(chance.choice(FUZZ) for _ in range(chance.randint(1, 9)))
            board.must(202, "POST", "/v1/alerts", {"email": f"reader{n}@inbox.test", "frequency": "daily",
                                                   "query": {"q": words, "discipline": "silicon", "interpret": "off"}})
        wait_for("not every mail came through Postfix", lambda: len(events(log, "accepted")) >= count, 240)
        mails = sorted(behind.kept.glob("*.eml"))
        require(len(mails) == count, f"{len(mails)} mails")
        record = b"v=DKIM1; k=rsa; p=" + "".join(public.read_text().split("\n")[1:-2]).encode()
        for mail in mails:
            content = mail.read_bytes()
            require(re.search(rb"(?is)^authentication-results:[^\n]*\n?[^\n]*dkim=pass", content, re.M), f"OpenDKIM refuses {mail}")
            require(dkim.verify(content, dnsfunc=lambda name, timeout=5: record), f"dkimpy refuses {mail}")
        script = directory / "verify.pl"
        script.write_text(MAIL_DKIM)
        done = run("perl", script, record.decode(), *mails)
        require(done.stdout.split() == ["pass"] * count, f"Mail::DKIM: {done.stdout[:300]}{done.stderr[:300]}")
    finally:
        board.stop()
        run(TOOLS / "relay_up.sh", "stop", postfix)
        behind.stop()


MAIL_DKIM = r"""
use Mail::DKIM::Verifier;
my $record = shift;
{ no warnings 'redefine'; *Mail::DKIM::DNS::query = sub { bless {}, 'RR' }; }
{ package RR; sub type { 'TXT' } sub char_str_list { $record } sub txtdata { $record } }
for my $path (@ARGV) {
    open my $file, '<:raw', $path or die; local $/; my $content = <$file>;
    my $verifier = Mail::DKIM::Verifier->new; $verifier->PRINT($content); $verifier->CLOSE;
    print $verifier->result, "\n";
}
"""


class Relay:
    """tools/faulty_smtp.py, with a log for each chapter."""

    def __init__(self, directory):
        self.directory, self.port, self.control, self.chapter, self.process = directory, free_port(), free_port(), 0, None
        self.kept = directory / "kept"

    def turn_page(self):
        """Goes on with an empty log; returns its path."""
        self.stop()
        self.chapter += 1
        log = self.directory / f"mail-{self.chapter}.ndjson"
        self.process = subprocess.Popen(
            [sys.executable, TOOLS / "faulty_smtp.py", "serve", "--port", str(self.port), "--ctl", str(self.control),
             "--log", log, "--keep", self.kept], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("the relay does not listen", lambda: is_open(self.port) and is_open(self.control))
        return log

    def tell(self, path, body):
        request = urllib.request.Request(f"http://127.0.0.1:{self.control}{path}", json.dumps(body).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).read()

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None


def events(log, kind):
    # The last line may be half written.
    lines = Path(log).read_text().split("\n")[:-1] if Path(log).exists() else []
    return [event for event in map(json.loads, lines) if event["ev"] == kind]


# What is done to every so manieth reader, with what must come of it: whether the mail arrives, how often it is tried (None:
# however often), and how many repetitions nobody can avoid.
FAULTS = [
    (None, True, 1, 0), (None, True, 1, 0), ({"action": "rcpt450", "times": 2}, True, None, 0),
    ({"action": "rcpt421", "times": 1}, True, None, 0), ({"action": "eod451", "times": 2}, True, None, 0),
    ({"action": "rcpt550"}, False, 1, 0), ({"action": "eod554"}, False, 1, 0), ({"action": "close421", "times": 1}, True, None, 0),
    ({"action": "dropdata", "times": 2}, True, None, 0), ({"action": "garbage", "times": 1}, True, None, 0),
    ({"action": "hangrcpt3", "times": 1}, True, None, 0), ({"action": "hangeod3", "times": 1}, True, None, 0),
    ({"action": "dropack", "times": 1}, True, None, 1), ({"action": "hangdrop2", "times": 1}, True, None, 1),
]


def check_smtp_faults_and_kills(directory):
    """Every fault of tools/faulty_smtp.py, a relay that is away, and kill -9 while mails leave: each arrives once."""
    readers = [f"reader{n}@inbox{n % 5}.test" for n in range(140)]
    relay = Relay(directory)
    board = Board(
        directory, BACKPLANE_MAIL__URL=f"smtp://127.0.0.1:{relay.port}", BACKPLANE_MAIL__FROM="Backplane <board@board.test>",
        BACKPLANE_MAIL__POSTAL_ADDRESS="Backplane, 1 Rack Row, Austin, TX 78701, USA", BACKPLANE_LIMITS__ENABLED="false",
        BACKPLANE_SERVER__PUBLIC_URL="https://board.test", BACKPLANE_MAIL__RETRY_AFTER_S="1, 2, 3")
    try:
        relay.turn_page()
        board.start()
        tokens, _ = board.sign_up("rita@fernhollow.test", file_mails(relay.kept))
        employer = board.must(201, "POST", "/v1/employers", {"name": "Fernhollow", "website": "https://fernhollow.example"},
                              tokens["access_token"])["id"]
        for reader in readers:
            board.must(202, "POST", "/v1/alerts", {"email": reader, "query": {"q": "chiplet"}, "frequency": "instant"})
        wait_for("not every confirmation", lambda: len(list(relay.kept.glob("*.eml"))) > len(readers), 60)
        confirmations = {}
        for path in relay.kept.glob("*.eml"):
            confirmations[re.search(r"(?im)^To: (\S+)", path.read_text(errors="replace")).group(1)] = path
        for reader in readers:
            board.must(200, "POST", "/v1/alerts/confirm", {"token": token_in(confirmations[reader])})

        # Every fault at once.
        log = relay.turn_page()
        rules = [{"match": f"^{re.escape(reader)}$", **FAULTS[n % len(FAULTS)][0]}
                 for n, reader in enumerate(readers) if FAULTS[n % len(FAULTS)][0]]
        relay.tell("/rules", rules)
        fates = [FAULTS[n % len(FAULTS)] for n in range(len(readers))]
        arriving = [reader for reader, fate in zip(readers, fates) if fate[1]]
        board.publish(employer, "Chiplet Architect One", tokens["access_token"])
        wait_for("not every mail arrived", lambda: arrived(log) >= set(arriving), 90)
        wait_for("the outbox is not empty", lambda: "mails queued: 0" in board.command("admin", "status").stdout, 60)
        judged(log, arriving, sum(fate[3] for fate in fates), 0)
        for reader, fate in zip(readers, fates):
            refused = [event for event in events(log, "refused") if event["rcpt"] == reader]
            require(fate[1] or len(refused) == 1, f"{reader} was refused for good and tried {len(refused)} times")

        # The relay is away; meanwhile the board is killed.
        log = relay.turn_page()
        relay.tell("/set", {"down": True})
        board.publish(employer, "Chiplet Architect Two", tokens["access_token"])
        time.sleep(6)
        board.kill()
        board.start()
        time.sleep(6)
        away = len(events(log, "connect_refused"))
        require(away <= 40, f"a relay that is away was asked {away} times in 12 s")
        require(board.must(200, "GET", "/v1/search?q=chiplet")["total"] == 2, "search suffers from the relay")
        relay.tell("/set", {"down": False})
        gone = {reader for reader, fate in zip(readers, fates) if fate[0] and fate[0]["action"] == "rcpt550"}
        reached = [reader for reader in readers if reader not in gone]
        wait_for("not every mail arrived after the relay's return", lambda: arrived(log) >= set(reached), 90)
        judged(log, reached, 0, 0)

        # Killed again and again while mails leave.
        log, kills = relay.turn_page(), 6
        relay.tell("/set", {"latency": 20})
        board.publish(employer, "Chiplet Architect Three", tokens["access_token"])
        for turn in range(kills):
            wait_for("no mail leaves", lambda: len(events(log, "accepted")) > 15 * turn, 60)
            board.kill()
            board.start()
        wait_for("not every mail arrived after the kills", lambda: arrived(log) >= set(reached), 90)
        judged(log, reached, kills, kills)
    finally:
        board.stop()
        relay.stop()


def arrived(log):
    return {event["rcpt"] for event in events(log, "accepted")}


def judged(log, recipients, repeats, repeats_after_ack):
    expected = Path(log).with_suffix(".tsv")
    expected.write_text("".join(f"{recipient}\n" for recipient in recipients))
    done = run(sys.executable, TOOLS / "faulty_smtp.py", "count", log, "--expected", expected, "--max-dup", str(repeats),
               "--max-dup-acked", str(repeats_after_ack))
    require(done.returncode == 0, f"{Path(log).name}: {done.stdout[-1500:]}{done.stderr[-500:]}")
    print(f"accept:   {Path(log).name}: {' '.join(done.stdout.split())[:260]}", flush=True)


def check_bounces(directory):
    """A bounce suppresses by pipe and by HTTP; a forged one changes nothing and says so."""
    token = "reports-are-handed-in-with-this"
    relay = Relay(directory)
    board = Board(
        directory, BACKPLANE_MAIL__URL=f"smtp://127.0.0.1:{relay.port}", BACKPLANE_MAIL__FROM="Backplane <board@board.test>",
        BACKPLANE_MAIL__POSTAL_ADDRESS="1 Rack Row, Austin", BACKPLANE_SERVER__PUBLIC_URL="https://board.test",
        BACKPLANE_MAIL__REPORT_TOKEN=token)
    try:
        log = relay.turn_page()
        board.start()
        for reader in ("one@inbox.test", "two@inbox.test"):
            board.must(202, "POST", "/v1/alerts", {"email": reader, "query": {"q": "chiplet"}, "frequency": "daily"})
        wait_for("no confirmation mails", lambda: len(events(log, "accepted")) == 2)
        senders = {event["rcpt"]: event["mail_from"] for event in events(log, "accepted")}
        forged = board.command("mail", "report", input=bounce("board+" + "a" * 45 + "@board.test", "5.1.1"))
        require(forged.returncode == 0 and forged.stdout.startswith("unknown"), forged.stdout + forged.stderr)
        delayed = board.command("mail", "report", input=bounce(senders["one@inbox.test"], "4.4.1"))
        require(delayed.stdout.startswith("recorded"), delayed.stdout + delayed.stderr)
        done = board.command("mail", "report", input=bounce(senders["one@inbox.test"], "5.1.1"))
        require(done.stdout.startswith("suppressed"), done.stdout + done.stderr)
        request = urllib.request.Request(
            f"http://127.0.0.1:{board.port}/v1/mail/reports", bounce(senders["two@inbox.test"], "5.1.1").encode(),
            {"Content-Type": "message/rfc822", "Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=10) as response:
            require(json.load(response)["outcome"] == "suppressed", "the bounce by HTTP suppressed nobody")
        listed = board.command("mail", "suppressions", "list").stdout
        require(all(f"{reader}\tbounce" in listed for reader in senders), listed)
        require(board.command("mail", "report", input="nonsense").returncode == 0, "nonsense is bounced back")
    finally:
        board.stop()
        relay.stop()


def check_foreign_bounces(directory):
    """D5: of the bounces that flufl.bounce collected over twenty years, at least 95% are read. None of them is about mails of ours."""
    done = run(sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:",
               "-d", directory, "flufl.bounce==6.0.0")
    found = list(directory.glob("*.tar.gz"))
    if not found:
        print(f"accept:   passed over, for want of flufl.bounce: {done.stderr[-200:]}", flush=True)
        return
    with tarfile.open(found[0]) as archive:
        archive.extractall(directory / "flufl", filter="data")
    # Two are no bounces: a mail of a person and the answer of somebody's assistant, which must stay unread.
    no_bounces = ("groupwise_03", "qmail_08")
    samples = sorted((directory / "flufl").glob("**/data/*.txt"))
    require(len(samples) > 90, f"only {len(samples)} samples")
    board = Board(directory)
    said = {path.stem: board.command("mail", "report", input=path.read_text(errors="replace")).stdout for path in samples}
    require(all(said.pop(name).startswith("ignored") for name in no_bounces), f"of {no_bounces} one was taken for a bounce")
    unread = sorted(name for name, answer in said.items() if not answer.startswith("unknown"))
    print(f"accept:   {len(said) - len(unread)} of {len(said)} foreign bounces are read; not {', '.join(unread)}", flush=True)
    require(len(unread) <= len(said) * 0.05, f"{len(unread)} of {len(said)} are not read: {unread}")


def bounce(to, status):
    return (f"From: mailer-daemon@mx.test\r\nTo: {to}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report;"
            f" report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--b\r\n"
            f"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.test\r\n\r\nFinal-Recipient: rfc822; x@inbox.test\r\n"
            f"Action: {'failed' if status.startswith('5') else 'delayed'}\r\nStatus: {status}\r\n\r\n--b--\r\n")


def is_open(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def check_kill_backup_and_restore(directory):
    """What was acknowledged survives kill -9, and a backup gives the same answers elsewhere."""
    board = Board(directory)
    try:
        board.start()
        tokens, _ = board.sign_up("rita@fernhollow.test", file_mails(directory / "data" / "mail"))
        token = tokens["access_token"]
        employer = board.must(201, "POST", "/v1/employers", {"name": "Fernhollow", "website": "https://fernhollow.example"}, token)
        acknowledged = []
        for turn in range(5):
            acknowledged.append(board.publish(employer["id"], f"Chiplet Architect {turn}", token)["id"])
            board.kill()
            board.start()
        for posting in acknowledged:
            wait_for("a posting is lost", lambda: board.finds("chiplet", posting), 10)
        second = board.command("serve")
        require(second.returncode == 1 and "in use" in second.stderr, "a second server is not refused")
        done = board.command("backup", directory / "copy")
        require(done.returncode == 0, done.stderr)
    finally:
        board.stop()
    (directory / "other").mkdir()
    other = Board(directory / "other")
    try:
        done = other.command("restore", directory / "copy")
        require(done.returncode == 0, done.stderr)
        other.start()
        for posting in acknowledged:
            wait_for("a posting is not in the restored board", lambda: other.finds("chiplet", posting), 10)
        other.must(200, "POST", "/v1/auth/login", {"email": "rita@fernhollow.test", "password": PASSWORD})
    finally:
        other.stop()


def a_postgres():
    """A PostgreSQL server that lives as long as its standard input is open, and its address."""
    words = 'echo "$BACKPLANE_TEST_POSTGRES_URL"; cat >/dev/null'
    script = Path(__file__).resolve().parent.parent / "with-postgres"
    server = subprocess.Popen([script, "sh", "-c", words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    address = server.stdout.readline().strip()
    require(address, "no PostgreSQL could be started")
    return server, address


def answers(board):
    """What a reader is told: hits, counts and values of a few searches, and the feed of changes."""
    told = {}
    for query in ["", "q=gpu", "q=data+center+technician", "q=rtl+design&sort=newest", "q=kernel&facets=discipline,country,pay",
                  "discipline=silicon&limit=50", "country=US&facets=region", "pay_min=200000&sort=pay", "workplace=remote"]:
        found = board.must(200, "GET", f"/v1/search?{query}&diversity=off")
        told[query] = (found["total"], [hit["id"] for hit in found["data"]], found["facets"])
    after, revisions = "0", []
    while after:
        page = board.must(200, "GET", f"/v1/changes?after={after}&limit=100")
        revisions += [(change["revision"], change["kind"], change["posting"]["id"]) for change in page["data"]]
        after = page["next_cursor"]
    require(len(revisions) == len({posting for _, _, posting in revisions}), "the feed names a posting twice")
    return told | {"changes": revisions}


def check_real_postings_in_a_backup_and_in_postgres(directory):
    """Real postings: backup beside the server, restore, verify; move to PostgreSQL, verify; the same answers each time."""
    count = int(os.environ.get("BACKPLANE_ACCEPT_ROWS", "1500"))
    rows = directory / "rows.ndjson.gz"
    with gzip.open(SHARED / "data" / "postings-real.ndjson.gz", "rb") as source, gzip.open(rows, "wb") as target:
        for _ in range(count):
            target.write(source.readline())
    limits = {"BACKPLANE_LIMITS__ENABLED": "false"}
    board = Board(directory, **limits)
    done = board.command("import", "--employer-from-company", "--json", rows)
    require(done.returncode == 0, done.stderr[-1500:])

    def agrees(which):
        verified = which.command("verify", "--json")
        require(verified.returncode == 0, verified.stdout[-1500:] + verified.stderr[-1500:])
        require(json.loads(verified.stdout)["agrees"] is True, verified.stdout[-1500:])

    try:
        board.start()
        before = answers(board)
        require(before[""][0] > count * 0.8, f"only {before[''][0]} of {count} rows are found")
        done = board.command("backup", directory / "copy")
        require(done.returncode == 0, done.stderr)
        agrees(board)
    finally:
        board.stop()
    (directory / "other").mkdir()
    other = Board(directory / "other", **limits)
    try:
        done = other.command("restore", directory / "copy")
        require(done.returncode == 0, done.stderr)
        other.start()
        require(answers(other) == before, "the restored board answers otherwise")
        agrees(other)
    finally:
        other.stop()
    server, address = a_postgres()
    try:
        done = board.command("move", "--to", address)
        require(done.returncode == 0, done.stderr[-1500:])
        require("the same on both sides" in done.stdout, done.stdout[-1500:])
        require(board.command("move", "--to", address).returncode == 1, "a database with rows is not refused")
        board.environment["BACKPLANE_DATABASE__URL"] = address
        board.start()
        require(answers(board) == before, "the board on PostgreSQL answers otherwise")
        agrees(board)
    finally:
        board.stop()
        server.stdin.close()
        server.wait()


def main():
    failed = 0
    only = sys.argv[3:]
    for name, check in sorted((n, c) for n, c in globals().items() if n.startswith("check_")):
        if only and name.removeprefix("check_") not in only:
            continue
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="backplane-accept-") as directory:
            try:
                check(Path(directory))
                verdict = "holds"
            except Exception as error:  # every check is judged, whatever happened to the one before
                failed += 1
                verdict = "DOES NOT HOLD: " + (str(error) or traceback.format_exc())
        print(f"accept: {name.removeprefix('check_').replace('_', ' ')}: {verdict} ({time.monotonic() - began:.1f} s)", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
