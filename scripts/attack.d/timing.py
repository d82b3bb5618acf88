#!/usr/bin/env python3
"""Asks a board about addresses that it knows and addresses that it does not, in turn, and says whether the time it takes tells
them apart (ASVS 6.3.8). Standard library only; measure on a quiet machine.

  timing.py BINARY [PAIRS]     200 pairs of each question otherwise

It prints the medians, their ratio and Welch's t. A t beyond 3 would tell somebody who asks as often as that; the budgets of the
server, which are off here, allow 20 of these questions in a quarter of an hour.
"""
import json, math, os, pathlib, random, re, signal, socket, statistics, subprocess, sys, tempfile, time, http.client

BINARY = os.path.abspath(sys.argv[1])
PAIRS = int(sys.argv[2]) if len(sys.argv) > 2 else 200
PASSWORD = "correct horse battery staple"


class Board:
    def __init__(self, directory):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.mails = pathlib.Path(directory, "data", "mail")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BACKPLANE_")}
        environment |= {"BACKPLANE_DATA_DIR": os.path.join(directory, "data"), "BACKPLANE_SERVER__BIND": f"127.0.0.1:{self.port}",
                        "BACKPLANE_LIMITS__ENABLED": "false", "BACKPLANE_LOG__FILTER": "warn"}
        self.process = subprocess.Popen([BINARY, "serve"], env=environment)
        self.line = None
        while True:
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                self.line = None
                time.sleep(0.1)

    def ask(self, method, path, body=None):
        self.line = self.line or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        began = time.perf_counter()
        self.line.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        answer = self.line.getresponse()
        text = answer.read()
        return answer.status, text, time.perf_counter() - began

    def sign_up(self, emails):
        for email in emails:
            status, text, _ = self.ask("POST", "/v1/auth/register", {"email": email, "password": PASSWORD, "name": "Ada"})
            assert status == 202, text
        tokens, end = {}, time.monotonic() + 120
        while len(tokens) < len(emails) and time.monotonic() < end:
            for path in self.mails.glob("*.eml"):
                mail = path.read_text(errors="replace").replace("=\n", "").replace("=\r\n", "")
                tokens[re.search(r"(?m)^To: (\S+)", mail).group(1)] = re.search(r"token=3D([\w.-]+)", mail).group(1)
            time.sleep(0.2)
        for email in emails:
            assert self.ask("POST", "/v1/auth/verify-email", {"token": tokens[email]})[0] == 200


def welch(a, b):
    spread = statistics.variance(a) / len(a) + statistics.variance(b) / len(b)
    return (statistics.mean(a) - statistics.mean(b)) / math.sqrt(spread)


def trimmed(times):
    """Without the slowest tenth, in which the machine was busy with something else."""
    return sorted(times)[: max(2, len(times) * 9 // 10)]


def main():
    chance = random.Random(20261124)
    with tempfile.TemporaryDirectory(prefix="backplane-timing-") as directory:
        board = Board(directory)
        try:
            known = [f"known{n}@inbox.example" for n in range(PAIRS)]
            board.sign_up(known)
            time.sleep(61)  # a mail to an address leaves once a minute
            questions = {
                "login": lambda email: ("/v1/auth/login", {"email": email, "password": "a wrong guess entirely"}),
                "forgot": lambda email: ("/v1/auth/password/forgot", {"email": email}),
                "register": lambda email: ("/v1/auth/register", {"email": email, "password": PASSWORD, "name": "Ada"}),
                "alerts": lambda email: ("/v1/alerts", {"email": email, "query": {"q": "rtl"}, "frequency": "daily"}),
            }
            worst = 0.0
            for name, question in questions.items():
                if name == "register":
                    time.sleep(61)
                times, answers = {True: [], False: []}, {True: set(), False: set()}
                for n in range(PAIRS):
                    pair = [(True, known[n]), (False, f"unknown{n}-{name}@inbox.example")]
                    chance.shuffle(pair)
                    for is_known, email in pair:
                        status, text, took = board.ask("POST", *question(email))
                        times[is_known].append(took)
                        shown = json.loads(text or b"null")
                        shown.pop("request_id", None)
                        answers[is_known].add((status, json.dumps(shown)))
                medians = {is_known: statistics.median(took) * 1000 for is_known, took in times.items()}
                t = welch(trimmed(times[True]), trimmed(times[False]))
                worst = max(worst, abs(t))
                alike = "the same answers" if answers[True] == answers[False] else f"DIFFERENT ANSWERS {answers}"
                print(f"timing: {name}: known {medians[True]:.2f} ms, unknown {medians[False]:.2f} ms, ratio {medians[True] / medians[False]:.3f}, "
                      f"Welch's t {t:+.2f}, {alike}", flush=True)
            print(f"timing: {PAIRS} pairs of each, the largest t is {worst:.2f}", flush=True)
        finally:
            board.process.send_signal(signal.SIGTERM)
            board.process.wait(60)


main()
