import { useEffect, useState } from "preact/hooks";
import { askEarly } from "../api/client";
import { asksOf } from "../lib/asks";
import { type Params, changed } from "../lib/url";

/** The address: pages are shown by it alone, so that a link restores what was seen. */

const watchers = new Set<() => void>();

export function navigate(href: string, replace = false): void {
  if (href === location.pathname + location.search) return;
  askAhead(new URL(href, location.href)); // the next page is drawn while the answer is made
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  for (const f of watchers) f();
}

/** Asks for what the page of an address will, unless the page that is there has it. */
function askAhead(url: URL): void {
  const has = asksOf(location.pathname, location.search);
  for (const path of asksOf(url.pathname, url.search)) if (!has.includes(path)) askEarly(path);
}

export function useAddress(): { path: string; search: string } {
  const [address, set] = useState(() => ({ path: location.pathname, search: location.search }));
  useEffect(() => {
    const f = () => set({ path: location.pathname, search: location.search });
    watchers.add(f);
    addEventListener("popstate", f);
    f();
    return () => {
      watchers.delete(f);
      removeEventListener("popstate", f);
    };
  }, []);
  return address;
}

/** The address with other parameters. */
export function here(change: Params): string {
  return changed(location.pathname, location.search, change);
}

/** A part of what a page shows that its address has, so that a link restores it. */
export function useParam(name: string, fallback = ""): [string, (value: string) => void] {
  const value = new URLSearchParams(useAddress().search).get(name) ?? fallback;
  return [value, (v) => navigate(here({ [name]: v === fallback ? "" : v }), true)];
}

/** The same of a number. */
export function useCount(name: string, fallback: number, most: number): [number, (value: number) => void] {
  const [text, set] = useParam(name);
  const n = Math.trunc(Number(text));
  const fits = (v: number) => Math.min(most, Math.max(fallback, v));
  return [n > 0 ? fits(n) : fallback, (v) => set(v > fallback ? String(fits(v)) : "")];
}

/** The address that a press on a link goes to without asking the server for a page; null where it does not. */
function followed(e: MouseEvent): URL | null {
  if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return null;
  const a = e.target instanceof Element ? e.target.closest("a[href]") : null;
  if (!a || a.hasAttribute("download") || a.getAttribute("target")) return null;
  const href = a instanceof SVGElement ? a.getAttribute("href") : (a as HTMLAnchorElement).href;
  const url = new URL(href ?? "", location.href);
  if (url.origin !== location.origin || url.pathname.startsWith("/api/")) return null;
  if (url.hash && url.pathname === location.pathname && url.search === location.search) return null;
  return url;
}

/** Follows links within the pages. What the next page asks for first leaves when the button goes down. */
export function followLinks(): void {
  document.addEventListener("pointerdown", (e) => {
    const url = e.pointerType === "mouse" ? followed(e) : null; // a finger may be about to scroll
    if (url) askAhead(url);
  });
  document.addEventListener("click", (e) => {
    const url = followed(e);
    if (!url) return;
    e.preventDefault();
    const samePage = url.pathname === location.pathname;
    navigate(url.pathname + url.search);
    if (url.hash) document.querySelector(url.hash)?.scrollIntoView({ block: "start" });
    else if (!samePage) {
      scrollTo(0, 0);
      requestAnimationFrame(() => document.getElementById("main")?.focus({ preventScroll: true }));
    }
  });
}
