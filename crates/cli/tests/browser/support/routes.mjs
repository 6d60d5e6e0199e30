// The pages that the server's router has, read from its source, so that a story about every page fails when a page is
// added that it does not come to. What is not understood there is an error, never a page less.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { repository } from "./programs.mjs";

const sources = `${repository}crates/web/src/`;

/** Addresses that are answered with something else than a page. */
const others = new Set(["/assets/{}", "/sign-in/microsoft", "/portal/profile", "/people/{}"]);

/** The addresses that a piece of a router shows a page at, as they are written there. */
function shown(source) {
  const routes = source.split(/\.route\(/).slice(1);
  const read = routes.map((text) => /^\s*(?:&at\()?"([^"]+)"\)?,([^;]*)/.exec(text));
  assert.ok(read.every(Boolean), `a route is written in a new way: ${source}`);
  return read.filter(([, , methods]) => /\bget\(/.test(methods)).map(([, path]) => path);
}

/** Where something is nested. */
function placeOf(source, name) {
  const places = [...source.matchAll(/\.nest\(\s*"([^"]+)",\s*([a-z_:]+)/g)];
  const known = ["provision", "admin::router", "portal::router", "me::router"];
  assert.deepEqual(places.map(([, , what]) => what).sort(), known.toSorted(), "the router nests something else");
  return places.find(([, , what]) => what === name)[1];
}

/** The part of a source from one text to another; and what is left without it. */
function cut(source, from, to) {
  const begin = source.indexOf(from);
  const end = source.indexOf(to, begin);
  assert.ok(begin >= 0 && end > begin, `the router has no ${from}`);
  return [source.slice(begin, end), source.slice(0, begin) + source.slice(end)];
}

/** Every page's address, ids and names as `{}`. */
export async function pages() {
  const read = (name) => readFile(`${sources}pages${name}.rs`, "utf8");
  const whole = await read("");
  const [provision, more] = cut(whole, "let provision", "\n    Router::new()");
  const [byHand, rest] = cut(more, "fn by_hand", "\n}\n");
  const bases = [...whole.matchAll(/by_hand\("([^"]+)"/g)].map(([, base]) => base);
  assert.ok(bases.length > 0, "nothing is done by hand");
  const found = [
    ...shown(rest),
    ...shown(provision).map((path) => placeOf(whole, "provision") + path),
    ...bases.flatMap((base) => shown(byHand).map((path) => base + path)),
  ];
  for (const name of ["admin", "portal", "me"]) {
    const prefix = placeOf(whole, `${name}::router`);
    found.push(...shown(await read(`/${name}`)).map((path) => prefix + path));
  }
  const all = found.map((path) => path.replaceAll(/\{[^}]*\}/g, "{}").replace(/(?<=.)\/$/, ""));
  return [...new Set(all)].filter((path) => !others.has(path)).sort();
}

/** The pages that none of these paths leads to. */
export async function missed(paths) {
  const all = await pages();
  const holes = (path) => path.split("{}").length;
  const fits = (page, path) => new RegExp(`^${page.replaceAll("{}", "[^/]+")}$`).test(path);
  // A path is of the page that names most of it: `/new` is no `/{id}`.
  const pageOf = (path) => all.filter((page) => fits(page, path)).sort((a, b) => holes(a) - holes(b))[0];
  const seen = new Set(paths.map(pageOf));
  return all.filter((page) => !seen.has(page));
}
