import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { askEarly, get } from "../../src/api/client";
import { asksOf } from "../../src/lib/asks";

describe("what a page asks for first", () => {
  const id = "0".repeat(64);
  test.each([
    ["/", "", ["/api/v1/overview?from=now-6h"]],
    ["/", "?q=a&from=now-14d&cases=50", ["/api/v1/overview?q=a&from=now-14d"]],
    ["/findings", "", ["/api/v1/findings?from=now-6h&sort=event.risk_score&order=desc&limit=25&facets=true"]],
    [
      "/findings",
      "?from=now-1h&to=now&sort=host.name&order=asc&view=all",
      ["/api/v1/findings?from=now-1h&to=now&sort=host.name&order=asc&view=all&limit=25&facets=true"],
    ],
    ["/hosts", "", ["/api/v1/overview?from=now-14d&points=340"]],
    ["/tuning", "?from=now-1h", []],
    ["/nowhere", "", []],
  ])("%s%s", (path, search, want) => expect(asksOf(path, search)).toEqual(want));
  test("a finding and its pictures", () =>
    expect(asksOf(`/findings/${id}`, "").map((p) => p.replace(/=.*/, ""))).toEqual([
      `/api/v1/findings/${id}`,
      `/api/v1/findings/${id}/pictures?tz`,
    ]));
});

describe("an answer that was asked for early", () => {
  const asked: { path: string; signal: AbortSignal }[] = [];
  beforeEach(() => {
    vi.useFakeTimers();
    asked.length = 0;
    vi.stubGlobal("fetch", (path: string, o: { signal: AbortSignal }) => {
      asked.push({ path, signal: o.signal });
      return Promise.resolve(new Response(JSON.stringify({ n: asked.length })));
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  test("is taken once", async () => {
    askEarly("/a");
    askEarly("/a");
    expect(await get("/a")).toEqual({ n: 1 });
    expect(await get("/a")).toEqual({ n: 2 });
    vi.runAllTimers();
    expect(asked[0]?.signal.aborted).toBe(false);
  });
  test("is given up when no page wants it", async () => {
    askEarly("/b");
    vi.runAllTimers();
    expect(asked[0]?.signal.aborted).toBe(true);
    expect(await get("/b")).toEqual({ n: 2 });
  });
  test("is given up with the page that wants it", () => {
    askEarly("/c");
    const page = new AbortController();
    void get("/c", page.signal);
    page.abort();
    expect(asked[0]?.signal.aborted).toBe(true);
  });
});
