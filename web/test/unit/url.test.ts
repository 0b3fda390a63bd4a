import { describe, expect, test } from "vitest";
import { and, changed, clause, link, routeOf, viewOf } from "../../src/lib/url";

describe("the address holds what is seen", () => {
  test("a view goes into a link and comes back", () => {
    const view = { q: 'host.name: "a b" and x: c+d & e#f', from: "now-24h", to: "2026-01-01T00:00:00Z" };
    const url = new URL(link("/findings", { ...view }), "http://x");
    expect(url.pathname).toBe("/findings");
    expect(viewOf(url.search)).toEqual(view);
  });
  test("what is empty is left out", () => expect(link("/", { q: "", from: undefined, all: false })).toBe("/"));
  test("later parameters take the place of earlier ones", () => expect(link("/x", { a: 1 }, { a: 2, b: 3 })).toBe("/x?a=2&b=3"));
  test("a change keeps the other parameters", () => {
    expect(changed("/findings", "?q=a%20b&sort=host.name&view=all", { q: "c+d", view: "", limit: 5 })).toBe(
      "/findings?q=c%2Bd&sort=host.name&limit=5",
    );
    expect(changed("/", "?q=a", { q: "" })).toBe("/");
  });
  test.each([
    ["/", { page: "overview" }],
    ["/hosts", { page: "hosts" }],
    ["/hosts/", { page: "hosts" }],
    [`/findings/${"a".repeat(64)}`, { page: "finding", id: "a".repeat(64) }],
    [`/cases/${"0".repeat(32)}`, { page: "case", id: "0".repeat(32) }],
    ["/findings/x", { page: "nowhere" }],
    [`/findings/${"a".repeat(64)}/more`, { page: "nowhere" }],
    ["/nonsense", { page: "nowhere" }],
    ["/constructor", { page: "nowhere" }],
  ])("%s is a page", (path, want) => expect(routeOf(path)).toEqual(want));
});

describe("drill-downs narrow the filter", () => {
  test.each([
    ["", 'a: "b"', 'a: "b"'],
    ["x: 1", 'a: "b"', 'x: 1 and a: "b"'],
    ["x: 1 or y: 2", 'a: "b"', '(x: 1 or y: 2) and a: "b"'],
    ["x: 1 OR y: 2", "z: 1", "(x: 1 OR y: 2) and z: 1"],
    ['x: "this or that"', "z: 1", 'x: "this or that" and z: 1'],
    ["x: (1 or 2)", "z: 1", "(x: (1 or 2)) and z: 1"],
    ["process.name: explorer.exe", "z: 1", "process.name: explorer.exe and z: 1"],
    ["*", "z: 1", "z: 1"],
  ])("%s with %s is %s", (q, more, want) => expect(and(q, more)).toBe(want));
  test("a hostile value stays a value", () => expect(clause("process.name", 'a" or *: "\\')).toBe('process.name: "a\\" or *: \\"\\\\"'));
});
