// Live progress of a run: reads the page again and takes over its live part.
// Without this script the page shows the state at its loading.
(() => {
  "use strict";
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
})();
