// What an administrator does on Auth & Provision, as steps that stories share.
import assert from "node:assert/strict";
import { client, msp, root } from "./world.mjs";

export const here = "/admin/my-company/auth-provision";

export async function createsRoot(person) {
  await person.goes("/");
  await person.reads("Set up Rollcall");
  await person.types("Username", root.username);
  await person.types("Password", root.password);
  await person.types("Password again", root.password);
  await person.presses("Create the root user");
}

export async function signsIn(person, { username, password } = root) {
  await person.goes("/sign-in");
  await person.types("Username", username);
  await person.types("Password", password);
  await person.presses("Sign in");
}

/** Reads the guide and registers the application with exactly what it says. */
export async function followsTheGuide(person) {
  const { page, world } = person;
  const redirect = await page.getByLabel("Redirect URL").inputValue();
  const listed = await page.locator("li code").allInnerTexts();
  const delegated = listed.map((text) => text.trim()).filter((text) => /^[A-Z][A-Za-z.]+\.[A-Za-z.]+$/.test(text));
  assert.ok(delegated.length >= 3, `the guide lists permissions: ${listed}`);
  await world.registers({ redirect_uris: [redirect], delegated: [...delegated, "offline_access"] });
}

export async function fillsConnection(person, { tenant = msp.domain, application, key } = {}) {
  await person.types("Tenant Domain Name or ID", tenant);
  await person.types("Application ID", application ?? person.world.app.app_id);
  await person.types("Application Key (the secret's Value)", key ?? person.world.app.secret);
  await person.presses("Add");
}

/** Consents at Microsoft's pages, for the whole organization. */
export async function consents(person, admin = msp.admin) {
  await person.picksAccount(admin);
  await person.reads("Permissions requested");
  await person.ticks("Consent on behalf of your organization");
  await person.presses("Accept");
}

/** Fills in a rule; the group is picked by its name. */
export async function draftsRule(person, { group, kind = "HR employees", roles, account, order, exclude }) {
  await person.goes(`${here}/rules/new`);
  await person.types("Group name begins with", group);
  await person.presses("Search");
  await person.presses(group);
  const form = person.section("The rule");
  await person.ticks(kind, { within: form });
  for (const role of roles) await person.ticks(role, { within: form });
  if (account) await person.chooses("Account", account, { within: form });
  if (order) await person.types("Order (the lowest wins)", String(order), { within: form });
  if (exclude) await person.types("Leave out (patterns, one a line)", exclude, { within: form });
  return form;
}

/** Types the number of losses that a plan asks for. */
export async function typesTheLosses(person) {
  const [losses] = (await person.page.getByText(/type that number/).innerText()).match(/\d+/);
  await person.page.getByLabel(/type that number/).fill(losses);
}

/** The client has the portal for its people; contacts made `before` the rules can be theirs. Gives its account. */
export async function opensPortal(world, before = []) {
  await world.connects(client);
  const account = await world.api("POST", "/accounts", { name: client.name });
  for (const contact of before) await world.api("POST", "/contacts", { ...contact, account_id: account.id });
  const rule = async (group, role, order) =>
    world.api("POST", "/mapping-rules", {
      name: group, order, tenant_id: world.tenant(client.domain), group_id: await world.object(client.domain, group),
      kind: "contact", account_id: account.id, security_roles: [role], include_nested: true, exclude: ["svc-*"],
    });
  await rule("Portal Managers", "External Manager", 10);
  await rule("Portal Users", "External User", 20);
  await world.approvesEverything();
  return account;
}
