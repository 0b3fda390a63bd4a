import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

test("the page says of each piece of evidence what docs/ranking.md does; npx vitest run -u --config test/vitest.config.ts writes it", async () => {
  const doc = readFileSync(join(import.meta.dirname, "../../../docs/ranking.md"), "utf8");
  const about = Object.fromEntries([...doc.matchAll(/^### `([^`]+)`.*\n(.+)\n/gm)].map(([, name, say]) => [name, say]));
  expect(Object.keys(about)).toHaveLength(doc.match(/^### /gm)?.length ?? 0);
  await expect(`${JSON.stringify(about, null, 1)}\n`).toMatchFileSnapshot("../../src/lib/pieces.json");
});
