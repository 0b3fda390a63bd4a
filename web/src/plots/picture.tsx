import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Schema } from "../api/client";
import { bytes, count, duration, number } from "../lib/format";
import { full } from "../lib/time";
import { Text } from "../ui/parts";
import { Caption, type NumberTable, Numbers } from "./figure";

type Picture = Schema["Picture"];

/** The document of a picture as a node of the page; null when it is none. Nothing of it is read as HTML. */
export function nodeOf(svg: string): SVGSVGElement | null {
  const root = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  return root instanceof SVGSVGElement ? document.importNode(root, true) : null;
}

/** A picture of a finding as the service drew it, the same that its report has, and what the pointer is on. */
export function Drawn({ picture, numbers = numbersOf(picture) }: { picture: Picture; numbers?: NumberTable | null }) {
  const [at, setAt] = useState<string | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const node = useMemo(() => nodeOf(picture.svg), [picture]);
  const read = useMemo(() => node && reader(picture, node), [picture, node]);
  useLayoutEffect(() => box.current?.replaceChildren(node ?? picture.alt), [node, picture]);
  const move = (e: PointerEvent) => {
    const r = box.current?.getBoundingClientRect();
    const v = node?.viewBox.baseVal;
    if (r && v && read)
      setAt(read(v.x + ((e.clientX - r.left) / r.width) * v.width, v.y + ((e.clientY - r.top) / r.height) * v.height));
  };
  return (
    <figure class={picture.tall ? "tall" : undefined}>
      <Caption title={picture.heading} note={<Text>{picture.note}</Text>} at={at} />
      <div ref={box} onPointerMove={move} onPointerLeave={() => setAt(null)} />
      {numbers && <Numbers {...numbers} />}
    </figure>
  );
}

/** Tells what is at a place of a picture, in its own units. */
type Read = (x: number, y: number) => string | null;

const units: Record<string, (v: number) => string> = { count, bytes, number };

/** The edge of a value, as fine as the steps are. */
function edge(a: Schema["PictureAxis"], i: number): string {
  const v = a.first_s + i * a.step_s;
  return a.kind === "time" ? full(v * 1000) : a.step_s < 1 ? `${number(v)}s` : duration(v);
}

function reader(p: Picture, node: SVGSVGElement): Read {
  if (p.ticks) return tickReader(p, p.ticks, node);
  const a = p.across;
  const say = units[p.unit ?? ""] ?? number;
  return (x) => {
    if (!a) return null;
    const v = (a.lo_s + ((x - p.plot.x) / p.plot.width) * (a.hi_s - a.lo_s) - a.first_s) / a.step_s;
    const i = a.kind === "period" ? Math.round(v) : Math.floor(v);
    const value = p.values[i];
    if (value === undefined) return null;
    return `${edge(a, i)}${a.kind === "gap" ? ` to ${edge(a, i + 1)}` : ""}: ${say(value)}`;
  };
}

/** The nearest tick of a line. Where ticks stand is read from their marks, when somebody asks first. */
function tickReader(p: Picture, t: Schema["Ticks"], node: SVGSVGElement): Read {
  let ticks: { x: number; foot: number; say: string }[] | null = null;
  const line = p.plot.height / t.rows;
  return (x, y) => {
    ticks ??= ticksOf(t, node);
    let best: string | null = null;
    let least = p.plot.width;
    for (const tick of ticks) {
      const far = Math.abs(tick.x - x);
      if (far < least && tick.foot >= y - 1 && tick.foot < y + line) [best, least] = [tick.say, far];
    }
    return best;
  };
}

function ticksOf(t: Schema["Ticks"], node: SVGSVGElement) {
  const marks = (of: string) => node.querySelector(`path.${of}`)?.getAttribute("d")?.split("M").slice(1) ?? [];
  const places = [marks("answered"), marks("unanswered")] as const;
  const failed = new Set(t.failed);
  const used: [number, number] = [0, 0];
  let at = t.first_ms;
  return [0, ...t.gaps_ms].map((gap, i) => {
    at += gap;
    const kind = failed.has(i) ? 1 : 0;
    const [x, foot] = (places[kind][used[kind]++] ?? "").split(/[ v]/).map(Number);
    const calls = t.calls[i] ?? 1;
    const alone = calls === 1 && (t.calls[i - 1] ?? 1) === 1;
    return {
      x: x ?? 0,
      foot: foot ?? 0,
      say: `${calls > 1 ? `${count(calls)} calls from ` : ""}${full(at)}${calls > 1 ? " on" : ""}${kind ? ", without an answer" : ""}${i > 0 && alone ? `, ${duration(gap / 1000)} after the one before` : ""}`,
    };
  });
}

const heads: Record<string, string> = { time: "from", period: "period" };
const names: Record<string, string> = { count: "events", bytes: "mean bytes", number: "autocovariance" };

const tickHead = ["time", "after the one before", "calls", "without an answer"];

/** How many ticks stand in words: whoever wants all has the events. */
const mostTicks = 1000;

/** The ticks of a picture of calls, the newest first. */
export function callsOf(t: Schema["Ticks"] | undefined): string[][] {
  if (!t) return [];
  const failed = new Set(t.failed);
  let at = t.first_ms;
  const rows = [0, ...t.gaps_ms].map((gap, i) => {
    at += gap;
    return [full(at), i > 0 ? duration(gap / 1000) : "–", count(t.calls[i] ?? 1), failed.has(i) ? "yes" : "no"];
  });
  return rows.slice(-mostTicks).reverse();
}

/** All values of a picture; of buckets those that have any. */
function numbersOf(p: Picture): NumberTable | null {
  if (p.ticks) return { head: tickHead, rows: () => callsOf(p.ticks) };
  const a = p.across;
  if (!a) return null;
  const say = units[p.unit ?? ""] ?? number;
  if (a.kind === "gap")
    return { head: ["from", "to", "callbacks"], rows: () => p.values.map((v, i) => [edge(a, i), edge(a, i + 1), say(v)]) };
  return {
    head: [heads[a.kind] ?? "", names[p.unit ?? ""] ?? ""],
    rows: () => p.values.flatMap((v, i) => (v > 0 || a.kind === "period" ? [[edge(a, i), say(v)]] : [])),
  };
}
