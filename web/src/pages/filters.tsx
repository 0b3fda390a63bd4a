import { useState } from "preact/hooks";
import { type APIError, type Schema, request } from "../api/client";
import { asError, useAPI } from "../api/hooks";
import { count, plural } from "../lib/format";
import { type Changes, extension, trialLink, valuesOf } from "../lib/tuning";
import { can, useMe } from "../ui/context";
import { Copy, Dialog, Empty, Failed, Loading, Panel, Text, When, toast } from "../ui/parts";
import { useTried } from "../ui/tried";

type Detail = Schema["FilterDetail"];
type Preview = Schema["FilterPreview"];

export function FiltersPage() {
  const me = useMe();
  const filter = useAPI<Detail>("/api/v1/filter");
  const runs = useAPI<Schema["RunList"]>("/api/v1/runs?limit=1");
  const [turn, setTurn] = useState(0);
  if (filter.error || runs.error) {
    const failed = filter.error ? filter : runs;
    return (
      <Panel id="clauses" title="Filter">
        <Failed what="The filter" error={failed.error as APIError} retry={failed.reload} />
      </Panel>
    );
  }
  if (!filter.data || !runs.data) return <Loading what="the filter" rows={8} />;
  const end = runs.data.runs[0]?.end ?? "";
  return (
    <>
      <Clauses key={turn} filter={filter.data} end={end} />
      <Extend
        filter={filter.data}
        end={end}
        manage={can(me, "manage")}
        done={() => {
          filter.reload();
          setTurn((n) => n + 1);
        }}
      />
      <Sets sets={filter.data.sets} />
    </>
  );
}

function Clauses({ filter, end }: { filter: Detail; end: string }) {
  const now = useTried<Preview>("/api/v1/filter/preview", end ? { end, set: {} } : null);
  const counts = now.data?.clauses ?? [];
  const total = now.data?.events ?? 0;
  const of = (side: string, name: string) => counts.find((c) => c.side === side && c.name === name)?.before;
  const rest = counts.filter((c) => c.side === "otherwise");
  const rows: {
    key: string;
    name: string;
    side: string;
    rule: string;
    kept: boolean;
    origin: string;
    dropped: boolean;
    events: number | undefined;
  }[] = [
    ...filter.clauses.map((c) => ({
      key: `${c.side} ${c.name}`,
      name: c.name,
      side: c.side,
      rule: c.rule,
      kept: c.side === "include",
      origin: c.origin,
      dropped: c.dropped ?? false,
      events: c.dropped ? undefined : of(c.side, c.name),
    })),
    ...rest.map((c) => ({ key: c.name, name: c.name, side: "", rule: "", kept: c.kept, origin: "", dropped: false, events: c.before })),
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
          {!end && "How many events each decides shows after the first run."}
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
        <div class="scroll">
          <table class="list">
            <thead>
              <tr>
                <th>clause</th>
                <th>what it does</th>
                <th>events with</th>
                <th class="n">events</th>
                <th class="n">share</th>
                <th class="wide">from</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((r) => (
                <tr key={r.key} data-row class={r.origin && r.origin !== "default" ? "own" : ""}>
                  <td class="v">
                    <Text>{r.name}</Text>
                  </td>
                  <td class="t">
                    {r.dropped ? (
                      <span class="muted">left out by the settings</span>
                    ) : r.kept ? (
                      "lets in"
                    ) : (
                      <span class="tag">throws out</span>
                    )}
                  </td>
                  <td class="code v">{r.rule ? <Text>{r.rule}</Text> : <span class="muted">–</span>}</td>
                  <td class="n">{r.events === undefined ? "–" : count(r.events)}</td>
                  <td class="n">
                    {r.events === undefined || total === 0 ? (
                      "–"
                    ) : (
                      <>
                        <svg class="share" viewBox="0 0 60 8" aria-hidden="true">
                          <rect class="ground" width="60" height="8" />
                          <rect class={r.kept ? "fill" : "out"} width={(60 * r.events) / total} height="8" />
                        </svg>{" "}
                        {percent(r.events, total)}
                      </>
                    )}
                  </td>
                  <td class="wide">
                    <Text>{r.origin}</Text>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function percent(n: number, of: number): string {
  const p = (100 * n) / of;
  return `${p > 0 && p < 0.1 ? "<0.1" : p.toFixed(p > 0 && p < 9.95 ? 1 : 0)} %`;
}

function Extend({ filter, end, manage, done }: { filter: Detail; end: string; manage: boolean; done: () => void }) {
  const [name, setName] = useState("common_processes");
  const [text, setText] = useState("");
  const [asking, setAsking] = useState(false);
  const set = filter.sets.find((s) => s.name === name) ?? filter.sets[0];
  const values = valuesOf(text);
  const fresh = set ? values.filter((v) => !set.values.includes(v)) : [];
  const changes = set ? extension(set.name, set.added, fresh) : {};
  const tried = useTried<Preview>("/api/v1/filter/preview", end && fresh.length > 0 ? { end, set: changes } : null);
  const p = tried.data;
  const problems = tried.error?.body.settings ?? [];
  if (!set)
    return (
      <Panel id="extend" title="Extend a set">
        <Empty title="No set">
          <p>The clauses name none. Sets are made in the settings file.</p>
        </Empty>
      </Panel>
    );
  return (
    <Panel
      id="extend"
      title="Extend a set"
      note={manage ? "The effect shows before anything is saved." : "You can look at the effect; an admin can save it."}
      actions={
        fresh.length > 0 && (
          <>
            <a class="button" href={trialLink({ set: changes, end: "" })}>
              See which findings change
            </a>
            <Copy text={assignment(changes)} label="Copy as a setting" />
            {manage && (
              <button
                type="button"
                class="small primary"
                disabled={tried.busy || tried.error !== null || !p}
                onClick={() => setAsking(true)}
              >
                Save
              </button>
            )}
          </>
        )
      }
    >
      <div class="inline">
        <label>
          Set
          <select value={set.name} onChange={(e) => setName(e.currentTarget.value)}>
            {filter.sets.map((s) => (
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
            aria-invalid={problems.length > 0 ? true : undefined}
            aria-describedby={problems.length > 0 ? "extend-wrong" : undefined}
            onInput={(e) => setText(e.currentTarget.value)}
          />
        </label>
      </div>
      {problems.length > 0 ? (
        <div class="pad wrong" id="extend-wrong" role="alert">
          {problems.map((one) => (
            <p key={one.key}>
              <Text>{one.message.startsWith(one.key) ? one.message : `${one.key}: ${one.message}`}</Text>
            </p>
          ))}
        </div>
      ) : fresh.length > 0 && tried.error ? (
        <Failed what="The effect" error={tried.error} retry={tried.again} />
      ) : null}
      <p class="pad muted" role="status">
        {!end
          ? "The effect shows after the first run."
          : values.length > fresh.length && fresh.length === 0
            ? "The set has that already."
            : fresh.length === 0
              ? `Used by ${set.clauses.join(", ") || "no clause"}. Type a value to see which events would come or go.`
              : tried.busy
                ? "Looking at the window again …"
                : p && !tried.error
                  ? `Of ${plural(p.events, "event")}, ${count(p.kept_before)} are looked at now and ${count(p.kept_after)} would be: ${count(p.newly_left_out)} more thrown out, ${count(p.newly_kept)} more let in.`
                  : ""}
      </p>
      {p && fresh.length > 0 && !tried.error && p.examples.length > 0 && (
        <div class={`scroll${tried.busy ? " stale" : ""}`}>
          <table class="list">
            <thead>
              <tr>
                <th>what</th>
                <th>process</th>
                <th>destination</th>
                <th class="wide">host, for one</th>
                <th>by the clause</th>
                <th class="n">events</th>
              </tr>
            </thead>
            <tbody>
              {p.examples.map((x) => (
                <tr key={`${x.kept} ${x.process} ${x.destination} ${x.clause}`} data-row>
                  <td class="t">{x.kept ? "let in" : <span class="tag">thrown out</span>}</td>
                  <td class="v">
                    <Text>{x.process || "–"}</Text>
                  </td>
                  <td class="v">
                    <Text>{x.destination || "–"}</Text>
                  </td>
                  <td class="v wide">
                    <Text>{x.host}</Text>
                  </td>
                  <td class="v">
                    <Text>{x.clause}</Text>
                  </td>
                  <td class="n">{count(x.events)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {(p.examples.length === 20 || !p.examples_complete) && <p class="pad muted">Those with the most events.</p>}
        </div>
      )}
      {asking && p && (
        <Ask
          name={set.name}
          fresh={fresh}
          changes={changes}
          preview={p}
          close={() => setAsking(false)}
          done={() => {
            setText("");
            done();
          }}
        />
      )}
    </Panel>
  );
}

/** A change as the flag --set and the trail write it. */
function assignment(changes: Changes): string {
  return Object.entries(changes)
    .map(([k, v]) => `${k}=${v}`)
    .join("\n");
}

function Ask(props: { name: string; fresh: string[]; changes: Changes; preview: Preview; close: () => void; done: () => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<APIError | null>(null);
  const p = props.preview;
  const save = async () => {
    setBusy(true);
    try {
      await request<Schema["ConfigAnswer"]>("PUT", "/api/v1/config", { set: props.changes });
      toast("Saved. It counts from the next run on.");
      props.done();
      props.close();
    } catch (e) {
      setError(asError(e));
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Extend ${props.name}`} onClose={props.close}>
      <p>
        {plural(props.fresh.length, "value")}: <Text>{props.fresh.join(", ")}</Text>
      </p>
      <p>
        In the last window {plural(p.newly_left_out, "event")} more would be thrown out, and {count(p.newly_kept)} more let in. It counts
        from the next run on, and stands in the audit trail with your name. Under <a href="/tuning">Tuning</a> it can be reset.
      </p>
      {error && (
        <p class="wrong" role="alert">
          <Text>{error.message}</Text>
        </p>
      )}
      <button type="button" class="primary" disabled={busy} onClick={save}>
        Save
      </button>
    </Dialog>
  );
}

function Sets({ sets }: { sets: Schema["FilterSet"][] }) {
  return (
    <Panel id="sets" title="Sets" note="Values that belong together. A clause names one by a $ before it.">
      {sets.length === 0 ? (
        <Empty title="No set">
          <p>The clauses name their values themselves.</p>
        </Empty>
      ) : (
        <ul class="sets">
          {sets.map((s) => (
            <SetOf key={s.name} s={s} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function SetOf({ s }: { s: Schema["FilterSet"] }) {
  const [open, setOpen] = useState(false);
  const changes = [
    s.replaced && "other values in place of the built-in ones",
    s.added.length > 0 && `${count(s.added.length)} added`,
    s.removed.length > 0 && `${count(s.removed.length)} removed`,
  ].filter(Boolean);
  return (
    <li>
      <details onToggle={(e) => setOpen(e.currentTarget.open)}>
        <summary>
          <b>
            <Text>{s.name}</Text>
          </b>{" "}
          <span class="muted">
            {plural(s.values.length, "value")}
            {s.built_in ? ", built in" : ""}
            {changes.length > 0 ? `; ${changes.join(", ")} (${s.origin})` : ""}.{" "}
            {s.clauses.length > 0 ? `For ${s.clauses.join(", ")}` : "For no clause"}.
          </span>
        </summary>
        {open && (
          <>
            <ul class="values code">
              {s.values.map((v) => (
                <li key={v} class={s.added.includes(v) ? "own" : ""}>
                  <Text>{v}</Text>
                </li>
              ))}
            </ul>
            {s.removed.length > 0 && (
              <p class="muted">
                Removed: <Text>{s.removed.join(", ")}</Text>
              </p>
            )}
          </>
        )}
      </details>
    </li>
  );
}
