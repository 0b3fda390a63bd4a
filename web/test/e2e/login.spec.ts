import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { accessible, expect, password, stateOf, test } from "./base";

test.use({ user: null });
test.describe.configure({ mode: "serial" });

test("the first login must choose a password, and comes back to where it was going", async ({ page, bad }) => {
  bad.allow = [/401 \(Unauthorized\)/];
  await page.goto("/findings?q=host.name%3A%20*");
  await expect(page.getByRole("heading", { name: "Fresnel" })).toBeVisible();
  await accessible(page);
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("alert")).toHaveText("The name or the password is wrong.");
  await page.getByLabel("Password").fill(process.env.FRESNEL_PASSWORD ?? "");
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("heading", { name: "Choose a password" })).toBeVisible();
  await accessible(page);
  await page.getByLabel("New password", { exact: true }).fill(password);
  await page.getByLabel("New password again").fill(`${password}s`);
  await page.getByRole("button", { name: "Change the password" }).click();
  await expect(page.getByRole("alert")).toHaveText("The two new passwords differ.");
  await page.getByLabel("New password again").fill(password);
  await page.getByRole("button", { name: "Change the password" }).click();
  await expect(page).toHaveURL(/\/findings\?q=/);
  await expect(page.getByRole("combobox", { name: "Filter findings" })).toHaveValue("host.name: *");
  await expect(page.locator("#findings tbody tr").first()).toBeVisible();
  mkdirSync(dirname(stateOf("admin")), { recursive: true });
  await page.context().storageState({ path: stateOf("admin") });

  for (const role of ["viewer", "analyst"]) {
    const r = await page.request.post("/api/v1/users", { data: { name: role, role, password } });
    expect(r.ok()).toBe(true);
  }
});

for (const role of ["viewer", "analyst"])
  test(`a ${role} logs in`, async ({ page, bad }) => {
    bad.allow = [/401 \(Unauthorized\)/];
    await page.goto("/");
    await page.getByLabel("Name").fill(role);
    await page.getByLabel("Password").fill(password);
    await page.keyboard.press("Enter");
    await expect(page.getByRole("button", { name: "Log out" })).toBeVisible();
    await page.context().storageState({ path: stateOf(role) });
  });
