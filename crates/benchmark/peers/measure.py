"""Runs one peer against an emulator of its own and prints what it took, as one line of JSON.

    measure.py --peer NAME --python FILE --emulator FILE --people N --limit SECONDS [--tls]

The peer's file, with_NAME.py, is run three times: `prepare` (settings and tables; not measured), `run` (one whole
process from its start to its end: measured) and `count` (what lies where it was written). A count that is not the
tenant's is a failure. Expects POSTGRES and the folder WORK. Everything that it starts ends with it.
"""

import argparse
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import uuid

HERE = pathlib.Path(__file__).resolve().parent
APP, SECRET = str(uuid.UUID(int=0xA99)), "benchmark"
# Objects on a page when a client does not say how many.
DEFAULT_PAGE = 100
MOST_GROUPS, FEWEST_MEMBERS = 500, 40


class Failed(Exception):
    pass


def end(process):
    """Ends a process and whatever is left of its group, by its id, and gives back what it used.

    Nobody has waited for it before, so the id is still its own.
    """
    os.killpg(process.pid, signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


class Emulator:
    def __init__(self, binary, work, tls):
        self.log = work / "emulator.log"
        words = [binary, "--listen", "127.0.0.1:0", "--seed", "1"]
        if tls:
            words += ["--tls", "--tls-directory", str(work)]
        environment = {"PATH": os.environ["PATH"], "RUST_LOG": "warn", "RUST_BACKTRACE": "0"}
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                words, env=environment, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )
        try:
            line = self.process.stdout.readline()
            if not line:
                raise Failed(f"the emulator did not start:\n{self.log.read_text()}")
            ready = json.loads(line)
            # The certificate names localhost; plain addresses spare a look-up.
            self.base = ready["base_url"].replace("127.0.0.1", "localhost") if tls else ready["base_url"]
            self.authority = ready["ca_file"]
            handlers = [urllib.request.ProxyHandler({})]
            if tls:
                handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.authority)))
            self.opener = urllib.request.build_opener(*handlers)
        except BaseException:
            end(self.process)
            raise

    def control(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.base}/emulator/v1/{path}", data, {"content-type": "application/json"}, method=method
        )
        with self.opener.open(request, timeout=120) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def tenant(self, people):
        """A tenant where everybody is in one of the groups: its id, groups and memberships."""
        groups = max(1, min(MOST_GROUPS, people // FEWEST_MEMBERS))
        each = -(-people // groups)
        tenant = self.control("POST", "tenants", {
            "domain": "contoso.onmicrosoft.com", "display_name": "Contoso", "verified_domains": ["contoso.com"],
        })["tenant_id"]
        # Units are counted all the same; nobody is told to wait.
        self.control("PATCH", "switches", {"throttling": False})
        amount = {"people": people, "groups": groups, "members_per_group": each, "seed": 1}
        self.control("POST", f"tenants/{tenant}/generate", amount)
        self.control("POST", "apps", {
            "app_id": APP, "secret": SECRET, "redirect_uris": [], "tenants": [tenant], "delegated": [],
            "application": ["Directory.Read.All", "Group.Read.All", "GroupMember.Read.All", "User.Read.All"],
        })
        return tenant, groups, groups * each


def surroundings(emulator, work, tenant):
    """The whole environment of a peer: nothing of this user's, and no way out of this machine."""
    home = work / "home"
    home.mkdir()
    environment = {
        "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(home), "TMPDIR": str(home), "WORK": str(work),
        "POSTGRES": os.environ["POSTGRES"], "BASE_URL": emulator.base, "TENANT_ID": tenant, "APP_ID": APP,
        "APP_SECRET": SECRET, "PYTHONDONTWRITEBYTECODE": "1",
        # Whoever calls elsewhere finds a closed door.
        "HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "localhost,127.0.0.1",
        "RUNTIME__DLTHUB_TELEMETRY": "false", "DATAHUB_TELEMETRY_ENABLED": "false", "DO_NOT_TRACK": "1",
        "AZURE_CONFIG_DIR": str(home / "azure"), "AZURE_CORE_COLLECT_TELEMETRY": "no",
        "AZURE_CORE_INSTANCE_DISCOVERY": "false", "AZURE_CORE_NO_COLOR": "true",
    }
    environment |= {name.lower(): environment[name] for name in ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"]}
    if emulator.authority:
        environment |= {name: emulator.authority for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]}
    return environment


def late(*_):
    raise TimeoutError


class Peer:
    def __init__(self, name, python, work, environment):
        self.name, self.work, self.environment = name, work, environment
        self.words = [python, str(HERE / f"with_{name.replace('-', '_')}.py")]

    def step(self, what, limit):
        """One run of the peer's file: its output, seconds, and the most memory that one of its processes held."""
        out, log = self.work / f"{what}.out", self.work / f"{what}.log"
        with open(out, "w") as stdout, open(log, "w") as stderr:
            began = time.monotonic()
            process = subprocess.Popen(
                self.words + [what], env=self.environment, cwd=self.work, stdin=subprocess.DEVNULL,
                stdout=stdout, stderr=stderr, start_new_session=True,
            )
            try:
                signal.setitimer(signal.ITIMER_REAL, limit)
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
                seconds = time.monotonic() - began
            except TimeoutError:
                raise Failed(f"{what} took more than {limit:g} s") from None
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                usage = end(process)
        if process.returncode != 0:
            tail = (out.read_text()[-3000:] + log.read_text()[-6000:]).strip()
            raise Failed(f"{what} ended with {process.returncode}:\n{tail}")
        return out.read_text(), seconds, usage.ru_maxrss / 1024


def page_size(items):
    """What the client asked for when it read people."""
    for item in items:
        if item["path"].rstrip("/").endswith("/users"):
            query = urllib.parse.parse_qs(item["query"] or "")
            return int(query.get("$top", [DEFAULT_PAGE])[0])
    raise Failed("it never read people")


def measure(arguments, emulator, work):
    tenant, groups, memberships = emulator.tenant(arguments.people)
    peer = Peer(arguments.peer, arguments.python, work, surroundings(emulator, work, tenant))
    peer.step("prepare", 300)
    emulator.control("DELETE", "requests")
    _, seconds, memory = peer.step("run", arguments.limit)
    seen = emulator.control("GET", "requests")
    refused = [item for item in seen["items"] if item["status"] >= 400]
    if refused:
        raise Failed(f"the emulator refused {len(refused)} requests, first {refused[0]}")
    found = json.loads(peer.step("count", 300)[0])
    truth = {"people": arguments.people, "groups": groups, "memberships": memberships}
    wrong = {name: count for name, count in truth.items() if found.get(name, count) != count}
    if wrong:
        raise Failed(f"it wrote {found}, the tenant has {truth}")
    return {
        **found,
        "seconds": round(seconds, 2),
        "people_per_second": round(arguments.people / seconds, 1),
        "peak_rss_mb": round(memory),
        "requests": len(seen["items"]),
        "resource_units": seen["resource_units"],
        "page_size": page_size(seen["items"]),
        "tls": arguments.tls,
    }


def main():
    parser = argparse.ArgumentParser()
    for name, kind in [("peer", str), ("python", str), ("emulator", str), ("people", int), ("limit", float)]:
        parser.add_argument(f"--{name}", type=kind, required=True)
    parser.add_argument("--tls", action="store_true")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGALRM, late)
    work = pathlib.Path(os.environ["WORK"]) / arguments.peer
    work.mkdir()
    try:
        emulator = Emulator(arguments.emulator, work, arguments.tls)
        try:
            print(json.dumps(measure(arguments, emulator, work)), flush=True)
        finally:
            end(emulator.process)
    except (Failed, OSError) as error:
        sys.exit(f"{arguments.peer}: {error}")


main()
