import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { Schema } from "../api/client";
import { count, levelOf, plural } from "../lib/format";
import { axis, num, timeTicks, treemap, valueTicks } from "../lib/geometry";
import { safe } from "../lib/safe";
import { type Block, type Stack, stackOf } from "../lib/stack";
import { offset, rfc3339, short, withUTC } from "../lib/time";
import { and, clause } from "../lib/url";
import { carry, useView } from "../ui/context";
import { Text } from "../ui/parts";
import { Numbers, timeLabel } from "./figure";

type Overview = Schema["Overview"];

/** The classes of up to 21 series: seven colours in three strengths. */
export function seriesClass(i: number): string {
  return `s${i % 7} t${Math.floor(i / 7) % 3}`;
}

const risk = (score: number | undefined) => (score === undefined ? "none" : String(Math.round(score)));

/** What the colours of risk mean. */
function RiskScale({ children }: { children?: ComponentChildren }) {
  return (
    <ul class="scale" aria-hidden="true">
      <li>highest risk:</li>
      {(["low", "some", "medium", "high"] as const).map((l) => (
        <li key={l}>
          <i class={`swatch ${l}`} />
          {{ low: "below 10", some: "10 to 39", medium: "40 to 69", high: "70 and more" }[l]}
        </li>
      ))}
      {children}
    </ul>
  );
}

/** Hosts by the number of their processes with findings, over time. */
export function HostStack({ o }: { o: Overview }) {
  const view = useView();
  const [on, setOn] = useState<number | null>(null);
  const w = 430;
  const h = 340;
  const m = { l: 34, r: 6, t: 10, b: 24 };
  const steps = o.steps;
  const first = Date.parse(steps[0]?.at ?? o.from);
  const last = first + steps.length * o.step_s * 1000;
  const { stack, ticks } = useMemo(() => {
    const sums = steps.map((_, i) => o.top_hosts.reduce((a, t) => a + (t.steps[i] ?? 0), 0));
    const ticks = valueTicks(0, Math.max(1, ...sums), true);
    const plot = { x: m.l, y: m.t, w: w - m.l - m.r, h: h - m.t - m.b };
    const counts = o.top_hosts.map((t) => t.steps);
    return { ticks, stack: stackOf(counts, steps.length, plot, ticks[ticks.length - 1] ?? 1) };
  }, [o]);
  const narrowed = (t: Schema["TopHost"]) => and(view.q, clause(t.field, t.host));
  const href = (t: Schema["TopHost"], step: number) =>
    carry(
      "/findings",
      {
        q: narrowed(t),
        from: rfc3339(Math.max(Date.parse(o.from), first + step * o.step_s * 1000)),
        to: rfc3339(Math.min(Date.parse(o.to), first + (step + 1) * o.step_s * 1000 - 1000)),
      },
      { view: "all" },
    );
  const picture = useMemo(() => {
    const x = axis(first, last, m.l, w - m.r);
    const y = axis(0, ticks[ticks.length - 1] ?? 1, h - m.b, m.t);
    const times = timeTicks(first, last, 5, offset(last));
    return (
      <>
        <path class="grid" d={ticks.map((t) => `M${m.l} ${num(y.at(t))}H${w - m.r}`).join("")} />
        {ticks.map((t) => (
          <text key={t} class="label" x={m.l - 5} y={num(y.at(t) + 4)} text-anchor="end">
            {count(t)}
          </text>
        ))}
        {times.at.map((t) => (
          <text key={t} class="label" x={num(Math.min(Math.max(x.at(t), m.l + 8), w - m.r - 14))} y={h - 7} text-anchor="middle">
            {timeLabel(t, times.step, last - first)}
          </text>
        ))}
        {stack.shapes.map((d, k) => (
          <path key={k} class={`${seriesClass(k)}${on === null || on === k ? "" : " dim"}`} d={d} />
        ))}
      </>
    );
  }, [stack, on]);
  return (
    <div class="stack">
      <figure>
        <Blocks
          stack={stack}
          box={`0 0 ${w} ${h}`}
          label={`Processes with findings over time, stacked by host. ${plural(o.top_hosts.length, "host")}; the list beside it has the same links and numbers.`}
          lit={on}
          on={setOn}
          of={({ series, step }) => {
            const t = o.top_hosts[series];
            if (!t) return null;
            const n = t.steps[step] ?? 0;
            const when = withUTC(first + step * o.step_s * 1000);
            return { href: href(t, step), say: `${safe(t.host)}, ${when}: ${plural(n, "process", "processes")}` };
          }}
        >
          {picture}
        </Blocks>
        <Numbers
          head={["host", ...steps.map((s) => short(Date.parse(s.at)))]}
          rows={() =>
            o.top_hosts.map((t) => [
              <Text key="h">{t.host}</Text>,
              ...t.steps.map((n, i) =>
                n > 0 ? (
                  <a key={i} href={href(t, i)}>
                    {n}
                  </a>
                ) : (
                  "0"
                ),
              ),
            ])
          }
        />
      </figure>
      <ol class="legend">
        {o.top_hosts.map((t, k) => (
          <li
            key={`${t.field} ${t.host}`}
            class={on === null || on === k ? seriesClass(k) : `${seriesClass(k)} dim`}
            onPointerEnter={() => setOn(k)}
            onPointerLeave={() => setOn(null)}
          >
            <a href={carry("/findings", { ...view, q: narrowed(t) })} onFocus={() => setOn(k)} onBlur={() => setOn(null)}>
              <i class="swatch" aria-hidden="true" />
              <span>
                <Text>{t.host}</Text>
              </span>
              <b title={`${plural(t.processes, "process", "processes")} with findings`}>{t.processes}</b>
            </a>
          </li>
        ))}
      </ol>
    </div>
  );
}

/**
 * A picture of a stack whose every block is a link. Of these one is a node: that of the block which the pointer is
 * on or the keys have gone to, with the arrows.
 */
function Blocks(props: {
  stack: Stack;
  box: string;
  label: string;
  /** The series that stands out. */
  lit: number | null;
  on: (series: number | null) => void;
  of: (b: Block) => { href: string; say: string } | null;
  children: ComponentChildren;
}) {
  const { stack, on } = props;
  const [chosen, choose] = useState<{ block: Block; of: Stack } | null>(null);
  // What was chosen of another stack may be no block of this one.
  const now = chosen?.of === stack ? chosen.block : stack.first;
  const go = (block: Block | null) => {
    on(block?.series ?? null);
    if (block && (block.series !== now?.series || block.step !== now.step)) choose({ block, of: stack });
  };
  const point = (e: PointerEvent) => {
    const svg = e.currentTarget as SVGSVGElement;
    const at = new DOMPoint(e.clientX, e.clientY).matrixTransform(svg.getScreenCTM()?.inverse());
    go(stack.find(at.x, at.y));
  };
  const key = (e: KeyboardEvent) => {
    const next = now && stack.next(now, e.key);
    if (!next) return;
    e.preventDefault();
    go(next);
  };
  const link = now && props.of(now);
  const r = now && stack.box(now);
  return (
    <svg
      class="blocks"
      viewBox={props.box}
      role="group"
      aria-label={props.label}
      onPointerDown={point}
      onPointerMove={point}
      onPointerLeave={() => on(null)}
    >
      {props.children}
      {link && r && (
        <a
          class={`${seriesClass(now.series)}${props.lit === null || props.lit === now.series ? "" : " dim"}`}
          href={link.href}
          aria-label={link.say}
          aria-description="The arrow keys go from block to block."
          onKeyDown={key}
          onFocus={() => on(now.series)}
          onBlur={() => on(null)}
        >
          <title>{link.say}</title>
          <rect class="series" x={num(r.x)} y={num(r.y)} width={num(r.w)} height={num(r.h)} />
        </a>
      )}
    </svg>
  );
}

/** Processes by the number of their findings; the colour is the highest risk. */
export function ProcessMap({ o }: { o: Overview }) {
  const view = useView();
  // On a phone it is drawn as narrow as it is shown, so that names can be read.
  const [w, h] = matchMedia("(max-width: 760px)").matches ? [350, 400] : [620, 330];
  const boxes = treemap(
    o.top_processes.map((p) => p.findings),
    w,
    h,
  );
  return (
    <figure>
      <svg
        class="treemap"
        viewBox={`0 0 ${w} ${h}`}
        role="group"
        aria-label={`Processes by the number of their findings: ${plural(o.top_processes.length, "process", "processes")}.`}
      >
        {o.top_processes.map((p, i) => {
          const b = boxes[i];
          if (!b) return null;
          const say = `${safe(p.process)}: ${plural(p.findings, "finding")} on ${plural(p.hosts, "host")}, highest risk ${risk(p.max_score)}`;
          const fits = Math.floor((b.w - 12) / 7);
          const name = safe(p.process);
          return (
            <a
              key={p.process}
              href={carry("/findings", { ...view, q: and(view.q, clause("process.name", p.process)) })}
              class={`tile ${levelOf(p.max_score)}`}
            >
              <title>{say}</title>
              <rect x={num(b.x + 1)} y={num(b.y + 1)} width={num(Math.max(1, b.w - 2))} height={num(Math.max(1, b.h - 2))} rx="3" />
              {fits >= 3 && b.h > 20 && (
                <text aria-hidden="true" x={num(b.x + 7)} y={num(b.y + 17)}>
                  {name.length > fits ? `${name.slice(0, Math.max(1, fits - 1))}…` : name}
                </text>
              )}
              {b.h > 38 && b.w > 30 && (
                <text aria-hidden="true" class="sub" x={num(b.x + 7)} y={num(b.y + 33)}>
                  {count(p.findings)}
                </text>
              )}
            </a>
          );
        })}
      </svg>
      <Numbers
        head={["process", "findings", "hosts", "highest risk"]}
        rows={() => o.top_processes.map((p) => [<Text key="p">{p.process}</Text>, count(p.findings), count(p.hosts), risk(p.max_score)])}
      />
      <RiskScale />
    </figure>
  );
}

/** Gives a link its title when it is pointed at: hundreds of them take as long to draw as what they are of. */
function titled(a: Element): void {
  const t = a.querySelector("title") ?? document.createElementNS("http://www.w3.org/2000/svg", "title");
  t.textContent = a.getAttribute("aria-label");
  a.prepend(t);
}

/** Hosts by processes, as squares: how many runs saw the pair, and the highest risk. */
export function HeatMap({ o }: { o: Overview }) {
  const view = useView();
  const [on, setOn] = useState<[number, number] | null>(null);
  const rows = o.top_hosts;
  const cols = o.top_processes;
  const wide = 46;
  const cell = 27;
  const l = 118;
  const t = 126;
  const w = l + cols.length * wide + 60;
  const h = t + rows.length * cell + 8;
  const of = new Map(o.matrix.map((m) => [`${m.host}\0${m.process}`, m]));
  const href = (h: Schema["TopHost"], process: string) =>
    carry("/findings", { ...view, q: and(view.q, clause(h.field, h.host), clause("process.name", process)) });
  const most = Math.max(1, ...o.matrix.map((m) => m.documents));
  const cut = (s: string, n: number) => (s.length > n ? `${s.slice(0, n - 1)}…` : s);
  // Four hundred links: made once, and not for each that is pointed at.
  const cells = useMemo(
    () =>
      rows.map((r, i) =>
        cols.map((p, k) => {
          const m = of.get(`${r.host}\0${p.process}`);
          const x = l + k * wide + 1.5;
          const y = t + i * cell + 1.5;
          const ground = <rect class="none" x={x} y={y} width={wide - 3} height={cell - 3} rx="3" />;
          if (!m) return ground;
          const say = `${safe(r.host)}, ${safe(p.process)}: ${plural(m.documents, "document")} of runs, highest risk ${risk(m.max_score)}`;
          const share = Math.sqrt(m.documents / most);
          const high = 8 + (cell - 11) * share;
          const long = 12 + (wide - 15) * share;
          return (
            <a key={p.process} href={href(r, p.process)} class={`tile ${levelOf(m.max_score)}`} aria-label={say} data-cell={`${i} ${k}`}>
              {ground}
              <rect x={num(x + (wide - 3 - long) / 2)} y={num(y + (cell - 3 - high) / 2)} width={num(long)} height={num(high)} rx="2.500" />
            </a>
          );
        }),
      ),
    [o, view],
  );
  const enter = (e: Event) => {
    const a = e.target instanceof Element ? e.target.closest("a") : null;
    if (a) titled(a);
    const [i, k] = a?.dataset.cell?.split(" ").map(Number) ?? [];
    setOn(i === undefined || k === undefined ? null : [i, k]);
  };
  return (
    <figure class="heat">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys */}
      <div class="scroll" tabIndex={0} role="group" aria-label="Hosts by processes">
        <svg
          viewBox={`0 0 ${w} ${h}`}
          role="group"
          aria-label={`${plural(rows.length, "host")} by ${plural(cols.length, "process", "processes")}; ${plural(o.matrix.length, "pair")} with findings.`}
          onPointerOver={enter}
          onPointerLeave={() => setOn(null)}
          onFocusIn={enter}
          onFocusOut={() => setOn(null)}
        >
          {cols.map((p, k) => (
            <text
              key={p.process}
              class={`label${on?.[1] === k ? " on" : ""}`}
              transform={`translate(${l + k * wide + wide / 2 + 2} ${t - 8}) rotate(-45)`}
            >
              {cut(safe(p.process), 22)}
            </text>
          ))}
          {rows.map((r, i) => (
            <g key={`${r.field} ${r.host}`}>
              <text class={`label${on?.[0] === i ? " on" : ""}`} x={l - 8} y={t + i * cell + cell / 2 + 4} text-anchor="end">
                {cut(safe(r.host), 16)}
              </text>
              {cells[i]}
            </g>
          ))}
        </svg>
      </div>
      <Numbers
        head={["host", ...cols.map((p) => p.process)]}
        rows={() =>
          rows.map((r) => [
            <Text key="h">{r.host}</Text>,
            ...cols.map((p) => {
              const m = of.get(`${r.host}\0${p.process}`);
              return m ? (
                <a key={p.process} href={href(r, p.process)}>
                  {count(m.documents)} (risk {risk(m.max_score)})
                </a>
              ) : (
                "0"
              );
            }),
          ])
        }
      />
      <RiskScale>
        <li>the larger, the more runs saw it</li>
      </RiskScale>
    </figure>
  );
}
