import type { Schema } from "../api/client";

export type Finding = Schema["Finding"];
export type Timer = Schema["FindingTimer"];
export type Stats = Schema["FindingStats"];

/** The timer of a finding, where the timing model found one. */
export function timerOf(f: Finding): Timer | null {
  const t = f.fresnel.timing;
  return t?.found ? (t as Timer) : null;
}

/** The statistics of the four tests, where there were enough events for them. */
export function statsOf(f: Finding): Stats | null {
  return "beaconing_score" in f.beacon_stats ? (f.beacon_stats as Stats) : null;
}

export function hostOf(f: Finding): { field: string; value: string } {
  return f.host?.name !== undefined
    ? { field: "host.name", value: f.host.name }
    : { field: "source.ip", value: String(f.source?.ip ?? "") };
}

export function placeOf(f: Finding): string {
  const d = f.fresnel.destination;
  return String(d?.domain ?? d?.ip ?? f.destination?.ip ?? statsOf(f)?.destination_ips[0] ?? "");
}

/** A document as rows of field and value, as they are spelt in queries. */
export function flat(value: unknown, name = ""): [string, string][] {
  if (Array.isArray(value)) {
    if (value.every((v) => typeof v !== "object" || v === null)) return [[name, value.join(", ")]];
    return value.flatMap((v, i) => flat(v, `${name}[${i}]`));
  }
  if (typeof value === "object" && value !== null) return Object.entries(value).flatMap(([k, v]) => flat(v, name ? `${name}.${k}` : k));
  return [[name, String(value)]];
}

export const kinds: Record<Timer["kind"], string> = {
  sleep: "a loop that sleeps between its calls",
  clock: "calls at set times, as a scheduled task does",
  mixture: "a timer among other calls",
  growing: "gaps that grow",
};

/** The names of the four tests for people, by their fields under beacon_stats. */
export const tests: [keyof Stats & string, string, string][] = [
  ["low_source_bytes_variation", "src", "bytes sent vary little"],
  ["low_destination_bytes_variation", "dst", "bytes received vary little"],
  ["low_count_variation", "cnt", "counts vary little"],
  ["periodic", "per", "counts are periodic"],
];
