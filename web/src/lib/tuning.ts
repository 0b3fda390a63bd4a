import type { Schema } from "../api/client";
import about from "./pieces.json";
import { link } from "./url";

/** Settings that are tried: values in YAML by their keys, as the API takes them. */
export type Changes = Record<string, string>;

type Kind = Schema["Bounds"]["kind"];

/** A setting that can be tried, and what a slider of it reaches. Other values can be typed: what is wrong with them the service says. */
export interface Control {
  key: string;
  name: string;
  doc: string;
  kind: Kind;
  min: number;
  max: number;
  step: number;
  choices: string[];
  /** The value in force. */
  now: string;
  /** The one that ships. */
  standard: string;
}

/** What sliders reach where the bounds of the service go further than anybody would look, or have no end. */
const reach: Record<string, [min: number, max: number]> = {
  "beacon.number_buckets_in_range": [60, 1440],
  "beacon.time_bucket_length": [10, 600],
  "beacon.number_destination_ips": [1, 50],
  "beacon.max_beaconing_bytes_cov": [0, 2],
  "beacon.max_beaconing_count_rv": [0, 2],
  "beacon.min_beaconing_count_autocovariance": [0, 1],
  "beacon.min_number_periods": [1, 24],
  "timing.lookback": [3600, 14 * 86400],
  "rank.rows_per_host_day": [0, 20],
};

function controlOf(of: Omit<Control, "kind" | "min" | "max" | "step" | "choices">, bounds: Schema["Bounds"]): Control {
  const step = bounds.step ?? 1;
  const [min, max] = reach[of.key] ?? [(bounds.min ?? 0) + (bounds.min_excluded ? step : 0), bounds.max ?? 100];
  return { ...of, kind: bounds.kind, min, max, step, choices: bounds.choices ?? [] };
}

const groupNames = [
  ["Statistics", /^beacon\./],
  ["Timing model", /^timing\./],
  ["Rank", /^rank\./],
  ["Filter", /^filter\./],
  ["What is found", /^(detector|group_by)$/],
] as const;

/** What detection looks for, by its parts. */
export function groupsOf(settings: readonly Schema["Setting"][]): { name: string; controls: Control[] }[] {
  return groupNames.map(([name, keys]) => ({
    name,
    controls: settings.flatMap((s) =>
      s.bounds && keys.test(s.key)
        ? controlOf({ key: s.key, name: s.key.slice(s.key.indexOf(".") + 1), doc: s.doc, now: s.value, standard: s.default }, s.bounds)
        : [],
    ),
  }));
}

export interface Piece {
  name: string;
  about: string;
  levels: Control[];
}

/** The points of the rank, by piece of evidence. */
export function piecesOf(weights: readonly Schema["Weight"][]): Piece[] {
  const pieces = new Map<string, Piece>();
  for (const w of weights) {
    const piece = pieces.get(w.piece) ?? { name: w.piece, about: (about as Record<string, string>)[w.piece] ?? "", levels: [] };
    pieces.set(w.piece, piece);
    const of = { key: w.key, name: `${w.piece}.${w.level}`, doc: w.doc, now: String(w.points), standard: String(w.default) };
    piece.levels.push(controlOf(of, w.bounds));
  }
  return [...pieces.values()];
}

const sizes: Record<string, number> = { h: 3600, m: 60, s: 1 };

/** The numbers of a value for its sliders, lengths of time in seconds; none where it has other text. */
export function numbersOf(kind: Kind, text: string): number[] {
  const number = (t: string) => (/^\s*-?(\d+\.?\d*|\.\d+)(e-?\d+)?\s*$/i.test(t) ? Number(t) : Number.NaN);
  let all: number[] = [];
  if (kind === "pair") all = (/^\s*\[([^,\]]*),([^,\]]*)\]\s*$/.exec(text) ?? []).slice(1).map(number);
  else if (kind === "duration") {
    const parts = [...text.matchAll(/(\d+)([hms])/g)];
    if (parts.length > 0 && parts.map((p) => p[0]).join("") === text.trim())
      all = [parts.reduce((sum, [, n, unit = ""]) => sum + Number(n) * (sizes[unit] ?? 0), 0)];
  } else if (kind === "number" || kind === "whole") all = [number(text)];
  return all.some(Number.isNaN) ? [] : all;
}

/** The value that sliders stand for. */
export function textOf(kind: Kind, numbers: readonly number[]): string {
  if (kind === "pair") return `[${numbers.join(", ")}]`;
  const n = numbers[0] ?? 0;
  if (kind !== "duration") return String(n);
  const unit = Object.keys(sizes).find((u) => n % (sizes[u] ?? 1) === 0) ?? "s";
  return `${n / (sizes[unit] ?? 1)}${unit}`;
}

/** Values that mean the same, however they are written. */
export function same(kind: Kind, a: string, b: string): boolean {
  const x = numbersOf(kind, a);
  const y = numbersOf(kind, b);
  return a.trim() === b.trim() || (x.length > 0 && x.length === y.length && x.every((n, i) => n === y[i]));
}

/** Changes with another value for a key; one that is in force anyway is none. */
export function withChange(changes: Changes, c: Pick<Control, "key" | "kind" | "now">, value: string): Changes {
  const { [c.key]: _, ...rest } = changes;
  return value.trim() === "" || same(c.kind, value, c.now) ? rest : { ...rest, [c.key]: value };
}

const leftOut = (clause: string) => `{name: ${JSON.stringify(clause)}, remove: true}`;

/** Whether settings of filter.include or filter.exclude leave a clause out. */
export function isLeftOut(value: string, clause: string): boolean {
  return value.includes(leftOut(clause));
}

/** Settings of filter.include or filter.exclude that leave a clause out, or do no longer; null where the value is written so that it cannot be told. */
export function leaveOut(value: string, clause: string, out: boolean): string | null {
  const list = /^\s*(?:\[(.*)\]\s*)?$/s.exec(value);
  if (!list) return null;
  const rest = (list[1] ?? "")
    .split(leftOut(clause))
    .join("")
    .replace(/,\s*,/, ",")
    .replace(/^[\s,]+|[\s,]+$/g, "");
  return `[${[rest, out ? leftOut(clause) : ""].filter((part) => part !== "").join(", ")}]`;
}

export interface Trial {
  set: Changes;
  end: string; // "" is the newest run
}

/** What the address of the page has: set=KEY=VALUE for each change. */
export function trialOf(search: string): Trial {
  const p = new URLSearchParams(search);
  const set: Changes = {};
  for (const one of p.getAll("set")) {
    const at = one.indexOf("=");
    if (at > 0) set[one.slice(0, at)] = one.slice(at + 1);
  }
  return { set, end: p.get("end") ?? "" };
}

/** The address of the page for a trial, with what else an address has. */
export function trialLink(t: Trial, search = ""): string {
  const others = Object.fromEntries([...new URLSearchParams(search)].filter(([k]) => k !== "set"));
  const path = link("/tuning", others, { end: t.end });
  const sets = Object.keys(t.set)
    .sort()
    .map((k) => `set=${encodeURIComponent(`${k}=${t.set[k]}`)}`);
  return sets.length === 0 ? path : `${path}${path.includes("?") ? "&" : "?"}${sets.join("&")}`;
}

/** Values as people type them, one on a line or between commas. */
export function valuesOf(text: string): string[] {
  return [
    ...new Set(
      text
        .split(/[\n,]/)
        .map((v) => v.trim())
        .filter((v) => v !== ""),
    ),
  ];
}

/** A list of texts in YAML. */
export function listOf(values: readonly string[]): string {
  return `[${values.map((v) => JSON.stringify(v)).join(", ")}]`;
}

/** What is to be other in a set of the filter. */
export interface SetChange {
  add: string[];
  remove: string[];
  /** Values that settings remove, and that come back. */
  back: string[];
}

/** The settings that make it so, beside what settings add and remove already. */
export function settingsOf(set: Schema["FilterSet"], change: SetChange): Changes {
  const without = (list: readonly string[], gone: readonly string[]) => list.filter((v) => !gone.includes(v));
  const back = [...change.back, ...change.add.filter((v) => set.removed.includes(v))];
  const added = [...without(set.added, change.remove), ...without(change.add, [...set.values, ...set.removed])];
  const removed = [...without(set.removed, back), ...without(change.remove, set.added)];
  const changes: Changes = {};
  if (listOf(added) !== listOf(set.added)) changes[`filter.sets.${set.name}.add`] = listOf(added);
  if (listOf(removed) !== listOf(set.removed)) changes[`filter.sets.${set.name}.remove`] = listOf(removed);
  return changes;
}
