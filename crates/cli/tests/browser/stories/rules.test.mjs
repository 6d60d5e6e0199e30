// An administrator makes a mapping rule: the group is found while they type, by keyboard or pointer, and rules are put in
// order with the pointer. What takes something away from anybody is shown before it is saved.
import assert from "node:assert/strict";
import { here, signsIn, typesTheLosses } from "../support/administrator.mjs";
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

/** Service Desk before Staff, of one tenant; people are synced by them when `isApplied`. */
async function twoRules(world, isApplied) {
  await world.connects();
  for (const [order, group, role] of [[10, "Service Desk", "Service Desk Manager"], [20, "Staff", "User"], [30, "Contractors", "User"]]) {
    await world.api("POST", "/mapping-rules", {
      name: group, order, tenant_id: world.tenant(msp.domain), group_id: await world.object(msp.domain, group),
      kind: "employee", security_roles: [role], include_nested: true, exclude: ["svc-*"],
    });
  }
  if (isApplied) await world.approvesEverything();
}

const shown = (person) => person.page.getByRole("row").getByRole("link").allInnerTexts();
const saved = async (world) => (await world.api("GET", "/mapping-rules")).items.map((rule) => rule.name);

/** Takes the grip of a rule and lets go over the upper or lower half of another's row. */
async function drags(person, rule, other, half) {
  const { page } = person;
  const row = (name) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
  await page.getByText("the lowest Order wins").scrollIntoViewIfNeeded();
  await row(rule).locator(".grip").hover();
  await page.mouse.down();
  const { x, y, height } = await row(other).boundingBox();
  const moved = page.waitForEvent("framenavigated");
  await page.mouse.move(x + 40, half === "upper" ? y + 4 : y + height - 4, { steps: 8 });
  await page.mouse.up();
  await moved;
  await page.waitForLoadState("load");
}

story("rules that nobody is synced by are put in order by dragging", { installed: true }, async ({ world, arrives }) => {
  const person = await arrives("rules");
  await twoRules(world, false);
  await signsIn(person);
  await person.goes(`${here}?tab=rules`);
  await person.looks("rules-with-grips");
  await drags(person, "Contractors", "Service Desk", "upper");
  assert.deepEqual(await shown(person), ["Contractors", "Service Desk", "Staff"]);
  assert.deepEqual(await saved(world), ["Contractors", "Service Desk", "Staff"]);
  await drags(person, "Contractors", "Staff", "lower");
  assert.deepEqual(await saved(world), ["Service Desk", "Staff", "Contractors"]);
});

story("dragging a rule shows first who would lose what", { installed: true }, async ({ world, arrives }) => {
  const person = await arrives("rules");
  await twoRules(world, true);
  await signsIn(person);
  await person.goes(`${here}?tab=rules`);
  const before = await shown(person);
  await drags(person, "Service Desk", "Staff", "lower");
  await person.reads("The new order of the rules", "Nothing has happened yet");
  await person.looks("order-previewed");
  assert.deepEqual(await saved(world), before, "nothing is saved by dropping");
  await person.goes(`${here}?tab=rules`);
  assert.deepEqual(await shown(person), before);
  await drags(person, "Service Desk", "Staff", "lower");
  await person.reads("Nothing has happened yet");
  await person.presses("Save the order");
  await typesTheLosses(person);
  await person.presses("Approve");
  await person.waitsFor("done", { reload: false });
  assert.deepEqual(await saved(world), ["Staff", "Service Desk", "Contractors"]);
});
