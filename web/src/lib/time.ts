/** Times in the zone of the viewer, and parts of time as the API spells them. */

export type Zone = string | undefined; // an IANA name; undefined for the viewer's

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: Zone, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = JSON.stringify([zone, options]);
  let f = formats.get(key);
  if (!f) {
    f = new Intl.DateTimeFormat("en-GB", { ...options, hourCycle: "h23", ...(zone ? { timeZone: zone } : {}) });
    formats.set(key, f);
  }
  return f;
}

function parts(ms: number, zone: Zone): Record<string, string> {
  // The viewer's zone and UTC a date knows by itself, in a tenth of the time; pages show hundreds.
  if (zone === undefined || zone === "UTC") {
    const d = zone ? new Date(ms) : new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
    const two = (n: number) => String(n).padStart(2, "0");
    return {
      year: String(d.getUTCFullYear()),
      month: two(d.getUTCMonth() + 1),
      day: two(d.getUTCDate()),
      hour: two(d.getUTCHours()),
      minute: two(d.getUTCMinutes()),
      second: two(d.getUTCSeconds()),
    };
  }
  const f = format(zone, { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return Object.fromEntries(f.formatToParts(ms).map((p) => [p.type, p.value]));
}

export function full(ms: number, zone?: Zone): string {
  const p = parts(ms, zone);
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}`;
}

/** "11-26 03:00" */
export function short(ms: number, zone?: Zone): string {
  const p = parts(ms, zone);
  return `${p.month}-${p.day} ${p.hour}:${p.minute}`;
}

export function clock(ms: number, zone?: Zone, seconds = false): string {
  const p = parts(ms, zone);
  return seconds ? `${p.hour}:${p.minute}:${p.second}` : `${p.hour}:${p.minute}`;
}

export function day(ms: number, zone?: Zone): string {
  return format(zone, { month: "short", day: "numeric" }).format(ms);
}

export function utc(ms: number): string {
  return `${full(ms, "UTC")} UTC`;
}

/** Both, where nothing can be shown on hover. */
export function withUTC(ms: number): string {
  return `${short(ms)} (${utc(ms)})`;
}

/** How many milliseconds the clock of a zone is ahead of UTC at a time. */
export function offset(ms: number, zone?: Zone): number {
  const p = parts(ms, zone);
  const asUTC = Date.UTC(Number(p.year), Number(p.month) - 1, Number(p.day), Number(p.hour), Number(p.minute), Number(p.second));
  return asUTC - Math.floor(ms / 1000) * 1000;
}

export function ago(ms: number, now: number): string {
  const s = Math.round((now - ms) / 1000);
  if (s < 0) return "to come";
  if (s < 60) return "just now";
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} d ago`;
}

/** The ranges that are offered by name. */
export const ranges: { from: string; name: string }[] = [
  { from: "now-1h", name: "last hour" },
  { from: "now-6h", name: "last 6 hours" },
  { from: "now-24h", name: "last 24 hours" },
  { from: "now-2d", name: "last 2 days" },
  { from: "now-7d", name: "last 7 days" },
  { from: "now-14d", name: "last 2 weeks" },
  { from: "now-30d", name: "last 30 days" },
];

const unit: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };

/** The moment that a text means, in milliseconds; null when it is none that this page can reckon. */
export function moment(text: string, now: number): number | null {
  if (text === "" || text === "now") return now;
  const relative = /^now-(\d{1,6})([smhdw])$/.exec(text);
  if (relative) return now - Number(relative[1]) * (unit[relative[2] ?? "s"] ?? 1) * 1000;
  if (!/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text)) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}

/** RFC 3339 in whole seconds, as the API takes it. */
export function rfc3339(ms: number): string {
  return `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** The value of an input of the type datetime-local, in the viewer's zone. */
export function localInput(ms: number, zone?: Zone): string {
  return full(ms, zone).slice(0, 16).replace(" ", "T");
}

export function rangeName(from: string, to: string, zone?: Zone): string {
  const known = ranges.find((r) => r.from === from);
  if (known && (to === "" || to === "now")) return known.name;
  const end = (text: string) => {
    const absolute = /^\d/.test(text) ? moment(text, 0) : null;
    return absolute === null ? text || "now" : short(absolute, zone);
  };
  return `${end(from)} to ${end(to)}`;
}

let zone = "";

/** The zone of the viewer; of none that is known by a name the clock is that of UTC. Asked once: the answer takes a millisecond. */
export function viewerZone(): string {
  if (!zone) {
    const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
    zone = name && name !== "Etc/Unknown" ? name : "UTC";
  }
  return zone;
}
