import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const row = /^\| `([^`]+)` \| (.*) \| (for|against|plain|) \| (-?[\d.]+) \|$/;

/** The pieces of evidence that docs/ranking.md tells of, which is made from the code of the rank. */
function piecesOf(doc: string) {
  return doc
    .split(/^### `/m)
    .slice(1)
    .map((part) => {
      const [head = "", say = "", ...lines] = part.split("\n");
      const levels = lines.flatMap((line) => {
        const m = row.exec(line);
        return m ? [{ name: m[1], when: m[2], speaks: m[3], points: Number(m[4]) }] : [];
      });
      return { name: head.slice(0, head.indexOf("`")), say, levels };
    });
}

test("the page has the pieces and points that ship; npx vitest run -u --config test/vitest.config.ts writes them", async () => {
  const doc = readFileSync(join(import.meta.dirname, "../../../docs/ranking.md"), "utf8");
  const pieces = piecesOf(doc);
  expect(pieces.flatMap((p) => p.levels)).toHaveLength(doc.match(/^\| `/gm)?.length ?? 0);
  await expect(`${JSON.stringify(pieces, null, 1)}\n`).toMatchFileSnapshot("../../src/lib/pieces.json");
});
