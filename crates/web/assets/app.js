// What pages have beyond their HTML; each works without, too: a run's progress
// by itself, buttons that copy, addresses without what was said once.
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

  // What was said of a save is said once: a page that is read again does not repeat it.
  const here = new URL(location.href);
  if (here.searchParams.has("done")) {
    here.searchParams.delete("done");
    history.replaceState(null, "", here);
  }
})();
