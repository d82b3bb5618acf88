"""Schemathesis against a running board. Called by scripts/attack.

    attack.py BINARY [REQUESTS FOR EACH OPERATION]
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

BINARY = Path(sys.argv[1]).resolve()
EXAMPLES = int(sys.argv[2]) if len(sys.argv) > 2 else 4
SEED = "20261123"
PASSWORD = "correct horse battery staple"
CHECKS = ("not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
          "response_schema_conformance,ignored_auth,allow_header_conformance,missing_required_header")

# These end what the attacker needs, so only nobody sends them.
ENDS_THE_ATTACKER = ["DELETE /v1/me", "POST /v1/auth/logout", "DELETE /v1/me/sessions/{id}"]

# What may stand in a path, by the beginning of the path. The rest is made up.
IDS = {"/v1/employers/": "employer", "/v1/postings/": "posting", "/v1/webhooks/": "webhook", "/v1/campaigns/": "campaign",
       "/v1/events/": "event", "/v1/alerts/": "alert", "/v1/boards/": "board", "/v1/imports/": "import"}


class Board:
    """A server with a data directory of its own, without limits on the number of requests."""

    def __init__(self, directory):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        self.url, self.directory = f"http://127.0.0.1:{port}", Path(directory)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BACKPLANE_")}
        environment |= {"BACKPLANE_DATA_DIR": str(self.directory / "data"), "BACKPLANE_SERVER__BIND": f"127.0.0.1:{port}",
                        "BACKPLANE_LIMITS__ENABLED": "false", "BACKPLANE_LOG__FORMAT": "json"}
        self.log = self.directory / "server.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([BINARY, "serve", "--samples"], env=environment, stdout=log, stderr=log)
        self.wait_for("the server to be ready", lambda: self.ask("GET", "/readyz")[0] == 200)

    def wait_for(self, what, look):
        end = time.monotonic() + 120
        while time.monotonic() < end:
            if self.process.poll() is not None:
                sys.exit("attack: the server ended\n" + self.log.read_text(errors="replace")[-3000:])
            try:
                if found := look():
                    return found
            except OSError:
                pass
            time.sleep(0.05)
        sys.exit(f"attack: waited in vain for {what}")

    def ask(self, method, path, body=None, token=None):
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def must(self, method, path, body=None, token=None):
        status, answer = self.ask(method, path, body, token)
        if status >= 300:
            sys.exit(f"attack: {method} {path} answered {status}: {answer}")
        return answer

    def sign_up(self, email):
        """An access token, which lives for ten minutes."""
        self.must("POST", "/v1/auth/register", {"email": email, "password": PASSWORD, "name": "Ada Attacker"})
        mails = self.directory / "data" / "mail"
        texts = lambda: [mail.read_text(errors="replace") for mail in mails.glob("*.eml")]
        mail = self.wait_for("the mail", lambda: next((text for text in texts() if f"To: {email}" in text), None))
        token = re.search(r"token=3D([\w.-]+)", mail.replace("=\n", "")).group(1)
        return self.must("POST", "/v1/auth/verify-email", {"token": token})["access_token"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def furnish(board):
    """An owner with something of everything, and the names of it all."""
    token = board.sign_up("ada@attacker.example")
    make = lambda path, body: board.must("POST", path, body, token)
    employer = make("/v1/employers", {"name": "Fernhollow Compute", "website": "https://fernhollow.example"})["id"]
    own = f"/v1/employers/{employer}"
    posting = {"title": "RTL Design Engineer", "description": "Own it to timing closure.", "discipline": "silicon",
               "locations": [{"city": "Austin", "region": "TX", "country": "US"}],
               "apply": {"url": "https://fernhollow.example/apply/1"}}
    postings = [make(f"{own}/postings", posting)["id"] for _ in range(4)]
    for id in postings[1:]:
        make(f"/v1/postings/{id}/publish", {})
    ids = {
        "employer": [employer, "fernhollow-compute"],
        "posting": postings,
        "webhook": [make(f"{own}/webhooks", {"url": "https://fernhollow.example/hook"})["id"]],
        "campaign": [make(f"{own}/campaigns", {"name": "Spring"})["id"]],
        "event": [make(f"{own}/events", {
            "kind": "open_house", "title": "Open evening", "starts_at": "2027-05-04T16:00:00Z", "ends_at": "2027-05-04T18:00:00Z",
            "timezone": "UTC", "online_url": "https://fernhollow.example/meet", "postings": postings[1:]})["id"]],
        "alert": [make("/v1/alerts", {"email": "ada@attacker.example", "query": {"q": "rtl"}, "frequency": "daily"})["id"]],
    }
    make(f"{own}/api-keys", {"name": "attack", "scopes": ["read", "postings", "imports"]})
    return {"owner": token, "nobody": None}, ids


def settings(document, ids):
    """Schemathesis' settings: in paths, names that exist as often as not."""
    hooks = Path(__file__).with_name("hooks.py")
    lines = [f"hooks = {json.dumps(str(hooks))}", "[auth]\nauto-signup = false"]
    lines += [f"[dictionaries.{kind}]\nvalues = {json.dumps(values)}" for kind, values in ids.items()]
    for path, operations in document["paths"].items():
        kind = next((kind for prefix, kind in IDS.items() if path.startswith(prefix) and kind in ids), None)
        first = re.search(r"{(\w+)}", path)
        if kind is None or first is None:
            continue
        for method in operations:
            if method in ("get", "post", "put", "patch", "delete"):
                lines.append(f'[[operations]]\ninclude-name = "{method.upper()} {path}"\n'
                             f'parameters = {{ "path.{first.group(1)}" = {{ dictionary = "{kind}", probability = 0.7 }} }}')
    return "\n".join(lines)


def attack(board, name, token, directory):
    # One worker: reading Python in two threads at once breaks Python 3.11 (gh-106905).
    command = [Path(sys.executable).parent / "schemathesis", "--config-file", directory / "schemathesis.toml", "run",
               board.url + "/openapi.json", "--phases", "examples,coverage,fuzzing", "--checks", CHECKS, "--seed", SEED,
               "--max-examples", str(EXAMPLES), "--generation-database", "none", "--no-shrink", "--continue-on-failure",
               "--workers", "1", "--warnings", "off", "--request-timeout", "60", "--suppress-health-check", "all"]
    if token:
        command += ["-H", f"Authorization: Bearer {token}"]
        for operation in ENDS_THE_ATTACKER:
            command += ["--exclude-name", operation]
    print(f"attack: as {name}", flush=True)
    return subprocess.run(command, cwd=directory, env=os.environ | {"NO_COLOR": "1"}).returncode == 0


def main():
    with tempfile.TemporaryDirectory(prefix="backplane-attack-") as directory:
        directory, failed = Path(directory), []
        board = Board(directory)
        try:
            callers, ids = furnish(board)
            document = board.must("GET", "/openapi.json")
            (directory / "schemathesis.toml").write_text(settings(document, ids))
            for name, token in callers.items():
                began = time.monotonic()
                if not attack(board, name, token, directory):
                    failed.append(name)
                status, answer = board.ask("GET", "/v1/me", token=token) if token else (200, None)
                if status != 200:
                    failed.append(f"{name} was signed out on the way ({answer}), so much was not tried")
                print(f"attack: as {name}: {time.monotonic() - began:.0f} s", flush=True)
            if board.ask("GET", "/readyz")[0] != 200:
                failed.append("the server is not ready any more")
        finally:
            status = board.stop()
        log = board.log.read_text(errors="replace")
        if status != 0 or "panicked" in log:
            failed.append(f"the server ended with {status}: {log[-3000:]}")
        if keep := os.environ.get("BACKPLANE_ATTACK_LOG"):
            Path(keep).write_text(log)
    if failed:
        sys.exit("attack: something gave way: " + ", ".join(failed))
    print("attack: nothing gave way")


main()
