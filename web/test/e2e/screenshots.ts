import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { expect, open, settled, test } from "./base";

/** Takes the pictures of the docs: SCREENSHOTS=1 ./e2e */

const out = (name: string) => join(import.meta.dirname, `../../screenshots/${name}.png`);

/** The finding to show: the riskiest with results of all pictures, in a case or not. */
async function finding(page: Page): Promise<string> {
  const r = await page.request.get(
    `/api/v1/findings?from=now-6h&limit=1&q=${encodeURIComponent("beacon_stats.is_beaconing: true and event.risk_score >= 70 and fresnel.timing.period_s > 60")}`,
  );
  const list = (await r.json()) as { findings: { fresnel: { id: string } }[] };
  return `/findings/${list.findings[0]?.fresnel.id}`;
}

for (const colours of ["light", "dark"] as const) {
  test.describe(colours, () => {
    test.use({ colorScheme: colours, timezoneId: "UTC" });
    const shot = async (page: Page, name: string, fullPage = false) => {
      await settled(page);
      await page.mouse.move(0, 0);
      await page.screenshot({ path: out(`${name}-${colours}`), fullPage });
    };
    test("overview", async ({ page }) => {
      await open(page, "/");
      if (colours === "light") await shot(page, "overview-first"); // one screen, for the README
      await shot(page, "overview", true);
    });
    test("finding", async ({ page }) => {
      await open(page, await finding(page));
      await expect(page.locator("#rhythm svg").first()).toBeVisible();
      if (colours === "light") {
        await page.locator("#rhythm").evaluate((e) => e.scrollIntoView());
        await shot(page, "finding-first");
      }
      await shot(page, "finding", true);
    });
    test("hosts", async ({ page }) => {
      await open(page, "/hosts?from=now-24h");
      await shot(page, "hosts", true);
    });
  });
}

test.describe("phone", () => {
  test.use({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, timezoneId: "UTC" });
  test("overview and finding", async ({ page }) => {
    await open(page, "/");
    await page.screenshot({ path: out("overview-phone") });
    await open(page, await finding(page));
    await expect(page.locator("#rhythm svg").first()).toBeVisible();
    await settled(page);
    await page.screenshot({ path: out("finding-phone") });
  });
});

test("other pages", async ({ page }) => {
  await open(page, "/findings?q=event.risk_score%20%3E%3D%2070");
  await page.screenshot({ path: out("findings-light") });
  await page.keyboard.press("/");
  await page.keyboard.press("End");
  await page.keyboard.type(" and proc");
  await expect(page.getByRole("option").first()).toBeVisible();
  await page.screenshot({ path: out("filter-light") });
  await open(page, "/runs");
  await page.screenshot({ path: out("runs-light") });
  await open(page, "/users");
  await page.screenshot({ path: out("users-light") });
});

test("tuning and filters", async ({ page }) => {
  await open(page, "/tuning?set=beacon.max_beaconing_count_rv%3D0.5&set=rank.rows_per_host_day%3D1.5&set=rank.weights.kind.sleep%3D10");
  await expect(page.locator("#rows tr[data-row]").first()).toBeVisible();
  await page.screenshot({ path: out("tuning-light") });
  await open(page, "/filters");
  await page.getByLabel("Values to add").fill("splunkd");
  await expect(page.locator("#change tr[data-row]").first()).toBeVisible();
  await page.screenshot({ path: out("filters-light"), fullPage: true });
});

test("report", async ({ page, bad }) => {
  bad.allow = [/^request to file:/];
  const root = join(import.meta.dirname, "../../..");
  const report = test.info().outputPath("report.html");
  const scan = ["scan", "-q", "-o", "csv", "--report", report, join(root, "testdata/sample")];
  // FRESNEL_... of this suite would be read as settings.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("FRESNEL")));
  execFileSync(join(root, "build/fresnel"), scan, { env });
  await page.goto(`file://${report}`);
  await page.screenshot({ path: join(root, "docs/img/report.png") });
});
