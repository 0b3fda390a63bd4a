import { readFileSync } from "node:fs";
import { join } from "node:path";
import { accessible, expect, fits, open, settled, test } from "./base";
import { hostile } from "./service";

test("the types of the client are those of the API that is served", async ({ request }) => {
  const kept = JSON.parse(readFileSync(join(import.meta.dirname, "../openapi.json"), "utf8"));
  const served = await (await request.get("/api/openapi.json")).json();
  expect(served.paths, "run web/test/types").toEqual(kept.paths);
  expect(served.components, "run web/test/types").toEqual(kept.components);
});

test.describe("overview", () => {
  test("lists cases by risk, with reasons, and the health of runs and inputs", async ({ page }) => {
    await open(page, "/");
    const risks = await page.locator("#cases tr[data-row] .risk").allTextContents();
    expect(risks.length).toBeGreaterThan(3);
    expect(risks.map(Number)).toEqual(risks.map(Number).sort((a, b) => b - a));
    await expect(page.locator("#cases .chip").first()).toContainText(/[+−]\d/);
    await expect(page.locator("#cases svg.strip").first()).toHaveAttribute("aria-label", /calls? in \d+ of 9\d stretches of /);
    await expect(page.locator(".health")).toContainText("last up to");
    await expect(page.locator(".health")).toContainText("Inputs");
    await accessible(page);
    await fits(page);
  });

  test("a case opens its finding, with the range", async ({ page }) => {
    await open(page, "/?from=now-24h");
    await page.locator('#cases a.row-link[href^="/findings/"]').first().click();
    await expect(page).toHaveURL(/\/findings\/[0-9a-f]{64}\?from=now-24h/);
    await expect(page.locator(".subject .risk")).toBeVisible();
  });

  test("each mark drills down with filter and range", async ({ page }) => {
    await open(page, "/?q=event.risk_score%20%3E%3D%200&from=now-12h");
    const targets = {
      host: page.locator("#hosts .legend a").first(),
      block: page.locator("#hosts svg a").first(),
      process: page.locator("#processes svg a").first(),
      row: page.locator("#affected a.row-link").first(),
      level: page.locator(".summary .facts a").nth(1),
    };
    for (const [name, link] of Object.entries(targets)) {
      const href = new URL((await link.getAttribute("href")) ?? "", "http://x");
      expect(href.pathname, name).toBe("/findings");
      expect(href.searchParams.get("q"), name).toMatch(/^event\.risk_score >= 0 and .+/);
      if (name === "block") {
        expect(href.searchParams.get("from"), name).toMatch(/^\d{4}-/);
        expect(href.searchParams.get("view"), name).toBe("all");
      } else expect(href.searchParams.get("from"), name).toBe("now-12h");
    }
    await targets.block.click();
    await expect(page.locator("#findings tr[data-row]").first()).toBeVisible();
    await page.goBack();
    await settled(page);
    await targets.process.click();
    await expect(page).toHaveURL(/process\.name/);
    await expect(page.locator("#findings tr[data-row]").first()).toBeVisible();
  });

  test("each block of the stack is a link, for the pointer and by the arrow keys", async ({ page, request }) => {
    await open(page, "/?from=now-12h");
    const o = await (await request.get("/api/v1/overview?from=now-12h")).json();
    const link = page.locator("#hosts svg a");
    const shapes = page.locator("#hosts svg path.t0, #hosts svg path.t1, #hosts svg path.t2");
    await expect(shapes).toHaveCount(o.top_hosts.length);
    const seen = new Set<string | null>();
    for (const [k, host] of o.top_hosts.entries()) {
      const shape = shapes.nth(k);
      await shape.scrollIntoViewIfNeeded();
      const middles = await shape.evaluate((e) =>
        [...(e.getAttribute("d") ?? "").matchAll(/M(\S+) ([^h]+)h([^v]+)v([^h]+)h/g)].map(([, ...n]) => {
          const [x = 0, y = 0, w = 0, h = 0] = n.map(Number);
          return new DOMPoint(x + w / 2, y + h / 2).matrixTransform((e as SVGPathElement).getScreenCTM() ?? undefined).toJSON();
        }),
      );
      expect(middles).toHaveLength(host.steps.filter((n: number) => n > 0).length);
      for (const at of middles) {
        await page.mouse.move(at.x, at.y);
        await expect(link).toHaveAttribute("aria-label", /: \d+ process/);
        expect(new URL((await link.getAttribute("href")) ?? "", "http://x").searchParams.get("q")).toContain(JSON.stringify(host.host));
        seen.add(await link.getAttribute("href"));
      }
    }
    expect(seen.size).toBe(o.top_hosts.flatMap((t: { steps: number[] }) => t.steps.filter((n) => n > 0)).length);
    await page.mouse.move(0, 0);
    await link.focus();
    const first = await link.getAttribute("href");
    await page.keyboard.press("ArrowDown");
    const second = await link.getAttribute("href");
    expect(second).not.toBe(first);
    await expect(link).toBeFocused();
    await accessible(page);
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(second ?? "");
  });

  test("what is asked for before a page is there is not asked for again", async ({ page }) => {
    await open(page, "/?from=now-12h");
    const asked: string[] = [];
    page.on("request", (r) => r.url().includes("/api/") && asked.push(new URL(r.url()).pathname + new URL(r.url()).search));
    const twice = () => asked.splice(0).filter((p, i, all) => all.indexOf(p) !== i);
    for (const link of ["#processes svg a", "#findings th a", "#findings a.row-link"]) {
      await page.locator(link).first().click();
      await settled(page);
      expect(asked.some((p) => p.startsWith("/api/v1/findings")), link).toBe(true);
      expect(twice(), link).toEqual([]);
    }
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Hosts over time" }).click();
    await settled(page);
    expect(asked.some((p) => p.startsWith("/api/v1/overview"))).toBe(true);
    expect(twice()).toEqual([]);
  });

  test("the table goes by process and by host, and a link restores which", async ({ page }) => {
    await open(page, "/?cases=50");
    await expect(page.locator("#affected th").nth(2)).toHaveText("hosts affected");
    await page.getByRole("button", { name: "by host" }).click();
    await expect(page).toHaveURL("/?cases=50&affected=hosts");
    await page.reload();
    await settled(page);
    await expect(page.locator("#affected th").nth(2)).toHaveText("processes");
    await expect(page.locator("#affected tr[data-row]").first()).toBeVisible();
    await page.getByRole("link", { name: /^\d+$/ }).and(page.locator('[href*="affected=processes"]')).click();
    await expect(page.locator("#affected th").nth(2)).toHaveText("hosts affected");
    await expect(page.locator("#affected")).toBeInViewport();
  });

  test("strips have a bar where there were calls, and say how many", async ({ page, request }) => {
    await open(page, "/?from=now-24h");
    const { cases, strips } = await (await request.get("/api/v1/cases?from=now-24h&limit=15&strip=96")).json();
    const first = page.locator("#cases td .strip").first();
    const filled = (cases[0].strip as number[]).filter((n) => n > 0);
    expect(filled.length).toBeGreaterThan(3);
    await expect(first).toHaveAttribute("aria-label", new RegExp(`in ${filled.length} of ${strips.buckets} stretches of 15m`));
    const bars = (await first.locator("path.fill").getAttribute("d"))?.match(/M/g);
    expect(bars).toHaveLength(filled.length);
    // Of calls that all were before the range there is no empty picture.
    await page.route("**/api/v1/cases?**strip=96", async (r) => {
      const body = await (await r.fetch()).json();
      body.cases[0].strip = body.cases[0].strip.map(() => 0);
      await r.fulfill({ json: body });
    });
    await page.reload();
    await expect(page.locator("#cases td .strip").first()).toHaveText("no call in this time");
  });

  test("pictures have their numbers in words", async ({ page, request }) => {
    await open(page, "/?from=now-12h");
    const o = await (await request.get("/api/v1/overview?from=now-12h")).json();
    await page.locator("#processes .numbers summary").click();
    await expect(page.locator("#processes tbody tr").first()).toContainText(
      `${o.top_processes[0].process}${o.top_processes[0].findings}${o.top_processes[0].hosts}`,
    );
    await page.locator("#hosts .numbers summary").click();
    await expect(page.locator("#hosts tbody tr")).toHaveCount(o.top_hosts.length);
    await accessible(page);
  });

  test("says what to do where there is nothing", async ({ page }) => {
    await open(page, "/?q=host.name%3A%20nowhere");
    await expect(page.getByText("No finding fits the filter in this time")).toBeVisible();
    await accessible(page);
    await expect(page.locator("#cases")).toContainText("The newest run looked at the time up to");
    await expect(page.locator("#cases").getByRole("link", { name: "look at the last 7 days" })).toHaveAttribute(
      "href",
      "/?q=host.name%3A%20nowhere&from=now-7d",
    );
    await page.getByRole("link", { name: "Remove the filter" }).click();
    await expect(page.locator("#cases tr[data-row]").first()).toBeVisible();
  });

  test("leads to the newest run where it is of long ago, and to a wider range else", async ({ page, request }) => {
    const { runs } = await (await request.get("/api/v1/runs?limit=1")).json();
    await page.route("**/api/v1/runs?limit=1", (r) => r.fulfill({ json: { runs: [{ ...runs[0], end: "2018-08-01T12:00:00Z" }] } }));
    await open(page, "/?q=host.name%3A%20nowhere");
    await page.locator("#cases").getByRole("link", { name: "look at the week up to the newest run" }).click();
    await expect(page).toHaveURL("/?q=host.name%3A%20nowhere&from=2018-07-25T12%3A00%3A00Z&to=2018-08-01T12%3A00%3A00Z");
    await expect(page.locator("#cases").getByRole("link", { name: "look at the last 6 hours" })).toBeVisible();
    await page.route("**/api/v1/runs?limit=1", (r) => r.fulfill({ json: { runs: [] } }));
    await open(page, "/findings?q=host.name%3A%20nowhere");
    await expect(page.getByText("Nothing has been looked at yet")).toBeVisible();
    await page.getByRole("link", { name: "see whether they come" }).click();
    await expect(page).toHaveURL("/inputs");
  });

  test("says what to do where the service fails", async ({ page, bad }) => {
    bad.allow = [/503/, /ERR_FAILED/];
    await page.route("**/api/v1/cases**", (r) =>
      r.fulfill({ status: 503, json: { error: { code: "too_slow", message: "got no answer from the store in time" } } }),
    );
    await page.route("**/api/v1/overview**", (r) => r.abort());
    await page.goto("/");
    await expect(page.locator("#cases").getByText("Choose a shorter time range")).toBeVisible();
    await expect(page.getByText("The overview could not be loaded")).toBeVisible();
    await page.unroute("**/api/v1/cases**");
    await page.locator("#cases").getByRole("button", { name: "Try again" }).click();
    await expect(page.locator("#cases tr[data-row]").first()).toBeVisible();
  });
});

test.describe("filter", () => {
  test("completes fields, comparisons and values by the keys", async ({ page }) => {
    await open(page, "/");
    await page.keyboard.press("/");
    const filter = page.getByRole("combobox", { name: "Filter findings" });
    await expect(filter).toBeFocused();
    await page.keyboard.type("proc");
    await expect(page.getByRole("option", { name: /^process\.name/ })).toBeVisible();
    await accessible(page);
    await page.keyboard.press("Tab");
    await expect(filter).toHaveValue("process.name: ");
    await expect(page.getByRole("option").first()).toBeVisible();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await expect(filter).toHaveValue(/^process\.name: \S+/);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(/q=process\.name/);
    await settled(page);
    await expect(page.locator("#cases tr[data-row]").first()).toBeVisible();
  });

  test("completes the values of any field, also inside an object", async ({ page }) => {
    await open(page, "/findings?sort=host.name&order=asc");
    await page.keyboard.press("/");
    const filter = page.getByRole("combobox", { name: "Filter findings" });
    await page.keyboard.type("fresnel.reasons: {code: ti");
    await expect(page.getByRole("option", { name: /^timing/ })).toContainText(/\d+ findings?/);
    await page.keyboard.press("Tab");
    await page.keyboard.type("and poi");
    await page.keyboard.press("Tab");
    await page.keyboard.type("5}");
    await expect(filter).toHaveValue("fresnel.reasons: {code: timing and points >= 5}");
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(/sort=host\.name&order=asc&q=fresnel\.reasons/); // it does not sort anew
    await settled(page);
    await expect(page.locator("#findings tr[data-row]").first()).toBeVisible();
  });

  test("says where a query is wrong", async ({ page, bad }) => {
    bad.allow = [/400 \(Bad Request\)/];
    await open(page, "/findings");
    await page.getByRole("combobox", { name: "Filter findings" }).fill("host.name: a and host.nme: b");
    await page.keyboard.press("Enter");
    const error = page.locator("#filter-error");
    await expect(error).toContainText("did you mean host.name?");
    expect((await error.locator("pre").textContent())?.split("\n")[1]).toBe(`${" ".repeat(17)}^~~~~~~~`);
    await expect(page.getByText("Mend the filter above")).toBeVisible();
    await accessible(page);
  });

  test("the range is chosen by name and by hand", async ({ page }) => {
    await open(page, "/findings");
    await page.getByRole("button", { name: "last 6 hours" }).click();
    await accessible(page);
    await page.getByRole("button", { name: "last 24 hours" }).click();
    await expect(page).toHaveURL(/from=now-24h/);
    await page.getByRole("button", { name: "last 24 hours" }).click();
    await page.getByLabel("from").fill("2026-01-01T00:00");
    await page.getByRole("button", { name: "Show this range" }).click();
    await expect(page).toHaveURL(/from=2025-12-31T23%3A00%3A00Z/); // Berlin is an hour ahead
  });
});

test.describe("findings", () => {
  test("are sorted, counted, narrowed and read page by page", async ({ page }) => {
    await open(page, "/findings");
    await expect(page.locator("#findings > header p")).toContainText(/\d+ findings/);
    await accessible(page);
    await fits(page);
    await page.getByRole("link", { name: "host", exact: true }).click();
    await expect(page).toHaveURL(/sort=host\.name&order=asc/);
    await settled(page);
    const hosts = await page.locator("#findings tr[data-row] td:nth-child(2)").allTextContents();
    expect(hosts).toEqual([...hosts].sort());
    await page.locator(".facets a").first().click();
    await expect(page).toHaveURL(/q=host\.name/);
    await page.getByRole("link", { name: "all runs" }).click();
    await expect(page).toHaveURL(/view=all/);
    await settled(page);
    const before = await page.locator("#findings tr[data-row]").count();
    const more = page.getByRole("button", { name: /Show more/ });
    if (await more.isVisible()) {
      await more.click();
      await expect.poll(() => page.locator("#findings tr[data-row]").count()).toBeGreaterThan(before);
    }
  });

  test("a link restores the view exactly", async ({ page, context }) => {
    await open(page, "/findings?q=process.name%3A%20*&from=now-24h&sort=fresnel.timing.period_s&order=asc&view=all");
    const rows = await page.locator("#findings tr[data-row]").allTextContents();
    const other = await context.newPage();
    await other.goto(page.url());
    await settled(other);
    expect(await other.locator("#findings tr[data-row]").allTextContents()).toEqual(rows);
    await other.close();
  });

  test("j and k go through the rows, Enter opens one, ? helps", async ({ page }) => {
    await open(page, "/findings");
    const links = page.locator("#findings .row-link");
    await page.keyboard.press("j");
    await expect(links.nth(0)).toBeFocused();
    await page.keyboard.press("j");
    await expect(links.nth(1)).toBeFocused();
    await page.keyboard.press("k");
    await expect(links.nth(0)).toBeFocused();
    await page.keyboard.press("?");
    await expect(page.getByRole("dialog", { name: "Help" })).toBeVisible();
    await accessible(page);
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await links.nth(0).focus();
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(/\/findings\/[0-9a-f]{64}/);
  });
});

test.describe("a finding", () => {
  test("shows its rhythm, tests, reasons, destinations, events and history", async ({ page }) => {
    await open(page, "/findings?q=fresnel.timing.found%3A%20true%20and%20beacon_stats.is_beaconing%3A%20true");
    await page.locator("#findings .row-link").first().click();
    await expect(page.locator(".verdict")).toContainText("Found:");
    await settled(page);
    for (const title of [
      "Callbacks over time",
      "Time between callbacks",
      "Period over time",
      "Autocovariance of the counts",
      "Events per 1m",
      "Bytes sent",
      "Bytes received",
    ])
      await expect(page.getByRole("img", { name: new RegExp(title) })).toBeVisible();
    await expect(page.locator("#tests .why li")).toHaveCount(5);
    await expect(page.locator("#why .reasons li").first()).toContainText(/^\+/);
    await expect(page.locator("#destinations tr.own")).toContainText("this finding");
    await expect(page.locator("#history tr[data-row]").first()).toBeVisible();
    await accessible(page);
    await fits(page);

    // What the pointer is on is told, and all numbers stand below.
    const raster = page.getByRole("img", { name: /Callbacks over time/ });
    await raster.hover();
    await expect(page.locator("#rhythm .readout").first()).toContainText(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}/);
    const counts = page.getByRole("img", { name: /Events per 1m/ });
    await counts.hover();
    await expect(page.locator("#tests .readout")).toContainText(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}: \d+$/);
    for (const [id, picture] of [
      ["rhythm", 0],
      ["rhythm", 1],
      ["rhythm", 2],
      ["tests", 0],
      ["tests", 1],
      ["tests", 2],
      ["tests", 3],
    ] as const) {
      const figure = page.locator(`#${id} figure`).nth(picture);
      await figure.locator(".numbers summary").click();
      await expect(figure.locator(".numbers td").first()).toHaveText(/\d/);
    }
  });

  test("has the pictures of its report, in the colours of the page", async ({ page, request }) => {
    await open(page, "/findings?q=fresnel.timing.found%3A%20true%20and%20beacon_stats.is_beaconing%3A%20true");
    const href = (await page.locator("#findings .row-link").first().getAttribute("href")) ?? "";
    await open(page, href);
    // Every mark of the page stands in the report; the clock alone is another.
    const marks = (of: string) => [...of.matchAll(/<(?:path|rect)[^>]*>/g)].map((m) => m[0]).filter((m) => !m.includes("--grid"));
    const report = await (await request.get(`/api/v1${href.replace(/[?].*/, "")}/report`)).text();
    const drawn = await page.locator(".pictures svg").evaluateAll((all) => all.map((e) => new XMLSerializer().serializeToString(e)));
    expect(drawn.length).toBeGreaterThan(6);
    expect(marks(drawn.join("")).length).toBeGreaterThan(10);
    const inReport = new Set(marks(report));
    expect(marks(drawn.slice(1).join("")).filter((m) => !inReport.has(m))).toEqual([]);
    const bar = page.locator("#tests svg path[fill*='--data']").first();
    const color = () => bar.evaluate((e) => getComputedStyle(e).fill);
    await page.emulateMedia({ colorScheme: "light" });
    expect(await color()).toBe("rgb(0, 114, 178)");
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await color()).toBe("rgb(86, 180, 233)");
  });

  test("shows events whole, page by page, and copies them as ECS", async ({ page, context }) => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await open(page, "/findings?q=fresnel.timing.callbacks%20%3E%20100");
    await page.locator("#findings .row-link").first().click();
    await page
      .locator("#events")
      .getByRole("button", { name: /All fields/ })
      .first()
      .click();
    await expect(page.locator("#events .fields")).toContainText("destination.ip");
    await page.locator("#events .fields").getByRole("button", { name: "Copy as ECS" }).click();
    const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
    expect(copied["@timestamp"]).toMatch(/Z$/);
    expect(copied.destination.ip).toBeTruthy();
    const rows = page.locator("#events tbody tr");
    const before = await rows.count();
    await page
      .locator("#events")
      .getByRole("button", { name: /Show more/ })
      .click();
    await expect.poll(() => rows.count()).toBeGreaterThan(before);
    await page.getByRole("button", { name: "all of the group" }).click();
    await page.getByRole("button", { name: "oldest first" }).click();
    await settled(page);
    const oldest = (await rows.first().locator("time").textContent()) ?? "";
    await page.reload();
    await settled(page);
    for (const name of ["all of the group", "oldest first"])
      await expect(page.getByRole("button", { name })).toHaveAttribute("aria-pressed", "true"); // a link restores it
    await expect(rows.first().locator("time")).toHaveText(oldest);
  });

  test("leads to its report, its host and its other runs", async ({ page, context }) => {
    await open(page, "/");
    await page.locator('#cases a.row-link[href^="/findings/"]').first().click();
    const [report] = await Promise.all([context.waitForEvent("page"), page.getByRole("link", { name: "Report" }).click()]);
    await expect(report.locator("h1")).toBeVisible();
    await report.close();
    await page.locator("#history .row-link").last().click();
    await expect(page.locator(".subject .risk")).toBeVisible();
    await page.getByRole("link", { name: "All of this host" }).click();
    await expect(page).toHaveURL(/\/findings\?q=host\.name|source\.ip/);
  });

  test("that there is not says what to do", async ({ page, bad }) => {
    bad.allow = [/404/];
    await page.goto(`/findings/${"0".repeat(64)}`);
    await expect(page.getByText("The finding could not be loaded")).toBeVisible();
    await expect(page.getByText("Go back to the overview")).toBeVisible();
    await accessible(page);
  });
});

test("a case shows its findings and the riskiest of them", async ({ page, request }) => {
  const list = await (await request.get("/api/v1/cases?from=now-24h&singles=false")).json();
  expect(list.cases.length).toBeGreaterThan(0);
  await open(page, `/cases/${list.cases[0].id}`);
  await expect(page.locator("h1")).toContainText("Case of");
  await expect(page.locator("#members tr[data-row]").first()).toBeVisible();
  await expect(page.locator("h2 bdi").first()).toBeVisible();
  await accessible(page);
  await fits(page);
  await page.locator("#members .row-link").first().click();
  await expect(page).toHaveURL(/\/findings\//);
});

test.describe("hosts over time", () => {
  test("draws lines of processes and a heat map, and drills down", async ({ page }) => {
    await open(page, "/hosts");
    await expect(page.locator(".lines canvas")).toBeVisible();
    await expect(page.locator("#heat svg a").first()).toBeVisible();
    await accessible(page);
    await fits(page);
    await page.locator("#lines .numbers summary").click();
    await expect(page.locator("#lines .numbers td a").first()).toHaveAttribute("href", /process\.name.*from=.*to=.*view=all/);
    await page.locator("#heat .numbers summary").click();
    await expect(page.locator("#heat .numbers td a")).toHaveCount(await page.locator("#heat svg a").count());
    await page.locator("#heat svg a").first().click();
    await expect(page).toHaveURL(/\/findings\?q=.*process\.name/);
  });

  test("a process of the list is a drill-down over the same time", async ({ page }) => {
    await open(page, "/hosts");
    await page.locator("#lines .legend a").first().click();
    await expect(page).toHaveURL(/process\.name.*from=now-14d/);
    await expect(page.locator("#findings tr[data-row]").first()).toBeVisible();
  });
});

test("the list of the lines has the hosts of each, the most first", async ({ page }) => {
  await open(page, "/hosts");
  const hosts = (await page.locator("#lines .legend b").allTextContents()).map(Number);
  expect(hosts.length).toBeGreaterThan(3);
  expect(hosts).toEqual([...hosts].sort((a, b) => b - a));
  await expect(page.locator("#lines > header")).toContainText("Upright lines are the ends of runs"); // of a day
  await page.locator("#lines .numbers summary").click();
  const names = await page.locator("#lines .legend span").allTextContents();
  expect((await page.locator("#lines .numbers th").allTextContents()).slice(1)).toEqual(names);
});

test.describe("hostile names of a log", () => {
  test("stay text wherever they are shown", async ({ page }) => {
    const q = encodeURIComponent('process.name: "<img src=x onerror=\\"document.title=\'owned\'\\">.exe"');
    for (const path of [`/?q=${q}`, `/findings?q=${q}`, `/hosts?q=${q}`]) {
      await open(page, path);
      await expect(page.getByText(hostile.process, { exact: false }).first()).toBeAttached();
      expect(await page.locator("img").count()).toBe(0);
      expect(await page.locator("main script").count()).toBe(0);
      expect(await page.title()).not.toContain("owned");
    }
    await open(page, `/findings?q=${q}`);
    await page.locator("#findings .row-link").first().click();
    await settled(page);
    await expect(page.locator(".subject")).toContainText(hostile.process);
    await expect(page.locator(".subject")).toContainText(hostile.host);
    await expect(page.locator(".subject")).toContainText("evil\\u202emoc.example");
    const ingested = page.locator("#who .pairs div", { hasText: "event.ingested" }).locator("time");
    await expect(ingested).toHaveAttribute("title", /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.title()).not.toContain("owned");
  });

  test("can be clicked into a filter that means them", async ({ page }) => {
    await open(page, `/?q=${encodeURIComponent("fresnel.destination.ip: 45.66.77.88")}`);
    await page.locator("#affected .row-link").first().click();
    await settled(page);
    await expect(page.locator("#findings tr[data-row]").first()).toContainText(hostile.process);
  });
});

test("times show UTC on hover", async ({ page }) => {
  await open(page, "/");
  const time = page.locator("#cases tbody time").first();
  const iso = (await time.getAttribute("datetime")) ?? "";
  expect(await time.getAttribute("title")).toBe(`${iso.slice(0, 19).replace("T", " ")} UTC`);
  const local = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Berlin", hour: "2-digit", minute: "2-digit" }).format(new Date(iso));
  expect(await time.textContent()).toContain(local);
});

test("colours are switched and stay so", async ({ page }) => {
  await open(page, "/");
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  await page.getByRole("button", { name: "Dark colours" }).click();
  await expect.poll(paper).not.toBe(light);
  const dark = await paper();
  await page.reload();
  await expect.poll(paper).toBe(dark);
});

test("lines are drawn again in the colours of the page", async ({ page }) => {
  await open(page, "/hosts");
  // The colours of the canvas that are there at all: lines, marks and texts.
  const ink = () =>
    page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>(".lines canvas");
      const data = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      const seen = new Set<string>();
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) seen.add(`${data[i]} ${data[i + 1]} ${data[i + 2]}`);
      return seen.has("77 163 221") ? "dark" : seen.has("0 114 178") ? "light" : "none";
    });
  await expect.poll(ink).toBe("light"); // of --s0
  await page.getByRole("button", { name: "Dark colours" }).click();
  await expect.poll(ink).toBe("dark");
});

test("pages can be used on a phone", async ({ page }) => {
  test.slow();
  await page.setViewportSize({ width: 390, height: 844 });
  for (const path of ["/", "/findings", "/hosts", "/runs", "/inputs", "/config", "/users", "/keys", "/audit", "/filters", "/tuning"]) {
    await open(page, path);
    await fits(page);
    await expect(page.locator(".bar nav [aria-current]")).toBeInViewport({ ratio: 0.9 });
    await accessible(page);
  }
  await open(page, "/");
  await expect(page.locator("#cases .phone .strip").first()).toBeVisible();
  await expect(page.locator("#cases .place").first()).toContainText(/→ \S+/);
  const legible = () =>
    page
      .locator("#processes svg text")
      .first()
      .evaluate((e: SVGTextElement) => 12 * (e.getScreenCTM()?.a ?? 0));
  expect(await legible()).toBeGreaterThan(10);
  await page.locator('#cases a.row-link[href^="/findings/"]').first().click();
  await settled(page);
  await fits(page);
  await accessible(page);
});

test("what is loaded first is at most 120 KB", async ({ page }) => {
  let bytes = 0;
  page.on("response", async (r) => {
    if (r.url().endsWith(".js")) bytes += (await r.body()).length;
  });
  await open(page, "/");
  expect(bytes).toBeGreaterThan(1000);
  expect(bytes).toBeLessThan(120 * 1024); // even before it is compressed
});
