import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { width } from "../lib/geometry";
import { clock, day } from "../lib/time";
import { Text } from "../ui/parts";

/** What stands above a picture: its heading, and its main numbers or what the pointer is on. */
export function Caption({ title, note, at }: { title: string; note: ComponentChildren; at: string | null }) {
  return (
    <figcaption>
      <h3>{title}</h3>
      <p class={at ? "readout" : "muted"}>{at ?? note}</p>
    </figcaption>
  );
}

/** A picture with its heading, its main numbers, what the pointer is on, and all of it in words. */
export function Figure(props: {
  title: string;
  note: ComponentChildren;
  alt: string;
  children: ComponentChildren;
  /** Tells what is at a place of the picture, in its own units. */
  read?: (x: number, y: number) => string | null;
  high: number;
}) {
  const [at, setAt] = useState<string | null>(null);
  const move = (e: PointerEvent) => {
    const box = (e.currentTarget as SVGElement).getBoundingClientRect();
    setAt(props.read?.(((e.clientX - box.left) / box.width) * width, ((e.clientY - box.top) / box.height) * props.high) ?? null);
  };
  return (
    <figure>
      <Caption title={props.title} note={props.note} at={at} />
      <svg
        viewBox={`0 0 ${width} ${props.high}`}
        role="img"
        aria-label={`${props.title}. ${props.alt}`}
        onPointerMove={props.read && move}
        onPointerLeave={() => setAt(null)}
      >
        {props.children}
      </svg>
    </figure>
  );
}

export interface NumberTable {
  head: string[];
  rows: () => ComponentChildren[][];
}

/** The numbers of a picture, for those who cannot see it or want to copy them. Many are made when they are asked for. */
export function Numbers({ head, rows }: NumberTable) {
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
              {rows().map((r, i) => (
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

const aDay = 86_400_000;

export function timeLabel(ms: number, step: number, span: number): string {
  const text = clock(ms, undefined, step < 60_000);
  return step >= aDay || (span > aDay && text === "00:00") ? day(ms) : text;
}
