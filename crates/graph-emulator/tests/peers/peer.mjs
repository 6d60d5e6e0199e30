// Microsoft's Node clients against the emulator: sign-in by msal-node, everything else by microsoft-graph-client.
// Expects BASE_URL, and the emulator's authority in NODE_EXTRA_CA_CERTS (see run.sh). Exits 1 on the first difference.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { ConfidentialClientApplication, CryptoProvider } from "@azure/msal-node";
import { Client, PageIterator } from "@microsoft/microsoft-graph-client";

const base = process.env.BASE_URL.replace(/\/$/, "");
const app = randomUUID();
const secret = "node+se/cret=";
const domain = "node-peer.onmicrosoft.com";
const admin = `admin@${domain}`;
const redirectUri = "https://peer.example/OAuth/IntegrationCallback.aspx";
const scopes = ["User.Read", "User.Read.All", "Group.Read.All"];
const appScopes = ["https://graph.microsoft.com/.default"];
const generated = { people: 230, groups: 4, members_per_group: 15, seed: 2 };

const passed = (what) => console.log(`node: ${what}`);

async function control(method, path, body) {
  const reply = await fetch(`${base}/emulator/v1${path}`, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
  const text = await reply.text();
  assert.ok(reply.ok, `${method} ${path}: ${reply.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

async function setUp() {
  const tenant = await control("POST", "/tenants", {
    domain, display_name: "Node peer", verified_domains: [domain],
  });
  const tenantId = tenant.tenant_id ?? tenant.id;
  await control("POST", `/tenants/${tenantId}/generate`, generated);
  await control("POST", "/apps", {
    app_id: app, display_name: "Peer", secret, redirect_uris: [redirectUri], tenants: [domain], delegated: scopes,
    application: ["User.ReadWrite.All", "Group.ReadWrite.All", "GroupMember.ReadWrite.All", "Directory.Read.All"],
  });
  await control("POST", "/accounts", { tenant_id: tenantId, user_principal_name: admin, auto_consent: true });
  return tenantId;
}

function msal(tenantId, clientSecret = secret) {
  return new ConfidentialClientApplication({
    auth: {
      clientId: app, clientSecret, authority: `${base}/${tenantId}`, knownAuthorities: [new URL(base).host],
    },
  });
}

async function msalSignsIn(tenantId) {
  const client = msal(tenantId);
  const own = await client.acquireTokenByClientCredential({ scopes: appScopes });
  assert.ok(own.accessToken);
  passed("msal-node client credentials");

  await assert.rejects(msal(tenantId, "wrong").acquireTokenByClientCredential({ scopes: appScopes }), (error) => {
    assert.equal(error.errorCode, "invalid_client");
    assert.match(error.errorMessage, /AADSTS7000215/);
    return true;
  });

  const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
  const address = await client.getAuthCodeUrl({
    scopes, redirectUri, loginHint: admin, state: "st&te", nonce: "n0nce",
    codeChallenge: challenge, codeChallengeMethod: "S256",
  });
  const reply = await fetch(address, { redirect: "manual" });
  assert.equal(reply.status, 302, await reply.text());
  const parameters = new URL(reply.headers.get("location")).searchParams;
  assert.equal(parameters.get("state"), "st&te");
  const code = parameters.get("code");
  const redemption = { scopes, redirectUri, code, codeVerifier: verifier, nonce: "n0nce" };
  const signedIn = await client.acquireTokenByCode(redemption);
  assert.equal(signedIn.idTokenClaims.tid, tenantId);
  assert.equal(signedIn.account.username, admin);
  await assert.rejects(
    client.acquireTokenByCode(redemption),
    (error) => /AADSTS54005/.test(error.errorMessage),
  );
  passed("msal-node authorization code flow with PKCE, and a code is good once");

  const renewed = await client.acquireTokenSilent({ scopes, account: signedIn.account, forceRefresh: true });
  assert.notEqual(renewed.accessToken, signedIn.accessToken);
  passed("msal-node refresh");
  return own.accessToken;
}

function graph(token) {
  return Client.init({
    baseUrl: `${base}/`,
    customHosts: new Set([new URL(base).hostname]),
    authProvider: (done) => done(null, token),
  });
}

async function walk(client, address) {
  const found = [];
  let page = await client.api(address).get();
  for (;;) {
    found.push(...page.value);
    if (!page["@odata.nextLink"]) return { found, deltaLink: page["@odata.deltaLink"] };
    page = await client.api(page["@odata.nextLink"]).get();
  }
}

const ids = (things) => things.map((thing) => thing.id).sort();
const truth = (tenantId) => control("GET", `/tenants/${tenantId}/state`);

async function graphIsRead(client, tenantId) {
  const state = await truth(tenantId);
  const users = [];
  const first = await client.api("/users").select("id,displayName").top(100).get();
  assert.equal(first.value.length, 100);
  await new PageIterator(client, first, (user) => users.push(user) > 0).iterate();
  assert.deepEqual(ids(users), ids(state.people));
  const { found: groups } = await walk(client, "/groups");
  assert.deepEqual(ids(groups), ids(state.groups));
  passed(`microsoft-graph-client walked ${users.length} people and ${groups.length} groups`);

  await assert.rejects(client.api(`/users/${randomUUID()}`).get(), (error) => {
    assert.equal(error.statusCode, 404);
    assert.equal(error.code, "Request_ResourceNotFound");
    return true;
  });
  passed("microsoft-graph-client reads the error of a missing person");
}

async function deltasAreFollowed(client, tenantId) {
  const state = await truth(tenantId);
  const kept = (things) => ids([...new Map(things.filter((t) => !t["@removed"]).map((t) => [t.id, t])).values()]);
  const users = await walk(client, "/users/delta?$select=id,displayName,department");
  assert.deepEqual(kept(users.found), ids(state.people));
  const groups = await walk(client, "/groups/delta?$select=id,displayName,members");
  assert.deepEqual(kept(groups.found), ids(state.groups));

  const [person, gone] = ids(state.people);
  const [group] = ids(state.groups);
  await client.api(`/users/${person}`).update({ department: "Peer review" });
  await client.api(`/users/${gone}`).delete();
  const made = await client.api("/users").post({
    accountEnabled: true, displayName: "Made By Peer", mailNickname: "made", userPrincipalName: `made@${domain}`,
    passwordProfile: { password: "not-4-a-real-account" },
  });
  await client.api(`/groups/${group}/members/$ref`).post({
    "@odata.id": `https://graph.microsoft.com/v1.0/directoryObjects/${made.id}`,
  });
  const later = await walk(client, users.deltaLink);
  const byId = new Map(later.found.map((user) => [user.id, user]));
  assert.equal(byId.get(person).department, "Peer review");
  assert.ok(byId.get(gone)["@removed"] && byId.has(made.id));
  const memberships = (await walk(client, groups.deltaLink)).found.filter((found) => found.id === group);
  assert.ok(memberships.flatMap((found) => found["members@delta"] ?? []).some((member) => member.id === made.id));
  passed("microsoft-graph-client followed both deltas through created, changed and deleted people");
}

async function aNotificationArrives(client, tenantId) {
  let arrived;
  const notice = new Promise((resolve) => { arrived = resolve; });
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const token = new URL(request.url, "http://localhost").searchParams.get("validationToken");
      response.writeHead(token ? 200 : 202, { "Content-Type": "text/plain" });
      response.end(token ?? "");
      if (!token) arrived(JSON.parse(Buffer.concat(chunks).toString()));
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const late = setTimeout(() => arrived(undefined), 20_000);
  try {
    const made = await client.api("/subscriptions").post({
      changeType: "updated,deleted", resource: "users", clientState: "peer-state",
      notificationUrl: `http://127.0.0.1:${server.address().port}/notifications`,
      expirationDateTime: new Date(Date.now() + 3_600_000).toISOString(),
    });
    const [person] = ids((await truth(tenantId)).people);
    await client.api(`/users/${person}`).update({ department: "Notified" });
    const entry = (await notice)?.value?.[0];
    assert.ok(entry, "no notification within 20 seconds");
    assert.equal(entry.subscriptionId, made.id);
    assert.equal(entry.clientState, "peer-state");
    assert.equal(entry.resourceData.id, person);
    await client.api(`/subscriptions/${made.id}`).delete();
    passed("microsoft-graph-client subscribed, and a change was notified");
  } finally {
    clearTimeout(late);
    server.close();
    server.closeAllConnections();
  }
}

const tenantId = await setUp();
const client = graph(await msalSignsIn(tenantId));
await graphIsRead(client, tenantId);
await deltasAreFollowed(client, tenantId);
await aNotificationArrives(client, tenantId);
