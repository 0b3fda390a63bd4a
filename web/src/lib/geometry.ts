/** Geometry of the pictures. Sizes, steps and cuts are those of the reports (internal/report/plot, internal/explain). */

export const width = 560;
export const height = 240;
export const left = 58;
export const right = 14;
export const top = 20;
export const bottom = 30;
export const plotWidth = width - left - right;
export const plotHeight = height - top - bottom;

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

/** How many columns n elements take, one each unless that is finer than half a unit. */
export function columns(n: number): number {
  return Math.max(1, Math.min(n, 2 * plotWidth));
}

/** The largest of each column. */
export function narrow(values: number[], n: number): number[] {
  const out = new Array<number>(n).fill(0);
  for (let i = 0; i < values.length; i++) {
    const k = Math.floor((i * n) / values.length);
    out[k] = Math.max(out[k] ?? 0, values[i] ?? 0);
  }
  return out;
}

/** The largest value to draw to scale, and how many lie above it. */
export function limitOf(values: number[]): { limit: number; above: number } {
  const sorted = values.filter((v) => v > 0).sort((a, b) => a - b);
  const last = sorted[sorted.length - 1];
  if (last === undefined) return { limit: 0, above: 0 };
  const p95 = sorted[Math.floor(((sorted.length - 1) * 95) / 100)] ?? last;
  if (last <= 3 * p95) return { limit: last, above: 0 };
  const limit = 1.25 * p95;
  const step = niceStep(limit, 4);
  const edge = Math.ceil(limit / step - 1e-9) * step;
  return { limit, above: sorted.filter((v) => v > edge * 1.0001).length };
}

export interface Gaps {
  start: number; // seconds
  width: number;
  bins: number[];
  above: number;
  total: number;
  median: number;
  p10: number;
  p90: number;
}

const widths = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
  86400, 172800, 604800,
];

/**
 * The histogram of the gaps between sorted times in milliseconds; null with fewer than two. Where most gaps are no
 * longer than near, in seconds, the longer ones are only counted: pauses would press a rhythm into one bin. Bins are
 * no finer than the times are known, in seconds.
 */
export function gaps(times: number[], bins: number, near = 0, finest = 0): Gaps | null {
  if (times.length < 2) return null;
  const all: number[] = [];
  for (let i = 1; i < times.length; i++) all.push(Math.max(0, ((times[i] ?? 0) - (times[i - 1] ?? 0)) / 1000));
  all.sort((a, b) => a - b);
  const at = (q: number) => all[Math.floor(q * (all.length - 1) + 0.5)] ?? 0;
  const lo = all[0] ?? 0;
  let hi = all[all.length - 1] ?? 0;
  const p98 = at(0.98);
  const median = at(0.5);
  if (hi > 4 * p98 && p98 > 0) hi = p98;
  if (near > 0 && hi > near && median <= near) hi = near;
  const fits = (w: number) => Math.floor((hi - Math.floor(lo / w) * w) / w) + 1 <= bins;
  let w = widths.find((one) => one >= Math.max(median / 400, finest) && fits(one)) ?? (widths[widths.length - 1] as number);
  while (!fits(w)) w *= 2;
  const start = Math.floor(lo / w) * w;
  const out: Gaps = {
    start,
    width: w,
    bins: new Array<number>(Math.floor((hi - start) / w) + 1).fill(0),
    above: 0,
    total: all.length,
    median,
    p10: at(0.1),
    p90: at(0.9),
  };
  for (const g of all) {
    const i = Math.floor((g - start) / w);
    if (i < out.bins.length) out.bins[i] = (out.bins[i] ?? 0) + 1;
    else out.above++;
  }
  return out;
}

export interface RasterRows {
  start: number; // of the first row, milliseconds
  length: number; // of a row
  rows: number;
}

/**
 * The rows of a raster: lines of a round length that are read like text, and begin at round times of the
 * viewer's clock. Beyond a day and a half a row is a whole day, so that working hours stand in columns.
 */
export function rasterRows(from: number, to: number, offset: number): RasterRows {
  const day = 86_400_000;
  const span = Math.max(1, to - from);
  const length = span > 1.5 * day ? day : timeStep(span, 8);
  const start = Math.floor((from + offset) / length) * length - offset;
  return { start, length, rows: Math.max(1, Math.ceil((to - start) / length)) };
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

/** The index of the number of a sorted list that is nearest. */
export function nearest(sorted: number[], v: number): number {
  let lo = 0;
  let hi = sorted.length - 1;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if ((sorted[mid] ?? 0) < v) lo = mid + 1;
    else hi = mid;
  }
  const before = sorted[lo - 1];
  return before !== undefined && Math.abs(before - v) <= Math.abs((sorted[lo] ?? Infinity) - v) ? lo - 1 : lo;
}
