import { describe, expect, test } from "vitest";
import type { Schema } from "../../src/api/client";
import {
  groupsOf,
  isLeftOut,
  leaveOut,
  numbersOf,
  piecesOf,
  same,
  settingsOf,
  textOf,
  trialLink,
  trialOf,
  valuesOf,
  withChange,
} from "../../src/lib/tuning";

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
  test("keeps what else the page shows", () => {
    expect(trialLink({ set: { "a.x": "1" }, end: "" }, "?show=go&set=b.y%3D2&end=x")).toBe("/tuning?show=go&set=a.x%3D1");
  });
});

describe("the sliders of a value", () => {
  test.each([
    ["number", "0.05", [0.05]],
    ["number", "-14.3", [-14.3]],
    ["number", "", []],
    ["number", "much", []],
    ["number", "0x10", []],
    ["whole", "360", [360]],
    ["pair", "[0.1, 0.8]", [0.1, 0.8]],
    ["pair", "[0.1]", []],
    ["pair", "[a, 0.8]", []],
    ["duration", "168h", [604800]],
    ["duration", "1h30m", [5400]],
    ["duration", "90s", [90]],
    ["duration", "", []],
    ["duration", "7d", []],
    ["list", "[a]", []],
  ] as const)("are of the kind %s for %j", (kind, text, want) => expect(numbersOf(kind, text)).toEqual(want));
  test.each([
    ["number", [0.2], "0.2"],
    ["pair", [0.1, 0.8], "[0.1, 0.8]"],
    ["duration", [86400], "24h"],
    ["duration", [5400], "90m"],
    ["duration", [61], "61s"],
  ] as const)("make the value of the kind %s", (kind, numbers, want) => expect(textOf(kind, numbers)).toBe(want));
});

test.each([
  ["number", "0.10", "0.1", true],
  ["pair", "[.1,.8]", "[0.1, 0.8]", true],
  ["duration", "24h0m0s", "24h", true],
  ["duration", "1440m", "24h", true],
  ["switch", "true", " true", true],
  ["number", "0.1", "0.11", false],
  ["number", "x", "y", false],
] as const)("of the kind %s, %j and %j are the same: %j", (kind, a, b, want) => expect(same(kind, a, b)).toBe(want));

test("a change back to what is in force is none, nor is an empty field", () => {
  const c = { key: "beacon.max_jitter", kind: "number", now: "0" } as const;
  const one = withChange({ "rank.min_score": "5" }, c, "0.2");
  expect(one).toEqual({ "rank.min_score": "5", "beacon.max_jitter": "0.2" });
  expect(withChange(one, c, "0.0")).toEqual({ "rank.min_score": "5" });
  expect(withChange(one, c, " ")).toEqual({ "rank.min_score": "5" });
});

const setting = (key: string, bounds?: Schema["Bounds"]): Schema["Setting"] => ({
  key,
  doc: "",
  value: "1",
  default: "2",
  origin: "the file",
  tunable: true,
  ...(bounds && { bounds }),
});

test("settings stand in their groups, and sliders reach what the service takes", () => {
  const groups = groupsOf([
    setting("beacon.max_jitter", { kind: "number", min: 0, max: 1, step: 0.01 }),
    setting("beacon.number_buckets_in_range", { kind: "whole", min: 1, max: 600000, step: 1 }),
    setting("filter.exclude"),
    setting("filter.enabled", { kind: "switch" }),
    setting("timing.max_false_discovery_rate", { kind: "number", min: 0, min_excluded: true, max: 0.2, step: 0.001 }),
    setting("detector", { kind: "choice", choices: ["fresnel", "reference"] }),
    setting("limits.memory_mb", { kind: "whole" }),
  ]);
  expect(groups.flatMap((g) => g.controls.map((c) => [g.name, c.name, c.min, c.max]))).toEqual([
    ["Statistics", "max_jitter", 0, 1],
    ["Statistics", "number_buckets_in_range", 60, 1440],
    ["Timing model", "max_false_discovery_rate", 0.001, 0.2],
    ["Filter", "enabled", 0, 100],
    ["What is found", "detector", 0, 100],
  ]);
  expect(groups[0]?.controls[0]).toMatchObject({ now: "1", standard: "2" });
  expect(groups[4]?.controls[0]?.choices).toEqual(["fresnel", "reference"]);
});

test("points of the rank stand with their piece, which says what it is about", () => {
  const weight = (level: string, points: number) => ({
    key: `rank.weights.kind.${level}`,
    piece: "kind",
    level,
    doc: level,
    points,
    default: 3,
    origin: "default",
    bounds: { kind: "number" as const, min: -50, max: 50, step: 0.1 },
  });
  const pieces = piecesOf([weight("sleep", 5.7), weight("clock", -7.3)]);
  expect(pieces).toHaveLength(1);
  expect(pieces[0]?.about).toBe("What kind of timer it is.");
  expect(pieces[0]?.levels.map((l) => [l.name, l.now, l.min])).toEqual([
    ["kind.sleep", "5.7", -50],
    ["kind.clock", "-7.3", -50],
  ]);
});

describe("a clause", () => {
  const out = (name: string) => `{name: "${name}", remove: true}`;
  test.each([
    ["of nothing that is set", "", `[${out("a")}]`],
    ["of an empty list", "[]", `[${out("a")}]`],
    ["beside others", "[{name: x, where: {user.name: [b]}}]", `[{name: x, where: {user.name: [b]}}, ${out("a")}]`],
    ["that is left out already", `[${out("a")}]`, `[${out("a")}]`],
  ])("is left out %s, and comes back", (_, value, want) => {
    const left = leaveOut(value, "a", true);
    expect(left).toBe(want);
    expect(isLeftOut(left ?? "", "a")).toBe(true);
    expect(isLeftOut(leaveOut(left ?? "", "a", false) ?? "", "a")).toBe(false);
  });
  test.each([
    ["first", `[${out("a")}, ${out("b")}]`, `[${out("b")}]`],
    ["last", `[${out("b")}, ${out("a")}]`, `[${out("b")}]`],
    ["between others", `[${out("b")}, ${out("a")}, ${out("c")}]`, `[${out("b")}, ${out("c")}]`],
    ["alone", `[${out("a")}]`, "[]"],
  ])("comes back where it stands %s", (_, value, want) => expect(leaveOut(value, "a", false)).toBe(want));
  test("of a value over several lines cannot be told", () => expect(leaveOut("- name: a\n  remove: true", "a", true)).toBeNull());
});

test("values are told apart by lines and commas, and stand once", () => {
  expect(valuesOf(" a.exe\nb c, a.exe,\n\n")).toEqual(["a.exe", "b c"]);
});

describe("a set", () => {
  const set: Schema["FilterSet"] = {
    name: "s",
    built_in: true,
    original: ["a", "b", "c"],
    values: ["b", "c", "x"],
    added: ["x"],
    removed: ["a"],
    replaced: false,
    clauses: [],
    origin: "the file",
    saved: [],
  };
  const none = { add: [], remove: [], back: [] };
  test.each([
    ["nothing", {}, {}],
    ["a value, beside those that settings add", { add: ["y"] }, { add: '["x", "y"]' }],
    ["what YAML would misread, in quotes", { add: ['say "no": [1]'] }, { add: '["x", "say \\"no\\": [1]"]' }],
    ["no value that it has", { add: ["b"] }, {}],
    ["a built-in value gone, beside those that settings remove", { remove: ["b"] }, { remove: '["a", "b"]' }],
    ["a value gone that settings add", { remove: ["x"] }, { add: "[]" }],
    ["a value back that settings remove", { back: ["a"] }, { remove: "[]" }],
    ["the same when it is typed", { add: ["a"] }, { remove: "[]" }],
    ["all of it at once", { add: ["y"], remove: ["c", "x"], back: ["a"] }, { add: '["y"]', remove: '["c"]' }],
  ])("gets %s", (_, change, want) => {
    const keys = Object.entries(want).map(([k, v]) => [`filter.sets.s.${k}`, v]);
    expect(settingsOf(set, { ...none, ...change })).toEqual(Object.fromEntries(keys));
  });
});
