"""dlt: its REST source configured for groups, members and people, merged into PostgreSQL.

    with_dlt.py prepare | run | count
"""

import json
import os
import sys
from importlib.metadata import version

from person import PAGE, PROPERTIES

SCHEMA = "peer_dlt"


def resource(name, path, select, key, **more):
    return {
        "name": name,
        "primary_key": key,
        "write_disposition": "merge",
        "max_table_nesting": 0,
        "endpoint": {"path": path, "params": {"$select": select, "$top": PAGE}, "data_selector": "value"},
        **more,
    }


def run():
    import dlt
    from dlt.sources.helpers.rest_client.auth import OAuth2ClientCredentials
    from dlt.sources.rest_api import rest_api_source

    base = os.environ["BASE_URL"]
    source = rest_api_source({
        "client": {
            "base_url": f"{base}/v1.0/",
            "auth": OAuth2ClientCredentials(
                access_token_url=f"{base}/{os.environ['TENANT_ID']}/oauth2/v2.0/token",
                client_id=os.environ["APP_ID"],
                client_secret=os.environ["APP_SECRET"],
                access_token_request_data={"scope": "https://graph.microsoft.com/.default"},
            ),
            "paginator": {"type": "json_link", "next_url_path": "'@odata.nextLink'"},
        },
        "resources": [
            resource("users", "users", ",".join(PROPERTIES), "id"),
            resource("groups", "groups", "id,displayName", "id"),
            resource(
                "members", "groups/{resources.groups.id}/members", "id", ["_groups_id", "id"],
                include_from_parent=["id"],
            ),
        ],
    })
    pipeline = dlt.pipeline(
        "peer",
        pipelines_dir=f"{os.environ['WORK']}/dlt",
        dataset_name=SCHEMA,
        destination=dlt.destinations.postgres(credentials=os.environ["POSTGRES"]),
    )
    # CSV is loaded by COPY: the fastest of the formats that this destination takes.
    pipeline.run(source, loader_file_format="csv").raise_on_failed_jobs()


def count():
    import psycopg2

    with psycopg2.connect(os.environ["POSTGRES"]) as connection, connection.cursor() as cursor:
        tables = [("people", "users"), ("groups", "groups"), ("memberships", "members")]
        counts = {}
        for name, table in tables:
            cursor.execute(f"SELECT count(*) FROM {SCHEMA}.{table}")
            counts[name] = cursor.fetchone()[0]
    print(json.dumps({"name": "dlt", "version": version("dlt"), "into": "PostgreSQL", **counts}))


{"prepare": lambda: None, "run": run, "count": count}[sys.argv[1]]()
