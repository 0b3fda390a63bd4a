/** Completion of queries (docs/query.md). */

export interface Field {
  name: string;
  type: string;
  values?: string[];
  doc?: string;
}

export interface Option {
  label: string;
  insert: string; // takes the place of the text from Completion.from to Completion.to
  detail: string;
}

export interface Completion {
  from: number;
  to: number;
  options: Option[];
  /** The field whose values are asked for, with what has been typed of one. */
  value?: { field: Field; prefix: string };
}

/** A value that there is, and what is known of it. */
export interface Value {
  value: string;
  detail: string;
}

const ends = new Set([" ", "\t", "(", ")", "{", "}", ":", "<", ">", "="]);

/** Where the word that the caret stands in or behind begins; an open quote makes all behind it one word. */
function wordStart(text: string, caret: number): { start: number; quoted: boolean } {
  let start = 0;
  let quote = -1;
  for (let i = 0; i < caret; i++) {
    const c = text[i] ?? "";
    if (c === "\\") {
      i++;
      continue;
    }
    if (c === '"') quote = quote < 0 ? i : -1;
    else if (quote < 0 && ends.has(c)) start = i + 1;
  }
  return quote >= 0 ? { start: quote, quoted: true } : { start, quoted: false };
}

/** What stands before the word: the field that it is a value of, or whether a clause has ended. */
function before(text: string): { field: string } | "clause" | "field" {
  const value = /([^\s(){}:<>="]+)\s*(?::|<=?|>=?)\s*(?:\((?:[^()"]|"(?:\\.|[^"\\])*")*)?$/.exec(text);
  if (value?.[1]) {
    // A list goes on behind "or", "and" and "not", not behind a value.
    const list = /\(((?:[^()"]|"(?:\\.|[^"\\])*")*)$/.exec(value[0])?.[1];
    if (list === undefined || list.trim() === "" || /(^|\s)(and|or|not)\s*$/i.test(list)) return { field: value[1] };
    return "clause";
  }
  const bare = text.trimEnd();
  if (bare === "" || /[({]$/.test(bare) || /(^|[\s(])(and|or|not)$/i.test(bare)) return "field";
  return "clause";
}

/** The objects whose brace is open: names stand there without theirs. */
function within(text: string): string {
  const open: string[] = [];
  for (const m of text.matchAll(/"(?:\\.|[^"\\])*"?|([^\s(){}:<>="]+)\s*:\s*\{|\}/g)) {
    if (m[1]) open.push(`${open.at(-1) ?? ""}${m[1]}.`);
    else if (m[0] === "}") open.pop();
  }
  return open.at(-1) ?? "";
}

function rank(name: string, word: string): number {
  const n = name.toLowerCase();
  if (n.startsWith(word)) return 0;
  if (n.split(".").some((part) => part.startsWith(word))) return 1;
  return n.includes(word) ? 2 : 3;
}

// What analysts ask for most stands first; the rest by name.
const first = [
  "host.name",
  "process.name",
  "event.risk_score",
  "fresnel.destination.domain",
  "fresnel.destination.ip",
  "user.name",
  "fresnel.timing.period_s",
  "fresnel.timing.jitter",
  "process.executable",
  "fresnel.reasons.code",
];

const most = 12;

export function complete(text: string, caret: number, all: Field[], values: Value[] = []): Completion {
  const { start, quoted } = wordStart(text, caret);
  const object = within(text.slice(0, start));
  const fields = all.filter((f) => f.name.startsWith(object));
  const nameOf = (f: Field) => f.name.slice(object.length);
  const typed = text.slice(start, caret);
  const place = before(text.slice(0, start));
  const word = typed.toLowerCase();
  if (typeof place === "object") {
    const field = fields.find((f) => nameOf(f) === place.field);
    if (!field) return { from: start, to: caret, options: [] };
    const prefix = quoted ? typed.slice(1).replace(/\\(.)/g, "$1") : typed;
    const few = field.type === "boolean" ? ["true", "false"] : field.values;
    const options = (few?.length ? few.map((value) => ({ value, detail: "" })) : values)
      .filter(({ value }) => value.toLowerCase().startsWith(prefix.toLowerCase()) && value !== typed)
      .slice(0, most)
      .map(({ value, detail }) => ({ label: value, insert: `${literal(value)} `, detail }));
    let to = caret;
    if (quoted && text[caret] === '"') to++;
    return { from: start, to, options, value: { field, prefix } };
  }
  if (quoted) return { from: start, to: caret, options: [] };
  if (place === "clause") {
    const options = [
      { label: "and", insert: "and ", detail: "both" },
      { label: "or", insert: "or ", detail: "one of them" },
      { label: "and not", insert: "and not ", detail: "but without" },
    ].filter((o) => o.label.startsWith(word) && start > 0 && /\s$/.test(text.slice(0, start)));
    return { from: start, to: caret, options };
  }
  const options = fields
    .filter((f) => !f.name.startsWith("fresnel.other_destinations"))
    .map((f) => ({ f, r: rank(nameOf(f), word), p: first.indexOf(f.name) }))
    .filter((x) => x.r < 3)
    .sort((a, b) => a.r - b.r || (a.p < 0 ? 99 : a.p) - (b.p < 0 ? 99 : b.p) || (a.f.name < b.f.name ? -1 : 1))
    .slice(0, most)
    .map(({ f }) => ({
      label: nameOf(f),
      insert: `${nameOf(f)}${f.type === "number" || f.type === "time" ? " >= " : f.type === "objects" ? ": {" : ": "}`,
      detail: f.doc ?? f.type,
    }));
  return { from: start, to: caret, options };
}

/** A value as it may stand in a query: in quotes unless it is one plain word. */
export function literal(value: string): string {
  if (/^[\p{L}\p{N}_.@/$%&+~-]+$/u.test(value) && !/^(and|or|not)$/i.test(value)) return value;
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** A line of marks below what is wrong, and the text before it as the line shows it. */
export function caretLine(text: string, position: number, length: number): string {
  const before = [...text].slice(0, position).length;
  return " ".repeat(before) + (length > 1 ? `^${"~".repeat(length - 1)}` : "^");
}
