// Every page that can be reached from Home, in a full installation: seen by the root user.
import assert from "node:assert/strict";
import { signsIn } from "../support/administrator.mjs";
import { story } from "../support/story.mjs";
import { walks } from "../support/walk.mjs";

story("every page that root can reach is in order", { demo: true }, async ({ world, arrives, t }) => {
  const person = await arrives("every-page");
  await person.goes("/sign-in");
  await person.looks("sign-in");
  await signsIn(person, world.root);
  const seen = await walks(person, "/");
  t.diagnostic(`${seen.length} kinds of pages: ${seen.sort().join(" ")}`);
  assert.ok(seen.length >= 18, "most of the pages are linked from somewhere");
});
