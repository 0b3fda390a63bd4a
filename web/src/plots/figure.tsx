import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { type Axis, axis, height, left, bottom, num, plotWidth, timeTicks, top, valueTicks, width } from "../lib/geometry";
import { clock, day, offset } from "../lib/time";
import { Text } from "../ui/parts";

/** A picture with its heading, its main numbers, what the pointer is on, and all of it in words. */
export function Figure(props: {
  title: string;
  note: ComponentChildren;
  alt: string;
  children: ComponentChildren;
  /** Tells what is at a place of the picture, in its own units. */
  read?: (x: number, y: number) => string | null;
  numbers?: { head: string[]; rows: ComponentChildren[][] };
  high?: number;
}) {
  const [at, setAt] = useState<string | null>(null);
  const high = props.high ?? height;
  const move = (e: PointerEvent) => {
    const box = (e.currentTarget as SVGElement).getBoundingClientRect();
    setAt(props.read?.(((e.clientX - box.left) / box.width) * width, ((e.clientY - box.top) / box.height) * high) ?? null);
  };
  return (
    <figure>
      <figcaption>
        <h3>{props.title}</h3>
        <p class={at ? "readout" : "muted"}>{at ?? props.note}</p>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${high}`}
        role="img"
        aria-label={`${props.title}. ${props.alt}`}
        onPointerMove={props.read && move}
        onPointerLeave={() => setAt(null)}
      >
        {props.children}
      </svg>
      {props.numbers && <Numbers {...props.numbers} />}
    </figure>
  );
}

/** The numbers of a picture, for those who cannot see it or want to copy them. Many are made when they are asked for. */
export function Numbers({ head, rows }: { head: string[]; rows: ComponentChildren[][] | (() => ComponentChildren[][]) }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="numbers" onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>Numbers</summary>
      {open && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
        <div class="scroll" tabIndex={0} role="group" aria-label="Numbers of the picture">
          <table class="list">
            <thead>
              <tr>
                {head.map((h) => (
                  <th key={h}>
                    <Text>{h}</Text>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {(typeof rows === "function" ? rows() : rows).map((r, i) => (
                <tr key={i}>
                  {r.map((c, k) => (
                    <td key={head[k]}>{c}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}

export function Nothing({ children, high = height }: { children: string; high?: number }) {
  return (
    <>
      <path class="grid" d={`M${left} ${high - bottom}h${plotWidth}`} />
      <text class="label" x={left + plotWidth / 2} y={top + (high - top - bottom) / 2} text-anchor="middle">
        {children}
      </text>
    </>
  );
}

export interface Drawn {
  axis: Axis;
  marks: ComponentChildren;
}

/** A vertical axis from lo to at least hi. */
export function valueAxis(lo: number, hi: number, label: (v: number) => string, whole = false, high = height): Drawn {
  const ticks = valueTicks(lo, hi, whole);
  const a = axis(ticks[0] ?? lo, ticks[ticks.length - 1] ?? hi, high - bottom, top);
  return {
    axis: a,
    marks: (
      <>
        <path class="grid" d={ticks.map((t) => `M${left} ${num(a.at(t))}h${plotWidth}`).join("")} />
        {ticks.map((t) => (
          <text key={t} class="label" x={left - 6} y={num(a.at(t) + 4)} text-anchor="end">
            {label(t)}
          </text>
        ))}
      </>
    ),
  };
}

/** A horizontal axis of times in the viewer's zone. */
export function timeAxis(from: number, to: number, high = height, most = 7): Drawn {
  const a = axis(from, to, left, left + plotWidth);
  const { step, at } = timeTicks(from, to, most, offset(to));
  return {
    axis: a,
    marks: (
      <>
        <path class="grid" d={at.map((t) => `M${num(a.at(t))} ${high - bottom}v4`).join("")} />
        {at.map((t) => (
          <text
            key={t}
            class="label"
            x={num(Math.min(Math.max(a.at(t), left + 10), left + plotWidth - 12))}
            y={high - bottom + 17}
            text-anchor="middle"
          >
            {timeLabel(t, step, to - from)}
          </text>
        ))}
      </>
    ),
  };
}

const aDay = 86_400_000;

export function timeLabel(ms: number, step: number, span: number): string {
  const text = clock(ms, undefined, step < 60_000);
  return step >= aDay || (span > aDay && text === "00:00") ? day(ms) : text;
}

/** The label of a mark at x above the plot, as far in as it takes to fit. */
export function Beside({ x, children }: { x: number; children: string }) {
  const half = 3.6 * children.length;
  return (
    <text class="mark-label" x={num(Math.min(Math.max(x, left + half), left + plotWidth - half))} y={top - 6} text-anchor="middle">
      {children}
    </text>
  );
}
