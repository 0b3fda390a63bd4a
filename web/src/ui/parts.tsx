import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { APIError } from "../api/client";
import { caretLine } from "../lib/complete";
import { type Level, levelOf, points } from "../lib/format";
import { safe } from "../lib/safe";
import { full, short, utc } from "../lib/time";

/** Text out of a log. It is never anything but text. */
export function Text({ children }: { children: string | undefined }) {
  return <bdi>{safe(children ?? "")}</bdi>;
}

/** A time in the zone of the viewer; that in UTC shows on hover. */
export function When({ at, long = false }: { at: string | number | undefined; long?: boolean }) {
  if (at === undefined) return <span class="muted">–</span>;
  const ms = typeof at === "number" ? at : Date.parse(at);
  return (
    <time dateTime={new Date(ms).toISOString()} title={utc(ms)}>
      {long ? full(ms) : short(ms)}
    </time>
  );
}

const levelNames: Record<Level, string> = {
  high: "high risk",
  medium: "medium risk",
  some: "some risk",
  low: "low risk",
  unranked: "not ranked",
};

export function Risk({ score, big = false }: { score: number | undefined; big?: boolean }) {
  const level = levelOf(score);
  return (
    <span
      class={`risk ${level}${big ? " big" : ""}`}
      title={`${levelNames[level]}${score === undefined ? "" : `: ${score.toFixed(1)} of 100`}`}
    >
      {score === undefined ? "–" : Math.round(score)}
    </span>
  );
}

/** The health of something, beside the words that tell it. */
export function Dot({ of }: { of: "ok" | "idle" | "warn" | "bad" }) {
  return <i class={`dot ${of}`} aria-hidden="true" />;
}

export function Reasons({
  reasons,
  most = 4,
  against = 2,
}: {
  reasons: readonly { text: string; points: number }[] | undefined;
  most?: number;
  against?: number;
}) {
  const pro = (reasons ?? []).filter((r) => r.points > 0).slice(0, most);
  const contra = (reasons ?? []).filter((r) => r.points < 0).slice(0, against);
  return (
    <ul class="chips">
      {[...pro, ...contra].map((r) => (
        <li class={r.points > 0 ? "chip" : "chip contra"} key={r.text}>
          <b>{points(r.points)}</b> <Text>{plain(r.text)}</Text>
        </li>
      ))}
    </ul>
  );
}

/** The service writes for terminals as well. */
export function plain(text: string): string {
  return text.replaceAll("+-", "±");
}

export function Loading({ what, rows = 3 }: { what: string; rows?: number }) {
  return (
    <div class="loading" role="status">
      <span class="hidden">Loading {what}</span>
      {Array.from({ length: rows }, (_, i) => (
        <i key={i} />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="state">
      <p class="title">{title}</p>
      <div>{children}</div>
    </div>
  );
}

export function QueryProblem({ q, error }: { q: string; error: APIError["body"] }) {
  const all = [{ message: error.message, position: error.position ?? 0, length: error.length ?? 0 }, ...(error.others ?? [])];
  return (
    <div class="query-error" role="alert">
      {all.map((e) => (
        <div key={`${e.position} ${e.message}`}>
          <pre>
            <bdi>{safe(q)}</bdi>
            {"\n"}
            <span class="caret">{caretLine(q, e.position, e.length ?? 0)}</span>
          </pre>
          <p>
            <Text>{e.message}</Text>
          </p>
        </div>
      ))}
    </div>
  );
}

/** Says what went wrong and what to do. */
export function Failed({ error, retry, what }: { error: APIError; retry?: () => void; what: string }) {
  const code = error.body.code;
  const advice =
    error.status === 0
      ? "Look whether the service runs and can be reached, then try again."
      : code === "bad_query"
        ? "Mend the filter above: it says where it is wrong."
        : code === "too_slow"
          ? "Choose a shorter time range, or narrow the filter."
          : code === "busy"
            ? `The service has much to do. Try again in ${error.retryAfter || 5} seconds.`
            : error.status === 403
              ? "Your role does not allow it. An admin can change that under Users."
              : error.status === 404
                ? "It may have been forgotten since, or the link is wrong. Go back to the overview and look again."
                : error.status === 400
                  ? "Look at the address of the page: a part of it does not fit."
                  : "The log of the service says why.";
  return (
    <div class="state failed" role="alert">
      <p class="title">{what} could not be loaded</p>
      <p>
        <Text>{error.message}</Text>
      </p>
      <p>{advice}</p>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Panel({
  title,
  note,
  children,
  id,
  actions,
}: {
  title: string;
  note?: ComponentChildren;
  children: ComponentChildren;
  id?: string;
  actions?: ComponentChildren;
}) {
  return (
    <section class="panel" id={id} aria-labelledby={id ? `${id}-title` : undefined}>
      <header>
        <h2 id={id ? `${id}-title` : undefined}>{title}</h2>
        {note && <p class="muted">{note}</p>}
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </section>
  );
}

export function Fact({ name, children, title }: { name: string; children: ComponentChildren; title?: string }) {
  return (
    <li title={title}>
      <b>{children}</b>
      <span>{name}</span>
    </li>
  );
}

/** Copies a text, which is made when it is wanted where that takes long. */
export function Copy({ text, label }: { text: string | (() => string); label: string }) {
  const [done, set] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => set(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = () =>
    copyText(typeof text === "string" ? text : text()).then(
      () => set(true),
      () => toast("Your browser did not let this page copy. Select the text and copy it by hand.", "bad"),
    );
  return (
    <button type="button" class="small" onClick={copy}>
      {done ? "Copied" : label}
    </button>
  );
}

/** Without TLS a browser has no clipboard to offer but the old one. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "hidden";
  document.body.append(area);
  area.select();
  const ok = document.execCommand("copy");
  area.remove();
  if (!ok) throw new Error("not copied");
}

interface Note {
  id: number;
  text: string;
  kind: "good" | "bad";
}

let tell: ((n: Note) => void) | null = null;
let noteID = 0;

export function toast(text: string, kind: Note["kind"] = "good"): void {
  tell?.({ id: ++noteID, text, kind });
}

export function Toasts() {
  const [notes, set] = useState<Note[]>([]);
  useEffect(() => {
    tell = (n) => {
      set((all) => [...all.slice(-3), n]);
      setTimeout(() => set((all) => all.filter((o) => o.id !== n.id)), n.kind === "bad" ? 9000 : 4500);
    };
    return () => {
      tell = null;
    };
  }, []);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {notes.map((n) => (
        <div key={n.id} class={`toast ${n.kind}`}>
          <Text>{n.text}</Text>
          <button type="button" aria-label="Dismiss" onClick={() => set((all) => all.filter((o) => o.id !== n.id))}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const d = ref.current;
    d?.showModal();
    return () => d?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes every dialog by itself
    <dialog ref={ref} aria-label={title} onClose={onClose} onClick={(e) => e.target === e.currentTarget && onClose()}>
      <div class="dialog">
        <header>
          <h2>{title}</h2>
          <button type="button" class="small" onClick={onClose}>
            Close
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
