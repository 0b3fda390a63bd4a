import { describe, expect, test } from "vitest";
import { extension, hasControl, numbersOf, same, textOf, trialLink, trialOf, valuesOf, weights, withChange } from "../../src/lib/tuning";

describe("an address", () => {
  test.each([
    ["nothing", { set: {}, end: "" }, "/tuning"],
    ["a run alone", { set: {}, end: "2026-01-02T03:00:00Z" }, "/tuning?end=2026-01-02T03%3A00%3A00Z"],
    ["changes in the order of their keys", { set: { "b.y": "2", "a.x": "1" }, end: "" }, "/tuning?set=a.x%3D1&set=b.y%3D2"],
    [
      "values with signs of addresses",
      { set: { "filter.sets.s.add": '["a&b=c+d", "<img>"]' }, end: "2026-01-02T03:00:00Z" },
      "/tuning?end=2026-01-02T03%3A00%3A00Z&set=filter.sets.s.add%3D%5B%22a%26b%3Dc%2Bd%22%2C%20%22%3Cimg%3E%22%5D",
    ],
  ])("restores %s", (_, trial, want) => {
    expect(trialLink(trial)).toBe(want);
    expect(trialOf(want.slice("/tuning".length))).toEqual(trial);
  });
  test("leaves out what is no setting", () => {
    expect(trialOf("?set==1&set=x&set=a.b=")).toEqual({ set: { "a.b": "" }, end: "" });
  });
});

describe("the sliders of a value", () => {
  test.each([
    ["number", "0.05", [0.05]],
    ["number", "-14.3", [-14.3]],
    ["number", "", []],
    ["number", "much", []],
    ["number", "0x10", []],
    ["pair", "[0.1, 0.8]", [0.1, 0.8]],
    ["pair", "[0.1]", []],
    ["pair", "[a, 0.8]", []],
    ["hours", "168h", [168]],
    ["hours", "1h30m", [1.5]],
    ["hours", "90s", [0.025]],
    ["hours", "", []],
    ["hours", "7d", []],
  ] as const)("are of the kind %s for %j", (kind, text, want) => expect(numbersOf(kind, text)).toEqual(want));
  test.each([
    ["number", [0.2], "0.2"],
    ["pair", [0.1, 0.8], "[0.1, 0.8]"],
    ["hours", [24], "24h"],
  ] as const)("make the value of the kind %s", (kind, numbers, want) => expect(textOf(kind, numbers)).toBe(want));
});

test.each([
  ["number", "0.10", "0.1", true],
  ["pair", "[.1,.8]", "[0.1, 0.8]", true],
  ["hours", "24h0m0s", "24h", true],
  ["switch", "true", " true", true],
  ["number", "0.1", "0.11", false],
  ["number", "x", "y", false],
] as const)("of the kind %s, %j and %j are the same: %j", (kind, a, b, want) => expect(same(kind, a, b)).toBe(want));

test("a change back to what is in force is none, nor is an empty field", () => {
  const c = { key: "beacon.max_jitter", kind: "number" } as const;
  const one = withChange({ "rank.min_score": "5" }, c, "0.2", "0");
  expect(one).toEqual({ "rank.min_score": "5", "beacon.max_jitter": "0.2" });
  expect(withChange(one, c, "0.0", "0")).toEqual({ "rank.min_score": "5" });
  expect(withChange(one, c, " ", "0")).toEqual({ "rank.min_score": "5" });
});

test("sliders of points keep to the side of their level", () => {
  expect(hasControl("rank.weights.timing.fair")).toBe(false); // says nothing
  for (const l of weights.flatMap((w) => w.levels)) {
    expect(hasControl(l.key)).toBe(true);
    expect(l.points, l.key).toBeGreaterThanOrEqual(l.min);
    expect(l.points, l.key).toBeLessThanOrEqual(l.max);
  }
});

test("values are told apart by lines and commas, and stand once", () => {
  expect(valuesOf(" a.exe\nb c, a.exe,\n\n")).toEqual(["a.exe", "b c"]);
});

test("an extension keeps what was added, and quotes what YAML would misread", () => {
  expect(extension("common_processes", ["x", "a"], ["a", 'say "no": [1]'])).toEqual({
    "filter.sets.common_processes.add": '["x", "a", "say \\"no\\": [1]"]',
  });
  expect(extension("common_processes", ["x"], [])).toEqual({});
});
