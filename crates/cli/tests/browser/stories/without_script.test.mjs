// Rollcall without a script: every page is there, and what people do on them most works by forms and links alone.
import assert from "node:assert/strict";
import { createsRoot, draftsRule, here, opensPortal, signsIn, typesTheLosses } from "../support/administrator.mjs";
import { missed } from "../support/routes.mjs";
import { story } from "../support/story.mjs";
import { walks } from "../support/walk.mjs";
import { client, msp, root } from "../support/world.mjs";

const script = false;
const manager = "anna.lind@lakesidedental.example";

story("every page is there without scripts", { demo: true }, async ({ world, arrives, t }) => {
  const more = await world.furnishes();
  const administrator = await arrives("without-script", { script });
  assert.equal(await administrator.goes("/sign-in"), 200);
  await administrator.reads("Sign in");
  await signsIn(administrator, world.root);
  const contact = await arrives("without-script", { script });
  await contact.signsInWithMicrosoft(manager);
  const ofContacts = await walks(contact, "/portal", { looks: false });
  const seen = [...(await walks(administrator, ["/", ...more], { looks: false })), ...ofContacts];
  t.diagnostic(`${seen.length} kinds of pages`);
  const paths = seen.map((kind) => kind.split("?")[0]);
  assert.deepEqual(await missed([...paths, "/sign-in"]), ["/set-up"], "a page is linked from nowhere");
});

story("the set-up page makes root without scripts", {}, async ({ arrives }) => {
  const person = await arrives("without-script", { script });
  assert.equal(await person.goes("/set-up"), 200);
  await createsRoot(person);
  await person.reads("Home", "No tenant is connected yet");
  await person.presses("Sign out");
  await person.types("Username", root.username);
  await person.types("Password", "a wrong password");
  await person.presses("Sign in");
  await person.reads(/password/);
  await signsIn(person);
  await person.reads("Home");
});

const defaults = {
  department: "General", location: "Head office", job_title: "Employee", employment_type: "Full time",
  security_role: "User", employee_role: "Staff",
};

const names = (person) => person.page.getByRole("row").getByRole("link").allInnerTexts();

/** Approves what waits on the page, with the number of losses where it is asked for. */
async function approves(person) {
  if (await person.page.getByText(/type that number/).count()) await typesTheLosses(person);
  await person.presses("Approve");
  await person.waitsFor("done");
}

story("rules are made, looked at and put in order without scripts", { installed: true }, async ({ world, arrives }) => {
  const person = await arrives("without-script", { script });
  await world.connects();
  await world.api("PUT", "/employee-defaults", defaults);
  await signsIn(person);
  await draftsRule(person, { group: "Service Desk", roles: ["Service Desk Manager"] });
  await person.presses("Preview");
  await person.reads("Nothing has happened yet", "Ingrid Solberg");
  await person.presses("Save the rule");
  await world.approvesEverything();
  await draftsRule(person, { group: "Staff", roles: ["User"], exclude: "svc-*" });
  await person.presses("Save");
  await world.approvesEverything();

  // By the buttons, and shown before it is saved.
  await person.goes(`${here}?tab=rules`);
  assert.deepEqual(await names(person), ["Service Desk", "Staff"]);
  await person.presses("Move Staff up");
  await person.reads("The new order of the rules", "Nothing has happened yet");
  await person.presses("Save the order");
  await approves(person);
  await person.goes(`${here}?tab=rules`);
  assert.deepEqual(await names(person), ["Staff", "Service Desk"]);
});

story("questions, contacts and tickets are dealt with without scripts", { installed: true }, async ({ world, arrives }) => {
  // Two contacts have one person's address, so that somebody must say who she is.
  await opensPortal(world, ["Anna", "Annie"].map((first_name) => ({ first_name, last_name: "Lind", email: manager })));
  const person = await arrives("without-script", { script });
  await signsIn(person);
  await person.follows("review queue");
  await person.reads("Anna Lind", "Link to");
  await person.page.getByRole("radio", { name: /Annie/ }).check();
  await person.presses("Link");
  await person.waitsFor("done");
  await person.goes("/review");
  await person.reads("Nothing waits for an answer.");

  await person.goes("/crm/contacts");
  await person.types("Search", "sterling");
  await person.presses("Search");
  await person.follows("Hugh Sterling");
  await person.follows("Edit");
  await person.types("Mobile phone", "+47 900 00 000");
  await person.presses("Save");
  await person.reads("+47 900 00 000");

  await person.follows("New ticket");
  await person.types("Title", "The X-ray viewer does not start");
  await person.types("Description", "Since the update of this morning.");
  await person.presses("Create");
  await person.types("Text", "Rolled the update back.");
  await person.presses("Comment");
  await person.reads("Rolled the update back.");

  await world.account(client.domain, "hugh.sterling@lakesidedental.example");
  const contact = await arrives("without-script", { script });
  await contact.signsInWithMicrosoft("hugh.sterling@lakesidedental.example");
  await contact.follows("#1 The X-ray viewer does not start");
  await contact.types("Your answer", "It works again.");
  await contact.presses("Close the ticket");
  await contact.reads("It works again.", "closed");
  await contact.goes("/portal");
  await contact.follows("New ticket");
  await contact.types("What is it about, in one line", "The printer prints grey");
  await contact.types("What happened, what should happen", "Since this morning.");
  await contact.presses("Send");
  await contact.reads("The printer prints grey");
});
