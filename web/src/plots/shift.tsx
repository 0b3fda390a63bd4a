import type { Schema } from "../api/client";
import { count, plural } from "../lib/format";
import { axis, num, width } from "../lib/geometry";
import { safe } from "../lib/safe";
import { Figure } from "./figure";

type WhatIf = Schema["WhatIf"];
type Row = Schema["WhatIfRow"];

const high = 126;
const above = 18; // where before is
const below = 92;
const x = axis(0, 100, 62, width - 18);

const scoreOf = (p: Schema["WhatIfPast"] | undefined) => p?.risk_score ?? 0;

/** Findings by their risk before, above, and after, below. What is as it was is not drawn. */
export function Shift({ w }: { w: WhatIf }) {
  const marks: { row: Row; at: number; to: number; say: string }[] = [
    ...w.move.findings.map((row) => ({ row, at: scoreOf(row.before), to: scoreOf(row.after), say: "moves" })),
    ...w.go.findings.map((row) => ({ row, at: scoreOf(row.before), to: scoreOf(row.before), say: "goes" })),
    ...w.appear.findings.map((row) => ({ row, at: scoreOf(row.after), to: scoreOf(row.after), say: "appears" })),
  ];
  const read = (px: number, py: number) => {
    const share = Math.min(Math.max((py - above) / (below - above), 0), 1);
    let best: (typeof marks)[number] | null = null;
    let least = 12;
    for (const m of marks) {
      if ((m.say === "goes" && share > 0.5) || (m.say === "appears" && share < 0.5)) continue;
      const far = Math.abs(x.at(m.at + (m.to - m.at) * share) - px);
      if (far < least) [best, least] = [m, far];
    }
    if (!best) return null;
    const { row, say } = best;
    const scores = say === "moves" ? `${best.at.toFixed(1)} → ${best.to.toFixed(1)}` : best.at.toFixed(1);
    return safe(`${row.process || row.host} on ${row.host}, ${row.destination || "all destinations"}: ${say}, ${scores}`);
  };
  return (
    <Figure
      title="Risk before and after"
      note={
        <>
          <svg class="sign" viewBox="0 0 12 12" aria-hidden="true">
            <path class="appears" d="M6 1l5 10h-10z" />
          </svg>{" "}
          appears{" "}
          <svg class="sign" viewBox="0 0 12 12" aria-hidden="true">
            <path class="goes" d="M2 2l8 8m0-8l-8 8" />
          </svg>{" "}
          goes{" "}
          <svg class="sign" viewBox="0 0 12 12" aria-hidden="true">
            <path class="moves" d="M2 2l8 8" />
            <circle class="fill" cx="10" cy="10" r="2" />
          </svg>{" "}
          moves; {plural(w.unchanged, "finding")} as before
        </>
      }
      alt={`${count(w.appear.total)} appear, ${count(w.go.total)} go, ${count(w.move.total)} move, ${count(w.unchanged)} are as they were. The list below has the same numbers.`}
      read={read}
      high={high}
    >
      {[0, 10, 40, 70, 100].map((s) => (
        <g key={s}>
          <path class="grid" d={`M${num(x.at(s))} ${above - 12}V${below + 12}`} />
          <text class="label" x={num(x.at(s))} y={high - 6} text-anchor="middle">
            {s}
          </text>
        </g>
      ))}
      <text class="label" x={52} y={above + 4} text-anchor="end">
        before
      </text>
      <text class="label" x={52} y={below + 4} text-anchor="end">
        after
      </text>
      {marks.map(({ row, at, to, say }) => {
        const key = `${say} ${(row.before ?? row.after)?.id}`;
        const a = num(x.at(at));
        const b = num(x.at(to));
        if (say === "goes") return <path key={key} class="goes" d={`M${num(x.at(at) - 4)} ${above - 4}l8 8m0-8l-8 8`} />;
        if (say === "appears") return <path key={key} class="appears" d={`M${a} ${below - 6}l5 10h-10z`} />;
        return (
          <g key={key}>
            <path class="moves" d={`M${a} ${above}L${b} ${below}`} />
            <circle class="fill" cx={b} cy={below} r="3" />
          </g>
        );
      })}
    </Figure>
  );
}
