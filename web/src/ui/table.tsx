import type { ComponentChildren } from "preact";
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
  const drawn = useDrawn(rows);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
    <div class="scroll" tabIndex={0} role="group" aria-label={label}>
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

/** How many rows are drawn at once where rows are added: those that a screen shows of them. */
const atOnce = 12;

/**
 * The rows to draw now. Of those that are added to a list the first are seen, and do not wait for
 * the others, which are drawn after that paint. Where rows are replaced all are drawn at once, so that what
 * stands below keeps its place.
 */
function useDrawn<T>(rows: readonly T[]): readonly T[] {
  const last = useRef<readonly T[]>([]);
  const [, again] = useState(0);
  const added = last.current.length < rows.length && last.current.every((r, i) => r === rows[i]);
  const now = added ? rows.slice(0, last.current.length + atOnce) : rows;
  last.current = now;
  const missing = rows.length - now.length;
  useEffect(() => {
    if (missing > 0) again((n) => n + 1);
  }, [missing]);
  return now;
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
