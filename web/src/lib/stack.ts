import { type Rect, axis, num } from "./geometry";

/** A block of a stack of bars: which series, and which step. */
export interface Block {
  series: number;
  step: number;
}

export interface Stack {
  /** The shape of each series: all its blocks in one, since the browser takes as long for a node as for fifty shapes in it. */
  shapes: string[];
  box(at: Block): Rect;
  /** The block at a place of the picture. */
  find(x: number, y: number): Block | null;
  /** The next block in the way of an arrow key, empty ones passed over. */
  next(from: Block, key: string): Block | null;
  /** The newest block of the first series that has any. */
  first: Block | null;
}

const ways: Record<string, Block> = {
  ArrowLeft: { series: 0, step: -1 },
  ArrowRight: { series: 0, step: 1 },
  ArrowUp: { series: 1, step: 0 },
  ArrowDown: { series: -1, step: 0 },
};

/** Stacks counts, step by step, from the foot of a box up, which is as high as most. */
export function stackOf(counts: readonly (readonly number[])[], steps: number, plot: Rect, most: number): Stack {
  const y = axis(0, most, plot.y + plot.h, plot.y);
  const wide = plot.w / Math.max(1, steps);
  const gap = Math.min(3, wide * 0.12);
  const sums = new Array<number>(steps).fill(0);
  // Where each block ends, in counts from the foot.
  const ends = counts.map((all) => sums.map((_, i) => (sums[i] = (sums[i] ?? 0) + (all[i] ?? 0))));
  const count = (b: Block) => counts[b.series]?.[b.step] ?? 0;
  const box = (b: Block): Rect => {
    const end = ends[b.series]?.[b.step] ?? 0;
    const up = y.at(end);
    return { x: plot.x + b.step * wide + gap / 2, y: up, w: wide - gap, h: Math.max(0.5, y.at(end - count(b)) - up - 0.6) };
  };
  const filled = (series: number, step: number): Block | null => (count({ series, step }) > 0 ? { series, step } : null);
  const shapes = counts.map((all, series) => {
    let d = "";
    for (let step = 0; step < steps; step++) {
      if (!all[step]) continue;
      const b = box({ series, step });
      d += `M${num(b.x)} ${num(b.y)}h${num(b.w)}v${num(b.h)}h${num(-b.w)}z`;
    }
    return d;
  });
  let first: Block | null = null;
  for (let series = 0; series < counts.length && !first; series++)
    for (let step = steps - 1; step >= 0 && !first; step--) first = filled(series, step);
  return {
    shapes,
    box,
    first,
    find(px, py) {
      const step = Math.floor((px - plot.x) / wide);
      const v = y.invert(py);
      if (step < 0 || step >= steps || v < 0) return null;
      const series = ends.findIndex((e) => v < (e[step] ?? 0));
      const b = box({ series, step });
      return series < 0 || px < b.x || px > b.x + b.w ? null : filled(series, step);
    },
    next(from, key) {
      const way = ways[key];
      if (!way) return null;
      for (let { series, step } = from; ; ) {
        series += way.series;
        step += way.step;
        if (step < 0 || step >= steps || series < 0 || series >= counts.length) return null;
        const found = filled(series, step);
        if (found) return found;
      }
    },
  };
}
