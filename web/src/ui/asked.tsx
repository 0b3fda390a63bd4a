import type { ComponentChildren } from "preact";
import type { APIError } from "../api/client";
import { count } from "../lib/format";
import { Failed, Loading } from "./parts";

/** What the API is asked for: it is on its way, has failed, or is shown. */
export function Asked<T>({
  of,
  what,
  rows,
  children,
}: {
  of: { data: T | null; error: APIError | null; stale?: boolean; reload: () => void };
  /** As in "the runs". */
  what: string;
  /** How much place it takes while it loads. */
  rows?: number;
  children: (data: T) => ComponentChildren;
}) {
  if (of.data) return <div class={of.stale ? "asked stale" : "asked"}>{children(of.data)}</div>;
  if (of.error) return <Failed what={what[0]?.toUpperCase() + what.slice(1)} error={of.error} retry={of.reload} />;
  return <Loading what={what} {...(rows && { rows })} />;
}

/** The button below a list that goes on, and why it could not. */
export function More({
  of,
  what,
  total,
}: {
  of: { next: unknown; load: () => void; busy?: boolean; error?: APIError | null };
  /** As in "older runs". */
  what: string;
  total?: number;
}) {
  return (
    <>
      {of.error && <Failed what={what[0]?.toUpperCase() + what.slice(1)} error={of.error} retry={of.load} />}
      {of.next && (
        <button type="button" class="more" disabled={of.busy} onClick={of.load}>
          {of.busy ? "Loading …" : `Show ${what}${total === undefined ? "" : ` of ${count(total)}`}`}
        </button>
      )}
    </>
  );
}

/** One of a few: which of them the page shows. */
export function Switch<T extends string>({
  label,
  value,
  options,
  choose,
}: {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  choose: (value: T) => void;
}) {
  return (
    <div class="switch" role="group" aria-label={label}>
      {options.map(([v, name]) => (
        <button key={v} type="button" aria-pressed={v === value} onClick={() => choose(v)}>
          {name}
        </button>
      ))}
    </div>
  );
}
