"""DataHub: its azure-ad source for groups, members and people, into a file.

    with_datahub.py prepare | run | count
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

WORK = os.environ["WORK"]
RECIPE, SINK = f"{WORK}/recipe.json", f"{WORK}/datahub.json"


def prepare():
    base, tenant = os.environ["BASE_URL"], os.environ["TENANT_ID"]
    source = {
        "client_id": os.environ["APP_ID"],
        "client_secret": os.environ["APP_SECRET"],
        "tenant_id": tenant,
        "authority": f"{base}/{tenant}",
        "token_url": f"{base}/{tenant}/oauth2/token",
        "graph_url": f"{base}/v1.0",
        # Two groups may bear one name, never one id.
        "azure_ad_response_to_groupname_attr": "id",
    }
    recipe = {
        "source": {"type": "azure-ad", "config": source},
        "sink": {"type": "file", "config": {"filename": SINK}},
    }
    with open(RECIPE, "w") as file:
        json.dump(recipe, file)


def run():
    from datahub.ingestion.run.pipeline import Pipeline

    with open(RECIPE) as file:
        pipeline = Pipeline.create(json.load(file), report_to=None)
    # What the command `datahub ingest` does, but for asking the internet for newer versions, which has no switch: a
    # pipeline leaves it out in a thread without an event loop.
    with ThreadPoolExecutor(1) as threads:
        threads.submit(pipeline.run).result()
    pipeline.raise_from_status()


def count():
    people, groups, memberships = set(), set(), set()
    with open(SINK) as file:
        entries = json.load(file)
    for entry in entries:
        for kind, snapshot in (entry.get("proposedSnapshot") or {}).items():
            urn = snapshot["urn"]
            (people if kind.endswith("CorpUserSnapshot") else groups).add(urn)
            for aspect in snapshot["aspects"]:
                for name, value in aspect.items():
                    if name.endswith("GroupMembership"):
                        memberships.update((urn, group) for group in value["groups"])
        if entry.get("aspectName") == "groupMembership":
            aspect = entry["aspect"]
            value = aspect.get("json") or json.loads(aspect["value"])
            memberships.update((entry["entityUrn"], group) for group in value["groups"])
    print(json.dumps({
        "name": "acryl-datahub", "version": version("acryl-datahub"), "into": "a file",
        "people": len(people), "groups": len(groups), "memberships": len(memberships),
    }))


{"prepare": prepare, "run": run, "count": count}[sys.argv[1]]()
