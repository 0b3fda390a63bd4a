import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Schema } from "../api/client";
import { type Params, type View, link, noView } from "../lib/url";

export type Me = Schema["Me"];

export const SessionContext = createContext<Me | null>(null);

export function useMe(): Me | null {
  return useContext(SessionContext);
}

export function can(me: Me | null, permission: "read" | "write" | "manage"): boolean {
  return me?.permissions.includes(permission) ?? false;
}

/** The filter and the time range of the page, which every link carries on. */
export const ViewContext = createContext<View>(noView);

export function useView(): View {
  return useContext(ViewContext);
}

/** A link to a page that carries the view, with what is changed of it. */
export function carry(path: string, view: View, change: Params = {}): string {
  return link(path, { q: view.q, from: view.from, to: view.to }, change);
}
