import { describe, expect, test } from "vitest";
import { niceStep, timeStep, timeTicks, treemap, valueTicks } from "../../src/lib/geometry";
import { hours } from "../../src/pages/finding";

const minute = 60_000;
const hour = 60 * minute;

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

describe("hours of the day on the viewer's clock", () => {
  const summer = Date.UTC(2026, 6, 1); // Berlin is two hours ahead
  test.each([
    [[7, 8, 9], "09–12"],
    [[22, 23], "00–02"],
    [[21, 22, 5], "07–08, 23–01"],
    [Array.from({ length: 24 }, (_, i) => i), "all day"],
  ])("%j is %s", (utc, want) => expect(hours(utc, summer)).toBe(want));
});
