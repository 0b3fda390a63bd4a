import { useEffect, useState } from "preact/hooks";

/** The address: pages are shown by it alone, so that a link restores what was seen. */

const changed = new Set<() => void>();

export function navigate(href: string, replace = false): void {
  if (href === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  for (const f of changed) f();
}

export function useAddress(): { path: string; search: string } {
  const [address, set] = useState(() => ({ path: location.pathname, search: location.search }));
  useEffect(() => {
    const f = () => set({ path: location.pathname, search: location.search });
    changed.add(f);
    addEventListener("popstate", f);
    f();
    return () => {
      changed.delete(f);
      removeEventListener("popstate", f);
    };
  }, []);
  return address;
}

/** Follows links within the pages without asking the server for a page. */
export function followLinks(): void {
  document.addEventListener("click", (e) => {
    if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    const a = e.target instanceof Element ? e.target.closest("a[href]") : null;
    if (!a || a.hasAttribute("download") || a.getAttribute("target")) return;
    const href = a instanceof SVGElement ? a.getAttribute("href") : (a as HTMLAnchorElement).href;
    const url = new URL(href ?? "", location.href);
    if (url.origin !== location.origin || url.pathname.startsWith("/api/")) return;
    if (url.hash && url.pathname === location.pathname && url.search === location.search) return;
    e.preventDefault();
    const samePage = url.pathname === location.pathname;
    navigate(url.pathname + url.search);
    if (!samePage) {
      scrollTo(0, 0);
      requestAnimationFrame(() => document.getElementById("main")?.focus({ preventScroll: true }));
    }
  });
}
