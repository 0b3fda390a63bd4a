import { viewerZone } from "./time";
import { type Params, type View, link, routeOf, viewOf } from "./url";

/** What pages ask the API for first, so that it can be asked for before they are there. */

export const defaultFrom = "now-6h";
export const hostsFrom = "now-14d";

/** The parameters of the API for a view. */
export function ask(view: View, fallback = defaultFrom): Params {
  return { q: view.q, from: view.from || fallback, to: view.to };
}

export const byRisk = "event.risk_score";

/** Which findings, in which order. */
export interface Listing {
  sort: string;
  order: "asc" | "desc";
  all: boolean;
}

export function listingOf(search: string): Listing {
  const p = new URLSearchParams(search);
  return { sort: p.get("sort") || byRisk, order: p.get("order") === "asc" ? "asc" : "desc", all: p.get("view") === "all" };
}

/** Of the first page of findings the facets are wanted as well. */
export function findingsAsk(view: View, { sort, order, all }: Listing, facets: boolean): string {
  // Two screens: each row costs time to read and to draw.
  return link("/api/v1/findings", ask(view), { sort, order, view: all ? "all" : "", limit: 25, facets });
}

export const findingAsk = (id: string) => `/api/v1/findings/${id}`;
export const picturesAsk = (id: string) => link(`/api/v1/findings/${id}/pictures`, { tz: viewerZone() });
export const overviewAsk = (view: View) => link("/api/v1/overview", ask(view));

/** How many steps the lines of hosts have at most: an hour each over two weeks. */
const points = 340;
export const hostsAsk = (view: View) => link("/api/v1/overview", ask(view, hostsFrom), { points });

/** What the page of an address asks for at once. */
export function asksOf(path: string, search: string): string[] {
  const route = routeOf(path);
  const view = viewOf(search);
  switch (route.page) {
    case "overview":
      return [overviewAsk(view)];
    case "findings":
      return [findingsAsk(view, listingOf(search), true)];
    case "finding":
      return [findingAsk(route.id), picturesAsk(route.id)];
    case "hosts":
      return [hostsAsk(view)];
  }
  return [];
}
