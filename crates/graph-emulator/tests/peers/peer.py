"""Microsoft's Python clients against the emulator: sign-in by msal, everything else by msgraph-sdk.

Expects BASE_URL and a CA bundle in SSL_CERT_FILE and REQUESTS_CA_BUNDLE (see run.sh). Exits 1 on the first difference.
"""

import asyncio
import datetime
import html
import http.server
import json
import logging
import os
import queue
import re
import threading
import urllib.parse
import uuid

import msal
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential, ClientSecretCredential
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.group import Group
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.password_profile import PasswordProfile
from msgraph.generated.models.reference_create import ReferenceCreate
from msgraph.generated.models.subscription import Subscription
from msgraph.generated.models.user import User
from msgraph.generated.users.delta.delta_request_builder import DeltaRequestBuilder as UsersDelta
from msgraph.generated.groups.delta.delta_request_builder import DeltaRequestBuilder as GroupsDelta
from msgraph.generated.users.users_request_builder import UsersRequestBuilder

BASE = os.environ["BASE_URL"].rstrip("/")
APP, SECRET = str(uuid.uuid4()), "pe+er/se=cret"
DOMAIN = "python-peer.onmicrosoft.com"
ADMIN = f"admin@{DOMAIN}"
REDIRECT = "https://peer.example/OAuth/IntegrationCallback.aspx"
SCOPES = ["User.Read", "User.Read.All", "Group.Read.All"]
APP_SCOPE = "https://graph.microsoft.com/.default"
PEOPLE, GROUPS, MEMBERS = 260, 5, 20


def passed(what):
    print(f"python: {what}", flush=True)


def control(method, path, body=None):
    reply = requests.request(method, f"{BASE}/emulator/v1{path}", json=body, timeout=30)
    assert reply.ok, f"{method} {path}: {reply.status_code} {reply.text}"
    return reply.json() if reply.content else None


def certificate():
    """A self-signed certificate and its key, both PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


def set_up(public_pem):
    tenant = control("POST", "/tenants", {
        "domain": DOMAIN, "display_name": "Python peer", "verified_domains": [DOMAIN],
    })
    tenant_id = tenant.get("tenant_id") or tenant["id"]
    control("POST", f"/tenants/{tenant_id}/generate", {
        "people": PEOPLE, "groups": GROUPS, "members_per_group": MEMBERS, "seed": 1,
    })
    control("POST", "/apps", {
        "app_id": APP, "display_name": "Peer", "secret": SECRET, "certificates": [public_pem],
        "redirect_uris": [REDIRECT], "tenants": [DOMAIN], "delegated": SCOPES,
        "application": ["User.ReadWrite.All", "Group.ReadWrite.All", "GroupMember.ReadWrite.All", "Directory.Read.All"],
    })
    control("POST", "/accounts", {"tenant_id": tenant_id, "user_principal_name": ADMIN, "auto_consent": True})
    return tenant_id


def msal_signs_in(tenant_id, public_pem, private_pem):
    authority = f"{BASE}/{tenant_id}"

    def client(credential, **where):
        where = where or {"authority": authority, "instance_discovery": False}
        return msal.ConfidentialClientApplication(APP, client_credential=credential, **where)

    for where in [{}, {"oidc_authority": f"{authority}/v2.0"}]:
        answer = client(SECRET, **where).acquire_token_for_client([APP_SCOPE])
        assert "access_token" in answer, answer
    passed("msal client credentials by secret, with both kinds of authority")

    answer = client({"private_key": private_pem, "public_certificate": public_pem}).acquire_token_for_client([APP_SCOPE])
    assert "access_token" in answer, answer
    passed("msal client credentials by certificate")

    refused = client("wrong").acquire_token_for_client([APP_SCOPE])
    assert refused["error"] == "invalid_client" and refused["error_codes"] == [7000215], refused

    app = client(SECRET)
    flow = app.initiate_auth_code_flow(SCOPES, redirect_uri=REDIRECT, login_hint=ADMIN, response_mode="form_post")
    answer = app.acquire_token_by_auth_code_flow(flow, follow(flow["auth_uri"]))
    assert "access_token" in answer, answer
    claims = answer["id_token_claims"]
    assert claims["tid"] == tenant_id and claims["preferred_username"] == ADMIN, claims
    me = requests.get(f"{BASE}/v1.0/me", headers={"Authorization": f"Bearer {answer['access_token']}"}, timeout=30)
    assert me.ok and me.json()["id"] == claims["oid"], me.text
    passed("msal authorization code flow with PKCE, nonce and id_token")

    account = app.get_accounts(ADMIN)[0]
    renewed = app.acquire_token_silent(SCOPES, account, force_refresh=True)
    assert renewed and renewed["access_token"] != answer["access_token"], renewed
    control("POST", "/accounts/revoke", {"tenant_id": tenant_id, "user_principal_name": ADMIN})
    dead = app.acquire_token_silent_with_error(SCOPES, account, force_refresh=True)
    assert dead["error"] == "invalid_grant" and dead["error_codes"] == [50173], dead
    passed("msal refresh, and its end after a revocation")


def follow(address):
    """The fields the form posts back once an auto-consent account has signed in."""
    reply = requests.get(address, timeout=30)
    assert reply.ok and f'action="{REDIRECT}"' in reply.text, f"{reply.status_code} {reply.text}"
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', reply.text)
    return {name: html.unescape(value) for name, value in fields}


def graph(tenant_id, credential):
    provider = AzureIdentityAuthenticationProvider(credential, scopes=[APP_SCOPE], allowed_hosts=["localhost"])
    adapter = GraphRequestAdapter(provider)
    adapter.base_url = f"{BASE}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


def azure_identity(tenant_id, secret=SECRET, **kind):
    where = {"authority": BASE, "disable_instance_discovery": True}
    if "certificate_data" in kind:
        return CertificateCredential(tenant_id, APP, **kind, **where)
    return ClientSecretCredential(tenant_id, APP, secret, **where)


async def walk(builder, configuration=None):
    """Every object of a paged or delta list, the number of pages, and the delta link."""
    page = await builder.get(request_configuration=configuration)
    found, pages = list(page.value), 1
    while page.odata_next_link:
        page = await builder.with_url(page.odata_next_link).get()
        found.extend(page.value)
        pages += 1
    return found, pages, getattr(page, "odata_delta_link", None)


def truth(tenant_id):
    """Ids of every person and group, and the direct members of each group."""
    state = control("GET", f"/tenants/{tenant_id}/state")
    people = {person["id"] for person in state["people"]}
    groups = {group["id"]: group for group in state["groups"]}
    return people, groups


async def graph_is_read(client, tenant_id):
    people, groups = truth(tenant_id)
    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        select=["id", "displayName", "userPrincipalName", "accountEnabled"], top=100
    )
    users, pages, _ = await walk(client.users, RequestConfiguration(query_parameters=query))
    assert {user.id for user in users} == people and pages >= 3, (len(users), len(people), pages)
    assert all(user.display_name and user.user_principal_name for user in users)
    found, _, _ = await walk(client.groups)
    assert {group.id for group in found} == set(groups), (len(found), len(groups))
    largest = max(groups, key=lambda group: len(members_of(groups[group])))
    members, _, _ = await walk(client.groups.by_group_id(largest).members)
    assert {member.id for member in members} == members_of(groups[largest])
    passed(f"msgraph-sdk walked {len(users)} people in {pages} pages, {len(found)} groups and their members")

    try:
        await client.users.by_user_id(str(uuid.uuid4())).get()
        raise AssertionError("a person nobody made was found")
    except ODataError as error:
        assert error.response_status_code == 404 and error.error.code == "Request_ResourceNotFound", error
    passed("msgraph-sdk reads the error of a missing person")


def members_of(group):
    return {member if isinstance(member, str) else member["id"] for member in group["members"]}


def removed(found):
    return {thing.id for thing in found if "@removed" in (thing.additional_data or {})}


async def deltas_are_followed(client, tenant_id):
    people, groups = truth(tenant_id)
    query = UsersDelta.DeltaRequestBuilderGetQueryParameters(select=["id", "displayName", "department"])
    users, pages, users_link = await walk(client.users.delta, RequestConfiguration(query_parameters=query))
    assert {user.id for user in users} - removed(users) == people and users_link, (len(users), pages)
    query = GroupsDelta.DeltaRequestBuilderGetQueryParameters(select=["id", "displayName", "members"])
    found, _, groups_link = await walk(client.groups.delta, RequestConfiguration(query_parameters=query))
    assert {group.id for group in found} - removed(found) == set(groups) and groups_link
    passed(f"msgraph-sdk delta, first round: {len(users)} people in {pages} pages, {len(set(groups))} groups")

    made = await client.users.post(User(
        account_enabled=True, display_name="Made By Peer", mail_nickname="made", user_principal_name=f"made@{DOMAIN}",
        password_profile=PasswordProfile(password="not-4-a-real-account"),
    ))
    changed, gone = sorted(people)[0], sorted(people)[1]
    await client.users.by_user_id(changed).patch(User(department="Peer review"))
    await client.users.by_user_id(gone).delete()
    team = await client.groups.post(Group(
        display_name="Peers", mail_enabled=False, mail_nickname="peers", security_enabled=True, group_types=[],
    ))
    await client.groups.by_group_id(team.id).members.ref.post(
        ReferenceCreate(odata_id=f"https://graph.microsoft.com/v1.0/directoryObjects/{made.id}")
    )

    users, _, next_link = await walk(client.users.delta.with_url(users_link))
    assert next_link and removed(users) == {gone}, [user.id for user in users]
    by_id = {user.id: user for user in users}
    assert by_id[changed].department == "Peer review" and made.id in by_id, by_id
    quiet, _, _ = await walk(client.users.delta.with_url(next_link))
    assert not quiet, [user.id for user in quiet]
    found, _, _ = await walk(client.groups.delta.with_url(groups_link))
    members = {
        str(member["id"])
        for group in found if group.id == team.id
        for member in group.additional_data.get("members@delta", [])
    }
    assert members == {made.id}, members
    passed("msgraph-sdk delta, second round: created, changed and deleted people, a new group with its member")


class Listener(http.server.BaseHTTPRequestHandler):
    """Answers the validation handshake and keeps what arrives."""

    arrived = queue.Queue()

    def do_POST(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = query.get("validationToken")
        self.send_response(200 if token else 202)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        if token:
            self.wfile.write(token.encode())
        else:
            self.arrived.put(json.loads(body))

    def log_message(self, *_):
        pass


async def a_notification_arrives(client, tenant_id):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        made = await client.subscriptions.post(Subscription(
            change_type="updated,deleted", resource="users", client_state="peer-state", expiration_date_time=until,
            notification_url=f"http://127.0.0.1:{server.server_port}/notifications",
        ))
        person = sorted(truth(tenant_id)[0])[0]
        await client.users.by_user_id(person).patch(User(department="Notified"))
        notice = await asyncio.to_thread(Listener.arrived.get, timeout=20)
        entry = notice["value"][0]
        assert entry["subscriptionId"] == made.id and entry["clientState"] == "peer-state", notice
        assert entry["resourceData"]["id"] == person and entry["tenantId"] == tenant_id, notice
        listed = await client.subscriptions.get()
        assert [subscription.id for subscription in listed.value] == [made.id]
        await client.subscriptions.by_subscription_id(made.id).delete()
        passed("msgraph-sdk subscribed, and a change was notified")
    finally:
        server.shutdown()
        server.server_close()


async def main():
    public_pem, private_pem = certificate()
    tenant_id = set_up(public_pem)
    msal_signs_in(tenant_id, public_pem, private_pem)
    try:
        azure_identity(tenant_id, "wrong").get_token(APP_SCOPE)
        raise AssertionError("a wrong secret was taken")
    except ClientAuthenticationError as error:
        assert "AADSTS7000215" in str(error), error
    both = (public_pem + private_pem).encode()
    assert azure_identity(tenant_id, certificate_data=both).get_token(APP_SCOPE).token
    passed("azure-identity by secret and by certificate")
    client = graph(tenant_id, azure_identity(tenant_id))
    await graph_is_read(client, tenant_id)
    await deltas_are_followed(client, tenant_id)
    await a_notification_arrives(client, tenant_id)


# The refusals asked for on purpose are checked here; their log lines would read as failures.
logging.getLogger("azure").setLevel(logging.CRITICAL)
asyncio.run(main())
