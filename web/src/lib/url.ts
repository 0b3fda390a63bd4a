/** What a page shows, as the address bar has it: whoever opens the link sees the same. */

export interface View {
  q: string;
  from: string; // "" is the page's default
  to: string; // "" is now
}

export const noView: View = { q: "", from: "", to: "" };

export function viewOf(search: string): View {
  const p = new URLSearchParams(search);
  return { q: p.get("q") ?? "", from: p.get("from") ?? "", to: p.get("to") ?? "" };
}

export type Params = Record<string, string | number | boolean | undefined>;

/** A path with parameters; those that are empty are left out. */
export function link(path: string, ...params: Params[]): string {
  return changed(path, "", Object.assign({}, ...params));
}

/** An address with other parameters; those that are empty are left out. */
export function changed(path: string, search: string, change: Params): string {
  const p = new URLSearchParams(search);
  for (const [k, v] of Object.entries(change)) {
    if (v === undefined || v === "" || v === false) p.delete(k);
    else p.set(k, String(v));
  }
  const text = p.toString().replaceAll("+", "%20");
  return text ? `${path}?${text}` : path;
}

/** A value as the query language quotes it. */
export function quoted(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

export function clause(field: string, value: string): string {
  return `${field}: ${quoted(value)}`;
}

/** Both queries at once. What has an "or" stands in parentheses. */
export function and(...queries: string[]): string {
  const all = queries.map((q) => q.trim()).filter((q) => q !== "" && q !== "*");
  if (all.length < 2) return all[0] ?? "";
  return all.map((q) => (loose(q) ? `(${q})` : q)).join(" and ");
}

function loose(q: string): boolean {
  const bare = q.replace(/"(?:\\.|[^"\\])*"/g, '""').replace(/\\./g, "_");
  return /(^|[\s()])or([\s()]|$)/i.test(bare);
}

/** The pages whose addresses have no more than their name. The overview has none. */
const names = ["findings", "hosts", "tuning", "filters", "runs", "inputs", "config", "users", "keys", "audit", "account"] as const;

export type Name = "overview" | (typeof names)[number];

export type Route = { page: Name | "nowhere" } | { page: "finding" | "case"; id: string };

export function routeOf(path: string): Route {
  const [first = "", second, ...more] = path.replace(/^\/+|\/+$/g, "").split("/");
  if (second === undefined) return { page: first === "" ? "overview" : (names.find((n) => n === first) ?? "nowhere") };
  if (more.length === 0 && first === "findings" && /^[0-9a-f]{64}$/.test(second)) return { page: "finding", id: second };
  if (more.length === 0 && first === "cases" && /^[0-9a-f]{32}$/.test(second)) return { page: "case", id: second };
  return { page: "nowhere" };
}
