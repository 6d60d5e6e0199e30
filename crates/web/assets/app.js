// What pages have beyond their HTML; each works without, too: a run's progress
// by itself, buttons that copy, groups that are found while one types, rules
// that are dragged, addresses without what was said once.
(() => {
  "use strict";

  // Reads the page again and takes over its live part.
  const every = 1000;
  const poll = async () => {
    const live = document.querySelector("[data-live]");
    if (!live) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById(live.id);
        if (fresh && fresh.outerHTML !== live.outerHTML) live.replaceWith(fresh);
      }
    } catch {
      // Away for a moment: the next turn tries again.
    }
    setTimeout(poll, every);
  };
  setTimeout(poll, every);

  // A button beside everything there is to copy, where the browser lets a page copy.
  const copier = (from) => {
    const text = () => from.value ?? from.textContent;
    const button = document.createElement("button");
    const says = (word) => {
      button.textContent = word;
      button.setAttribute("aria-label", `${word} ${text()}`);
    };
    button.type = "button";
    button.className = "copier";
    says("Copy");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text());
      says("Copied");
      setTimeout(says, 2000, "Copy");
    });
    (from.closest("label") ?? from).after(button);
  };
  if (navigator.clipboard) document.querySelectorAll(".copy, input[readonly]").forEach(copier);

  const made = (name, properties, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };

  // Groups are found while one types: what the button Search would list opens
  // below the field, to be picked by arrow keys and Enter, or by pointer.
  class Finder {
    static pause = 250;
    #input;
    #form;
    #list;
    #told;
    #timer;
    #asked = new AbortController();
    #at = -1;

    constructor(input) {
      this.#input = input;
      this.#form = input.form;
      this.#list = made("ul", { id: "finds", role: "listbox", ariaLabel: "Groups", hidden: true });
      this.#told = made("p", { role: "status", className: "unseen" });
      input.closest(".finder").append(this.#list, this.#told);
      const says = { role: "combobox", "aria-autocomplete": "list", "aria-controls": "finds", "aria-expanded": "false" };
      for (const [name, value] of Object.entries(says)) input.setAttribute(name, value);
      input.addEventListener("input", () => this.#typed());
      input.addEventListener("keydown", (event) => this.#pressed(event));
      input.addEventListener("blur", () => this.#closes());
      // A press on an option leaves the focus where it is.
      this.#list.addEventListener("mousedown", (event) => event.preventDefault());
      this.#list.addEventListener("click", ({ target }) => this.#picks(target.closest("[role=option]")));
      this.#form.elements.group_id.addEventListener("input", () => this.#form.querySelector(".picked")?.remove());
    }

    get #options() {
      return [...this.#list.children];
    }

    // What was asked before is of no interest any more.
    #stops() {
      clearTimeout(this.#timer);
      this.#asked.abort();
      this.#closes();
    }

    // Asks when the typing rests.
    #typed() {
      this.#stops();
      document.getElementById("found").replaceChildren();
      const search = this.#input.value.trim();
      if (search) this.#timer = setTimeout(() => this.#asks(search), Finder.pause);
    }

    async #asks(search) {
      this.#asked = new AbortController();
      const { signal } = this.#asked;
      const query = new URLSearchParams({ scope: "group", connection_id: this.#form.elements.connection_id.value, search });
      try {
        const answer = await fetch(`${this.#input.dataset.finds}?${query}`, { headers: { Accept: "text/html" }, signal });
        if (!answer.ok) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const found = page.getElementById("found");
        if (found && !signal.aborted) this.#shows(found);
      } catch {
        // Another letter came, or nothing answers: the button says why.
      }
    }

    #shows(found) {
      const picks = [...found.querySelectorAll("[name=pick]")];
      this.#list.replaceChildren(...picks.map((pick, index) => this.#option(pick, index)));
      this.#told.textContent = picks.length === 1 ? "One group" : `${picks.length} groups`;
      if (picks.length === 0) {
        this.#closes();
        document.getElementById("found").replaceChildren(...found.children);
        return;
      }
      this.#opens(document.activeElement === this.#input);
    }

    #option(pick, index) {
      const name = made("span", {}, pick.textContent);
      const notes = [...pick.parentElement.querySelectorAll(".dim")];
      const option = made("li", { id: `finds-${index}`, role: "option", ariaSelected: "false" }, name, ...notes);
      option.dataset.pick = pick.value;
      return option;
    }

    #opens(isWanted) {
      this.#list.hidden = !isWanted;
      this.#input.setAttribute("aria-expanded", String(isWanted));
      this.#stands(-1);
    }

    #closes() {
      this.#opens(false);
    }

    // The option that Enter would pick; before the first and after the last there is none.
    #stands(at) {
      const options = this.#options;
      this.#at = at < -1 ? options.length - 1 : at >= options.length ? -1 : at;
      options.forEach((option, index) => (option.ariaSelected = String(index === this.#at)));
      const option = options[this.#at];
      if (option) this.#input.setAttribute("aria-activedescendant", option.id);
      else this.#input.removeAttribute("aria-activedescendant");
      option?.scrollIntoView({ block: "nearest" });
    }

    #pressed(event) {
      const isOpen = !this.#list.hidden;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && this.#options.length > 0) {
        if (!isOpen) this.#opens(true);
        this.#stands(this.#at + step);
      } else if (event.key === "Enter" && isOpen && this.#at >= 0) {
        this.#picks(this.#options[this.#at]);
      } else if (event.key === "Escape" && isOpen) {
        this.#stops();
      } else {
        return;
      }
      event.preventDefault();
    }

    // As the form itself would come back: the group lends the rule its name.
    #picks(option) {
      if (!option) return;
      const { group_id, group_name, named_group, name, scope } = this.#form.elements;
      const [, id, called] = option.dataset.pick.match(/^(\S*) ?(.*)$/s);
      if (!name.value || name.value === group_name.value) name.value = called;
      [group_id.value, named_group.value, group_name.value, scope.value] = [id, id, called, "group"];
      this.#form.querySelector(".picked")?.remove();
      if (called) {
        group_id.closest("label").after(made("p", { className: "picked" }, "is the group ", made("b", {}, called)));
      }
      this.#input.value = "";
      this.#list.replaceChildren();
      this.#stops();
      this.#told.textContent = `${called || id} is picked`;
    }
  }
  document.querySelectorAll("[data-finds]").forEach((input) => new Finder(input));

  // Rules are dragged to their place among those of their tenant, by a grip;
  // dropping one sends the form of its buttons, which shows first who is concerned.
  class Draggable {
    static #dragged = null;
    #row;
    #next;
    #isSent = false;

    constructor(row) {
      this.#row = row;
      const grip = made("span", { className: "grip", draggable: true, title: "Drag to reorder", ariaHidden: "true" });
      row.firstElementChild.prepend(grip);
      grip.addEventListener("dragstart", (event) => this.#starts(event));
      grip.addEventListener("dragend", () => this.#ends());
      row.addEventListener("dragover", (event) => Draggable.#dragged?.#passes(event, row));
      row.addEventListener("drop", (event) => Draggable.#dragged?.#drops(event));
    }

    #starts({ dataTransfer }) {
      dataTransfer.effectAllowed = "move";
      dataTransfer.setData("text/plain", this.#row.dataset.rule);
      dataTransfer.setDragImage(this.#row, 12, 12);
      Draggable.#dragged = this;
      this.#next = this.#row.nextElementSibling;
      this.#row.classList.add("dragged");
    }

    // The row makes room where the pointer is; other tenants' rows do not.
    #passes(event, over) {
      if (over.dataset.among !== this.#row.dataset.among) return;
      event.preventDefault();
      if (over === this.#row) return;
      const { top, height } = over.getBoundingClientRect();
      if (event.clientY < top + height / 2) over.before(this.#row);
      else over.after(this.#row);
    }

    #drops(event) {
      event.preventDefault();
      const next = this.#row.nextElementSibling;
      if (next === this.#next) return;
      const isFollowed = next?.dataset.among === this.#row.dataset.among;
      // What follows the row above may be on the next page, or not be what was searched for.
      const before = isFollowed ? next.dataset.rule : this.#row.previousElementSibling.dataset.next;
      const fields = before ? { to: "before", before } : { to: "end" };
      const form = this.#row.querySelector("form");
      for (const [name, value] of Object.entries(fields)) form.append(made("input", { type: "hidden", name, value }));
      this.#isSent = true;
      form.requestSubmit();
    }

    #ends() {
      Draggable.#dragged = null;
      this.#row.classList.remove("dragged");
      if (!this.#isSent) this.#row.parentElement.insertBefore(this.#row, this.#next);
    }
  }
  const ruled = [...document.querySelectorAll("tr[data-among]")];
  const has = (among) => ruled.filter((row) => row.dataset.among === among).length;
  ruled.filter((row) => has(row.dataset.among) > 1).forEach((row) => new Draggable(row));

  // What was said of a save is said once: a page that is read again does not repeat it.
  const here = new URL(location.href);
  if (here.searchParams.has("done")) {
    here.searchParams.delete("done");
    history.replaceState(null, "", here);
  }
})();
