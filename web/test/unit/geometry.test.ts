import { describe, expect, test } from "vitest";
import { gaps, limitOf, narrow, nearest, niceStep, rasterRows, timeStep, timeTicks, treemap, valueTicks } from "../../src/lib/geometry";
import { buckets, hours } from "../../src/pages/finding";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

describe("axes", () => {
  test.each([
    [10, 4, 5],
    [9, 4, 5],
    [7, 4, 2],
    [0.9, 4, 0.5],
    [1000, 4, 500],
  ])("a span of %s in about %s steps has steps of %s", (span, n, want) => expect(niceStep(span, n)).toBeCloseTo(want, 12));
  test("values of a test of counts are whole", () => expect(valueTicks(0, 2, true)).toEqual([0, 1, 2]));
  test("nothing to show has an axis all the same", () => expect(valueTicks(0, 0, true)).toEqual([0, 1]));
  test.each([
    [6 * hour, 8, hour],
    [24 * hour, 8, 3 * hour],
    [90_000, 8, 30_000],
  ])("a time of %s ms in at most %s steps has steps of %s", (span, n, want) => expect(timeStep(span, n)).toBe(want));
  test("ticks stand at round times of the viewer's clock", () => {
    const from = Date.UTC(2026, 0, 1, 0, 10);
    const { step, at } = timeTicks(from, from + 6 * hour, 7, 5.5 * hour); // India
    expect(step).toBe(hour);
    expect(at[0]).toBe(Date.UTC(2026, 0, 1, 0, 30));
  });
});

describe("the raster", () => {
  test("of a day has lines of three hours", () => expect(rasterRows(0, day, 0)).toEqual({ start: 0, length: 3 * hour, rows: 8 }));
  test("of days has a line for each, from midnight of the viewer", () => {
    const from = Date.UTC(2026, 0, 5, 12);
    const r = rasterRows(from, from + 3 * day, 2 * hour);
    expect(r).toEqual({ start: Date.UTC(2026, 0, 4, 22), length: day, rows: 4 });
  });
  test("holds its last call", () => {
    for (const span of [1, 999, minute, 7 * hour + 13, 20 * day + 1]) {
      const r = rasterRows(1_767_225_600_123, 1_767_225_600_123 + span, hour);
      expect(r.start).toBeLessThanOrEqual(1_767_225_600_123);
      expect(r.start + r.rows * r.length).toBeGreaterThanOrEqual(1_767_225_600_123 + span);
      expect(r.rows).toBeLessThan(60);
    }
  });
});

describe("the histogram of gaps", () => {
  test("a beacon without jitter is one bin", () => {
    const g = gaps(
      Array.from({ length: 100 }, (_, i) => i * 60_000),
      40,
    );
    expect(g).toMatchObject({ median: 60, total: 99, above: 0, bins: [99] });
  });
  test("a few long silences are counted beyond it", () => {
    const times = Array.from({ length: 200 }, (_, i) => i * 60_000 + (i > 150 ? 50 * hour : 0));
    const g = gaps(times, 40);
    expect(g?.above).toBe(1);
    expect(g?.bins.reduce((a, b) => a + b, 0)).toBe(198);
  });
  test("pauses between stretches are counted beyond it where the period is known", () => {
    const times: number[] = [];
    for (let s = 0; s < 10; s++) for (let i = 0; i < 10; i++) times.push(s * 30 * minute + i * 16_000);
    expect(gaps(times, 40)?.above).toBe(0);
    const g = gaps(times, 40, 50);
    expect(g?.above).toBe(9);
    expect(g?.bins.reduce((a, b) => a + b, 0)).toBe(90);
  });
  test("needs two callbacks", () => expect(gaps([1], 40)).toBeNull());
  test("has no more bins than asked for, and loses nothing", () => {
    let seed = 7;
    const random = () => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    for (let round = 0; round < 200; round++) {
      const times: number[] = [0];
      const scale = 10 ** Math.floor(random() * 10);
      for (let i = 0; i < 2 + random() * 50; i++) times.push((times[times.length - 1] ?? 0) + random() * scale);
      const g = gaps(times, 40);
      expect(g?.bins.length).toBeLessThanOrEqual(40);
      expect((g?.above ?? 0) + (g?.bins.reduce((a, b) => a + b, 0) ?? 0)).toBe(times.length - 1);
    }
  });
});

describe("the treemap", () => {
  const values = [47, 41, 40, 12, 9, 9, 3, 2, 1, 1];
  const boxes = treemap(values, 600, 300);
  test("areas are as the values", () => {
    const total = values.reduce((a, b) => a + b, 0);
    boxes.forEach((b, i) => {
      expect(b.w * b.h).toBeCloseTo(((values[i] ?? 0) / total) * 600 * 300, 4);
    });
  });
  test("nothing overlaps or leaves the box", () => {
    boxes.forEach((a, i) => {
      expect(a.x).toBeGreaterThanOrEqual(-1e-9);
      expect(a.x + a.w).toBeLessThanOrEqual(600 + 1e-6);
      expect(a.y + a.h).toBeLessThanOrEqual(300 + 1e-6);
      for (const b of boxes.slice(i + 1)) {
        const overlap =
          Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x) > 1e-6 && Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y) > 1e-6;
        expect(overlap).toBe(false);
      }
    });
  });
  test("boxes are nearly square", () => expect(Math.max(...boxes.map((b) => Math.max(b.w / b.h, b.h / b.w)))).toBeLessThan(4));
  test("nothing is no boxes", () => expect(treemap([0, 0], 10, 10)).toEqual([]));
});

describe("what is drawn of values", () => {
  test("a few far above all others do not press them flat", () => {
    const values = [...Array.from({ length: 99 }, () => 100), 100_000];
    expect(limitOf(values)).toEqual({ limit: 125, above: 1 });
    expect(limitOf([100, 200])).toEqual({ limit: 200, above: 0 });
    expect(limitOf([0, 0])).toEqual({ limit: 0, above: 0 });
  });
  test("columns keep the largest", () => expect(narrow([1, 5, 2, 0, 7, 3], 3)).toEqual([5, 2, 7]));
  test("the nearest callback is read", () => {
    expect(nearest([10, 20, 30], 24)).toBe(1);
    expect(nearest([10, 20, 30], 26)).toBe(2);
    expect(nearest([10, 20, 30], -5)).toBe(0);
    expect(nearest([10, 20, 30], 99)).toBe(2);
  });
  test("calls in buckets", () => {
    const calls = [0, 10, 65, 190].map((s) => ({ at: s * 1000, sent: 100 + s, received: 10 }));
    expect(buckets(calls)).toEqual({ start: 0, bucket: 60, counts: [2, 1, 0, 1], sent: [105, 165, 0, 290], received: [10, 10, 0, 10] });
    expect(buckets([])).toBeNull();
  });
});

describe("hours of the day on the viewer's clock", () => {
  const summer = Date.UTC(2026, 6, 1); // Berlin is two hours ahead
  test.each([
    [[7, 8, 9], "09–12"],
    [[22, 23], "00–02"],
    [[21, 22, 5], "07–08, 23–01"],
    [Array.from({ length: 24 }, (_, i) => i), "all day"],
  ])("%j is %s", (utc, want) => expect(hours(utc, summer)).toBe(want));
});
