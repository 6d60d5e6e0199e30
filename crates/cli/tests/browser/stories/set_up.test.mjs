// An MSP administrator sets Rollcall up from nothing, by mouse and keyboard alone; with scripts, and without.
import assert from "node:assert/strict";
import { consents, createsRoot, draftsRule, fillsConnection, followsTheGuide, here } from "../support/administrator.mjs";
import { story } from "../support/story.mjs";

async function choosesSync(person) {
  await person.follows("Auth & Provision");
  const follows = person.page.getByLabel("Azure AD Sync: the directories");
  await follows.check();
  await person.types("Department", "General");
  await person.types("Location", "Head office");
  await person.types("Job Title", "Employee");
  await person.types("Employment Type", "Full time");
  await person.chooses("Security Role", "User");
  await person.types("Employee Role", "Staff");
  await person.looks("auth-and-provision");
  await person.presses("Save");
  await person.reads("Auth & Provision is saved.");
  assert.ok(await follows.isChecked());
  assert.equal(await person.page.getByLabel("Department").inputValue(), "General");
}

async function connects(person) {
  await person.follows("Add");
  await person.looks("guide");
  await followsTheGuide(person);
  await fillsConnection(person);
  await person.looks("connection-waits");
  await person.presses("Azure Connect");
  await consents(person);
  await person.reads("Harbour IT", "Self-check", "works");
  await person.reads(/the address was validated|a subscription exists/);
  await person.readsNot("fails", "not tried");
  await person.looks("self-check");
}

async function makesAccount(person) {
  await person.follows("Accounts");
  await person.looks("accounts-empty");
  await person.types("Name", "Steelpeak Networks");
  await person.presses("Create");
  await person.reads("Steelpeak Networks", "Contacts");
}

/** By keyboard or mouse, a rule goes one place up or down. */
async function moves(person) {
  await person.goes(`${here}?tab=rules`);
  for (const [way, expected] of [["up", ["Staff", "Service Desk"]], ["down", ["Service Desk", "Staff"]]]) {
    await person.presses(`Move Staff ${way}`);
    const names = await person.page.getByRole("row").getByRole("link").allInnerTexts();
    assert.deepEqual(names, expected);
  }
}

async function makesRules(person) {
  const guests = { group: "Contractors", kind: "CRM contacts with client portal access", roles: ["External User"] };
  const rules = [
    { group: "Service Desk", roles: ["Service Desk Manager"] },
    { group: "Staff", roles: ["User"], exclude: "svc-*" },
    { ...guests, account: "Steelpeak Networks" },
  ];
  for (const rule of rules) {
    const form = await draftsRule(person, rule);
    await person.looks(`rule-${rule.group.toLowerCase().replace(" ", "-")}`);
    await person.presses("Save", { within: form });
    await person.waitsFor(/waits for approval/);
    if (rule.group === "Staff") await moves(person);
  }
  await person.goes(`${here}?tab=rules`);
  await person.reads("Service Desk", "Staff", "Contractors");
  await person.looks("rules");
}

async function approves(person) {
  await person.goes("/");
  await person.looks("home-plan-waits");
  await person.follows("Look at the plan");
  await person.reads("Ingrid Solberg", "create");
  await person.looks("plan");
  await person.presses("Approve");
  await person.looks("run");
  await person.waitsFor("done", { reload: !person.hasScript });
  await person.looks("run-done");
  // Each rule made the plan before it out of date; nobody rejected those.
  await person.goes("/runs");
  const states = await person.page.locator("td[data-label=State]").allInnerTexts();
  assert.deepEqual(states, ["done", "replaced", "replaced"]);
}

async function findsPeople(person) {
  await person.goes("/hr/employees");
  await person.reads("Ingrid Solberg");
  await person.readsNot("svc-backup");
  await person.looks("employees");
  await person.follows("Ingrid Solberg");
  await person.reads("ingrid.solberg@harbourit.example", "Service Desk Manager");
  await person.looks("employee");
  await person.goes("/crm/contacts");
  await person.reads("Derek Stone");
  await person.looks("contacts");
  await person.follows("Derek Stone");
  await person.reads("External User");
  await person.looks("contact");
}

for (const script of [true, false]) {
  const name = `an administrator sets Rollcall up from nothing${script ? "" : ", without scripts"}`;
  story(name, {}, async ({ arrives, t }) => {
    const began = Date.now();
    const person = await arrives(script ? "set-up" : "set-up-without-script", { script });
    await createsRoot(person);
    await person.reads("No tenant is connected yet");
    await person.looks("home-empty");
    await choosesSync(person);
    await connects(person);
    await makesAccount(person);
    await makesRules(person);
    await approves(person);
    await findsPeople(person);
    const { pages, presses, fields } = person.steps;
    t.diagnostic(`${pages} pages, ${presses} presses, ${fields} fields, ${Math.round((Date.now() - began) / 1000)} s`);
    assert.ok(presses + fields < 80, "set-up takes too many steps");
  });
}
