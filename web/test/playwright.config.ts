import { defineConfig, devices } from "@playwright/test";

export const chrome = {
  ...devices["Desktop Chrome"],
  viewport: { width: 1280, height: 900 },
  timezoneId: "Europe/Berlin",
  locale: "en-GB",
  launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] },
};

export default defineConfig({
  testDir: "e2e",
  outputDir: "../test-results",
  globalSetup: "./e2e/service.ts",
  timeout: 30_000,
  expect: { timeout: 10_000 },
  workers: 2,
  forbidOnly: true,
  reporter: [["list"]],
  use: { ...chrome, trace: "retain-on-failure" },
  projects: process.env.SCREENSHOTS
    ? [
        { name: "login", testMatch: "login.spec.ts" },
        { name: "screenshots", testMatch: "screenshots.ts", dependencies: ["login"] },
      ]
    : [
        { name: "login", testMatch: "login.spec.ts" },
        { name: "pages", testMatch: ["*.spec.ts"], testIgnore: "login.spec.ts", dependencies: ["login"] },
      ],
});
