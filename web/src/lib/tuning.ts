import pieces from "./pieces.json";
import { type Params, link } from "./url";

/** Settings that are tried: values in YAML by their keys, as the API takes them. */
export type Changes = Record<string, string>;

/** What a slider reaches. Other values can be typed: what is wrong with them the service says. */
export interface Control {
  key: string;
  kind: "number" | "pair" | "hours" | "switch";
  min: number;
  max: number;
  step: number;
}

const control = (key: string, min: number, max: number, step: number, kind: Control["kind"] = "number"): Control => ({
  key,
  kind,
  min,
  max,
  step,
});

export const groups: { name: string; controls: Control[] }[] = [
  {
    name: "Statistics",
    controls: [
      control("beacon.min_beaconing_count_autocovariance", 0, 1, 0.01),
      control("beacon.max_jitter", 0, 1, 0.01),
      control("beacon.max_beaconing_count_rv", 0, 2, 0.01),
      control("beacon.max_beaconing_bytes_cov", 0, 2, 0.01),
      control("beacon.truncate_at", 0, 1, 0.05, "pair"),
      control("beacon.min_number_periods", 1, 24, 1),
      control("beacon.min_not_empty", 0, 1, 0.01),
      control("beacon.number_buckets_in_range", 60, 1440, 10),
      control("beacon.time_bucket_length", 10, 600, 10),
      control("beacon.number_destination_ips", 1, 50, 1),
    ],
  },
  {
    name: "Timing model",
    controls: [control("timing.lookback", 1, 336, 1, "hours"), control("timing.max_false_discovery_rate", 0.001, 0.2, 0.001)],
  },
  {
    name: "Rank",
    controls: [control("rank.rows_per_host_day", 0, 20, 0.5), control("rank.min_score", 0, 100, 1)],
  },
  {
    name: "Filter",
    controls: [control("filter.enabled", 0, 1, 1, "switch"), control("filter.ignore_case", 0, 1, 1, "switch")],
  },
];

export interface Weight extends Control {
  name: string;
  when: string;
  points: number;
}

/** The points of the rank by piece. Levels that say nothing have none to set. */
export const weights: { name: string; say: string; levels: Weight[] }[] = pieces.map((p) => ({
  name: p.name,
  say: p.say,
  levels: p.levels
    .filter((l) => l.speaks !== "plain")
    .map((l) => ({
      ...control(`rank.weights.${p.name}.${l.name}`, l.speaks === "for" ? 0 : -50, l.speaks === "against" ? 0 : 20, 0.1),
      name: l.name,
      when: l.when,
      points: l.points,
    })),
}));

const known = new Set([...groups.flatMap((g) => g.controls), ...weights.flatMap((w) => w.levels)].map((c) => c.key));

/** Whether the page has a place for a setting. */
export function hasControl(key: string): boolean {
  return known.has(key);
}

/** The numbers of a value for its sliders; none where it has other text. */
export function numbersOf(kind: Control["kind"], text: string): number[] {
  const number = (t: string) => (/^\s*-?(\d+\.?\d*|\.\d+)(e-?\d+)?\s*$/i.test(t) ? Number(t) : Number.NaN);
  let all: number[];
  if (kind === "pair") {
    const m = /^\s*\[([^,\]]*),([^,\]]*)\]\s*$/.exec(text);
    all = m ? [number(m[1] ?? ""), number(m[2] ?? "")] : [];
  } else if (kind === "hours") {
    const m = /^\s*(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?\s*$/.exec(text);
    all = m && text.trim() ? [Number(m[1] ?? 0) + Number(m[2] ?? 0) / 60 + Number(m[3] ?? 0) / 3600] : [];
  } else all = [number(text)];
  return all.some(Number.isNaN) ? [] : all;
}

/** The value that sliders stand for. */
export function textOf(kind: Control["kind"], numbers: readonly number[]): string {
  if (kind === "pair") return `[${numbers.join(", ")}]`;
  return kind === "hours" ? `${numbers[0]}h` : String(numbers[0]);
}

/** Values that mean the same, however they are written. */
export function same(kind: Control["kind"], a: string, b: string): boolean {
  const x = numbersOf(kind, a);
  const y = numbersOf(kind, b);
  return a.trim() === b.trim() || (x.length > 0 && x.length === y.length && x.every((n, i) => n === y[i]));
}

/** Changes with another value for a key; one that is in force anyway is none. */
export function withChange(changes: Changes, c: Pick<Control, "key" | "kind">, value: string, inForce: string): Changes {
  const { [c.key]: _, ...rest } = changes;
  return value.trim() === "" || same(c.kind, value, inForce) ? rest : { ...rest, [c.key]: value };
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

export function trialLink(t: Trial): string {
  const first: Params = { end: t.end };
  const path = link("/tuning", first);
  const sets = Object.keys(t.set)
    .sort()
    .map((k) => `set=${encodeURIComponent(`${k}=${t.set[k]}`)}`);
  return sets.length === 0 ? path : `${path}${t.end ? "&" : "?"}${sets.join("&")}`;
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

/** The setting that adds values to a set of the filter, beside those that settings add already. */
export function extension(set: string, added: readonly string[], values: readonly string[]): Changes {
  const all = [...new Set([...added, ...values])];
  return values.length === 0 ? {} : { [`filter.sets.${set}.add`]: `[${all.map((v) => JSON.stringify(v)).join(", ")}]` };
}
