/** Keys of all pages: what is typed into a field stays there. */
export function watchKeys(help: () => void): () => void {
  const key = (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
    const at = e.target instanceof HTMLElement ? e.target : null;
    if (at && (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName))) return;
    if (document.querySelector("dialog[open]")) return;
    switch (e.key) {
      case "/": {
        // Pages without the filter have a list that is searched, or nothing to filter.
        const filter = document.querySelector<HTMLInputElement>("#filter, main input[type=search]");
        if (!filter) return;
        e.preventDefault();
        filter.focus();
        filter.select();
        return;
      }
      case "?":
        e.preventDefault();
        help();
        return;
      case "j":
      case "k":
        e.preventDefault();
        step(e.key === "j" ? 1 : -1);
    }
  };
  document.addEventListener("keydown", key);
  return () => document.removeEventListener("keydown", key);
}

/** Moves from row to row of the lists of the page; what can be followed there gets the focus. */
function step(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const at = rows.findIndex((r) => r.contains(document.activeElement));
  const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1)];
  if (!next) return;
  const target = next.matches("a, button") ? next : next.querySelector<HTMLElement>(".row-link, a, button, select");
  if (target) target.focus();
  else {
    next.tabIndex = -1;
    next.focus();
  }
  next.scrollIntoView({ block: "nearest" });
}
