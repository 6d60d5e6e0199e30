// A client's contact on a phone: signs in with Microsoft, opens and reads tickets; a manager sees the company's; and
// who leaves the group in the directory is out at once.
import assert from "node:assert/strict";
import { opensPortal } from "../support/administrator.mjs";
import { story } from "../support/story.mjs";
import { walks } from "../support/walk.mjs";
import { client } from "../support/world.mjs";

const user = "hugh.sterling@lakesidedental.example";
const manager = "anna.lind@lakesidedental.example";

/** Lakeside Dental is a client whose people have the portal. */
async function clientWithPortal(world) {
  const account = await opensPortal(world);
  for (const upn of [user, manager]) await world.account(client.domain, upn);
  return account;
}

async function contactOf(world, email) {
  const { items } = await world.api("GET", `/contacts?email=${encodeURIComponent(email)}`);
  assert.equal(items.length, 1, `contacts with ${email}`);
  return items[0];
}

story("a contact on a phone has their own tickets, until they leave the group", { installed: true }, async (given) => {
  const { world, arrives } = given;
  const account = await clientWithPortal(world);
  const [hugh, anna] = [await contactOf(world, user), await contactOf(world, manager)];
  const ticket = (title, contact_id) => world.api("POST", "/tickets", { title, contact_id, account_id: account.id });
  await ticket("The X-ray viewer does not start", hugh.id);
  await ticket("A new colleague begins on Monday", anna.id);
  await world.api("POST", "/invoices", { number: "INV-2041", account_id: account.id, amount: "840.00", currency: "GBP" });

  const person = await arrives("portal", { onPhone: true });
  await person.signsInWithMicrosoft(user);
  await person.reads("The X-ray viewer does not start");
  await person.readsNot("A new colleague begins on Monday", "Invoices", "Employees", "Auth & Provision");
  await person.looks("tickets");
  await person.page.getByText("Menu:").click();
  await person.follows("Profile");
  await person.reads("Your account", "Lakeside Dental", "Where you are signed in");
  await person.goes("/portal");
  await person.follows("New ticket");
  await person.types("What is it about, in one line", "The printer prints grey");
  await person.types("What happened, what should happen", "Since this morning.\nIt should print black.");
  await person.looks("new-ticket");
  await person.presses("Send");
  await person.reads("The printer prints grey", "It should print black");
  await person.types("Your answer", "It works again.");
  await person.presses("Close the ticket");
  await person.reads("It works again.", "closed", "Open it again");
  await person.looks("ticket");
  const own = (await world.api("GET", `/tickets?contact_id=${hugh.id}`)).items;
  assert.deepEqual(own.map((one) => one.status).sort(), ["closed", "open"]);

  // Nothing else answers, whatever address is typed.
  const [theirs] = (await world.api("GET", `/tickets?contact_id=${anna.id}`)).items;
  assert.equal(await person.goes(`/portal/tickets/${theirs.id}`), 404);
  for (const path of ["/hr/employees", "/crm/contacts", "/runs"]) {
    assert.equal(await person.goes(path), 404, path);
  }
  assert.equal(await person.goes("/portal/invoices"), 403);
  await person.reads("Your access does not include this page.");
  await person.looks("not-allowed");

  const group = await world.object(client.domain, "Portal Users");
  await person.goes("/portal");
  await world.graph(client.domain, "DELETE", `/groups/${group}/members/${hugh.source.object_id}/$ref`);
  await person.waitsFor("Sign in with Microsoft");
  await person.looks("signed-out");
  await person.signsInWithMicrosoft(user);
  await person.reads("you have no access here", "Ask your administrator");
  await person.looks("no-access");
});

story("a client's manager sees the whole company's tickets and invoices", { installed: true }, async (given) => {
  const { world, arrives } = given;
  const account = await clientWithPortal(world);
  const hugh = await contactOf(world, user);
  await world.api("POST", "/tickets", { title: "The X-ray viewer does not start", contact_id: hugh.id, account_id: account.id });
  await world.api("POST", "/invoices", { number: "INV-2041", account_id: account.id, amount: "840.00", currency: "GBP" });
  const other = await world.api("POST", "/accounts", { name: "Brandt Logistics" });
  await world.api("POST", "/invoices", { number: "INV-9999", account_id: other.id, amount: "1.00", currency: "GBP" });

  const person = await arrives("portal-manager");
  await person.signsInWithMicrosoft(manager);
  await person.reads("The X-ray viewer does not start", "Hugh Sterling");
  await person.follows("Invoices");
  await person.reads("INV-2041", "840.00 GBP");
  await person.readsNot("INV-9999");
  const seen = await walks(person, "/portal");
  assert.ok(seen.includes("/me") && seen.includes("/portal/tickets/{id}"), seen.join(" "));
});
