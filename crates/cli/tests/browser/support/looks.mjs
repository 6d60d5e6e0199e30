// What every page must stand: axe in light and dark, its HTML against the standard, no sideways scrolling on a phone;
// and its picture, for people to look at.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import AxeBuilder from "@axe-core/playwright";
import { HtmlValidate } from "html-validate";
import { repository } from "./programs.mjs";

export const desktop = { width: 1280, height: 800 };
export const phone = { width: 390, height: 844 };

const folder = `${repository}var/screens`;
const html = new HtmlValidate({
  root: true,
  extends: ["html-validate:standard", "html-validate:document", "html-validate:a11y"],
  rules: {
    // Ours alone: what comes from this server needs no hash to be trusted.
    "require-sri": ["error", { target: "crossorigin" }],
    // A button in a form submits it, as the standard says.
    "no-implicit-button-type": "off",
    "prefer-native-element": "off",
    "long-title": "off",
  },
});

/** Complaints about a page's source, each kind once. */
export async function validated(source, where) {
  const report = await html.validateString(source);
  const found = new Map();
  for (const { line, message, ruleId } of report.results.flatMap((result) => result.messages)) {
    const complaint = `${where}: ${message} (${ruleId})`;
    if (!found.has(complaint)) found.set(complaint, `${complaint}, line ${line}`);
  }
  return [...found.values()];
}

const ofColours = ["color-contrast", "link-in-text-block"];

/** Every rule in light; in dark those that look at colours, as the others see no difference. */
async function axe(page, scheme) {
  const builder = new AxeBuilder({ page }).setLegacyMode(true).options({ rules: { "target-size": { enabled: true } } });
  const { violations } = await (scheme === "dark" ? builder.withRules(ofColours) : builder).analyze();
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${scheme}: ${id}: ${help}: ${node.html} ${node.any[0]?.message ?? ""}`),
  );
}

/** Where the picture of a screen goes. */
export async function pictureOf(story, screen) {
  await mkdir(`${folder}/${story}`, { recursive: true });
  return `${folder}/${story}/${screen}.png`;
}

/** Looks at a page with every pair of eyes; gives back complaints. */
export async function looked(page, story, screen) {
  const before = page.viewportSize();
  const complaints = [];
  const picture = async (name) =>
    page.screenshot({ path: await pictureOf(story, `${screen}.${name}`), fullPage: true });

  await page.setViewportSize(desktop);
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    complaints.push(...(await axe(page, scheme)));
    await picture(scheme);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(phone);
  await picture("phone");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  if (wide > phone.width) complaints.push(`scrolls sideways on a phone: ${wide} pixels wide`);
  await page.setViewportSize(before);
  return complaints.map((complaint) => `${screen}: ${complaint}`);
}

export function none(complaints) {
  assert.equal(complaints.length, 0, complaints.join("\n"));
}
