/** Geometry of the pictures that the pages draw by themselves; those of a finding come from the service (internal/plot). */

export const width = 560;

export function num(n: number): string {
  return String(Math.round(n * 10) / 10);
}

export interface Axis {
  lo: number;
  hi: number;
  at(v: number): number;
  invert(p: number): number;
}

export function axis(lo: number, hi: number, from: number, to: number): Axis {
  const span = hi - lo || 1;
  return { lo, hi, at: (v) => from + ((v - lo) / span) * (to - from), invert: (p) => lo + ((p - from) / (to - from || 1)) * span };
}

/** 1, 2 or 5 times a power of ten, so that about n steps fill the span. */
export function niceStep(span: number, n: number): number {
  const raw = span / n;
  const power = 10 ** Math.floor(Math.log10(raw));
  for (const f of [1, 2, 5]) if (raw <= f * power * 1.0001) return f * power;
  return 10 * power;
}

/** The ticks of an axis of values, from a step at or below lo to one at or above hi. */
export function valueTicks(lo: number, hi: number, whole = false): number[] {
  const end = hi > lo ? hi : lo + 1;
  let step = niceStep(end - lo, 4);
  if (whole) step = Math.max(1, step);
  const out: number[] = [];
  for (let k = Math.floor(lo / step); k <= Math.ceil(end / step - 1e-9); k++) out.push(k * step);
  return out;
}

const s = 1000;
const timeSteps = [
  1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2419200, 7862400,
].map((n) => n * s);

/** A round length of time, in milliseconds, of which the span has no more than most. */
export function timeStep(span: number, most: number): number {
  return timeSteps.find((step) => Math.floor(span / step) <= most) ?? span / most;
}

/** The round times of a span as the clock of a zone has them that is so far ahead of UTC. */
export function timeTicks(from: number, to: number, most: number, offset: number): { step: number; at: number[] } {
  const step = timeStep(to - from, most);
  const out: number[] = [];
  for (let t = Math.ceil((from + offset) / step) * step - offset; t <= to; t += step) out.push(t);
  return { step, at: out };
}

export interface Rect {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** Squarified treemap: rectangles whose areas are as the values, which fall, as square as can be. */
export function treemap(values: number[], w: number, h: number): Rect[] {
  const total = values.reduce((a, b) => a + b, 0);
  const out: Rect[] = [];
  if (total <= 0) return out;
  const areas = values.map((v) => (v / total) * w * h);
  let box: Rect = { x: 0, y: 0, w, h };
  let i = 0;
  while (i < areas.length) {
    const side = Math.min(box.w, box.h);
    let n = 1;
    let sum = areas[i] ?? 0;
    while (i + n < areas.length) {
      const next = sum + (areas[i + n] ?? 0);
      if (worst(areas, i, n + 1, next, side) > worst(areas, i, n, sum, side)) break;
      n++;
      sum = next;
    }
    const thick = side > 0 ? sum / side : 0;
    let at = 0;
    for (let k = i; k < i + n; k++) {
      const long = thick > 0 ? (areas[k] ?? 0) / thick : 0;
      out.push(box.w >= box.h ? { x: box.x, y: box.y + at, w: thick, h: long } : { x: box.x + at, y: box.y, w: long, h: thick });
      at += long;
    }
    box =
      box.w >= box.h
        ? { x: box.x + thick, y: box.y, w: box.w - thick, h: box.h }
        : { x: box.x, y: box.y + thick, w: box.w, h: box.h - thick };
    i += n;
  }
  return out;
}

function worst(areas: number[], from: number, n: number, sum: number, side: number): number {
  let most = 0;
  for (let k = from; k < from + n; k++) {
    const a = areas[k] ?? 0;
    if (a > 0) most = Math.max(most, (side * side * a) / (sum * sum), (sum * sum) / (side * side * a));
  }
  return most;
}
