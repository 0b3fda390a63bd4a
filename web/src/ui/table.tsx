import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

export interface Column<T> {
  head: string;
  /** What the heading means, where that is not plain. */
  title?: string | undefined;
  /** n is a number, t stays on one line, v breaks anywhere, wide is left out on a phone. */
  kind?: string;
  /** What the list is sorted by with this column. */
  sort?: string;
  /** The order that a first click gives. */
  order?: Order;
  cell: (row: T) => ComponentChildren;
}

export type Order = "asc" | "desc";

export interface Sorting {
  by: string;
  order: Order;
  href: (by: string, order: Order) => string;
}

interface Parts<T> {
  columns: Column<T>[];
  /** The class of a row that is unlike others. */
  mark?: ((row: T) => string) | undefined;
  /** What stands below a row. */
  below?: ((row: T) => ComponentChildren) | undefined;
}

/** A list of rows that keys go through. A row is drawn again only when it, or what says how, is another. */
export function Table<T>({
  label,
  rows,
  id,
  sorting,
  ...parts
}: Parts<T> & { label: string; rows: readonly T[]; id: (row: T) => string; sorting?: Sorting }) {
  const box = useRef<HTMLDivElement>(null);
  const { drawn, high } = useDrawn(rows, box);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
    <div class="scroll" tabIndex={0} role="group" aria-label={label} ref={box} style={{ minHeight: high }}>
      <table class="list">
        <thead>
          <tr>
            {parts.columns.map((c) => (
              <Head key={c.head} column={c} sorting={sorting} />
            ))}
          </tr>
        </thead>
        <tbody>
          {drawn.map((r) => (
            <Row key={id(r)} row={r} {...parts} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** How many rows are drawn at once: those that a screen shows. */
const atOnce = 12;

/** How many rows may be drawn at once where that saves another paint. */
const atMost = 20;

/**
 * The rows to draw now. Of those that come to a list the first are seen, and do not wait for the others,
 * which are drawn after that paint. Until then a list whose rows are replaced stays as high as it was, so that what
 * stands below keeps its place.
 */
function useDrawn<T>(rows: readonly T[], box: RefObject<HTMLElement | null>): { drawn: readonly T[]; high: string } {
  const last = useRef<{ rows: readonly T[]; drawn: number }>({ rows: [], drawn: 0 });
  const high = useRef(0);
  const [, again] = useState(0);
  const { rows: before, drawn: shown } = last.current;
  const kept = shown <= rows.length && before.slice(0, shown).every((r, i) => r === rows[i]) ? shown : 0;
  const following = kept > 0 && before.length === rows.length && before.every((r, i) => r === rows[i]);
  const few = kept === 0 && rows.length <= atMost;
  const drawn = following || few ? rows : rows.slice(0, kept + atOnce);
  last.current = { rows, drawn: drawn.length };
  const missing = rows.length - drawn.length;
  useEffect(() => {
    if (missing > 0) again((n) => n + 1);
  }, [missing]);
  useEffect(() => {
    // Not asked for when it is wanted: the page would have to be laid out for it.
    const watch = new ResizeObserver(([e]) => {
      high.current = e?.contentRect.height ?? 0;
    });
    if (box.current) watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  return { drawn, high: missing > 0 && kept === 0 ? `${high.current}px` : "" };
}

function Head<T>({ column: c, sorting: s }: { column: Column<T>; sorting: Sorting | undefined }) {
  if (!c.sort || !s)
    return (
      <th class={c.kind} title={c.title}>
        {c.head || <span class="hidden">what can be done</span>}
      </th>
    );
  const on = c.sort === s.by;
  return (
    <th class={c.kind} title={c.title} aria-sort={on ? (s.order === "desc" ? "descending" : "ascending") : undefined}>
      <a href={s.href(c.sort, on ? (s.order === "desc" ? "asc" : "desc") : (c.order ?? "desc"))}>
        {c.head}
        {on && <span aria-hidden="true">{s.order === "desc" ? " ▾" : " ▴"}</span>}
      </a>
    </th>
  );
}

function Row<T>({ row, columns, mark, below }: Parts<T> & { row: T }) {
  return useMemo(
    () => (
      <>
        <tr data-row class={mark?.(row)}>
          {columns.map((c) => (
            <td key={c.head} class={c.kind}>
              {c.cell(row)}
            </td>
          ))}
        </tr>
        {below && (
          <tr class="say">
            <td />
            <td colSpan={columns.length - 1}>{below(row)}</td>
          </tr>
        )}
      </>
    ),
    [row, columns, mark, below],
  );
}
