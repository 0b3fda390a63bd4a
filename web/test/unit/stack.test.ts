import { describe, expect, test } from "vitest";
import { stackOf } from "../../src/lib/stack";

// Three series over four steps of 10 wide, 12 counts on 120 high.
const counts = [
  [2, 0, 4, 0],
  [1, 0, 0, 0],
  [3, 5, 2, 0],
];
const stack = stackOf(counts, 4, { x: 100, y: 20, w: 40, h: 120 }, 12);

describe("a stack", () => {
  test("has a shape of each series, with a part for each block", () => {
    expect(stack.shapes.map((d) => d.match(/M/g)?.length)).toEqual([2, 1, 3]);
    expect(stack.shapes[1]).toBe("M100.6 110h8.8v9.4h-8.8z");
  });
  test("stands on its foot, block on block", () => {
    const [low, high] = [stack.box({ series: 0, step: 0 }), stack.box({ series: 1, step: 0 })];
    expect(low.y + low.h).toBeCloseTo(140 - 0.6, 9);
    expect(low.y).toBeCloseTo(120, 9);
    expect(high.y + high.h).toBeCloseTo(120 - 0.6, 9);
  });
  test("is found where it is drawn, all of it", () => {
    for (const [series, all] of counts.entries())
      for (const [step, n] of all.entries()) {
        if (n === 0) continue;
        const b = stack.box({ series, step });
        for (const [x, y] of [
          [b.x, b.y + 0.1],
          [b.x + b.w, b.y + b.h],
          [b.x + b.w / 2, b.y + b.h / 2],
        ] as const)
          expect(stack.find(x, y), `${series} ${step}`).toEqual({ series, step });
      }
  });
  test.each([
    ["left of it", 99, 130],
    ["right of it", 140.5, 130],
    ["between two bars", 110.3, 130],
    ["below it", 105, 141],
    ["above the highest block", 105, 70],
    ["over an empty step", 135, 139],
  ])("has nothing %s", (_, x, y) => expect(stack.find(x, y)).toBeNull());
  test.each([
    ["ArrowRight", { series: 0, step: 0 }, { series: 0, step: 2 }],
    ["ArrowRight", { series: 0, step: 2 }, null],
    ["ArrowLeft", { series: 2, step: 1 }, { series: 2, step: 0 }],
    ["ArrowUp", { series: 0, step: 2 }, { series: 2, step: 2 }],
    ["ArrowDown", { series: 1, step: 0 }, { series: 0, step: 0 }],
    ["ArrowDown", { series: 2, step: 1 }, null],
    ["Enter", { series: 2, step: 1 }, null],
  ])("is gone through with %s from %o", (key, from, want) => expect(stack.next(from, key)).toEqual(want));
  test("begins with the newest block of the first series that has any", () => {
    expect(stack.first).toEqual({ series: 0, step: 2 });
    expect(stackOf([[0, 0], [1, 0]], 2, { x: 0, y: 0, w: 1, h: 1 }, 1).first).toEqual({ series: 1, step: 0 });
  });
  test("of nothing has nothing", () => {
    const none = stackOf([], 0, { x: 0, y: 0, w: 10, h: 10 }, 1);
    expect([none.shapes, none.first, none.find(5, 5)]).toEqual([[], null, null]);
  });
});
