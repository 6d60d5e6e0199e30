// A service desk person between two calls: signs in with Microsoft, sees what their security role gives and no more,
// finds a contact, sees why they have the portal, opens a ticket for them and closes it.
import assert from "node:assert/strict";
import { story } from "../support/story.mjs";
import { walks } from "../support/walk.mjs";
import { client, msp } from "../support/world.mjs";

const technician = "leon.brandt@harbourit.example";

async function staffAndClient(world) {
  await world.connects();
  await world.connects(client);
  const account = await world.api("POST", "/accounts", { name: client.name });
  const rule = async (tenant, group, body) =>
    world.api("POST", "/mapping-rules", {
      name: `${tenant.name}: ${group}`, tenant_id: world.tenant(tenant.domain),
      group_id: await world.object(tenant.domain, group), include_nested: true, exclude: ["svc-*"], ...body,
    });
  await rule(msp, "Service Desk", { order: 10, kind: "employee", security_roles: ["Service Desk Manager"] });
  const contacts = { kind: "contact", account_id: account.id, security_roles: ["External User"] };
  await rule(client, "Portal Users", { order: 20, ...contacts });
  await world.approvesEverything();
  await world.account(msp.domain, technician);
}

story("a service desk person helps a contact", { installed: true }, async ({ world, arrives, t }) => {
  await staffAndClient(world);
  const person = await arrives("service-desk");
  await person.signsInWithMicrosoft(technician);
  await person.reads("Your open tickets");
  const places = await person.page.getByRole("navigation", { name: "Main" }).getByRole("link").allInnerTexts();
  for (const forbidden of ["Auth & Provision", "Runs", "Review queue", "Invoices"]) {
    assert.ok(!places.includes(forbidden), `${forbidden} is offered: ${places}`);
  }
  for (const path of ["/runs", "/review", "/admin/my-company/auth-provision", "/finance/invoices"]) {
    assert.equal(await person.goes(path), 403, path);
  }

  await person.goes("/");
  await person.follows("Contacts");
  await person.types("Search", "sterling");
  await person.presses("Search");
  await person.follows("Hugh Sterling");
  await person.follows("Why");
  await person.reads("Winning rule", "Lakeside Dental: Portal Users");
  await person.looks("contact-why");

  await person.follows("Tickets", { within: person.page.getByRole("navigation", { name: "Main" }) });
  await person.follows("New ticket");
  await person.types("Contact", "sterling");
  await person.presses("Search");
  await person.presses("Hugh Sterling");
  await person.types("Title", "The X-ray viewer does not start");
  await person.types("Description", "Since the update of this morning.");
  await person.looks("new-ticket");
  await person.presses("Create");
  await person.reads("The X-ray viewer does not start", "Hugh Sterling", "Lakeside Dental", "open");
  await person.types("Text", "Rolled the update back.");
  await person.presses("Comment");
  await person.reads("Rolled the update back.");
  await person.presses("Close");
  await person.reads("closed", "Open again");
  const [ticket] = (await world.api("GET", "/tickets")).items;
  assert.deepEqual([ticket.title, ticket.status], ["The X-ray viewer does not start", "closed"]);

  const seen = await walks(person, "/", { looks: false });
  t.diagnostic(`${seen.length} kinds of pages: ${seen.sort().join(" ")}`);
});
