import { readFileSync } from "node:fs";
import { type Browser, type BrowserContext, type CDPSession, type Page, expect, test } from "@playwright/test";
import { password } from "./base";
import { type Service, serve } from "./service";

/**
 * How long pages take to stand, and what is done on them: over the store that bench/pages filled.
 *
 * A page is opened in a new browser context, so that nothing of it is cached. Its times are from
 * the begin of the navigation to the paint after which something stands. Those of what is done on a
 * page are from the event of the key or button to the paint after which the new content stands.
 */

const rounds = Number(process.env.BENCH_ROUNDS ?? 9);
const starts = Number(process.env.BENCH_STARTS ?? 3);
/** What the issue allows, in milliseconds. */
const limits = { open: 1000, use: 100 };

interface Times {
  /** Of the first paint, and of the paints after which each of some selectors stood. */
  paint: number;
  stood: number[];
  /** The longest time that the service took to answer a request. */
  server: number;
  /** Processor time of the service and of the main thread of the page. */
  cpu: number;
  script: number;
}

interface Bench {
  bench: Promise<Omit<Times, "cpu" | "script">>;
}

const median = (of: number[]) => {
  const s = [...of].sort((a, b) => a - b);
  return ((s[(s.length - 1) >> 1] ?? Number.NaN) + (s[s.length >> 1] ?? Number.NaN)) / 2;
};

/** Processor time of a process so far, in milliseconds; the kernel counts in steps of ten. */
function processorTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function mainThread(cdp: CDPSession): Promise<number> {
  const { metrics } = await cdp.send("Performance.getMetrics");
  return (metrics.find((m) => m.name === "TaskDuration")?.value ?? 0) * 1000;
}

/** Runs in the page: waits for what is to stand, from an event on, or from the begin of the page. */
function watch(o: { ready: string[] | (() => boolean); event: string }): void {
  const w = window as unknown as Bench;
  const checks = typeof o.ready === "function" ? [o.ready] : o.ready.map((s) => () => document.querySelector(s) !== null);
  w.bench = new Promise((done) => {
    const stood: number[] = [];
    let paint = 0;
    const begin = (from: number) => {
      const frame = () => {
        const now = checks.map((c, i) => stood[i] === undefined && c());
        const channel = new MessageChannel(); // its message comes when the frame has been painted
        channel.port1.onmessage = () => {
          const at = performance.now() - from;
          paint ||= at;
          now.forEach((ok, i) => {
            if (ok) stood[i] = at;
          });
          if (stood.filter((t) => t !== undefined).length < checks.length) {
            requestAnimationFrame(frame);
            return;
          }
          const requests = performance
            .getEntriesByType("resource")
            .filter((r): r is PerformanceResourceTiming => r.startTime >= from && r.name.includes("/api/"));
          const server = Math.max(0, ...requests.map((r) => r.responseStart - r.requestStart));
          done({ paint, stood, server });
        };
        channel.port2.postMessage(0);
      };
      requestAnimationFrame(frame);
    };
    if (!o.event) begin(0);
    else {
      performance.clearResourceTimings();
      document.addEventListener(o.event, (e) => begin(e.timeStamp), { capture: true, once: true });
    }
  });
}

class Table {
  private rows: string[][] = [];
  constructor(
    private title: string,
    private limit: number,
    private head: string[],
  ) {}
  /** Of a page its first rows count, of what is done on it all of its new content. */
  add(name: string, all: Times[], note = ""): void {
    const of = (f: (t: Times) => number) => median(all.map(f));
    const first = (t: Times) => t.stood[0] ?? Number.NaN;
    const last = (t: Times) => Math.max(...t.stood);
    const counted = this.limit === limits.open ? first : last;
    const over = of(counted) > this.limit;
    const ms = (n: number) => n.toFixed(0);
    const worst = Math.max(...all.map(last));
    this.rows.push([
      name,
      ms(of((t) => t.paint)),
      ...(this.limit === limits.open ? [ms(of(first))] : []),
      ms(of(last)),
      ms(worst),
      ms(of((t) => t.server)),
      ms(all.reduce((a, t) => a + t.cpu, 0) / all.length),
      ms(of((t) => t.script)),
      note || (over ? `missed: more than ${this.limit} ms` : ""),
    ]);
  }
  print(): void {
    const all = [this.head, ...this.rows];
    const wide = this.head.map((_, c) => Math.max(...all.map((r) => r[c]?.length ?? 0)));
    const line = (r: string[]) =>
      r
        .map((s, c) => (c === 0 || c === r.length - 1 ? s.padEnd(wide[c] ?? 0) : s.padStart(wide[c] ?? 0)))
        .join("  ")
        .trimEnd();
    console.log(`\n${this.title} (milliseconds)\n${all.map(line).join("\n")}`);
  }
}

/** Starts the program. At the first time the admin chooses a password, and the last run is made again, from its events. */
async function begin(): Promise<Service> {
  // Runs wait for so long that none comes in between.
  const s = await serve(process.env.BENCH_DATA ?? "", "schedule.delay=24h");
  if (!s.password) return s;
  await ask(s, await login(s, s.password), "/api/v1/me/password", { old: s.password, password });
  const cookie = await login(s, password);
  const runs = await ask<{ runs: { end: string }[] }>(s, cookie, "/api/v1/runs?limit=1");
  await ask(s, cookie, "/api/v1/runs", { end: runs.runs[0]?.end });
  return s;
}

async function ask<T>(s: Service, cookie: string, path: string, body?: object): Promise<T> {
  const r = await fetch(s.url + path, {
    method: body ? "POST" : "GET",
    headers: { "Content-Type": "application/json", Cookie: cookie },
    body: body ? JSON.stringify(body) : null,
  });
  if (!r.ok) throw new Error(`${path}: ${r.status} ${await r.text()}`);
  return (r.status === 204 ? undefined : await r.json()) as T;
}

async function login(s: Service, secret: string): Promise<string> {
  const r = await fetch(`${s.url}/api/v1/login`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: "admin", password: secret }),
  });
  expect(r.status).toBe(200);
  return r.headers.getSetCookie()[0]?.split(";")[0] ?? "";
}

/** A browser whose user is logged in, with nothing cached. */
async function visitor(browser: Browser, s: Service, cookie: string): Promise<BrowserContext> {
  const context = await browser.newContext({ baseURL: s.url });
  const [name = "", value = ""] = cookie.split(/=(.*)/s);
  await context.addCookies([{ name, value, url: s.url, httpOnly: true, sameSite: "Strict" }]);
  return context;
}

async function threads(page: Page): Promise<CDPSession> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
  return cdp;
}

/** Waits for what watch waits for. */
async function stood(page: Page, what: string) {
  const t = await page.evaluate(() =>
    Promise.race([(window as unknown as Bench).bench, new Promise<null>((r) => setTimeout(r, 20_000, null))]),
  );
  if (!t) throw new Error(`${page.url()}: got nothing in 20 s, want ${what}`);
  return t;
}

/** Opens a page and waits until all of some selectors stand. */
async function openPage(browser: Browser, s: Service, cookie: string, path: string, ready: string[]): Promise<Times> {
  const context = await visitor(browser, s, cookie);
  const page = await context.newPage();
  const cdp = await threads(page);
  await page.addInitScript(watch, { ready, event: "" });
  const cpu = processorTime(s.pid);
  await page.goto(path);
  const t = await stood(page, path);
  await page.waitForLoadState("networkidle");
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN);
  const times = { ...t, paint, cpu: processorTime(s.pid) - cpu, script: await mainThread(cdp) };
  await context.close();
  return times;
}

/** Does something on a page and waits for what is to stand then. */
async function use(page: Page, cdp: CDPSession, s: Service, event: string, act: () => Promise<void>, ready: string): Promise<Times> {
  await page.evaluate(`(${watch})({ ready: ${ready}, event: ${JSON.stringify(event)} })`);
  const [cpu, script] = [processorTime(s.pid), await mainThread(cdp)];
  await act();
  const t = await stood(page, ready);
  await page.waitForLoadState("networkidle");
  return { ...t, cpu: processorTime(s.pid) - cpu, script: (await mainThread(cdp)) - script };
}

/** Something that is done on a page, and what is to stand then. */
interface Deed {
  name: string;
  path: string;
  /** Before the time is taken. */
  prepare?: (round: number) => Promise<unknown>;
  event?: string;
  act: (round: number) => Promise<void>;
  ready: string;
  /** It leaves the page. */
  back?: boolean;
  note?: string;
}

/** What is to stand, as functions that the page runs: made before the deed, asked at each paint after it. */
const there = (...selectors: string[]) =>
  `() => ${selectors.map((q) => `document.querySelector(${JSON.stringify(q)}) !== null`).join(" && ")}`;
const other = (value: string) => `(() => { const was = ${value}; return () => ${value} !== was; })()`;
const more = (selector: string) =>
  `(() => { const q = () => document.querySelectorAll(${JSON.stringify(selector)}).length; const was = q(); return () => q() > was; })()`;
/** Another text than before, and none that waits for another. */
const another = (selector: string) =>
  `(() => { const q = () => document.querySelector(${JSON.stringify(selector)})?.textContent; const was = q(); return () => q() !== undefined && q() !== was && !document.querySelector(".stale, .loading"); })()`;

const overview = ["#cases tr[data-row]", "#hosts svg path.t0", "#processes svg rect", "#affected tr[data-row]"];
const findings = ["#findings tr[data-row]"];

let s: Service;
test.afterEach(() => s?.stop());

test("pages", async ({ browser }) => {
  s = await begin();
  const cookieOf = () => login(s, password);
  const minute = await ask<{ findings: { fresnel: { id: string } }[] }>(
    s,
    await cookieOf(),
    `/api/v1/findings?limit=1&q=${encodeURIComponent("fresnel.timing.period_s >= 59 and fresnel.timing.period_s <= 61")}`,
  );
  const id = minute.findings[0]?.fresnel.id;
  expect(id).toBeTruthy();
  const pages: { name: string; path: string; ready: string[] }[] = [
    { name: "overview, 6 hours", path: "/", ready: overview },
    { name: "overview, 14 days", path: "/?from=now-14d", ready: overview },
    { name: "findings, 14 days", path: "/findings?from=now-14d", ready: findings },
    { name: "findings, 14 days, all runs", path: "/findings?from=now-14d&view=all", ready: findings },
    { name: "hosts, 14 days", path: "/hosts", ready: ["#lines canvas", "#heat svg a"] },
    {
      name: "a finding",
      path: `/findings/${id}`,
      ready: [".subject .risk", "#rhythm svg", "#tests svg", "#destinations tr[data-row]", "#events tbody tr"],
    },
    { name: "tuning (all: its effect)", path: "/tuning", ready: ["#settings .knob", "#effect .sides"] },
  ];
  const head = ["", "first paint", "first rows", "all stands", "worst", "server", "cpu server", "cpu page", ""];
  const first = new Table("The first page that is opened after the start", limits.open, head);
  for (const p of pages.slice(0, 5)) {
    const all: Times[] = [];
    for (let i = 0; i < starts; i++) {
      await s.stop();
      s = await begin();
      all.push(await openPage(browser, s, await cookieOf(), p.path, p.ready));
    }
    first.add(p.name, all);
  }
  const later = new Table("Pages, nothing cached in the browser", limits.open, head);
  const cookie = await cookieOf();
  for (const p of pages) {
    const all: Times[] = [];
    for (let i = 0; i < rounds; i++) all.push(await openPage(browser, s, cookie, p.path, p.ready));
    later.add(p.name, all);
  }
  first.print();
  later.print();

  const used = new Table("What is done on them", limits.use, [
    "",
    "next paint",
    "new content",
    "worst",
    "server",
    "cpu server",
    "cpu page",
    "",
  ]);
  const context = await visitor(browser, s, cookie);
  const page = await context.newPage();
  const cdp = await threads(page);
  const settled = async () => {
    await page.waitForLoadState("networkidle");
    await expect(page.locator(".loading")).toHaveCount(0);
  };
  const measure = async (o: Deed) => {
    const all: Times[] = [];
    await page.goto(o.path);
    await settled();
    for (let i = -1; i < rounds; i++) {
      await o.prepare?.(i);
      const t = await use(page, cdp, s, o.event ?? "click", () => o.act(i), o.ready);
      if (i >= 0) all.push(t); // the first one has the code of the next page to load
      if (o.back) {
        await page.goBack();
        await settled();
      }
    }
    used.add(o.name, all, o.note);
  };

  for (const [which, path] of [
    ["findings", "/findings?from=now-14d"],
    ["of all runs", "/findings?from=now-14d&view=all"],
  ] as const) {
    await measure({
      name: `${which}: next page`,
      path,
      act: () => page.getByRole("button", { name: /Show more/ }).click(),
      ready: more("#findings tr[data-row]"),
    });
    await measure({
      name: `${which}: sort`,
      path,
      act: (i) => page.locator("#findings th a", { hasText: i % 2 ? "host" : "period" }).click(),
      ready: another("#findings tr[data-row]"),
    });
    const queries = [
      "event.risk_score >= 20 and host.name: ws-00*",
      "fresnel.timing.period_s <= 60 and not process.name: updater-*",
      "fresnel.destination.domain: cdn*",
    ];
    const filter = page.getByRole("combobox", { name: "Filter findings" });
    await measure({
      name: `${which}: filter`,
      path,
      prepare: async (i) => {
        await filter.fill(queries[(i + 3) % 3] ?? "");
        await filter.press("Escape");
      },
      event: "keydown",
      act: () => filter.press("Enter"),
      ready: another("#findings"), // two queries may have the same first row
    });
    await measure({
      name: `${which}: open a row`,
      path,
      act: (i) =>
        page
          .locator("#findings a.row-link")
          .nth(i + 1)
          .click(),
      ready: there(".subject .risk"),
      back: true,
    });
  }
  const list = "/findings?from=now-14d&view=all";
  await measure({
    name: "a row: its pictures",
    path: list,
    act: (i) =>
      page
        .locator("#findings a.row-link")
        .nth(i + 1)
        .click(),
    ready: there("#rhythm svg", "#tests"),
    back: true,
  });
  await measure({ name: "j", path: list, event: "keydown", act: () => page.keyboard.press("j"), ready: other("document.activeElement") });
  await measure({
    name: "k",
    path: list,
    prepare: (i) => (i < 0 ? page.locator("#findings a.row-link").last().focus() : Promise.resolve()),
    event: "keydown",
    act: () => page.keyboard.press("k"),
    ready: other("document.activeElement"),
  });
  const long = "/?from=now-14d";
  for (const [name, path] of [
    ["overview", long],
    ["findings", list],
    ["hosts", "/hosts"],
  ] as const)
    await measure({
      name: `${name}: light and dark`,
      path,
      act: () => page.getByRole("button", { name: /^(Light|Dark) colours/ }).click(),
      ready: other("document.documentElement.dataset.theme"),
    });
  const row = there("#findings tr[data-row]");
  await measure({
    name: "overview: open a case",
    path: long,
    act: () => page.locator("#cases a.row-link").first().click(),
    ready: there(".subject .risk"),
    back: true,
  });
  await measure({
    name: "overview: open a host's block",
    path: long,
    prepare: async (i) => {
      const host = page.locator("#hosts svg path.t0").nth(i + 1);
      await host.scrollIntoViewIfNeeded();
      const block = await host.evaluate((e) => {
        const [x = 0, y = 0, w = 0, h = 0] = (/M(\S+) ([^h]+)h([^v]+)v([^h]+)h/.exec(e.getAttribute("d") ?? "") ?? []).slice(1).map(Number);
        return new DOMPoint(x + w / 2, y + h / 2).matrixTransform((e as SVGPathElement).getScreenCTM() ?? undefined).toJSON();
      });
      await page.mouse.move(block.x, block.y);
    },
    act: async () => {
      await page.mouse.down();
      await page.mouse.up();
    },
    ready: row,
    back: true,
  });
  await measure({
    name: "overview: open a process",
    path: long,
    act: (i) =>
      page
        .locator("#processes svg a")
        .nth(i + 1)
        .click(),
    ready: row,
    back: true,
  });
  await measure({
    name: "overview: 6 hours to 14 days",
    path: "/",
    prepare: async (i) => {
      if (i >= 0) {
        await page.goto("/");
        await settled();
      }
      await page.getByRole("button", { name: "last 6 hours" }).click();
    },
    act: () => page.getByRole("button", { name: "last 2 weeks" }).click(),
    ready: another("#hosts .legend"),
  });
  await measure({
    name: "overview: by host, by process",
    path: long,
    act: (i) => page.getByRole("button", { name: i % 2 ? "by host" : "by process" }).click(),
    ready: another("#affected tr[data-row]"),
  });
  await measure({
    name: "hosts: open a process",
    path: "/hosts",
    act: (i) =>
      page
        .locator("#lines .legend a")
        .nth(i + 1)
        .click(),
    ready: row,
    back: true,
  });
  const slider = page.getByRole("slider", { name: /max_jitter/ });
  const press = { path: "/tuning", event: "keydown", prepare: () => slider.focus(), act: () => page.keyboard.press("ArrowRight") };
  await measure({ ...press, name: "tuning: a slider's number", ready: other(`document.getElementById("set-beacon.max_jitter").value`) });
  await measure({
    ...press,
    name: "tuning: a slider's effect",
    ready: `(() => { let busy = false; return () => { const b = document.querySelector("#effect .stale") !== null; busy ||= b; return busy && !b; }; })()`,
    note: "2000 ms allowed",
  });
  used.print();
  await context.close();
});
