// A story: a world of its own, the people who come to it, and what is left to look at when it ends badly.
import { test } from "node:test";
import { launch } from "./browser.mjs";
import { Demo } from "./demo.mjs";
import { Person } from "./person.mjs";
import { World } from "./world.mjs";

/** Every page of the demo, in light and dark and on a phone, takes minutes on a slow machine. */
const longest = 480_000;

/**
 * Tells one story. `told` gets the world, a function that lets a person arrive, and the test.
 * Options: `demo`: the world is the demo; else as `World.start` takes them.
 */
export function story(name, options, told) {
  test(name, { timeout: longest }, async (t) => {
    const browser = await launch();
    const people = [];
    let world;
    const arrives = async (folder, habits) => {
      const person = await Person.at(browser, world, folder, habits);
      people.push(person);
      return person;
    };
    try {
      world = await (options.demo ? Demo.start() : World.start(options));
      await told({ world, arrives, t });
      for (const person of people) await person.leaves();
    } catch (error) {
      for (const person of people) await person.pictures("failed").catch(() => {});
      t.diagnostic(world?.logs ?? "there was no world");
      throw error;
    } finally {
      await browser.close();
      await world?.end();
    }
  });
}
