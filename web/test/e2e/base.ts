import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test as base, expect, type Page } from "@playwright/test";

export { expect };

export const password = "correct horse battery";

export const stateOf = (name: string) => join(import.meta.dirname, `../../test-results/state/${name}.json`);

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Axe {
  axe: { run(d: Document, o: object): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> };
}

export interface Bad {
  /** Patterns of what may go wrong in a test, and is looked for by it. */
  allow: RegExp[];
}

/** A page on which whatever goes wrong fails the test: errors, what the policy blocks, requests that leave the server. */
export const test = base.extend<{ bad: Bad; user: string | null }>({
  user: ["admin", { option: true }],
  baseURL: async ({}, use) => use(process.env.FRESNEL_URL ?? ""),
  storageState: async ({ user }, use) => use(user ? stateOf(user) : { cookies: [], origins: [] }),
  bad: async ({}, use) => use({ allow: [] }),
  page: async ({ page, bad, baseURL }, use) => {
    const wrong: string[] = [];
    page.on("console", (m) => {
      if (m.type() === "error" || m.type() === "warning") wrong.push(`${m.type()}: ${m.text()} ${m.location().url}`);
    });
    page.on("pageerror", (e) => wrong.push(`exception: ${e.message}`));
    page.on("request", (r) => {
      if (!r.url().startsWith(`${baseURL}/`) && !/^(data|blob|about):/.test(r.url())) wrong.push(`request to ${r.url()}`);
    });
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (e) =>
        console.error(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`),
      );
    });
    await use(page);
    expect(wrong.filter((w) => !bad.allow.some((a) => a.test(w)))).toEqual([]);
  },
});

/** Opens a page and waits until all that it asks for has come. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await settled(page);
}

export async function settled(page: Page): Promise<void> {
  await page.waitForLoadState("networkidle");
  await expect(page.locator(".loading")).toHaveCount(0);
}

/** Fails with what axe finds, in light and in dark. */
export async function accessible(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(axe);
    const found = await page.evaluate(async () => {
      const r = await (window as unknown as Axe).axe.run(document, { resultTypes: ["violations"] });
      return r.violations.map(
        (v) =>
          `${v.id}: ${v.nodes
            .map((n) => `${n.html.slice(0, 160)} ${n.failureSummary.split("\n")[1] ?? ""}`)
            .slice(0, 3)
            .join(" | ")}`,
      );
    });
    expect(found, colorScheme).toEqual([]);
  }
}

/** The page is no wider than the window. */
export async function fits(page: Page): Promise<void> {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(over).toBeLessThanOrEqual(0);
}
