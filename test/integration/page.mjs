// Opens a page in Chromium at several widths and tells, as JSON, what happened there.
//
// usage: node page.mjs FILE.html WIDTH... ; with SCREENSHOT=FILE.png, the first width is also photographed

import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [file, ...widths] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const told = { console: [], requests: [], dialogs: [], widths: [] };
for (const width of widths.map(Number)) {
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  page.on("console", (m) => told.console.push(`${m.type()}: ${m.text()}`));
  page.on("pageerror", (e) => told.console.push(`error: ${e.message}`));
  page.on("request", (r) => told.requests.push(r.url()));
  page.on("dialog", (d) => { told.dialogs.push(d.message()); return d.dismiss(); });
  await page.goto(pathToFileURL(file).href);
  await page.waitForTimeout(200); // for what a page might do once it is there
  if (process.env.SCREENSHOT && told.widths.length === 0) {
    await page.screenshot({ path: process.env.SCREENSHOT });
  }
  told.widths.push(await page.evaluate(() => ({
    width: innerWidth,
    scrollWidth: document.documentElement.scrollWidth,
    title: document.title,
    text: document.body.innerText,
    images: document.images.length,
    scripts: document.scripts.length,
    pictures: [...document.querySelectorAll("figure svg")].map((s) => {
      const box = s.getBoundingClientRect();
      const strokes = [...s.querySelectorAll("path")].map((p) => p.getAttribute("d").replace(/[^a-z]/gi, "").length);
      return { width: box.width, height: box.height, strokes: strokes.reduce((a, b) => a + b, 0), words: s.querySelectorAll("text").length };
    }),
  })));
  await page.close();
}
await browser.close();
console.log(JSON.stringify(told));
