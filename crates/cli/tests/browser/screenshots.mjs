// Makes the pictures of the README from the running demo, and nothing else: `just screenshots`.
import { mkdir, stat } from "node:fs/promises";
import assert from "node:assert/strict";
import { launch } from "./support/browser.mjs";
import { Demo } from "./support/demo.mjs";
import { repository } from "./support/programs.mjs";

const folder = `${repository}docs/pictures`;
const largest = 200 * 1024;

async function signsIn(page, { username, password }) {
  await page.goto("/sign-in");
  await page.getByLabel("Username").fill(username);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL("/");
}

async function takes(page, name) {
  const path = `${folder}/${name}.png`;
  await page.screenshot({ path });
  const { size } = await stat(path);
  assert.ok(size <= largest, `${path} has ${size} bytes`);
  console.log(`${path}: ${Math.round(size / 1024)} KB`);
}

const demo = await Demo.start();
const browser = await launch();
try {
  await mkdir(folder, { recursive: true });
  const page = await browser.newPage({ baseURL: demo.server, viewport: { width: 1280, height: 800 }, colorScheme: "light" });
  await signsIn(page, demo.root);
  await page.goto("/");
  await takes(page, "home");
  await page.goto("/crm/contacts?search=sterling");
  await page.getByRole("link", { name: "Hugh Sterling" }).click();
  await page.getByRole("link", { name: "Why" }).click();
  await page.waitForURL(/tab=why/);
  await takes(page, "why");
} finally {
  await browser.close();
  await demo.end();
}
