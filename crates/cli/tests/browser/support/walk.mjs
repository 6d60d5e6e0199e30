// Following links until every kind of page has been seen. Pages are of one kind when their addresses differ in ids and
// typed text alone.
import { pattern } from "./person.mjs";

/** Variants of one path by its query, such as tabs: enough of each. */
const mostVariants = 6;

function kind(address) {
  const query = [...new URL(address).searchParams]
    .filter(([name]) => !["action", "after", "search", "sort", "status", "access"].includes(name))
    .map(([name, value]) => (/^[a-z_]+$/.test(value) ? `${name}=${value}` : name));
  return pattern(address) + (query.length ? `?${query.sort().join("&")}` : "");
}

/** A file name for a kind of page. */
function nameOf(kindOfPage) {
  return kindOfPage.replaceAll(/[{}]/g, "").replaceAll(/[^a-z0-9]+/gi, "-").replaceAll(/^-|-$/g, "") || "home";
}

async function links(person) {
  const all = await person.page.locator("a[href]:not([download])").evaluateAll((found) => found.map((one) => one.href));
  return all.filter((address) => {
    const { origin, pathname } = new URL(address);
    return origin === person.world.server && !/^\/(assets|api)\/|\.csv$|\/export/.test(pathname);
  });
}

/** A page has its heading and complains of nothing. */
async function isInOrder(person, address) {
  const headings = await person.page.getByRole("heading", { level: 1 }).allInnerTexts();
  if (headings.length !== 1 || !headings[0].trim()) person.complains(`${headings.length} main headings: ${address}`);
  const alerts = await person.page.getByRole("alert").allInnerTexts();
  if (alerts.length > 0) person.complains(`an error on ${address}: ${alerts}`);
}

/**
 * Walks from a page, or several, on; gives the kinds of pages seen. A link that leads nowhere is a complaint. `looks: false`: the
 * source is read and links are tried, nothing more.
 */
export async function walks(person, from, { looks = true } = {}) {
  const seen = new Set();
  const variants = new Map();
  const waiting = [from].flat().map((path) => new URL(path, person.world.server).href);
  while (waiting.length > 0) {
    const address = waiting.shift();
    const [what, path] = [kind(address), pattern(address)];
    const count = variants.get(path) ?? 0;
    if (seen.has(what) || count >= mostVariants) continue;
    seen.add(what);
    variants.set(path, count + 1);
    const { hash, pathname, search } = new URL(address);
    const status = await person.goes(pathname + search + hash);
    if (status >= 400) person.complains(`a link leads to ${status}: ${address}`);
    await isInOrder(person, address);
    if (looks) await person.looks(nameOf(what));
    waiting.push(...(await links(person)));
  }
  return [...seen];
}
