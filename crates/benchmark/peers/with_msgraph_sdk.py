"""Microsoft's Python SDK: a plain script that reads groups, members and people, and writes each page to PostgreSQL.

    with_msgraph_sdk.py prepare | run | count
"""

import asyncio
import json
import os
import re
import sys
from importlib.metadata import version

import psycopg
from person import PAGE, PROPERTIES

SCHEMA = "peer_msgraph_sdk"
# The SDK's names, which serve as the table's too.
NAMES = [re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name) for name in PROPERTIES]


def upsert(table, columns, key):
    rest = [column for column in columns if column not in key]
    changed = ", ".join(f"{column} = excluded.{column}" for column in rest)
    return (
        f"INSERT INTO {SCHEMA}.{table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) "
        f"ON CONFLICT ({', '.join(key)}) DO " + (f"UPDATE SET {changed}" if changed else "NOTHING")
    )


def prepare():
    columns = ", ".join(f"{name} text" for name in NAMES[1:])
    with psycopg.connect(os.environ["POSTGRES"]) as connection:
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        connection.execute(f"CREATE TABLE {SCHEMA}.users (id text PRIMARY KEY, {columns})")
        connection.execute(f"CREATE TABLE {SCHEMA}.groups (id text PRIMARY KEY, display_name text)")
        connection.execute(
            f"CREATE TABLE {SCHEMA}.members (group_id text, user_id text, PRIMARY KEY (group_id, user_id))"
        )


def text(value):
    """A property as a column's text; the SDK's objects by the fields that they hold."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        fields = [entry if isinstance(entry, str) else vars(entry) for entry in value]
        return json.dumps(fields, default=str)
    return str(value)


async def pages(builder, query):
    from kiota_abstractions.base_request_configuration import RequestConfiguration

    page = await builder.get(request_configuration=RequestConfiguration(query_parameters=query))
    yield page.value
    while page.odata_next_link:
        page = await builder.with_url(page.odata_next_link).get()
        yield page.value


async def read(client, connection):
    from msgraph.generated.groups.groups_request_builder import GroupsRequestBuilder
    from msgraph.generated.groups.item.members.members_request_builder import MembersRequestBuilder
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder

    def write(statement, rows):
        with connection.transaction():
            connection.cursor().executemany(statement, rows)

    groups = []
    query = GroupsRequestBuilder.GroupsRequestBuilderGetQueryParameters(select=["id", "displayName"], top=PAGE)
    async for page in pages(client.groups, query):
        groups += [group.id for group in page]
        write(upsert("groups", ["id", "display_name"], ["id"]), [(group.id, group.display_name) for group in page])
    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(select=PROPERTIES, top=PAGE)
    async for page in pages(client.users, query):
        rows = [[text(getattr(user, name)) for name in NAMES] for user in page]
        write(upsert("users", NAMES, ["id"]), rows)
    query = MembersRequestBuilder.MembersRequestBuilderGetQueryParameters(select=["id"], top=PAGE)
    for group in groups:
        async for page in pages(client.groups.by_group_id(group).members, query):
            columns = ["group_id", "user_id"]
            write(upsert("members", columns, columns), [(group, member.id) for member in page])


async def run():
    from azure.identity.aio import ClientSecretCredential
    from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
    from msgraph import GraphRequestAdapter, GraphServiceClient

    base = os.environ["BASE_URL"]
    credential = ClientSecretCredential(
        os.environ["TENANT_ID"], os.environ["APP_ID"], os.environ["APP_SECRET"],
        authority=base, disable_instance_discovery=True,
    )
    provider = AzureIdentityAuthenticationProvider(
        credential, scopes=["https://graph.microsoft.com/.default"], allowed_hosts=["localhost"]
    )
    adapter = GraphRequestAdapter(provider)
    adapter.base_url = f"{base}/v1.0"
    async with credential:
        with psycopg.connect(os.environ["POSTGRES"], autocommit=True) as connection:
            await read(GraphServiceClient(request_adapter=adapter), connection)


def count():
    counts = {}
    with psycopg.connect(os.environ["POSTGRES"]) as connection:
        for name, table in [("people", "users"), ("groups", "groups"), ("memberships", "members")]:
            counts[name] = connection.execute(f"SELECT count(*) FROM {SCHEMA}.{table}").fetchone()[0]
    print(json.dumps({"name": "msgraph-sdk", "version": version("msgraph-sdk"), "into": "PostgreSQL", **counts}))


{"prepare": prepare, "run": lambda: asyncio.run(run()), "count": count}[sys.argv[1]]()
