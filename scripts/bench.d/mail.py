#!/usr/bin/env python3
"""Measures one posting that matches many instant alerts: how long until an SMTP server has every mail, and what searching
is like meanwhile. Prints one figure a line.

  mail.py BINARY [ALERTS] [KEY.pem] [RELAY_UP]

ALERTS is 10,000 when left out. With a key (RSA, PEM) every mail is signed. The SMTP server is part of this script and
takes what it gets; with RELAY_UP (tools/relay_up.sh) a Postfix stands before it, as in life, and its log says how fast it was
given mails. MAIL_UNCONFIRMED in the environment is `mail.unconfirmed`. Standard library only.
"""
import asyncio, http.client, json, os, quopri, re, socket, subprocess, sys, tempfile, threading, time
from concurrent.futures import ThreadPoolExecutor

from ledger import note


class Sink(asyncio.Protocol):
    """Takes every mail and notes when, to whom, and the first token in it."""
    taken, tokens, keep, connections, most = [], {}, True, 0, 0

    def connection_made(self, transport):
        Sink.connections += 1
        Sink.most = max(Sink.most, Sink.connections)
        self.transport, self.buffer, self.in_data, self.to = transport, b"", False, b""
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.write(b"220 sink ESMTP\r\n")

    def connection_lost(self, error):
        Sink.connections -= 1

    def data_received(self, data):
        self.buffer += data
        while True:
            if self.in_data:
                end = self.buffer.find(b"\r\n.\r\n")
                if end < 0:
                    return
                content, self.buffer = self.buffer[:end], self.buffer[end + 5:]
                self.in_data = False
                Sink.taken.append((time.monotonic(), self.to))
                if Sink.keep:
                    found = re.search(rb"token=([A-Za-z0-9_-]+)", quopri.decodestring(content))
                    if found:
                        Sink.tokens[self.to.decode()] = found[1].decode()
                self.transport.write(b"250 2.0.0 taken\r\n")
                continue
            line, found, rest = self.buffer.partition(b"\r\n")
            if not found:
                return
            self.buffer, verb = rest, line[:4].upper()
            if verb == b"EHLO":
                self.transport.write(b"250-sink\r\n250 PIPELINING\r\n")
            elif verb == b"RCPT":
                self.to = line[line.find(b"<") + 1:line.find(b">")]
                self.transport.write(b"250 ok\r\n")
            elif verb == b"DATA":
                self.in_data = True
                self.transport.write(b"354 go\r\n")
            elif verb == b"QUIT":
                self.transport.write(b"221 bye\r\n")
                self.transport.close()
            else:
                self.transport.write(b"250 ok\r\n")


def start_sink():
    ready, port = threading.Event(), []

    def serve():
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(loop.create_server(Sink, "127.0.0.1", 0))
        port.append(server.sockets[0].getsockname()[1])
        ready.set()
        loop.run_forever()

    threading.Thread(target=serve, daemon=True).start()
    ready.wait()
    return port[0]


class Board:
    def __init__(self, binary, data, smtp, key):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("BACKPLANE_")} | {
            "BACKPLANE_DATA_DIR": data, "BACKPLANE_SERVER__BIND": f"127.0.0.1:{self.port}", "BACKPLANE_LIMITS__ENABLED": "false",
            "BACKPLANE_LOG__FILTER": "warn", "BACKPLANE_MAIL__URL": f"smtp://127.0.0.1:{smtp}",
            "BACKPLANE_MAIL__FROM": "Board <board@board.example>", "BACKPLANE_MAIL__POSTAL_ADDRESS": "1 Main Street, Springfield",
            "BACKPLANE_SERVER__PUBLIC_URL": "https://board.example",
            "BACKPLANE_MAIL__UNCONFIRMED": os.environ.get("MAIL_UNCONFIRMED", "1")}
        if key:
            self.env |= {"BACKPLANE_MAIL__DKIM__SELECTOR": "s1", "BACKPLANE_MAIL__DKIM__DOMAIN": "board.example",
                         "BACKPLANE_MAIL__DKIM__KEY_FILE": os.path.abspath(key)}
        self.lines = threading.local()
        self.process = subprocess.Popen([binary, "serve", "--samples"], env=self.env, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if self.call("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                self.lines.line = None
            time.sleep(0.05)
        raise SystemExit("the board did not become ready")

    def call(self, method, path, body=None, token=None):
        line = getattr(self.lines, "line", None) or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.lines.line = line
        headers = ({"Content-Type": "application/json"} if body is not None else {}) | (
            {"Authorization": f"Bearer {token}"} if token else {})
        try:
            line.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = line.getresponse()
        except (BrokenPipeError, http.client.RemoteDisconnected):
            # It was kept too long; nothing was done with it.
            line.close()
            line.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = line.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text.startswith((b"{", b"[")) else None

    def need(self, *asked):
        status, body = self.call(*asked)
        if status >= 300:
            raise SystemExit(f"{asked[0]} {asked[1]}: {status} {body}")
        return body


def wait_for(what, look, seconds):
    end = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end:
            raise SystemExit(f"{what}: waited {seconds} s in vain")
        time.sleep(0.05)


def search_until(board, stop, times):
    words = ["rtl", "verification", "storage", "kernel", "cooling", "network"]
    turn = 0
    while not stop.is_set():
        began = time.monotonic()
        board.need("GET", f"/v1/search?q={words[turn % len(words)]}&facets=discipline,seniority")
        times.append(time.monotonic() - began)
        turn += 1


def quantile(times, share):
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def watched(board, work):
    """The search times, ms (median, 99 %), and requests while `work` runs."""
    stop, times = threading.Event(), []
    searcher = threading.Thread(target=search_until, args=(board, stop, times))
    searcher.start()
    work()
    stop.set()
    searcher.join()
    return quantile(times, 0.5), quantile(times, 0.99), len(times)


def single(board, employer, access):
    """Publish until the mail is taken, ms (median, 99 %): one reader, 100 postings one after the other."""
    reader = "single@inbox.example"
    Sink.keep = True
    board.need("POST", "/v1/alerts", {"email": reader, "query": {"q": "photonics"}, "frequency": "instant"})
    wait_for("no confirmation", lambda: reader in Sink.tokens, 60)
    board.need("POST", "/v1/alerts/confirm", {"token": Sink.tokens[reader]})
    Sink.keep, times = False, []
    for n in range(100):
        posting = {"title": f"Photonics Engineer {n}", "description": "Own it.", "discipline": "silicon",
                   "apply": {"url": "https://bench.example/apply"}}
        draft = board.need("POST", f"/v1/employers/{employer}/postings", posting, access)["id"]
        before, began = len(Sink.taken), time.monotonic()
        board.need("POST", f"/v1/postings/{draft}/publish", {}, access)
        while len(Sink.taken) == before:
            time.sleep(0.002)
        times.append(Sink.taken[-1][0] - began)
    return quantile(times, 0.5), quantile(times, 0.99)


def main():
    binary, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    key = sys.argv[3] if len(sys.argv) > 3 else None
    relay_up = sys.argv[4] if len(sys.argv) > 4 else None
    smtp = start_sink()
    with tempfile.TemporaryDirectory(prefix="backplane-bench-") as data:
        # Postfix gives up its rights, and must still get at what is its own.
        os.chmod(data, 0o755)
        relay = os.path.join(data, "postfix")
        if relay_up:
            public = os.path.join(data, "public.pem")
            subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            subprocess.run([relay_up, "start", relay, public, "board.example", "s1", str(port), f"127.0.0.1:{smtp}"],
                           env=os.environ | {"DKIM": "0"}, check=True)
            smtp = port
        board = Board(binary, os.path.join(data, "board"), smtp, key)
        try:
            measure(board, count)
            if relay_up:
                taken = [line for line in open(os.path.join(relay, "mail.log"), errors="replace") if "client=" in line][-count:]
                at = [int(h) * 3600 + int(m) * 60 + int(s) for h, m, s in (line.split()[2].split(":") for line in taken)]
                print(f"Postfix was given {len(at)} mails in {at[-1] - at[0]} s: {len(at) / max(1, at[-1] - at[0]):.0f}/s")
        finally:
            board.process.terminate()
            board.process.wait()
            if relay_up:
                subprocess.run([relay_up, "stop", relay])


def measure(board, count):
    user = "rita@fernhollow.example"
    board.need("POST", "/v1/auth/register", {"email": user, "password": "a long enough password", "name": "Rita"})
    wait_for("no verification mail", lambda: user in Sink.tokens, 30)
    access = board.need("POST", "/v1/auth/verify-email", {"token": Sink.tokens[user]})["access_token"]
    employer = board.need("POST", "/v1/employers", {"name": "Bench", "website": "https://bench.example"}, access)["id"]
    readers = [f"reader{n}@inbox{n % 50}.example" for n in range(count)]
    alert = lambda reader: board.need("POST", "/v1/alerts", {"email": reader, "query": {"q": "chiplet"}, "frequency": "instant"})
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(alert, readers))
        wait_for("not every confirmation arrived", lambda: all(reader in Sink.tokens for reader in readers), 600)
        list(pool.map(lambda reader: board.need("POST", "/v1/alerts/confirm", {"token": Sink.tokens[reader]}), readers))
    print(f"{count} alerts asked for, mailed and confirmed: {time.monotonic() - began:.1f} s", flush=True)
    median, most, asked = watched(board, lambda: time.sleep(5))
    print(f"search before: {median:.1f} ms in the middle, {most:.1f} ms for 99 %, {asked} in 5 s, one client", flush=True)
    posting = {"title": "Principal Chiplet Architect", "description": "Own it.", "discipline": "silicon",
               "apply": {"url": "https://bench.example/apply"}}
    draft = board.need("POST", f"/v1/employers/{employer}/postings", posting, access)["id"]
    Sink.keep, before = False, len(Sink.taken)

    def publish():
        board.need("POST", f"/v1/postings/{draft}/publish", {}, access)
        wait_for("not every alert arrived", lambda: len(Sink.taken) - before >= count, 300)

    began = time.monotonic()
    median, most, asked = watched(board, publish)
    times = [at - began for at, _ in Sink.taken[before:]]
    twice = len(times) - len({to for _, to in Sink.taken[before:]})
    print(f"{count} instant alerts: the first after {times[0]:.2f} s, half after {times[len(times) // 2]:.1f} s, all after "
          f"{times[-1]:.1f} s, {len(times) / (times[-1] - times[0]):.0f}/s, {twice} twice, {Sink.most} connections at most")
    note(f"{count:,} recipients of one posting, all mails taken", f"{times[-1]:.1f} s, {twice} twice", "< 60 s",
         times[-1] < 60 and twice == 0)
    median_single, most_single = single(board, employer, access)
    print(f"from publishing to the mail taken: {median_single:.0f} ms in the middle, {most_single:.0f} ms for 99 %, "
          "100 postings of which one reader is told")
    print(f"search meanwhile: {median:.1f} ms in the middle, {most:.1f} ms for 99 %, {asked / times[-1]:.0f}/s, one client")


if __name__ == "__main__":
    main()
