import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { APIError } from "../api/client";
import { count } from "../lib/format";
import { ViewContext, useView } from "./context";
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
  const { data } = of;
  if (data)
    return (
      <Stale on={of.stale ?? false} class="asked">
        <Still stale={of.stale ?? false}>{() => children(data)}</Still>
      </Stale>
    );
  if (of.error) return <Failed what={what[0]?.toUpperCase() + what.slice(1)} error={of.error} retry={of.reload} />;
  return <Loading what={what} {...(rows && { rows })} />;
}

/** A part whose content is not what was asked for last. That it is late is shown when it is: the paint that shows it would delay what comes soon. */
export function Stale({ on, class: name = "", children }: { on: boolean; class?: string; children: ComponentChildren }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (!on) return;
    const timer = setTimeout(() => setLate(true), 200);
    return () => {
      clearTimeout(timer);
      setLate(false);
    };
  }, [on]);
  return <div class={`${name}${on ? " stale" : ""}${on && late ? " late" : ""}`.trim()}>{children}</div>;
}

/** What is of the address before stays as it is, with the links that it had, until what is asked for has come: to draw it anew would delay that. */
export function Still({ stale, children }: { stale: boolean; children: () => ComponentChildren }) {
  const view = useView();
  const last = useRef<ComponentChildren>(null);
  if (!stale || last.current === null) last.current = <ViewContext.Provider value={view}>{children()}</ViewContext.Provider>;
  return <>{last.current}</>;
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
