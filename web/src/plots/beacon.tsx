import { bytes, count, duration, every, jitter, number } from "../lib/format";
import {
  type Gaps,
  axis,
  bottom,
  columns,
  height,
  left,
  limitOf,
  narrow,
  nearest,
  num,
  plotWidth,
  rasterRows,
  timeStep,
  top,
} from "../lib/geometry";
import { clock, day, full, offset } from "../lib/time";
import { Beside, Figure, Nothing, timeAxis, valueAxis } from "./figure";

/** The pictures of a finding. */

export interface Call {
  at: number; // milliseconds
  sent: number;
  received: number;
}

const aDay = 86_400_000;

/** Every callback as a tick, in lines of a round length: a rhythm stands in columns, pauses are gaps. */
export function Raster({
  times,
  failed,
  from,
  to,
  note,
}: {
  times: number[];
  failed: Set<number>;
  from: number;
  to: number;
  note: string;
}) {
  const r = rasterRows(from, to, offset(from));
  const high = Math.max(height, Math.min(560, top + bottom + r.rows * 16));
  const x = axis(0, r.length, left, left + plotWidth);
  const row = (high - top - bottom) / r.rows;
  const base = (i: number) => top + row * (i + 1) - 1;
  const tall = num(-row * 0.74);
  const half = num(-row * 0.4);
  let ticks = "";
  let unanswered = "";
  let last = "";
  for (const t of times) {
    const at = t - r.start;
    if (at < 0 || t > to) continue;
    const i = Math.min(Math.floor(at / r.length), r.rows - 1);
    const m = `M${num(Math.round(x.at(at - i * r.length) * 2) / 2)} ${num(base(i) - 1)}`;
    if (failed.has(t)) unanswered += `${m}v${half}`;
    else if (m !== last) ticks += `${m}v${tall}`;
    last = m;
  }
  const thick = Math.min(Math.max((plotWidth * r.rows) / Math.max(1, times.length) / 3, 0.6), 1.6);
  const step = timeStep(r.length, 6);
  const labels: number[] = [];
  for (let t = 0; t <= r.length; t += step) labels.push(t);
  const ofDay = r.length === aDay;
  const rowName = (i: number) => {
    const at = r.start + i * r.length;
    return ofDay ? day(at) : to - from > aDay && clock(at) === "00:00" ? day(at) : clock(at, undefined, r.length < 60_000);
  };
  const every = Math.ceil(r.rows / 24);
  const columnName = (t: number) =>
    ofDay ? clock(r.start + t).replace("00:00", t === 0 ? "00:00" : "24:00") : t === 0 ? "+0" : `+${duration(t / 1000)}`;
  const read = (px: number, py: number): string | null => {
    const i = Math.floor((py - top) / row);
    if (i < 0 || i >= r.rows || px < left - 4 || px > left + plotWidth + 4 || times.length === 0) return null;
    const at = times[nearest(times, r.start + i * r.length + x.invert(px))];
    if (at === undefined) return null;
    const k = nearest(times, at);
    const before = times[k - 1];
    return `${full(at)}${failed.has(at) ? ", without an answer" : ""}${before === undefined ? "" : `, ${duration((at - before) / 1000)} after the one before`}`;
  };
  return (
    <Figure
      title={ofDay ? "Callbacks by time of day" : "Callbacks over time"}
      note={note}
      alt={`${note}. ${count(times.length)} callbacks from ${full(from)} to ${full(to)}.`}
      read={read}
      high={high}
    >
      <path
        class="grid"
        d={
          Array.from({ length: r.rows }, (_, i) => `M${left} ${num(base(i))}h${plotWidth}`).join("") +
          labels.map((t) => `M${num(x.at(t))} ${high - bottom}v4`).join("")
        }
      />
      {Array.from({ length: r.rows }, (_, i) =>
        i % every === 0 ? (
          <text key={i} class="label" x={left - 6} y={num(base(i) - row / 2 + 4)} text-anchor="end">
            {rowName(i)}
          </text>
        ) : null,
      )}
      {labels.map((t) => (
        <text key={t} class="label" x={num(Math.min(x.at(t), left + plotWidth - 14))} y={high - bottom + 17} text-anchor="middle">
          {columnName(t)}
        </text>
      ))}
      {times.length === 0 && <Nothing high={high}>no callback of it is kept</Nothing>}
      <path class="line" d={ticks} stroke-width={num(thick)} />
      <path class="line failed-calls" d={unanswered} stroke-width={num(thick)} />
    </Figure>
  );
}

export interface Model {
  period: number; // seconds
  jitter: number; // share of the period
}

/** How long it is from one callback to the next, with the model's period and the range of its jitter. */
export function Intervals({ gaps, model }: { gaps: Gaps | null; model: Model | null }) {
  const note = gaps
    ? `half of ${count(gaps.total)} within ${duration(gaps.median)}, a tenth each below ${duration(gaps.p10)} and above ${duration(gaps.p90)}`
    : "fewer than two callbacks";
  const most = Math.max(1, ...(gaps?.bins ?? []));
  const y = valueAxis(0, most, (v) => count(v), true);
  const base = height - bottom;
  if (!gaps)
    return (
      <Figure title="Time between callbacks" note={note} alt={note}>
        <Nothing>no two callbacks with times</Nothing>
      </Figure>
    );
  // Few bins stand in the middle, and the model's period is in the picture where it is near.
  const n = Math.max(gaps.bins.length, 8);
  const shift = Math.floor((n - gaps.bins.length) / 2);
  const x = axis(gaps.start - shift * gaps.width, gaps.start + (n - shift) * gaps.width, left, left + plotWidth);
  const wide = plotWidth / n;
  const each = Math.ceil((gaps.bins.length + 1) / 6);
  const inside = (s: number) => s >= x.lo && s <= x.hi;
  const lo = model ? Math.max(x.lo, model.period * (1 - model.jitter)) : 0;
  const hi = model ? Math.min(x.hi, model.period * (1 + model.jitter)) : 0;
  const edge = (i: number) => gaps.start + i * gaps.width;
  return (
    <Figure
      title="Time between callbacks"
      note={note}
      alt={`${note}.${model ? ` The timing model says ${every(model.period)} ${jitter(model.jitter)}.` : ""}`}
      read={(px) => {
        const i = Math.floor((x.invert(px) - gaps.start) / gaps.width);
        const v = gaps.bins[i];
        return v === undefined ? null : `${duration(edge(i))} to ${duration(edge(i + 1))}: ${count(v)}`;
      }}
      numbers={{ head: ["from", "to", "callbacks"], rows: gaps.bins.map((v, i) => [duration(edge(i)), duration(edge(i + 1)), count(v)]) }}
    >
      {y.marks}
      {model && hi > lo && <rect class="band" x={num(x.at(lo))} y={top} width={num(x.at(hi) - x.at(lo))} height={base - top} />}
      <path
        class="fill"
        d={gaps.bins
          .map((v, i) =>
            v > 0
              ? `M${num(x.at(edge(i)) + Math.min(1, wide * 0.1))} ${base}V${num(Math.min(y.axis.at(v), base - 1))}h${num(wide - Math.min(2, wide * 0.2))}V${base}z`
              : "",
          )
          .join("")}
      />
      {Array.from({ length: gaps.bins.length + 1 }, (_, i) =>
        i % each === 0 ? (
          <text key={i} class="label" x={num(Math.min(x.at(edge(i)), left + plotWidth - 14))} y={base + 17} text-anchor="middle">
            {duration(edge(i))}
          </text>
        ) : null,
      )}
      {model && inside(model.period) && (
        <>
          <path class="mark" d={`M${num(x.at(model.period))} ${base}V${top - 4}`} />
          <Beside x={x.at(model.period)}>{`model: ${every(model.period)} ${jitter(model.jitter)}`}</Beside>
        </>
      )}
      {gaps.above > 0 && (
        <text class="label" x={left + plotWidth} y={model && inside(model.period) ? top + 12 : top - 6} text-anchor="end">
          {count(gaps.above)} longer →
        </text>
      )}
    </Figure>
  );
}

/** How much the counts are like themselves a period later, and what the test wants. */
export function Autocovariance({
  r,
  bucket,
  limit,
  period,
  fired,
}: {
  r: number[];
  bucket: number;
  limit: number | undefined;
  period: number | undefined;
  fired: boolean;
}) {
  const title = "Autocovariance of the counts, by period";
  const best = period === undefined ? undefined : r[period];
  const note =
    r.length < 3
      ? "too few events for a period"
      : `${best === undefined || period === undefined ? "no period chosen" : `${number(best)} at ${duration(period * bucket)}`}${limit === undefined ? "" : `, the test wants ${number(limit)}`}`;
  if (r.length < 3)
    return (
      <Figure title={title} note={note} alt={note}>
        <Nothing>too few events for a period</Nothing>
      </Figure>
    );
  const values = r.slice(2);
  const lo = Math.max(-1, Math.floor(Math.min(0, ...values) * 4) / 4);
  const y = valueAxis(lo, 1, number);
  const x = axis(1.5, r.length - 0.5, left, left + plotWidth);
  const n = Math.min(values.length, 2 * plotWidth);
  const wide = plotWidth / n;
  const of = (i: number) => Math.floor((i * n) / values.length);
  const bars = new Array<number>(n).fill(Number.NEGATIVE_INFINITY);
  values.forEach((v, i) => {
    bars[of(i)] = Math.max(bars[of(i)] ?? v, v);
  });
  const zero = y.axis.at(0);
  const bar = (k: number, v: number) =>
    `M${num(left + wide * k + wide * 0.15)} ${num(zero)}V${num(y.axis.at(Math.max(v, y.axis.lo)))}h${num(Math.max(wide * 0.7, 0.5))}V${num(zero)}z`;
  const step = timeStep(r.length * bucket * 1000, 8) / 1000;
  const ticks: number[] = [];
  for (let t = step; t / bucket <= x.hi; t += step) if (t / bucket >= x.lo) ticks.push(t);
  return (
    <Figure
      title={title}
      note={note}
      alt={`${note}.`}
      read={(px) => {
        const i = Math.round(x.invert(px));
        const v = r[i];
        return v === undefined || i < 2 ? null : `${duration(i * bucket)}: ${number(v)}`;
      }}
      numbers={{ head: ["period", "autocovariance"], rows: values.map((v, i) => [duration((i + 2) * bucket), number(v)]) }}
    >
      {y.marks}
      {ticks.map((t) => (
        <text
          key={t}
          class="label"
          x={num(Math.min(x.at(t / bucket), left + plotWidth - 14))}
          y={height - bottom + 17}
          text-anchor="middle"
        >
          {duration(t)}
        </text>
      ))}
      <path class="fill faint" d={bars.map((v, k) => bar(k, v)).join("")} />
      {limit !== undefined && (
        <>
          <path class="mark" d={`M${left} ${num(y.axis.at(limit))}h${plotWidth}`} />
          <text class="mark-label" x={left + plotWidth} y={num(y.axis.at(limit) - 4)} text-anchor="end">
            {number(limit)}
          </text>
        </>
      )}
      {period !== undefined && best !== undefined && (
        <>
          <path class={fired ? "point" : "fill"} d={bar(of(period - 2), best)} />
          <Beside x={left + wide * (of(period - 2) + 0.5)}>{duration(period * bucket)}</Beside>
        </>
      )}
    </Figure>
  );
}

export interface Window {
  start: number; // milliseconds
  bucket: number; // seconds
}

/** Mean bytes of each bucket with events, the band of values that the test looked at, and their mean. */
export function Bytes({
  title,
  values,
  window: w,
  bounds,
  mean,
  verdict,
}: {
  title: string;
  values: number[];
  window: Window;
  bounds: number[] | undefined;
  mean: number | undefined;
  verdict: string;
}) {
  const { limit, above } = limitOf(values);
  const end = w.start + values.length * w.bucket * 1000;
  const [lo, hi] = bounds ?? [];
  const used = values.filter((v) => v > 0);
  const note = limit === 0 ? "no bytes are known" : verdict;
  if (limit === 0)
    return (
      <Figure title={title} note={note} alt={note}>
        <Nothing>no bytes are known</Nothing>
      </Figure>
    );
  const x = timeAxis(w.start, end);
  const y = valueAxis(0, limit, bytes);
  const base = height - bottom;
  const inside = (v: number) => Math.max(top, Math.min(base, y.axis.at(v)));
  let dots = "";
  let peaks = "";
  let last = "";
  values.forEach((v, i) => {
    if (v === 0) return;
    const at = x.axis.at(w.start + (i + 0.5) * w.bucket * 1000);
    if (v > y.axis.hi * 1.0001) {
      peaks += `M${num(at - 4)} ${top + 7}l4-7l4 7z`;
      return;
    }
    const m = `M${num(at)} ${num(y.axis.at(v))}h0`;
    if (m !== last) dots += m;
    last = m;
  });
  return (
    <Figure
      title={title}
      note={note}
      alt={`${note}. Means per event of ${count(used.length)} buckets, from ${bytes(Math.min(...used))} to ${bytes(Math.max(...used))}.${lo !== undefined && hi !== undefined ? ` The test looked at values from ${bytes(lo)} to ${bytes(hi)}.` : ""}`}
      read={(px) => readBucket(px, x.axis.invert(px), w, values, bytes)}
      numbers={{
        head: ["from", "bytes per event"],
        rows: values.flatMap((v, i) => (v > 0 ? [[full(w.start + i * w.bucket * 1000), bytes(v)]] : [])),
      }}
    >
      {y.marks}
      {x.marks}
      {lo !== undefined && hi !== undefined && (
        <rect class="band" x={left} y={num(inside(hi) - 1)} width={plotWidth} height={num(Math.max(inside(lo) - inside(hi), 0) + 2)} />
      )}
      {mean !== undefined && <path class="mark" d={`M${left} ${num(inside(mean))}h${plotWidth}`} />}
      <path class="dots" d={dots} />
      <path class="point" d={peaks} />
      {above > 0 && (
        <text class="label" x={left + plotWidth} y={top - 6} text-anchor="end">
          ▲ {count(above)} above, up to {bytes(Math.max(...used))}
        </text>
      )}
    </Figure>
  );
}

/** Events of each bucket and the band of counts that the test looked at. */
export function Counts({
  counts,
  window: w,
  bounds,
  verdict,
}: {
  counts: number[];
  window: Window;
  bounds: number[] | undefined;
  verdict: string;
}) {
  const n = columns(counts.length);
  const heights = narrow(counts, n);
  const end = w.start + counts.length * w.bucket * 1000;
  const x = timeAxis(w.start, end);
  const most = Math.max(1, ...counts);
  const y = valueAxis(0, most, (v) => count(v), true);
  const base = height - bottom;
  const place = axis(0, n, left, left + plotWidth);
  const wide = Math.max(plotWidth / n, 0.8);
  const [lo, hi] = bounds ?? [];
  const busy = counts.filter((c) => c > 0).length;
  return (
    <Figure
      title={`Events per ${duration(w.bucket)}`}
      note={verdict}
      alt={`${verdict}. ${count(busy)} of ${count(counts.length)} buckets have events, at most ${count(most)}.`}
      read={(px) => readBucket(px, x.axis.invert(px), w, counts, count)}
      numbers={{
        head: ["from", "events"],
        rows: counts.flatMap((v, i) => (v > 0 ? [[full(w.start + i * w.bucket * 1000), count(v)]] : [])),
      }}
    >
      {y.marks}
      {x.marks}
      {lo !== undefined && hi !== undefined && (
        <rect class="band" x={left} y={num(y.axis.at(hi) - 1)} width={plotWidth} height={num(y.axis.at(lo) - y.axis.at(hi) + 2)} />
      )}
      <path
        class="fill"
        d={heights
          .map((v, i) => (v > 0 ? `M${num(place.at(i))} ${base}V${num(Math.min(y.axis.at(v), base - 1))}h${num(wide)}V${base}z` : ""))
          .join("")}
      />
    </Figure>
  );
}

function readBucket(px: number, at: number, w: Window, values: number[], say: (v: number) => string): string | null {
  if (px < left || px > left + plotWidth) return null;
  const i = Math.floor((at - w.start) / (w.bucket * 1000));
  const v = values[i];
  return v === undefined ? null : `${full(w.start + i * w.bucket * 1000)}: ${say(v)}`;
}

/** The stretches of steady calls of a finding on a line of time: an ornament beside its numbers. */
export function Strip({
  regimes,
  from,
  to,
  alt,
}: {
  regimes: { first: string; last: string; callbacks: number; period_s: number }[];
  from: number;
  to: number;
  alt: string;
}) {
  const x = axis(from, to, 0, 180);
  let d = "";
  for (const g of regimes) {
    const a = Math.max(0, x.at(Date.parse(g.first)));
    const b = Math.min(180, x.at(Date.parse(g.last)));
    if (b < 0 || a > 180) continue;
    d += `M${num(a)} 3h${num(Math.max(1.5, b - a))}v14h${num(-Math.max(1.5, b - a))}z`;
  }
  return (
    <svg class="strip" viewBox="0 0 180 20" preserveAspectRatio="none" role="img" aria-label={alt}>
      <title>{alt}</title>
      <path class="grid" d="M0 19.500h180" />
      <path class="fill" d={d} />
    </svg>
  );
}
