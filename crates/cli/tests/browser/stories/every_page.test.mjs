// Every page that can be reached from Home, in a full installation: seen by the root user.
import assert from "node:assert/strict";
import { signsIn } from "../support/administrator.mjs";
import { missed } from "../support/routes.mjs";
import { story } from "../support/story.mjs";
import { walks } from "../support/walk.mjs";

/** What root has no page of: the portal is for contacts, the set-up for nobody. */
const ofOthers = ["/portal", "/portal/invoices", "/portal/tickets/new", "/portal/tickets/{}", "/set-up"];

story("every page that root can reach is in order", { demo: true }, async ({ world, arrives, t }) => {
  const more = await world.furnishes();
  const person = await arrives("every-page");
  await person.goes("/sign-in");
  await person.looks("sign-in");
  await signsIn(person, world.root);
  const seen = await walks(person, ["/", ...more]);
  t.diagnostic(`${seen.length} kinds of pages: ${seen.sort().join(" ")}`);
  const paths = seen.map((kind) => kind.split("?")[0]);
  assert.deepEqual(await missed([...paths, "/sign-in"]), ofOthers, "a page is linked from nowhere");
});
