// The mistakes an administrator makes: each is caught with words that say what, where and how to mend it, nothing is
// half-done, and the mending goes by the page alone.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { consents, draftsRule, fillsConnection, here, signsIn, typesTheLosses } from "../support/administrator.mjs";
import { story } from "../support/story.mjs";
import { msp, permissions } from "../support/world.mjs";

const guide = `${here}/connections/new`;
const clerk = "ingrid.solberg@harbourit.example";

/** Microsoft, asked for a tenant that another of its clouds has. */
const elsewhere = {
  match: { path: "*/openid-configuration" },
  effect: {
    status: 400,
    body: {
      error: "invalid_request",
      error_description: `AADSTS90038: Tenant '${msp.domain}' request is being redirected to the National Cloud.`,
    },
  },
  times: 1,
};

const defaults = {
  department: "General", location: "Head office", job_title: "Employee", employment_type: "Full time",
  security_role: "User", employee_role: "Staff",
};

story("wrong input to a connection is refused where it was typed", { installed: true }, async ({ world, arrives }) => {
  const person = await arrives("mistakes");
  await world.registers();
  await signsIn(person);
  const typed = [
    ["tenant-unknown", { tenant: "nobody.example" }, "there is no such tenant", "each cloud knows only its own tenants"],
    ["application-id-wrong", { application: "abc" }, "`abc` is not an Application ID", "Overview page"],
    ["key-missing", { key: "" }, "Application Key is missing", "Value of the client secret"],
  ];
  for (const [screen, fields, what, cure] of typed) {
    await person.goes(guide);
    await fillsConnection(person, fields);
    await person.reads(what, cure);
    const kept = await person.page.getByLabel("Tenant Domain Name or ID").inputValue();
    assert.equal(kept, fields.tenant ?? msp.domain, "what was typed is kept");
    await person.looks(screen);
  }
  await world.control("POST", "/faults", elsewhere);
  await person.goes(guide);
  await fillsConnection(person);
  await person.reads("the tenant lives in another Microsoft cloud", "Set microsoft.cloud");
  await person.looks("tenant-of-another-cloud");
  assert.deepEqual((await world.api("GET", "/connections")).items, [], "nothing is half-done");
  await person.goes(guide);
  await fillsConnection(person);
  await person.goes(guide);
  await fillsConnection(person);
  await person.reads("this tenant has a connection already", "Change the existing connection");
});

story("consent that fails is explained, and mended on the page", { installed: true }, async ({ world, arrives }) => {
  const person = await arrives("mistakes");
  const asks = async () => {
    await person.goes(connection);
    await person.presses("Azure Connect");
  };
  const isUnconnected = async (status) => {
    const [known] = (await world.api("GET", "/connections")).items;
    assert.deepEqual([known.status, known.as_of], [status, null], "nothing is half-done");
    await person.goes(connection);
  };
  await world.registers();
  await signsIn(person);
  await person.goes(guide);
  await fillsConnection(person, { application: randomUUID(), key: "not-the-key" });
  const connection = person.path;

  // Microsoft's own error pages never come back: the page left behind says what they mean.
  await asks();
  await person.reads("AADSTS700016");
  await isUnconnected("connecting");
  await person.reads("AADSTS700016", "The Application ID is wrong");
  await person.types("Application ID", world.app.app_id);
  await person.presses("Save");

  await world.registers({ redirect_uris: [`${world.server}/oauth/integrationcallback.aspx`] });
  await asks();
  await person.reads("AADSTS50011");
  await isUnconnected("connecting");
  await person.reads("AADSTS50011", `${world.server}/OAuth/IntegrationCallback.aspx`);
  await person.looks("redirect-uri-wrong");
  await world.registers();

  await world.account(msp.domain, clerk);
  await asks();
  await person.picksAccount(clerk);
  await person.reads("Need admin approval");
  await isUnconnected("connecting");
  await person.reads("Need admin approval", "sign in as an administrator of the tenant");

  await asks();
  await person.picksAccount(msp.admin);
  await person.presses("Cancel");
  await person.reads("consent was refused", "press Azure Connect and accept");
  await person.looks("consent-declined");
  await isUnconnected("awaiting_consent");
  await person.reads("consent was refused", "press Azure Connect and accept");

  await asks();
  await consents(person);
  await person.reads("the application key is wrong", "Enter the Value (not the ID) of the client secret");
  await person.readsNot("not-the-key");
  await person.looks("key-wrong");
  await person.follows("Go to the connection");
  await person.reads("the application key is wrong");
  await isUnconnected("awaiting_consent");
  await person.types("New Application Key", world.app.secret);
  await person.presses("Save");

  await person.presses("Azure Connect");
  await consents(person);
  await person.reads("Self-check", "works");
  await person.readsNot("fails", "is wrong");
});

story("a permission that was not granted is named with its cure", { installed: true }, async ({ world, arrives }) => {
  const person = await arrives("mistakes");
  const granted = ["User.Read.All", "Organization.Read.All"];
  await world.registers({ tenants: [msp.domain], application: granted });
  await signsIn(person);
  await person.goes(guide);
  await person.chooses("Connects as", "the application itself (app-only)");
  await fillsConnection(person);
  await person.presses("Self-check");
  await person.reads("permission Group.Read.All", "fails", "How to mend it");
  await person.looks("permission-missing");
  await world.registers({ tenants: [msp.domain], application: [...granted, "Group.Read.All", "Directory.Read.All"] });
  await person.presses("Azure Connect");
  await person.reads("permission Group.Read.All", "works");
  await person.readsNot("fails");
});

story("a wrong rule comes back as it was typed", { installed: true }, async ({ world, arrives }) => {
  const person = await arrives("mistakes");
  await world.connects();
  await world.api("PUT", "/employee-defaults", defaults);
  await world.api("POST", "/accounts", { name: "Steelpeak Networks" });
  await signsIn(person);
  const wrong = [
    ["", "no group is chosen", "Search for the group"],
    ["all of them", "`all of them` is not the object ID of a group", "Object ID from Entra"],
    [randomUUID(), "is not a group of this tenant", "Object ID from Entra"],
    [await world.object(msp.domain, "Ingrid Solberg"), "is not a group of this tenant", "Object ID from Entra"],
  ];
  for (const [group, what, cure] of wrong) {
    await person.goes(`${here}/rules/new`);
    await person.types("Group Object ID", group);
    await person.types("Name", "Night watch");
    await person.ticks("CRM Manager");
    await person.presses("Save");
    await person.reads(what, cure, "Nothing was saved");
    assert.equal(await person.page.getByLabel("Group Object ID").inputValue(), group);
    assert.equal(await person.page.getByLabel("Name", { exact: true }).inputValue(), "Night watch");
    assert.ok(await person.page.getByLabel("CRM Manager").isChecked());
  }
  await person.looks("group-is-none");

  const guests = { group: "Contractors", kind: "CRM contacts with client portal access", roles: ["External User"] };
  await draftsRule(person, guests);
  await person.presses("Save");
  await person.reads("a contact needs an account", "Choose the account");
  await person.looks("account-missing");
  await person.chooses("Account", "Steelpeak Networks");
  await person.page.getByLabel("External User").uncheck();
  await person.presses("Save");
  await person.reads("Security roles are empty");
  assert.deepEqual((await world.api("GET", "/mapping-rules")).items, [], "nothing is half-done");
  await person.ticks("External User");
  await person.presses("Preview");
  await person.reads("Derek Stone", "create");
  assert.deepEqual((await world.api("GET", "/mapping-rules")).items, [], "a preview changes nothing");
});

story("a rule that would lock many out is held, and what was done is undone", { installed: true }, async (given) => {
  const { world, arrives } = given;
  const person = await arrives("mistakes");
  await world.connects();
  await world.api("PUT", "/employee-defaults", defaults);
  const group_id = await world.object(msp.domain, "Staff");
  const rule = { name: "Staff", order: 10, tenant_id: world.tenant(msp.domain), group_id, kind: "employee" };
  await world.api("POST", "/mapping-rules", { ...rule, security_roles: ["User"], include_nested: true });
  await world.approvesEverything();
  const employees = async () => {
    const { items } = await world.api("GET", "/employees?status=active&limit=200");
    return items.filter((one) => one.access === "granted" && !one.is_root).length;
  };
  const before = await employees();
  assert.ok(before >= 40, `${before} people have access`);

  await signsIn(person);
  await person.goes(`${here}?tab=rules`);
  await person.follows("Staff");
  await person.page.getByLabel("On", { exact: true }).uncheck();
  await person.presses("Save");
  await person.reads("Nothing has happened yet");
  await person.presses("Save the rule");
  await person.reads(/waits|held/i, "Approve", "Reject");
  await person.looks("lockout-held");
  assert.equal(await employees(), before, "nobody lost anything");
  const ask = person.page.getByLabel(/type that number/);
  await ask.fill("1");
  await person.presses("Approve");
  await person.reads("that is not the number you typed");
  await person.page.goBack();
  await person.presses("Reject");
  await person.reads("rejected");
  assert.equal(await employees(), before, "nobody lost anything");
  assert.equal((await world.api("GET", "/mapping-rules")).items[0].enabled, true, "the rule is as it was");

  // Now on purpose, and taken back.
  await person.goes(`${here}?tab=rules`);
  await person.follows("Staff");
  await person.page.getByLabel("On", { exact: true }).uncheck();
  await person.presses("Save");
  await person.reads("Nothing has happened yet");
  await person.presses("Save the rule");
  await typesTheLosses(person);
  await person.presses("Approve");
  await person.waitsFor("done", { reload: false });
  assert.equal(await employees(), 0);
  await person.presses("Undo…");
  await person.reads("What would be done");
  await person.looks("undo");
  await person.presses("Take it back");
  await person.waitsFor("done", { reload: false });
  assert.equal(await employees(), before, "everybody is back");
});
