import { useEffect, useRef, useState } from "preact/hooks";
import { type APIError, type Schema, get } from "../api/client";
import { asError } from "../api/hooks";
import { type Completion, type Field, type Value, complete } from "../lib/complete";
import { plural } from "../lib/format";
import { localInput, moment, rangeName, ranges, rfc3339 } from "../lib/time";
import { link } from "../lib/url";
import { useView } from "./context";
import { QueryProblem } from "./parts";
import { here, navigate } from "./router";

let fields: Promise<Field[]> | null = null;

function loadFields(): Promise<Field[]> {
  fields ??= get<Schema["FieldList"]>("/api/v1/fields").then(
    (l) => l.fields,
    () => {
      fields = null;
      return [];
    },
  );
  return fields;
}

/** The values of a field that begin with what is typed, a moment after the last key. */
function useValues(asked: Completion["value"], from: string, to: string): Value[] {
  const [found, setFound] = useState<{ path: string; values: Value[] }>({ path: "", values: [] });
  const listed = asked && (asked.field.type === "text" || asked.field.type === "ip") && !asked.field.values?.length;
  const path = listed
    ? link(`/api/v1/fields/${encodeURIComponent(asked.field.name)}/values`, { prefix: asked.prefix.slice(0, 256), limit: 12, from, to })
    : "";
  useEffect(() => {
    if (!path) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      get<Schema["FieldValues"]>(path, stop.signal).then(
        (l) => setFound({ path, values: l.values.map((v) => ({ value: v.value, detail: plural(v.findings, "finding") })) }),
        () => {}, // completion without values is still of use
      );
    }, 120);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [path]);
  const fieldOf = (path: string) => path.split("?")[0];
  return path && fieldOf(found.path) === fieldOf(path) ? found.values : []; // those before stay while the next are on their way
}

/** The filter: the query language with completion, and what is wrong with it. */
export function FilterBar({ fallback }: { fallback: string }) {
  const view = useView();
  const [text, setText] = useState(view.q);
  const [known, setKnown] = useState<Field[]>([]);
  const [caret, setCaret] = useState(0);
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const [error, setError] = useState<{ q: string; body: APIError["body"] } | null>(null);
  const input = useRef<HTMLInputElement>(null);
  const asked = open ? complete(text, caret, known).value : undefined;
  const values = useValues(asked, view.from || fallback, view.to);
  const offer = complete(text, caret, known, values);

  useEffect(() => setText(view.q), [view.q]);

  // What is wrong with a filter is said here, whichever page shows it.
  useEffect(() => {
    setError(null);
    if (!view.q) return;
    const stop = new AbortController();
    get(link("/api/v1/findings", { q: view.q, from: "now-1m", limit: 1 }), stop.signal).catch((e) => {
      if (!stop.signal.aborted && asError(e).body.code === "bad_query") setError({ q: view.q, body: asError(e).body });
    });
    return () => stop.abort();
  }, [view.q]);

  const update = (value: string, caret: number) => {
    setText(value);
    setCaret(caret);
    setAt(-1);
  };

  const take = (i: number) => {
    const o = offer.options[i];
    if (!o || !input.current) return;
    const value = text.slice(0, offer.from) + o.insert + text.slice(offer.to);
    const caret = offer.from + o.insert.length;
    input.current.value = value;
    input.current.setSelectionRange(caret, caret);
    update(value, caret);
  };

  const submit = () => {
    setOpen(false);
    navigate(here({ q: text.trim() }));
  };

  const key = (e: KeyboardEvent) => {
    const n = offer.options.length;
    switch (e.key) {
      case "ArrowDown":
      case "ArrowUp":
        if (!open || n === 0) {
          setOpen(true);
          return;
        }
        e.preventDefault();
        setAt((i) => (e.key === "ArrowDown" ? (i + 1) % n : (i <= 0 ? n : i) - 1));
        return;
      case "Tab":
        if (open && n > 0 && (at >= 0 || offer.to > offer.from)) {
          e.preventDefault();
          take(Math.max(0, at));
        }
        return;
      case "Enter":
        e.preventDefault();
        if (open && at >= 0) take(at);
        else submit();
        return;
      case "Escape":
        if (open) {
          e.preventDefault();
          setOpen(false);
        } else input.current?.blur();
    }
  };

  const shown = open && offer.options.length > 0;
  return (
    <form
      class="filter"
      role="search"
      onSubmit={(e) => {
        e.preventDefault();
        submit();
      }}
    >
      <div class="filter-line">
        <div class="combo">
          <input
            ref={input}
            id="filter"
            type="text"
            role="combobox"
            spellcheck={false}
            autocomplete="off"
            autocapitalize="off"
            aria-label="Filter findings"
            aria-expanded={shown}
            aria-controls="filter-options"
            aria-autocomplete="list"
            aria-activedescendant={shown && at >= 0 ? `filter-option-${at}` : undefined}
            aria-invalid={error ? true : undefined}
            aria-describedby={error ? "filter-error" : undefined}
            placeholder="Filter, as in host.name: ws-* and event.risk_score >= 70"
            maxLength={8192}
            value={text}
            onFocus={() => {
              void loadFields().then(setKnown);
              setOpen(true);
            }}
            onBlur={() => setOpen(false)}
            onInput={(e) => {
              setOpen(true);
              update(e.currentTarget.value, e.currentTarget.selectionStart ?? 0);
            }}
            onClick={(e) => update(e.currentTarget.value, e.currentTarget.selectionStart ?? 0)}
            onKeyDown={key}
          />
          <span class="key" aria-hidden="true">
            /
          </span>
          <ul id="filter-options" role="listbox" aria-label="Completions" hidden={!shown}>
            {offer.options.map((o, i) => (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the input
              <li
                key={o.label}
                id={`filter-option-${i}`}
                role="option"
                tabIndex={-1}
                aria-selected={i === at}
                onMouseDown={(e) => e.preventDefault()}
                onClick={() => take(i)}
              >
                <b>
                  <bdi>{o.label}</bdi>
                </b>
                <span>{o.detail}</span>
              </li>
            ))}
          </ul>
        </div>
        {view.q && (
          <button
            type="button"
            onClick={() => {
              setText("");
              navigate(here({ q: "" }));
            }}
          >
            Clear
          </button>
        )}
        <TimeRange fallback={fallback} />
      </div>
      <div id="filter-error">{error && <QueryProblem q={error.q} error={error.body} />}</div>
    </form>
  );
}

function TimeRange({ fallback }: { fallback: string }) {
  const view = useView();
  const [open, setOpen] = useState(false);
  const from = view.from || fallback;
  const choose = (from: string, to: string) => {
    setOpen(false);
    navigate(here({ from: from === fallback ? "" : from, to }));
  };
  return (
    <div
      class="range"
      onKeyDown={(e) => {
        if (e.key === "Escape") setOpen(false);
      }}
    >
      <button
        type="button"
        aria-expanded={open}
        aria-haspopup="true"
        onClick={() => setOpen(!open)}
        title={`${from} to ${view.to || "now"}`}
      >
        <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
          <circle cx="8" cy="8" r="6.5" fill="none" stroke="currentColor" stroke-width="1.5" />
          <path d="M8 4.200V8l2.600 1.700" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" />
        </svg>
        {rangeName(from, view.to)}
      </button>
      {open && <RangeMenu from={from} to={view.to} choose={choose} close={() => setOpen(false)} />}
    </div>
  );
}

function RangeMenu({
  from,
  to,
  choose,
  close,
}: {
  from: string;
  to: string;
  choose: (from: string, to: string) => void;
  close: () => void;
}) {
  const now = Date.now();
  const [first, setFirst] = useState(localInput(moment(from, now) ?? now - 6 * 3600e3));
  const [last, setLast] = useState(localInput(moment(to, now) ?? now));
  const bad = !(Date.parse(first) < Date.parse(last));
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    ref.current?.querySelector<HTMLElement>("[aria-current], button")?.focus();
    const away = (e: Event) => {
      if (e.target instanceof Node && !ref.current?.parentElement?.contains(e.target)) close();
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [close]);
  return (
    <div class="menu" ref={ref}>
      {ranges.map((r) => (
        <button
          key={r.from}
          type="button"
          aria-current={r.from === from && to === "" ? "true" : undefined}
          onClick={() => choose(r.from, "")}
        >
          {r.name}
        </button>
      ))}
      <hr />
      <label>
        from
        <input type="datetime-local" value={first} onInput={(e) => setFirst(e.currentTarget.value)} />
      </label>
      <label>
        to
        <input type="datetime-local" value={last} onInput={(e) => setLast(e.currentTarget.value)} />
      </label>
      {bad && <p class="muted">from must be before to</p>}
      <button type="button" class="primary" disabled={bad} onClick={() => choose(rfc3339(Date.parse(first)), rfc3339(Date.parse(last)))}>
        Show this range
      </button>
    </div>
  );
}
