// A person at a browser: goes, reads, types, presses, the way people do it: by the words on the page. Whatever the
// browser complains about on Rollcall's pages is kept, and is a failure when the person leaves.
import assert from "node:assert/strict";
import { desktop, looked, none, phone, pictureOf, validated } from "./looks.mjs";

const patience = 10_000;

/** The path of an address with ids left out: what tells pages apart. */
export function pattern(address) {
  // Ids, and names such as a security role's: nothing else has capitals.
  return new URL(address).pathname.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|(?<=\/)[A-Z][^/]*/g, "{id}");
}

export class Person {
  #context;
  #complaints = [];
  #read = new Set();
  #documents = [];
  /** What it took: pages seen, things pressed, fields filled. */
  steps = { pages: 0, presses: 0, fields: 0 };

  static async at(browser, world, story, { onPhone = false, script = true } = {}) {
    const person = new Person();
    person.world = world;
    person.story = story;
    person.hasScript = script;
    const viewport = onPhone ? phone : desktop;
    person.#context = await browser.newContext({
      viewport, baseURL: world.server, javaScriptEnabled: script, isMobile: onPhone, hasTouch: onPhone,
      reducedMotion: "reduce",
    });
    person.page = await person.#context.newPage();
    person.page.setDefaultTimeout(patience);
    person.#listen();
    return person;
  }

  #isOurs(address) {
    return address.startsWith(this.world.server);
  }

  #listen() {
    const { page } = this;
    page.on("pageerror", (error) => this.#complaints.push(`script: ${error}`));
    page.on("console", (message) => {
      const refusal = /^Failed to load resource: the server responded with a status of [45]\d\d/.test(message.text());
      const isPage = message.location().url === page.url() && refusal;
      if (["error", "warning"].includes(message.type()) && this.#isOurs(page.url()) && !isPage) {
        this.#complaints.push(`console: ${message.text()} (${message.location().url} on ${page.url()})`);
      }
    });
    page.on("request", (request) => {
      const isNavigation = request.isNavigationRequest();
      if (this.#isOurs(page.url()) && !isNavigation && !this.#isOurs(request.url())) {
        this.#complaints.push(`asks another host: ${request.url()}`);
      }
    });
    page.on("response", (response) => {
      if (!this.#isOurs(response.url())) return;
      if (response.status() >= 500 && response.status() !== 502) {
        this.#complaints.push(`${response.status()} from ${response.url()}`);
      }
      const isDocument = response.request().isNavigationRequest() && !response.headers().location;
      if (isDocument) this.#documents.push(this.#reads(response));
    });
  }

  async #reads(response) {
    this.steps.pages += 1;
    const source = await response.text();
    for (const complaint of await validated(source, pattern(response.url()))) {
      if (!this.#read.has(complaint)) this.#complaints.push(complaint);
      this.#read.add(complaint);
    }
  }

  async #arrives() {
    await this.page.waitForLoadState("load");
    await Promise.all(this.#documents.splice(0));
  }

  /** Types an address; gives the status of what came. */
  async goes(path) {
    const response = await this.page.goto(path);
    await this.#arrives();
    return response?.status();
  }

  complains(what) {
    this.#complaints.push(what);
  }

  get path() {
    const { pathname, search } = new URL(this.page.url());
    return pathname + search;
  }

  /** Presses a button or follows a link that leads to another page. */
  async presses(name, { within = this.page, kind = "button", exact = true } = {}) {
    this.steps.presses += 1;
    const target = within.getByRole(kind, { name, exact });
    const moved = this.page.waitForEvent("framenavigated", (frame) => frame === this.page.mainFrame());
    await Promise.all([moved, target.click()]);
    await this.#arrives();
  }

  async follows(name, options) {
    await this.presses(name, { kind: "link", ...options });
  }

  async types(label, text, { within = this.page } = {}) {
    this.steps.fields += 1;
    await within.getByLabel(label, { exact: true }).fill(text);
  }

  async chooses(label, option, { within = this.page } = {}) {
    this.steps.fields += 1;
    await within.getByRole("combobox", { name: label, exact: true }).selectOption({ label: option });
  }

  async ticks(label, { within = this.page } = {}) {
    this.steps.fields += 1;
    await within.getByLabel(label, { exact: true }).check();
  }

  section(heading) {
    const holds = this.page.getByRole("heading", { name: heading });
    return this.page.locator("form, section, article").filter({ has: holds }).last();
  }

  /** The words are on the page, where a person can see them. */
  async reads(...words) {
    for (const text of words) {
      await this.page.getByText(text).filter({ visible: true }).first().waitFor().catch(async (error) => {
        const shown = await this.page.locator("body").innerText();
        throw new Error(`${this.page.url()} does not say ${text}. It says:\n${shown}`, { cause: error });
      });
    }
  }

  async readsNot(...words) {
    for (const text of words) {
      const count = await this.page.getByText(text).filter({ visible: true }).count();
      assert.equal(count, 0, `${this.page.url()} says ${text}`);
    }
  }

  /** Reads the page again until it says so; a page with a script does that by itself. */
  async waitsFor(words, { reload = true } = {}) {
    const end = Date.now() + patience;
    while (Date.now() < end) {
      if (await this.page.getByText(words).filter({ visible: true }).count()) return;
      await this.page.waitForTimeout(150);
      if (reload) await this.goes(this.path);
    }
    await this.reads(words);
  }

  /** Every pair of eyes on the page as it is now. They need scripts; without, the page's source has been read. */
  async looks(screen) {
    if (this.hasScript) this.#complaints.push(...(await looked(this.page, this.story, screen)));
  }

  /** The page as it is, for whoever looks into a failure. */
  async pictures(screen) {
    await this.page.screenshot({ path: await pictureOf(this.story, screen), fullPage: true });
  }

  /** Goes away; whatever was wrong on the way is told now. */
  async leaves() {
    await Promise.all(this.#documents.splice(0));
    await this.#context.close();
    none(this.#complaints);
  }

  /** Picks an account on the sign-in page of the emulator. */
  async picksAccount(upn) {
    await this.presses(new RegExp(upn.replaceAll(".", "\\.")), { exact: false });
  }

  /** Signs in at Microsoft's pages, and says yes when asked for consent. */
  async signsInWithMicrosoft(upn) {
    await this.goes("/");
    await this.follows("Sign in with Microsoft");
    await this.picksAccount(upn);
    if (await this.page.getByRole("button", { name: "Accept" }).count()) await this.presses("Accept");
  }
}
