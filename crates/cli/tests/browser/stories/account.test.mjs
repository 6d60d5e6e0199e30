// An administrator looks after their own account: a second factor, recovery codes, sessions, the password.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { signsIn } from "../support/administrator.mjs";
import { story } from "../support/story.mjs";
import { root } from "../support/world.mjs";

/** What an authenticator app shows: RFC 6238 with SHA-1, six digits, thirty seconds. */
function code(key, steps) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...key].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const secret = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac("sha1", secret).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

for (const script of [true, false]) {
  const how = script ? "with scripts" : "without scripts";
  story(`an administrator protects their account, ${how}`, { installed: true }, async ({ arrives }) => {
    const person = await arrives(script ? "account" : "account-no-script", { script });
    await signsIn(person);
    await person.follows("Root User");
    await person.reads("your password alone signs you in");
    await person.looks("account");
    await person.types("Password", root.password);
    await person.presses("Set it up");
    await person.reads("Scan this");
    await person.looks("second-factor");
    const words = await person.page.getByText(/^Key:/).locator("code").innerText();
    const key = words.replaceAll(/\s/g, "");
    await person.types("Code", "000000");
    await person.presses("Turn it on");
    await person.reads("The code is wrong", "right time");
    const used = code(key, 0);
    await person.types("Code", used);
    await person.presses("Turn it on");
    await person.reads("Keep these codes", "not shown again");
    await person.looks("recovery-codes");
    const [recovery] = await person.page.locator(".codes code").allInnerTexts();
    await person.follows("I have kept them");
    await person.reads("10 recovery codes are left");

    await person.presses("Sign out");
    await signsIn(person);
    await person.reads("Code of your authenticator app");
    await person.looks("sign-in-code");
    const asked = "Code of your authenticator app, or a recovery code";
    await person.types(asked, used);
    await person.presses("Sign in");
    await person.reads("was used already");
    await person.types(asked, code(key, 1));
    await person.presses("Sign in");
    await person.reads("Home");

    // The phone is lost.
    await person.presses("Sign out");
    await signsIn(person);
    await person.types(asked, recovery);
    await person.presses("Sign in");
    await person.follows("Root User");
    await person.reads("9 recovery codes are left");
    const others = await person.page.getByRole("button", { name: /^End the session/ }).count();
    assert.equal(others, 0, "signing out has ended the sessions before");
  });
}
