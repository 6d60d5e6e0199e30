// An administrator makes a mapping rule: the group is found while they type, by keyboard or pointer.
import assert from "node:assert/strict";
import { here, signsIn } from "../support/administrator.mjs";
import { story } from "../support/story.mjs";
import { msp } from "../support/world.mjs";

const begins = "Group name begins with";

function finder(person) {
  const field = person.page.getByRole("combobox", { name: begins });
  const options = person.page.getByRole("listbox", { name: "Groups" }).getByRole("option");
  return { field, options, active: person.page.locator("[role=option][aria-selected=true]") };
}

async function isPicked(person, world, name) {
  const value = (label) => person.page.getByLabel(label, { exact: true }).inputValue();
  await person.reads(`is the group ${name}`);
  assert.equal(await value("Group Object ID"), await world.object(msp.domain, name));
  assert.equal(await value("Name"), name, "the group lends the rule its name");
}

story("a group is found while one types its name", { installed: true }, async ({ world, arrives }) => {
  const person = await arrives("rules");
  await world.connects();
  await signsIn(person);
  await person.goes(`${here}/rules/new`);
  const { field, options, active } = finder(person);

  // By keyboard: down to the first, up past it to none and on to the last; Enter picks.
  await field.pressSequentially("S");
  await options.filter({ hasText: "Staff" }).waitFor();
  assert.equal(await field.getAttribute("aria-expanded"), "true");
  await field.pressSequentially("taff");
  await options.filter({ hasText: "Service Desk" }).waitFor({ state: "detached" });
  await options.filter({ hasText: "Staff" }).waitFor();
  await field.press("ArrowDown");
  const first = await active.innerText();
  assert.equal(await field.getAttribute("aria-activedescendant"), await active.getAttribute("id"));
  await person.looks("group-found");
  await field.press("ArrowUp");
  assert.equal(await active.count(), 0);
  await field.press("ArrowDown");
  assert.equal(await active.innerText(), first);
  await field.press("Enter");
  await isPicked(person, world, "Staff");
  assert.equal(person.path, `${here}/rules/new`, "nothing was sent");

  // Escape closes the list and keeps what is typed; an arrow opens it again; a press picks.
  await field.pressSequentially("Serv");
  await options.filter({ hasText: "Service Desk" }).waitFor();
  await field.press("Escape");
  assert.equal(await options.filter({ visible: true }).count(), 0);
  assert.equal(await field.inputValue(), "Serv");
  await field.press("ArrowDown");
  await options.filter({ hasText: "Service Desk" }).click();
  await isPicked(person, world, "Service Desk");

  await field.fill("Zzz");
  await person.reads("No group's name begins with “Zzz”.");
  await person.looks("group-unknown");
  await field.fill("");
  await person.readsNot(/No group's name/);
});

story("an answer that comes late does not hide a newer one", { installed: true }, async ({ world, arrives }) => {
  const person = await arrives("rules");
  await world.connects();
  await signsIn(person);
  await person.goes(`${here}/rules/new`);
  const { field, options } = finder(person);
  let isAsked;
  const asked = new Promise((resolve) => (isAsked = resolve));
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await person.page.route(/search=Contr/, async (route) => {
    isAsked();
    await held;
    await route.continue().catch(() => {});
  });
  await field.fill("Contr");
  await asked;
  await field.fill("Serv");
  await options.filter({ hasText: "Service Desk" }).waitFor();
  release();
  await person.page.waitForTimeout(500);
  assert.deepEqual(await options.filter({ hasText: "Contractors" }).count(), 0);
  assert.equal(await options.filter({ hasText: "Service Desk" }).count(), 1);
});
