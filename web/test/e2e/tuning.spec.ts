import { accessible, expect, fits, open, settled, test } from "./base";

const status = "#effect p[role=status]";

test.describe("an admin tuning", () => {
  test("sees every parameter of the statistics and all that can be tried, and nothing changed", async ({ page, request }) => {
    await open(page, "/tuning");
    await expect(page.locator(status)).toContainText("Nothing is changed yet");
    const { settings, weights } = await (await request.get("/api/v1/config")).json();
    const keys = (settings as { key: string; bounds?: object }[]).filter((s) => s.bounds && !s.key.startsWith("limits.")).map((s) => s.key);
    expect(keys.filter((k) => k.startsWith("beacon."))).toHaveLength(10);
    for (const k of keys) await expect(page.locator(`[id="set-${k}"]`)).toBeVisible();
    for (const k of keys.filter((k) => k.startsWith("beacon."))) {
      const name = k.slice("beacon.".length);
      await expect(page.getByRole("slider", { name: new RegExp(`^${name}(, lower|, upper)?$`) })).toHaveCount(
        name === "truncate_at" ? 2 : 1,
      );
    }
    await page.getByText("Points of the rank").click();
    await expect(page.locator(".piece")).toHaveCount(new Set((weights as { piece: string }[]).map((w) => w.piece)).size);
    await expect(page.locator(".sides tbody tr")).toHaveCount(2);
    await expect(page.locator(".sides .other")).toHaveCount(0);
    await accessible(page);
    await fits(page);
  });

  test("sees the effect of a slider by keys alone, and a link restores it", async ({ page }) => {
    await open(page, "/tuning");
    await page.getByRole("slider", { name: "rows_per_host_day" }).focus();
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowLeft");
    await expect(page.getByRole("textbox", { name: "rows_per_host_day" })).toHaveValue("0.5");
    await expect(page.locator(status)).toContainText(/[1-9]\d* go/);
    await expect(page.locator("#rows tr[data-row]", { hasText: "goes" }).first()).toBeVisible();
    await expect(page.locator(".shift .goes").nth(1)).toBeAttached();
    await expect(page.locator(".sides .other").first()).toBeVisible();
    await expect(page).toHaveURL("/tuning?set=rank.rows_per_host_day%3D0.5");
    await accessible(page);

    await page.reload();
    await settled(page);
    await expect(page.getByRole("textbox", { name: "rows_per_host_day" })).toHaveValue("0.5");
    await expect(page.locator(status)).toContainText(/[1-9]\d* go/);
    await page.getByRole("button", { name: /^appear / }).click();
    await expect(page.locator("#rows tr[data-row]", { hasText: "goes" })).toHaveCount(0);
    await page.getByRole("button", { name: /^go / }).click();
    await expect(page).toHaveURL(/[?&]show=go/);
    await page.keyboard.press("j");
    await expect(page.locator("#rows .row-link").first()).toBeFocused();
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(/\/findings\/[0-9a-f]{64}/);
    await page.goBack();
    await expect(page.getByRole("textbox", { name: "rows_per_host_day" })).toHaveValue("0.5");
    await page.getByRole("button", { name: "Undo all" }).click();
    await expect(page).toHaveURL("/tuning?show=go");
    await expect(page.locator(status)).toContainText("Nothing is changed yet");
  });

  test("sees findings appear, and scores move with the points of the rank", async ({ page }) => {
    await open(page, "/tuning");
    await page.getByRole("textbox", { name: "rows_per_host_day" }).fill("0");
    await expect(page.locator(status)).toContainText(/[1-9]\d* appear/);
    await expect(page.locator(".shift path.appears").nth(1)).toBeAttached();
    await page.getByText("Points of the rank").click();
    await page.getByLabel("Find a piece").fill("kind of timer");
    await page.locator(".piece summary").click();
    await page.getByRole("textbox", { name: "kind.sleep" }).fill("19");
    await expect(page.locator(status)).toContainText(/[1-9]\d* move/);
    await expect(page).toHaveURL(/set=rank\.rows_per_host_day%3D0&set=rank\.weights\.kind\.sleep%3D19$/);
    await accessible(page);
  });

  test("is told what is wrong with a value, at its key", async ({ page, bad }) => {
    bad.allow = [/400 \(Bad Request\)/];
    await open(page, "/tuning?set=beacon.max_jitter%3D5&set=beacon.nothing%3D1");
    await expect(page.locator("#effect [role=alert]")).toContainText("cannot be tried");
    await expect(page.locator("#effect [role=alert]")).toContainText("beacon.nothing");
    await page.getByRole("button", { name: "Undo beacon.nothing" }).click();
    const field = page.getByRole("textbox", { name: "max_jitter" });
    await expect(field).toHaveAttribute("aria-invalid", "true");
    await expect(page.locator('[id="set-beacon.max_jitter-wrong"]')).toContainText("want 0 to 1");
    await expect(page.getByRole("button", { name: "Save as configuration" })).toBeDisabled();
    await accessible(page);
    await field.fill("0.3");
    await expect(field).not.toHaveAttribute("aria-invalid");
    await expect(page.locator(status)).toContainText("stay as they are");
  });

  test("is told of all that is wrong at once, each at its place", async ({ page, bad }) => {
    bad.allow = [/400 \(Bad Request\)/];
    const set = [
      "beacon.max_jitter=7",
      "beacon.min_not_empty=-1",
      "rank.weights.kind.sleep=99",
      "rank.weights.kind.clock=x",
      "rank.min_score=no",
    ];
    await open(page, `/tuning?${set.map((s) => `set=${encodeURIComponent(s)}`).join("&")}`);
    for (const one of set) await expect(page.locator(`[id="set-${one.split("=")[0]}-wrong"]`)).toContainText(/got .*, want /);
    await expect(page.locator("#effect [role=alert] a")).toHaveCount(set.length);
    await accessible(page);
    await page.locator("#effect").getByRole("link", { name: "rank.weights.kind.clock" }).click();
    await expect(page.getByRole("textbox", { name: "kind.clock" })).toBeInViewport();
  });

  test("leaves a clause of the filter out, and takes it back", async ({ page }) => {
    await open(page, "/tuning");
    const clause = page.getByRole("checkbox", { name: "common-processes" });
    await clause.uncheck();
    await expect(page.locator(status)).toContainText(/[1-9]\d* move/);
    await expect(page).toHaveURL(/set=filter\.exclude%3D/);
    await page.reload();
    await settled(page);
    await expect(clause).not.toBeChecked();
    await clause.check();
    await expect(page).toHaveURL("/tuning");
  });

  test("takes a link with text that would like to be more", async ({ page, bad }) => {
    bad.allow = [/400 \(Bad Request\)/];
    await open(page, `/tuning?set=${encodeURIComponent("<img src=x onerror=\"document.title='owned'\">=<b>1</b>")}`);
    await expect(page.locator("#settings .knob.on")).toContainText("<img src: x onerror=");
    await expect(page).toHaveTitle("Tuning · Fresnel");
  });

  test("copies the changes as YAML", async ({ page, context }) => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await open(page, "/tuning?set=beacon.max_jitter%3D0.3&set=beacon.truncate_at%3D%5B0.2%2C%200.6%5D");
    await page.getByRole("button", { name: "Copy as YAML" }).click();
    await expect(page.getByRole("button", { name: "Copied" })).toBeVisible();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("beacon:\n  max_jitter: 0.3\n  truncate_at: [0.2, 0.6]\n");
  });

  test("saves settings, which the trail tells, and resets them", async ({ page }) => {
    await open(page, "/tuning?set=beacon.number_destination_ips%3D11");
    await page.getByRole("button", { name: "Save as configuration" }).click();
    const dialog = page.getByRole("dialog");
    await expect(dialog).toContainText("10 → 11");
    await accessible(page);
    await dialog.getByRole("button", { name: "Save", exact: true }).click();
    await expect(page.locator(".toast")).toContainText("Saved");
    await expect(page).toHaveURL("/tuning");
    const row = page.locator("#saved tr", { hasText: "beacon.number_destination_ips" });
    await expect(row).toContainText("yes");
    await expect(page.getByRole("textbox", { name: "number_destination_ips" })).toHaveValue("11");
    await open(page, "/audit");
    await expect(page.locator("#audit")).toContainText("config.save");
    await open(page, "/tuning");
    await row.getByRole("button", { name: "Reset" }).click();
    await page.getByRole("button", { name: "Reset it" }).click();
    await expect(row).toHaveCount(0);
    await expect(page.getByRole("textbox", { name: "number_destination_ips" })).toHaveValue("10");
  });

  test("can do it on a phone", async ({ page }) => {
    await page.setViewportSize({ width: 390, height: 844 });
    for (const path of ["/tuning?set=rank.rows_per_host_day%3D0.5", "/filters"]) {
      await open(page, path);
      await fits(page);
    }
  });
});

test.describe("an admin with filters", () => {
  test("sees what each clause let in or threw out of the last window", async ({ page, request }) => {
    await open(page, "/filters");
    const rows = page.locator("#clauses tr[data-row]");
    const { clauses } = await (await request.get("/api/v1/filter")).json();
    await expect(rows).toHaveCount(clauses.length + 1); // and what no clause decides
    await expect(rows.filter({ hasText: "common-processes" })).toContainText(/throws out.*[1-9]/);
    await expect(rows.filter({ hasText: "private-source" })).toContainText(/lets in.*[1-9]/);
    await expect(page.locator("#sets tr", { hasText: "common_processes" })).toContainText(/throws out [1-9]/);
    await page.locator("#sets").getByRole("link", { name: "microsoft_destinations" }).click();
    await expect(page.locator("#change .values")).toContainText("13.104.0.0/14");
    await expect(page.locator("#change")).toBeInViewport();
    await accessible(page);
    await fits(page);
  });

  test("is told what is wrong with a value", async ({ page, bad }) => {
    bad.allow = [/400 \(Bad Request\)/];
    await open(page, "/filters");
    await page.getByRole("combobox", { name: /^Set/ }).selectOption("private_sources");
    await page.getByLabel("Values to add").fill("10.0.0.0/99");
    await expect(page.locator("#change [role=alert]")).toContainText("filter.sets.private_sources.add");
    await expect(page.getByRole("button", { name: "Save" })).toBeDisabled();
    await accessible(page);
  });

  test("extends a set with a look at the effect, and resets it", async ({ page, request }) => {
    await open(page, "/filters");
    const list = await (await request.get("/api/v1/findings?from=now-24h&limit=1")).json();
    const name: string = list.findings[0].process.name;
    await page.getByLabel("Values to add").fill(`chrome.exe`);
    await expect(page.locator("#change p[role=status]")).toContainText("has that already");
    await page.getByLabel("Values to add").fill(`chrome.exe, ${name}`);
    await expect(page.locator("#change p[role=status]")).toContainText(/[1-9]\d* more thrown out/);
    await expect(page.locator("#change tr[data-row]").first()).toContainText(name);
    await accessible(page);
    await page.getByRole("link", { name: "See which findings change" }).click();
    // It loses what the statistics say of it: the timing model looks at common processes as well.
    await expect(page.locator(status)).toContainText(/[1-9]\d* move/);
    await expect(page.locator("#settings .knob.on")).toContainText("filter.sets.common_processes.add");
    await page.goBack();
    await page.getByLabel("Values to add").fill("no-such-program.exe");
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByRole("dialog")).toContainText("0 events more would be thrown out");
    await accessible(page);
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await expect(page.locator("#sets")).toContainText("1 added (set by admin");
    await expect(page.getByRole("button", { name: "Remove no-such-program.exe" })).toBeVisible();
    await open(page, "/tuning");
    await page.getByRole("button", { name: "Reset filter.sets.common_processes.add" }).click();
    await page.getByRole("button", { name: "Reset it" }).click();
    await expect(page.locator("#saved")).not.toContainText("no-such-program.exe");
  });
});

test("values of a set go and come back, each with a look at the effect", async ({ page, request }) => {
  await open(page, "/filters");
  const { examples } = await (
    await request.post("/api/v1/filter/preview", {
      data: {
        end: (await (await request.get("/api/v1/runs?limit=1")).json()).runs[0].end,
        set: { "filter.exclude": '[{name: "common-processes", remove: true}]' },
      },
    })
  ).json();
  const name: string = examples[0].process; // a common process that is thrown out
  const effect = page.locator("#change p[role=status]");
  const value = page.getByRole("button", { name: `Remove ${name}`, exact: true });
  await value.click();
  await expect(value).toHaveAttribute("aria-pressed", "true");
  await expect(effect).toContainText(/0 more thrown out, [1-9][\d,]* more let in/);
  await expect(page.locator("#change tr[data-row]").first()).toContainText("let in");
  await accessible(page);
  await page.reload();
  await settled(page);
  await expect(value).toHaveAttribute("aria-pressed", "true"); // a link restores it
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await expect(page.locator("#sets")).toContainText("1 removed (set by admin");
  await page.getByRole("button", { name: `Bring back ${name}`, exact: true }).click();
  await expect(effect).toContainText(/[1-9][\d,]* more thrown out, 0 more let in/);
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: "Look at it without what was saved" }).click();
  await expect(effect).toContainText(/[1-9][\d,]* more thrown out, 0 more let in/);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await expect(page.locator("#sets")).not.toContainText("removed");
  await expect(value).toHaveAttribute("aria-pressed", "false");
});

test.describe("an analyst", () => {
  test.use({ user: "analyst" });
  test("tries settings and filters, and cannot save them", async ({ page }) => {
    await open(page, "/tuning?set=rank.rows_per_host_day%3D0.5");
    await expect(page.locator(status)).toContainText(/[1-9]\d* go/);
    await expect(page.getByRole("button", { name: "Save as configuration" })).toHaveCount(0);
    await expect(page.getByText("An admin can save it.")).toBeVisible();
    await open(page, "/filters");
    await page.getByLabel("Values to add").fill("curl.exe");
    await expect(page.locator("#change p[role=status]")).toContainText("more thrown out");
    await expect(page.getByRole("button", { name: "Save" })).toHaveCount(0);
  });
});
