import { describe, expect, test } from "vitest";
import { type Field, caretLine, complete, literal } from "../../src/lib/complete";

const fields: Field[] = [
  { name: "@timestamp", type: "time" },
  { name: "beacon_stats.periodic", type: "boolean" },
  { name: "event.risk_score", type: "number" },
  { name: "fresnel.reasons", type: "objects" },
  { name: "fresnel.reasons.code", type: "text" },
  { name: "fresnel.reasons.points", type: "number" },
  { name: "fresnel.timing.kind", type: "text", values: ["clock", "sleep"] },
  { name: "host.name", type: "text", doc: "of the host" },
  { name: "process.executable", type: "text" },
  { name: "process.name", type: "text" },
];

/** Completes at the bar, and returns the text with each option taken. */
function taken(text: string, names: string[] = []): string[] {
  const values = names.map((value) => ({ value, detail: "2 findings" }));
  const caret = text.indexOf("|");
  const q = text.replace("|", "");
  const c = complete(q, caret, fields, values);
  return c.options.map((o) => q.slice(0, c.from) + o.insert + q.slice(c.to));
}

describe("completion", () => {
  test("begins with what is asked for most", () => expect(taken("|")[0]).toBe("host.name: "));
  test.each([
    ["a field by its begin", "pro|", "process.name: "],
    ["a field by a part of its name", "exec|", "process.executable: "],
    ["a number with a comparison", "risk|", "event.risk_score >= "],
    ["behind and", "a: 1 and ho|", "a: 1 and host.name: "],
    ["behind not", "not ho|", "not host.name: "],
    ["what is in an object, without its name", "fresnel.reasons: {poi|", "fresnel.reasons: {points >= "],
    ["what is in an object, behind and", 'fresnel.reasons: {code: "}" and poi|', 'fresnel.reasons: {code: "}" and points >= '],
    ["all fields behind an object", "fresnel.reasons: {code: a} and ho|", "fresnel.reasons: {code: a} and host.name: "],
    ["in parentheses", "(ho|", "(host.name: "],
    ["truths", "beacon_stats.periodic: t|", "beacon_stats.periodic: true "],
    ["values that are few", "fresnel.timing.kind: sl|", "fresnel.timing.kind: sleep "],
    ["in a list", "fresnel.timing.kind: (clock or s|", "fresnel.timing.kind: (clock or sleep "],
    ["a conjunction behind a clause", "host.name: a |", "host.name: a and "],
    ["a conjunction that was begun", "host.name: a o|", "host.name: a or "],
  ])("offers %s", (_, text, want) => expect(taken(text)[0]).toBe(want));
  test("offers values that there are, quoted where they must be", () => {
    expect(taken("process.name: |", ["a.exe", "b c.exe", 'd"e'])).toEqual([
      "process.name: a.exe ",
      'process.name: "b c.exe" ',
      'process.name: "d\\"e" ',
    ]);
    expect(taken('process.name: "b c|', ["a.exe", "b c.exe"])).toEqual(['process.name: "b c.exe" ']);
    expect(taken('process.name: "b c|" and x', ["b c.exe"])).toEqual(['process.name: "b c.exe"  and x']);
  });
  test("offers a list of objects with a brace", () => expect(taken("reas|")).toContain("fresnel.reasons: {"));
  test("tells whose values are asked for", () =>
    expect(complete("host.name: ws", 13, fields).value).toMatchObject({ field: { name: "host.name" }, prefix: "ws" }));
  test("knows the fields of an object by their own names", () =>
    expect(complete("fresnel.reasons: {code: si", 26, fields).value).toMatchObject({
      field: { name: "fresnel.reasons.code" },
      prefix: "si",
    }));
  test("offers nothing in free text in quotes, nor for a field that there is not", () => {
    expect(taken('"pro|')).toEqual([]);
    expect(taken("nonsense: a|")).toEqual([]);
  });
  test("survives any text", () => {
    for (const text of ['"', "\\", "((((", ":::", '\\"', "a: (b or", "{", "🐙: x"])
      for (let i = 0; i <= text.length; i++) expect(() => complete(text, i, fields)).not.toThrow();
  });
  test.each([
    ["chrome.exe", "chrome.exe"],
    ["and", '"and"'],
    ["a b", '"a b"'],
    ["C:\\x", '"C:\\\\x"'],
    ["*", '"*"'],
  ])("the value %s is written %s", (v, want) => expect(literal(v)).toBe(want));
});

test("the mark stands below what is wrong", () => {
  expect(caretLine("host.nme: x", 0, 8)).toBe("^~~~~~~~");
  expect(caretLine("a: 1 and", 8, 0)).toBe(`${" ".repeat(8)}^`);
});
