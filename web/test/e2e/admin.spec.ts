import { accessible, expect, fits, open, settled, stateOf, test } from "./base";

test.describe("an admin", () => {
  for (const [path, title] of Object.entries({
    "/runs": "Runs",
    "/inputs": "Inputs",
    "/config": "Configuration",
    "/users": "Users",
    "/keys": "API keys",
    "/audit": "Audit trail",
    "/account": "Your account",
  }))
    test(`sees ${path}`, async ({ page }) => {
      await open(page, path);
      await expect(page.getByRole("heading", { name: title, exact: true, level: 2 })).toBeVisible();
      await accessible(page);
      await fits(page);
    });

  test("makes a run by hand, which the trail tells", async ({ page }) => {
    await open(page, "/runs");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await expect(page.locator(".toast")).toContainText("is made");
    await settled(page);
    await expect(page.locator("#runs tr[data-row]").first()).toContainText("by hand");
    await open(page, "/audit");
    await expect(page.locator("#audit")).toContainText("run.make");
    await open(page, "/runs");
    await page.locator("#runs .row-link").first().click();
    await expect(page.locator("#findings tr[data-row]").first()).toBeVisible();
  });

  test("makes a user, whose password is shown once, and removes them", async ({ page }) => {
    await open(page, "/users");
    const tops = await page.locator("#users .inline > label").evaluateAll((all) => all.map((e) => e.getBoundingClientRect().top));
    expect(new Set(tops).size).toBe(1); // fields and lists are of one height
    await page.getByLabel("Name", { exact: true }).fill("m.ito");
    await page.getByRole("button", { name: "Add a user" }).click();
    const dialog = page.getByRole("dialog");
    await expect(dialog.locator("code")).toHaveText(/^\S{12,}$/);
    const secret = (await dialog.locator("code").textContent()) ?? "";
    await accessible(page);
    await dialog.getByRole("button", { name: "Close" }).click();
    await expect(page.locator("body")).not.toContainText(secret);
    const row = page.locator("#users tr", { hasText: "m.ito" });
    await row.getByLabel("Role of m.ito").selectOption("analyst");
    await expect(page.locator(".toast").last()).toContainText("m.ito is analyst now");
    await row.getByRole("button", { name: "Keep out" }).click();
    await expect(row).toContainText("kept out");
    await row.getByRole("button", { name: "Password" }).click();
    await page.getByRole("button", { name: "Give another password" }).click();
    await expect(page.getByRole("dialog", { name: "Another password for m.ito" })).toBeVisible();
    await page.keyboard.press("Escape");
    await row.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("button", { name: "Remove m.ito" }).click();
    await expect(row).toHaveCount(0);
  });

  test("cannot remove the last admin, and is told why", async ({ page, bad }) => {
    bad.allow = [/409/];
    await open(page, "/users");
    const row = page.locator("#users tbody tr", { hasText: "you" });
    await row.getByRole("button", { name: "Keep out" }).click();
    await expect(page.locator(".toast.bad")).toBeVisible();
  });

  test("makes a key, whose secret is shown once, and revokes it", async ({ page, request }) => {
    await open(page, "/keys");
    await page.getByLabel("What for").fill("nothing");
    await page.getByLabel("send events").uncheck();
    await page.getByRole("button", { name: "Make a key" }).click();
    await expect(page.locator(".toast.bad")).toContainText("send events, read findings or make runs");
    await page.getByLabel("send events").check();
    await page.getByLabel("What for").fill("<b>filebeat</b>");
    await page.getByRole("button", { name: "Make a key" }).click();
    const dialog = page.getByRole("dialog");
    const header = (await dialog.locator("code").last().textContent()) ?? "";
    expect(header).toMatch(/^Authorization: ApiKey \S+$/);
    const me = await (await request.get("/api/v1/me", { headers: { Authorization: header.slice("Authorization: ".length) } })).json();
    expect(me.scopes).toEqual(["ingest"]);
    await page.keyboard.press("Escape");
    const row = page.locator("#keys tr", { hasText: "<b>filebeat</b>" });
    await expect(row).toContainText("send events");
    await row.getByRole("button", { name: "Revoke" }).click();
    await page.getByRole("button", { name: "Revoke it" }).click();
    await expect(row).toHaveCount(0);
  });

  test("finds settings", async ({ page }) => {
    await open(page, "/config");
    await page.keyboard.press("/");
    await expect(page.getByLabel("Find")).toBeFocused();
    await page.getByLabel("Find").fill("max_jitter");
    await expect(page.locator("#config tr[data-row]")).toHaveCount(1);
    expect((await page.locator("#config tr[data-row] td").first().boundingBox())?.width).toBeGreaterThan(250); // its keys are not broken
    await page.getByLabel("Find").fill("");
    await page.getByLabel("only what is set").check();
    await expect(page.locator("#config tr[data-row]", { hasText: "inputs.tail" }).first()).toBeVisible();
    await page.reload();
    await expect(page.getByLabel("only what is set")).toBeChecked();
    const first = page.locator("#config tr[data-row]").first();
    await expect(first).toBeVisible(); // there is nothing to go to before
    await page.keyboard.press("j");
    await expect(first).toBeFocused();
  });
});

test.describe("a viewer", () => {
  test.use({ user: "viewer" });
  test("sees findings and no pages of the service", async ({ page }) => {
    await open(page, "/");
    await expect(page.locator("#cases tr[data-row]").first()).toBeVisible();
    const names = await page.getByRole("navigation", { name: "Pages" }).getByRole("link").allTextContents();
    expect(names).toEqual(["Overview", "Findings", "Hosts over time"]);
    await expect(page.locator(".health a")).toHaveCount(0);
    for (const path of ["/tuning", "/filters", "/runs", "/inputs", "/config", "/users", "/keys", "/audit"]) {
      await page.goto(path);
      await expect(page.getByText("Your role does not include this page")).toBeVisible();
    }
    await accessible(page);
  });
});

test.describe("an analyst", () => {
  test.use({ user: "analyst" });
  test("sees the service, but neither users nor keys nor the trail", async ({ page }) => {
    await open(page, "/runs");
    const names = await page.getByRole("navigation", { name: "Pages" }).getByRole("link").allTextContents();
    expect(names).toEqual(["Overview", "Findings", "Hosts over time", "Tuning", "Filters", "Runs", "Inputs", "Configuration"]);
    await page.goto("/users");
    await expect(page.getByText("Your role does not include this page")).toBeVisible();
  });
});

test.describe("a session", () => {
  test.use({ user: null });
  test("that has ended leads to the login, and back", async ({ page, bad, browser, baseURL }) => {
    bad.allow = [/401 \(Unauthorized\)/];
    const other = await browser.newContext({ storageState: stateOf("viewer"), ...(baseURL ? { baseURL } : {}) });
    const p = await other.newPage();
    await p.goto("/findings?from=now-24h");
    await expect(p.locator("#findings tr[data-row]").first()).toBeVisible();
    await other.clearCookies();
    await p.getByRole("link", { name: "all runs" }).click();
    await expect(p.getByRole("button", { name: "Log in" })).toBeVisible();
    await other.close();

    await page.goto("/");
    await page.getByLabel("Name").fill("viewer");
    await page.getByLabel("Password").fill("correct horse battery");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("button", { name: "Log out" }).click();
    await expect(page.getByRole("button", { name: "Log in" })).toBeVisible();
    await page.reload();
    await expect(page.getByRole("button", { name: "Log in" })).toBeVisible();
  });
});
