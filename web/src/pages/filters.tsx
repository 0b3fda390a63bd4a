import { useState } from "preact/hooks";
import type { Schema } from "../api/client";
import { useAPI } from "../api/hooks";
import { count, plural } from "../lib/format";
import { type Changes, settingsOf, trialLink, valuesOf } from "../lib/tuning";
import { Asked, Stale } from "../ui/asked";
import { Problems, SaveDialog, type Saving } from "../ui/change";
import { can, useMe } from "../ui/context";
import { Copy, Empty, Failed, Panel, Text, When } from "../ui/parts";
import { here, navigate, useParam } from "../ui/router";
import { type Column, Table } from "../ui/table";
import { type Tried, useTried } from "../ui/tried";

type Filter = Schema["FilterDetail"];
type Preview = Schema["FilterPreview"];
type FilterSet = Schema["FilterSet"];

export function FiltersPage() {
  const filter = useAPI<Filter>("/api/v1/filter");
  const runs = useAPI<Schema["RunList"]>("/api/v1/runs?limit=1");
  const [turn, setTurn] = useState(0);
  const reload = () => {
    filter.reload();
    runs.reload();
    setTurn((n) => n + 1);
  };
  const data = filter.data && runs.data && { filter: filter.data, end: runs.data.runs[0]?.end ?? "" };
  return (
    <Asked of={{ data, error: filter.error ?? runs.error, reload }} what="the filter" rows={8}>
      {({ filter, end }) => <Parts key={turn} filter={filter} end={end} reload={reload} />}
    </Asked>
  );
}

function Parts({ filter, end, reload }: { filter: Filter; end: string; reload: () => void }) {
  const now = useTried<Preview>("/api/v1/filter/preview", end ? { end, set: {} } : null);
  const [name] = useParam("set", "common_processes");
  const set = filter.sets.find((s) => s.name === name) ?? filter.sets[0];
  return (
    <>
      <Clauses filter={filter} now={now} end={end} />
      <Sets filter={filter} now={now.data} />
      {set && <Change key={set.name} set={set} sets={filter.sets} end={end} done={reload} />}
    </>
  );
}

interface Clause {
  name: string;
  rule: string;
  kept: boolean;
  origin: string;
  leftOut: boolean;
  events: number | undefined;
}

function clausesOf(filter: Filter, now: Preview | null): Clause[] {
  const counts = now?.clauses ?? [];
  const decided = filter.clauses.map((c) => ({
    ...c,
    kept: c.side === "include",
    leftOut: c.dropped ?? false,
    events: c.dropped ? undefined : counts.find((n) => n.side === c.side && n.name === c.name)?.before,
  }));
  const rest = counts
    .filter((c) => c.side === "otherwise")
    .map((c) => ({ ...c, rule: "", origin: "default", leftOut: false, events: c.before }));
  return [...decided, ...rest];
}

function Clauses({ filter, now, end }: { filter: Filter; now: Tried<Preview>; end: string }) {
  const rows = clausesOf(filter, now.data);
  const total = now.data?.events ?? 0;
  const columns: Column<Clause>[] = [
    { head: "clause", kind: "t", cell: (c) => <Text>{c.name}</Text> },
    {
      head: "what it does",
      kind: "t",
      cell: (c) =>
        c.leftOut ? <span class="muted">left out by the settings</span> : c.kept ? "lets in" : <span class="tag">throws out</span>,
    },
    { head: "events with", kind: "code v doc", cell: (c) => (c.rule ? <Text>{c.rule}</Text> : <span class="muted">–</span>) },
    { head: "events", kind: "n", cell: (c) => (c.events === undefined ? "–" : count(c.events)) },
    {
      head: "share",
      kind: "n wide",
      cell: (c) => (c.events === undefined || total === 0 ? "–" : <Share n={c.events} of={total} kept={c.kept} />),
    },
    { head: "from", kind: "wide", cell: (c) => <Text>{c.origin}</Text> },
  ];
  return (
    <Panel
      id="clauses"
      title="Clauses"
      note={
        <>
          They are asked in this order, and the first that matches decides.{" "}
          {now.data && (
            <>
              Of {plural(total, "event")} from <When at={now.data.from} /> to <When at={now.data.to} />, {count(now.data.kept_before)} are
              looked at. The timing model also looks at what only clauses about processes throw out.
            </>
          )}
          {!end && "How many events each decides shows after the first run."} Under <a href="/tuning">Tuning</a> each can be left out.
        </>
      }
    >
      {!filter.enabled && <p class="pad wrong">The filter is off (filter.enabled): every event is looked at.</p>}
      {filter.ignore_case && <p class="pad muted">Texts are compared without regard to upper and lower case.</p>}
      {now.error && <Failed what="The counts" error={now.error} retry={now.again} />}
      {rows.length === 0 ? (
        <Empty title="No clause">
          <p>Every event is looked at.</p>
        </Empty>
      ) : (
        <Table
          label="Clauses"
          columns={columns}
          rows={rows}
          id={(c) => `${c.kept} ${c.name}`}
          mark={(c) => (c.origin === "default" ? "" : "own")}
        />
      )}
    </Panel>
  );
}

function Share({ n, of, kept }: { n: number; of: number; kept: boolean }) {
  const p = (100 * n) / of;
  return (
    <>
      <svg class="share" viewBox="0 0 60 8" aria-hidden="true">
        <rect class="ground" width="60" height="8" />
        <rect class={kept ? "fill" : "out"} width={(60 * n) / of} height="8" />
      </svg>{" "}
      {p > 0 && p < 0.1 ? "<0.1" : p.toFixed(p > 0 && p < 9.95 ? 1 : 0)} %
    </>
  );
}

function changesOf(s: FilterSet): string {
  return [
    s.replaced && "other values in place of the built-in ones",
    s.added.length > 0 && `${count(s.added.length)} added`,
    s.removed.length > 0 && `${count(s.removed.length)} removed`,
  ]
    .filter(Boolean)
    .join(", ");
}

function Sets({ filter, now }: { filter: Filter; now: Preview | null }) {
  const clauses = clausesOf(filter, now);
  const columns: Column<FilterSet>[] = [
    {
      head: "set",
      kind: "t",
      cell: (s) => (
        <a class="row-link" href={`${here({ ...untouched, find: "", set: s.name })}#change`}>
          <Text>{s.name}</Text>
        </a>
      ),
    },
    { head: "values", kind: "n", cell: (s) => count(s.values.length) },
    {
      head: "such as",
      kind: "code v wide",
      cell: (s) => <Text>{`${s.values.slice(0, 3).join(", ")}${s.values.length > 3 ? ", …" : ""}`}</Text>,
    },
    {
      head: "clauses that ask it",
      cell: (s) =>
        clauses
          .filter((c) => s.clauses.includes(c.name))
          .map((c) => (
            <div key={c.name}>
              <Text>{c.name}</Text>{" "}
              <span class="muted">{c.events !== undefined && `${c.kept ? "lets in" : "throws out"} ${plural(c.events, "event")}`}</span>
            </div>
          )),
    },
    {
      head: "changes",
      kind: "t",
      cell: (s) =>
        changesOf(s) ? <Text>{`${changesOf(s)} (${s.origin})`}</Text> : <span class="muted">{s.built_in ? "as built in" : "–"}</span>,
    },
  ];
  return (
    <Panel
      id="sets"
      title="Sets"
      note="Values that belong together. A clause names one by a $ before it. Open one to see its values, and to change them."
    >
      {filter.sets.length === 0 ? (
        <Empty title="No set">
          <p>The clauses name their values themselves. Sets are made in the settings file.</p>
        </Empty>
      ) : (
        <Table label="Sets" columns={columns} rows={filter.sets} id={(s) => s.name} mark={(s) => (changesOf(s) ? "own" : "")} />
      )}
    </Panel>
  );
}

/** What the address has of a change that has not begun. */
const untouched = { add: "", remove: "", back: "", reset: "" };

/** Values that were clicked, as the address has them: one on a line, since they may have commas. */
function useLines(name: string): [string[], (value: string) => void] {
  const [text, set] = useParam(name);
  const lines = text ? text.split("\n") : [];
  return [lines, (v) => set((lines.includes(v) ? lines.filter((l) => l !== v) : [...lines, v]).join("\n"))];
}

function Change({ set, sets, end, done }: { set: FilterSet; sets: FilterSet[]; end: string; done: () => void }) {
  const manage = can(useMe(), "manage");
  const [text, setText] = useParam("add");
  const [remove, turnRemove] = useLines("remove");
  const [back, turnBack] = useLines("back");
  const [reset] = useParam("reset");
  const [find, setFind] = useParam("find");
  const [asking, setAsking] = useState(false);
  const typed = valuesOf(text);
  const saving: Saving = reset ? { set: {}, forget: set.saved } : { set: settingsOf(set, { add: typed, remove, back }) };
  const any = Object.keys(saving.set).length > 0 || (saving.forget ?? []).length > 0;
  const tried = useTried<Preview>("/api/v1/filter/preview", end && any ? { end, ...saving } : null);
  const p = any && !tried.error ? tried.data : null;
  const clear = (to = "") => navigate(here({ ...untouched, reset: to }), true);
  const shown = set.values.filter((v) => v.toLowerCase().includes(find.toLowerCase()));
  return (
    <Panel
      id="change"
      title="Change a set"
      note={manage ? "The effect shows before anything is saved." : "You can look at the effect; an admin can save it."}
      actions={
        <>
          {any && (
            <>
              <button type="button" class="small" onClick={() => clear()}>
                Undo
              </button>
              {!reset && (
                <>
                  <a class="button" href={trialLink({ set: saving.set, end: "" })}>
                    See which findings change
                  </a>
                  <Copy text={assignment(saving.set)} label="Copy as a setting" />
                </>
              )}
              {manage && (
                <button type="button" class="small primary" disabled={tried.busy || !p} onClick={() => setAsking(true)}>
                  Save
                </button>
              )}
            </>
          )}
          {set.saved.length > 0 && !any && (
            <button type="button" class="small" onClick={() => clear("saved")}>
              Look at it without what was saved
            </button>
          )}
        </>
      }
    >
      <div class="inline">
        <label>
          Set
          <select value={set.name} onChange={(e) => navigate(here({ ...untouched, find: "", set: e.currentTarget.value }), true)}>
            {sets.map((s) => (
              <option key={s.name} value={s.name}>
                {s.name}
              </option>
            ))}
          </select>
        </label>
        <label class="long">
          Values to add, with commas between them
          <input
            value={text}
            autocomplete="off"
            spellcheck={false}
            placeholder={set.values[0] ? `such as ${set.values[0]}` : ""}
            aria-invalid={tried.error?.body.settings ? true : undefined}
            aria-describedby="change-effect"
            onInput={(e) => setText(e.currentTarget.value)}
          />
        </label>
        <label>
          Find a value
          <input type="search" value={find} onInput={(e) => setFind(e.currentTarget.value)} />
        </label>
      </div>
      <div class="pad" id="change-effect">
        {any && tried.error?.body.settings ? (
          <div class="wrong" role="alert">
            <Problems of={tried.error} />
          </div>
        ) : any && tried.error ? (
          <Failed what="The effect" error={tried.error} retry={tried.again} />
        ) : null}
        <p class="muted" role="status">
          {!end
            ? "The effect shows after the first run."
            : !any
              ? typed.length > 0
                ? "The set has that already."
                : `Asked by ${set.clauses.join(", ") || "no clause"}. Type a value, or click one that is to go, to see which events would come or go.`
              : tried.busy
                ? "Looking at the window again …"
                : p &&
                  `Of ${plural(p.events, "event")}, ${count(p.kept_before)} are looked at now and ${count(p.kept_after)} would be: ${count(p.newly_left_out)} more thrown out, ${count(p.newly_kept)} more let in.`}
        </p>
      </div>
      {p && p.examples.length > 0 && (
        <Stale on={tried.busy}>
          <Table
            label="Events that come or go"
            columns={exampleColumns}
            rows={p.examples}
            id={(x) => `${x.kept} ${x.process} ${x.destination} ${x.clause}`}
          />
          {(p.examples.length === 20 || !p.examples_complete) && <p class="pad muted">Those with the most events.</p>}
        </Stale>
      )}
      <ul class="values code" aria-label={`Values of ${set.name}`}>
        {shown.map((v) => (
          <Value
            key={v}
            value={v}
            what="Remove"
            on={remove.includes(v)}
            out={remove.includes(v)}
            own={set.added.includes(v)}
            turn={() => turnRemove(v)}
          />
        ))}
      </ul>
      {shown.length === 0 && <p class="pad muted">{set.values.length === 0 ? "The set is empty." : "No value has that in it."}</p>}
      {set.removed.length > 0 && (
        <>
          <p class="pad muted">Removed by the settings ({set.origin}):</p>
          <ul class="values code" aria-label={`Removed from ${set.name}`}>
            {set.removed.map((v) => (
              <Value key={v} value={v} what="Bring back" on={back.includes(v)} out={!back.includes(v)} turn={() => turnBack(v)} />
            ))}
          </ul>
        </>
      )}
      {asking && p && (
        <SaveDialog
          title={`Change ${set.name}`}
          saving={saving}
          close={() => setAsking(false)}
          done={() => {
            clear();
            done();
          }}
        >
          <ul>
            {Object.entries(saving.set).map(([k, v]) => (
              <li key={k}>
                <code>
                  <Text>{`${k}: ${v}`}</Text>
                </code>
              </li>
            ))}
            {saving.forget?.map((k) => (
              <li key={k}>
                <Text>{`${k}: what was saved no longer counts`}</Text>
              </li>
            ))}
          </ul>
          <p>
            In the last window {plural(p.newly_left_out, "event")} more would be thrown out, and {count(p.newly_kept)} more let in.
          </p>
        </SaveDialog>
      )}
    </Panel>
  );
}

/** A value of a set, struck out where it is to go. */
function Value({
  value,
  what,
  on,
  out,
  own,
  turn,
}: {
  value: string;
  what: string;
  on: boolean;
  out: boolean;
  own?: boolean;
  turn: () => void;
}) {
  return (
    <li class={own ? "own" : ""}>
      <button type="button" class={out ? "out" : ""} aria-pressed={on} aria-label={`${what} ${value}`} title={what} onClick={turn}>
        <span aria-hidden="true">{out ? "+" : "×"}</span> <Text>{value}</Text>
      </button>
    </li>
  );
}

const exampleColumns: Column<Schema["FilterExample"]>[] = [
  { head: "what", kind: "t", cell: (x) => (x.kept ? "let in" : <span class="tag">thrown out</span>) },
  { head: "process", kind: "v", cell: (x) => <Text>{x.process || "–"}</Text> },
  { head: "destination", kind: "v", cell: (x) => <Text>{x.destination || "–"}</Text> },
  { head: "host, for one", kind: "v wide", cell: (x) => <Text>{x.host}</Text> },
  { head: "by the clause", kind: "v", cell: (x) => <Text>{x.clause}</Text> },
  { head: "events", kind: "n", cell: (x) => count(x.events) },
];

/** A change as the flag --set and the trail write it. */
function assignment(changes: Changes): string {
  return Object.entries(changes)
    .map(([k, v]) => `${k}=${v}`)
    .join("\n");
}
