"""azure-cli: `az ad user list` into a file. It reads people alone: members are one command for each group.

    with_azure_cli.py prepare | run | count
"""

import json
import os
import subprocess
import sys
from importlib.metadata import version

LIST = f"{os.environ['WORK']}/users.json"
AZ = [sys.executable, "-m", "azure.cli"]


def prepare():
    """A cloud of its own and a sign-in: settings, kept in AZURE_CONFIG_DIR."""
    base = os.environ["BASE_URL"]
    cloud = {
        "active-directory": base,
        "active-directory-resource-id": f"{base}/",
        "active-directory-graph-resource-id": f"{base}/",
        "microsoft-graph-resource-id": f"{base}/",
        "resource-manager": f"{base}/",
        "management": f"{base}/",
    }
    endpoints = [word for name, address in cloud.items() for word in (f"--endpoint-{name}", address)]
    for words in [
        ["cloud", "register", "-n", "emulator", "--skip-endpoint-discovery", *endpoints],
        ["cloud", "set", "-n", "emulator", "--profile", "latest"],
        ["login", "--service-principal", "-u", os.environ["APP_ID"], "-p", os.environ["APP_SECRET"],
         "--tenant", os.environ["TENANT_ID"], "--skip-subscription-discovery", "-o", "none"],
    ]:
        subprocess.run(AZ + words, check=True)


def run():
    with open(LIST, "w") as file:
        os.dup2(file.fileno(), 1)
        os.execv(AZ[0], AZ + ["ad", "user", "list", "-o", "json"])


def count():
    with open(LIST) as file:
        people = {user["id"] for user in json.load(file)}
    print(json.dumps({"name": "azure-cli", "version": version("azure-cli"), "into": "a file", "people": len(people)}))


{"prepare": prepare, "run": run, "count": count}[sys.argv[1]]()
