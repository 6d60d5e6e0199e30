// A sample MSP with its clients at the emulator, and a Rollcall on a data directory of its own. Rollcall is reached by
// another host name than the emulator, so that a browser takes the two for different sites, as it does Microsoft.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Program, freePort, repository } from "./programs.mjs";

export const permissions = ["Directory.Read.All", "Group.Read.All", "User.Read", "User.Read.All", "offline_access"];
export const root = { username: "root", password: "correct horse battery staple" };
export const msp = { name: "Harbour IT", domain: "harbourit.onmicrosoft.com", admin: "admin@harbourit.onmicrosoft.com" };
export const client = {
  name: "Lakeside Dental", domain: "lakesidedental.onmicrosoft.com", admin: "admin@lakesidedental.onmicrosoft.com",
};

const callback = "/OAuth/IntegrationCallback.aspx";
const writing = ["User.ReadWrite.All", "Group.ReadWrite.All", "GroupMember.ReadWrite.All"];

async function json(reply) {
  const text = await reply.text();
  assert.ok(reply.ok, `${reply.url}: ${reply.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

export class World {
  #programs = [];
  #folder;
  #token = randomUUID();
  #tenants = new Map();
  #scribe = { app_id: randomUUID(), secret: "scribe" };
  app = { app_id: randomUUID(), secret: "planted-application-key", display_name: "Rollcall" };

  /** `installed`: root and an API token are there already, as an automated installation makes them. */
  static async start({ installed = false } = {}) {
    const world = new World();
    try {
      await world.#startEmulator();
      await world.#startServer(installed);
      return world;
    } catch (error) {
      await world.end();
      throw error;
    }
  }

  async #startEmulator() {
    const args = ["--listen", "127.0.0.1:0", "--seed", "11", "--scenario", `${repository}scenarios/demo.toml`];
    const emulator = new Program("graph-emulator", args);
    this.#programs.push(emulator);
    this.emulator = JSON.parse(await emulator.firstLine()).base_url;
    const tenants = await this.control("GET", "/tenants");
    for (const tenant of tenants.items) this.#tenants.set(tenant.domain, tenant.tenant_id);
    // The sample's administrators consent without being asked; here a person sees the pages.
    for (const account of (await this.control("GET", "/accounts")).items) {
      const { tenant_id, user_principal_name, admin } = account;
      await this.control("POST", "/accounts", { tenant_id, user_principal_name, admin, auto_consent: false });
    }
    const domains = [...this.#tenants.keys()];
    await this.control("POST", "/apps", { ...this.#scribe, tenants: domains, application: writing });
  }

  async #startServer(installed) {
    this.#folder = await mkdtemp(join(tmpdir(), "rollcall-stories-"));
    const port = await freePort();
    this.server = `http://localhost:${port}`;
    const first = {
      ROLLCALL_ROOT_USERNAME: root.username, ROLLCALL_ROOT_PASSWORD: root.password, ROLLCALL_API_TOKEN: this.#token,
    };
    const env = {
      PATH: process.env.PATH, ROLLCALL_DATA_DIR: join(this.#folder, "data"),
      ROLLCALL_SERVER__LISTEN: `127.0.0.1:${port}`, ROLLCALL_SERVER__PUBLIC_URL: this.server,
      ROLLCALL_MICROSOFT__CLOUD: "custom", ROLLCALL_MICROSOFT__LOGIN_URL: this.emulator,
      ROLLCALL_MICROSOFT__GRAPH_URL: this.emulator, ...(installed ? first : { ROLLCALL_API_TOKEN: this.#token }),
    };
    const server = new Program("rollcall", ["serve"], { env, cwd: this.#folder });
    this.#programs.push(server);
    await server.until(async () => {
      const reply = await fetch(`${this.server}/readyz`).catch(() => undefined);
      return reply?.ok;
    });
  }

  /** What the programs wrote to their logs. */
  get logs() {
    return this.#programs.map((program) => `${program.name}:\n${program.log}`).join("\n");
  }

  /** The application as the administrator registered it in the portal. */
  async registers(changes = {}) {
    const redirect_uris = [this.server + callback];
    await this.control("POST", "/apps", { ...this.app, redirect_uris, tenants: [], delegated: permissions, ...changes });
  }

  /** A tenant connected as a program would do it, for stories that begin later. */
  async connects({ domain, admin } = msp) {
    await this.registers({ tenants: [domain] });
    const made = await this.api("POST", "/connections", {
      tenant: domain, application_id: this.app.app_id, application_key: this.app.secret,
      provision_employees: domain === msp.domain,
    });
    await this.control("POST", "/accounts", {
      tenant_id: this.tenant(domain), user_principal_name: admin, auto_consent: true, admin: true,
    });
    const headers = { Authorization: `Bearer ${this.#token}`, "Content-Type": "application/json" };
    const begun = await fetch(`${this.server}/api/v1/connections/${made.id}/connect`, { method: "POST", headers });
    const { authorize_url } = await json(begun.clone());
    const binding = begun.headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; ");
    const url = new URL(authorize_url);
    url.searchParams.set("login_hint", admin);
    const away = await fetch(url, { redirect: "manual" });
    const back = await fetch(away.headers.get("location"), { redirect: "manual", headers: { Cookie: binding } });
    assert.equal(back.status, 303, await back.text());
    await this.control("POST", "/accounts", {
      tenant_id: this.tenant(domain), user_principal_name: admin, auto_consent: false, admin: true,
    });
    return made.id;
  }

  /** Waits until nothing runs; approves every plan that waits on the way. */
  async approvesEverything() {
    const busy = ["collecting", "planned", "applying"];
    for (let quiet = 0; quiet < 3; ) {
      await pause(100);
      const runs = (await this.api("GET", "/sync-runs")).items;
      const held = runs.filter((run) => run.status === "held");
      for (const { plan_id } of held) {
        const { hash } = await this.api("GET", `/plans/${plan_id}`);
        // One that made way for a newer plan meanwhile is not asked about any more.
        await this.api("POST", `/plans/${plan_id}/approve`, { hash }).catch((error) => {
          if (!/"plan_not_held"|"stale"/.test(error.message)) throw error;
        });
      }
      const isQuiet = runs.length > 0 && held.length === 0 && !runs.some((run) => busy.includes(run.status));
      quiet = isQuiet ? quiet + 1 : 0;
    }
  }

  async control(method, path, body) {
    const headers = body ? { "Content-Type": "application/json" } : {};
    return json(await fetch(`${this.emulator}/emulator/v1${path}`, { method, headers, body: body && JSON.stringify(body) }));
  }

  /** Rollcall's own API: for arranging what is not the story. */
  async api(method, path, body) {
    const headers = { Authorization: `Bearer ${this.#token}`, "Content-Type": "application/json" };
    return json(await fetch(`${this.server}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) }));
  }

  tenant(domain) {
    const id = this.#tenants.get(domain);
    assert.ok(id, `no tenant ${domain}`);
    return id;
  }

  /** The directory, changed through Graph as its own administrator would. */
  async graph(domain, method, path, body) {
    const form = new URLSearchParams({
      grant_type: "client_credentials", client_id: this.#scribe.app_id, client_secret: this.#scribe.secret,
      scope: `${this.emulator}/.default`,
    });
    const token = await json(
      await fetch(`${this.emulator}/${this.tenant(domain)}/oauth2/v2.0/token`, { method: "POST", body: form }),
    );
    const headers = { Authorization: `Bearer ${token.access_token}`, "Content-Type": "application/json" };
    return json(await fetch(`${this.emulator}/v1.0${path}`, { method, headers, body: body && JSON.stringify(body) }));
  }

  /** The id of a group or person, by name. */
  async object(domain, name) {
    const state = await this.control("GET", `/tenants/${this.tenant(domain)}/state`);
    const all = [...state.groups, ...state.people];
    const found = all.find((one) => one.displayName === name || one.userPrincipalName === name);
    assert.ok(found, `${domain} has no ${name}`);
    return found.id;
  }

  /** Somebody of the directory who can sign in. */
  async account(domain, user_principal_name, { admin = false } = {}) {
    const account = { tenant_id: this.tenant(domain), user_principal_name, admin, auto_consent: false };
    await this.control("POST", "/accounts", account);
  }

  async end() {
    for (const program of this.#programs.reverse()) await program.end();
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true });
  }
}
