import { defineConfig } from "vite";

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the policy of the server takes nothing that is written into a page
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  // For work on the pages: npx vite, beside a service that runs.
  server: { proxy: { "/api": process.env.FRESNEL ?? "http://127.0.0.1:8440" } },
});
