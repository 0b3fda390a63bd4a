import { defineConfig } from "@playwright/test";
import { chrome } from "../playwright.config";

/** Measures, see bench.ts; bench/pages runs it. */
export default defineConfig({
  testDir: ".",
  testMatch: "bench.ts",
  outputDir: "../../test-results/bench",
  timeout: 1_800_000,
  workers: 1,
  reporter: [["line"]],
  use: { ...chrome, actionTimeout: 20_000, navigationTimeout: 20_000 },
});
