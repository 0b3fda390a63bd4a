import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { accessible, test as base, expect, open, password, settled } from "./base";
import { serve } from "./service";

/**
 * The pages on real captures, with what their READMEs say of them. Both are old: the runs are made by hand, at
 * their ends, and the pages are opened with the times of then.
 */

const shared = process.env.FRESNEL_SHARED ?? join(import.meta.dirname, "../../../../shared/data");

const captures = {
  icedid: "emotet-icedid/2018-11-14-emotet-icedid.conn.log",
  hakai: "iot23-hakai-torii/CTU-IoT-Malware-Capture-8-1.conn.labeled.psv",
};
const ends = { icedid: "2018-11-14T21:05:00Z", hakai: "2018-08-01T13:15:30Z" };

/** A host that polls IcedID's server every 301.6 s and Emotet's every 868 to 912 s. */
const icedid = {
  host: "10.11.14.101",
  server: "185.129.49.19",
  emotet: "160.36.66.221",
  range: "from=2018-11-14T20:00:00Z&to=2018-11-14T22:00:00Z",
};
/** A camera that tries two servers on port 50 every 80.06 s, and never gets an answer; its clock is set every 65 s. */
const hakai = {
  host: "192.168.100.113",
  servers: ["128.185.250.50", "178.128.185.250"],
  clock: "147.231.100.5",
  range: "from=2018-08-01T12:00:00Z&to=2018-08-01T14:00:00Z",
};

interface Site {
  url: string;
  cookie: { name: string; value: string };
}

const test = base.extend<object, { site: Site }>({
  site: [
    async ({}, use) => {
      const dir = mkdtempSync(join(tmpdir(), "fresnel-captures-"));
      const tails = Object.entries(captures).map(([name, path]) => {
        const file = join(dir, `${name}.log`);
        writeFileSync(file, gunzipSync(readFileSync(join(shared, `${path}.gz`))));
        return `${name}: {paths: ["${file}"]}`;
      });
      const service = await serve(
        join(dir, "data"),
        `inputs.tail={${tails.join(", ")}}`,
        // No run of now and none that was missed; and what is so old is kept.
        "schedule.delay=24h",
        "schedule.catch_up=1h",
        "store.keep_events=87600h",
        "store.keep_findings=87600h",
        "store.remember=87600h",
      );
      try {
        let cookie = "";
        const ask = async (path: string, body?: object) => {
          const r = await fetch(service.url + path, {
            method: body ? "POST" : "GET",
            headers: { "Content-Type": "application/json", Cookie: cookie },
            body: body ? JSON.stringify(body) : null,
          });
          if (!r.ok) throw new Error(`${path}: ${r.status} ${await r.text()}`);
          return r;
        };
        const login = async (secret: string) => {
          cookie = (await ask("/api/v1/login", { name: "admin", password: secret })).headers.getSetCookie()[0]?.split(";")[0] ?? "";
        };
        await login(service.password);
        await ask("/api/v1/me/password", { old: service.password, password });
        await login(password);
        const read = async () => {
          const { inputs } = await (await ask("/api/v1/inputs")).json();
          return inputs.map((i: { name: string; counts: { stored: number } }) => [i.name, i.counts.stored]);
        };
        await expect.poll(read).toEqual([
          ["hakai", 10403],
          ["icedid", 205],
        ]);
        for (const end of Object.values(ends)) await ask("/api/v1/runs", { end });
        const [name = "", value = ""] = cookie.split(/=(.*)/s);
        await use({ url: service.url, cookie: { name, value } });
      } finally {
        await service.stop();
        rmSync(dir, { recursive: true, force: true });
      }
    },
    { scope: "worker" },
  ],
  baseURL: async ({ site }, use) => use(site.url),
  storageState: async ({ site }, use) =>
    use({
      cookies: [{ ...site.cookie, domain: "127.0.0.1", path: "/", expires: -1, httpOnly: true, secure: false, sameSite: "Strict" }],
      origins: [],
    }),
});

test.skip(!existsSync(join(shared, `${captures.icedid}.gz`)), `there are no captures in ${shared}`);

test("the overview has the servers that a host polls, with their periods", async ({ page }) => {
  await open(page, `/?${icedid.range}`);
  const cases = page.locator("#cases tr[data-row]");
  await expect(cases).toHaveCount(2);
  const poll = cases.filter({ hasText: icedid.server });
  await expect(poll).toContainText(icedid.host);
  await expect(poll.locator("td").nth(4)).toHaveText("5m 2s");
  await expect(poll.locator("td").nth(5)).toHaveText("±0.1 %");
  await expect(poll.locator("td").nth(7)).toHaveText("11-14 18:50"); // 17:50:55 UTC, in Berlin
  await expect(cases.filter({ hasText: icedid.emotet }).locator("td").nth(4)).toHaveText("14m 50s");
  await expect(page.locator("#cases .chip").filter({ hasText: "called 42 times, every 302 s" })).toBeVisible();
  // Of a network sensor there are no processes to draw.
  await expect(page.locator("#affected tr[data-row]")).toHaveText(new RegExp(`${icedid.host}`));
  await expect(page.locator("#processes")).toHaveCount(0);
  await accessible(page);
});

test("a finding shows the rhythm, the tests, the server and the events", async ({ page }) => {
  await open(page, `/?${icedid.range}`);
  await page.locator("#cases tr[data-row]", { hasText: icedid.server }).locator("a.row-link").click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(`${icedid.host} → ${icedid.server}:443`);
  await settled(page);
  await expect(page.locator(".verdict")).toContainText("every 5m 2s ±0.1 %, 42 callbacks, 0 missed");
  await expect(page.locator("#rhythm")).toContainText("48 calls, 0 without an answer");
  await expect(page.locator("#rhythm")).toContainText("model: 5m 2s ±0.1 %");
  await expect(page.locator("#tests li.fired")).toContainText([/source bytes/, /destination bytes/, /periodic/, /is beaconing/]);
  await expect(page.locator("#tests")).toContainText("671 B on average"); // of a poll
  const server = page.locator("#destinations tr[data-row]");
  await expect(server).toContainText([/185\.129\.49\.19.*80, 443.*48.*none/]);
  await expect(page.locator("#events")).toContainText("48 raw events from 11-14 16:05 to 11-14 22:05");
  await expect(page.locator("#events tbody tr").first()).toContainText("2018-11-14 22:01:59");
  await page.locator("#events").getByRole("button", { name: /^All fields/ }).first().click();
  await expect(page.locator("#events")).toContainText("2018-11-14T21:01:59.463722Z"); // as exact as Zeek wrote it
  await expect(page.locator("section.panel").last()).toContainText("11-14 22:05");
  await accessible(page);
});

test("two servers that a bot tries in turn are one case", async ({ page }) => {
  await open(page, `/?${hakai.range}`);
  const bot = page.locator("#cases tr[data-row]", { hasText: "2 findings" }).filter({ hasText: "1m 20s" });
  await expect(bot).toHaveCount(1);
  await expect(bot).toContainText(hakai.host);
  await bot.locator("a.row-link").click();
  await expect(page).toHaveURL(/\/cases\/[0-9a-f]{32}\?/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Case of 2 findings on 1 host");
  for (const server of hakai.servers) {
    const row = page.locator("#members tr[data-row]", { hasText: server });
    await expect(row).toContainText(hakai.host);
    await expect(row.locator("td").nth(4)).toHaveText("1m 20s"); // 80.06 s: of four tries of a call one counts
  }
  await settled(page);
  await expect(page.locator("#rhythm svg").first()).toBeVisible();
  await expect(page.locator("#rhythm path.unanswered")).toHaveAttribute("d", /^M\d/);
  await expect(page.locator(".facts li", { hasText: "without an answer" })).toHaveText(/^260/); // all callbacks
  await page.locator("#members a.row-link").first().click();
  await expect(page).toHaveURL(/\/findings\/[0-9a-f]{64}\?from=2018/);
  await expect(page.locator(".subject .risk")).toBeVisible();
});

test("the filter finds a server, and hosts without processes are told so", async ({ page }) => {
  await open(page, `/findings?${hakai.range}`);
  await page.keyboard.press("/");
  await page.keyboard.type(`fresnel.destination.ip: ${hakai.clock}`);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  const rows = page.locator("#findings tr[data-row]");
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText("1m 5s"); // the clock
  await open(page, "/hosts?from=2018-07-25T00:00:00Z&to=2018-08-02T00:00:00Z");
  await expect(page.getByText("name no process")).toBeVisible();
  await accessible(page);
  await page.locator("#main").getByRole("link", { name: "overview" }).click();
  await expect(page.locator("#affected tr[data-row]")).toContainText(hakai.host);
});

test("tuning tells that a server that is let through is not found any more", async ({ page }) => {
  await open(page, `/tuning?end=${ends.icedid}&set=${encodeURIComponent(`filter.sets.local_destinations.add=[${icedid.server}/32]`)}`);
  await expect(page.locator("#effect p[role=status]")).toContainText("0 appear, 1 goes, 0 move, 1 stays as it is");
  const row = page.locator("#rows tr[data-row]");
  await expect(row).toHaveCount(1);
  await expect(row).toContainText(icedid.server);
  await expect(row.locator(".tag.go")).toBeVisible();
  await expect(page.locator("#effect .sides tbody tr").first().locator("td").first()).toHaveText("2");
  await expect(page.locator("#effect .sides tbody tr").last().locator("td").first()).toHaveText("1");
  await page.getByRole("button", { name: "Undo all" }).click();
  const points = page.getByRole("slider", { name: /^max_false_discovery_rate/ });
  await points.focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.locator("#effect p[role=status]")).toContainText("2 stay as they are");
});
