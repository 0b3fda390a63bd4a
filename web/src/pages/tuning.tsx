import { useEffect, useRef, useState } from "preact/hooks";
import { type APIError, type Schema, request } from "../api/client";
import { asError, useAPI } from "../api/hooks";
import { count, number } from "../lib/format";
import {
  type Changes,
  type Control,
  type Trial,
  groups,
  hasControl,
  numbersOf,
  textOf,
  trialLink,
  trialOf,
  weights,
  withChange,
} from "../lib/tuning";
import { Shift } from "../plots/shift";
import { can, useMe } from "../ui/context";
import { Copy, Dialog, Empty, Failed, Loading, Panel, Reasons, Risk, Text, When, toast } from "../ui/parts";
import { navigate, useAddress } from "../ui/router";
import { useTried } from "../ui/tried";

type WhatIf = Schema["WhatIf"];

export function TuningPage() {
  const address = useAddress();
  const me = useMe();
  const config = useAPI<Schema["Config"]>("/api/v1/config");
  const runs = useAPI<Schema["RunList"]>("/api/v1/runs?limit=100");
  const [trial, setTrial] = useState<Trial>(() => trialOf(location.search));
  const [asking, setAsking] = useState(false);

  // The address follows what is set, and what is set the address: back and forward work as well.
  const written = useRef(location.search);
  useEffect(() => {
    if (address.search === written.current || address.path !== "/tuning") return;
    written.current = address.search;
    setTrial(trialOf(address.search));
  }, [address]);
  const href = trialLink(trial);
  useEffect(() => {
    const timer = setTimeout(() => {
      if (location.pathname !== "/tuning") return;
      written.current = href.slice("/tuning".length);
      navigate(href, true);
    }, 300);
    return () => clearTimeout(timer);
  }, [href]);

  const end = trial.end || runs.data?.runs[0]?.end || "";
  const tried = useTried<WhatIf>("/api/v1/whatif", end ? { end, set: trial.set } : null);
  const inForce = new Map(config.data?.settings.map((s) => [s.key, s]));
  const change = (set: Changes) => setTrial((t) => ({ ...t, set }));
  const problems = new Map(tried.error?.body.settings?.map((p) => [p.key, p.message]));
  const part = (c: Control, name: string, doc: string, fallback: string, standard: string) => {
    const now = inForce.get(c.key)?.value ?? fallback;
    return (
      <Knob
        key={c.key}
        control={c}
        name={name}
        doc={doc}
        now={now}
        standard={standard}
        value={trial.set[c.key]}
        problem={problems.get(c.key)}
        change={(v) => setTrial((t) => ({ ...t, set: withChange(t.set, c, v, now) }))}
      />
    );
  };
  const changed = Object.keys(trial.set).sort();
  const others = changed.filter((k) => !hasControl(k));
  if (config.error || runs.error) {
    const failed = config.error ? config : runs;
    return (
      <Panel id="settings" title="Tuning">
        <Failed what="The settings" error={failed.error as APIError} retry={failed.reload} />
      </Panel>
    );
  }
  if (!config.data || !runs.data) return <Loading what="settings" rows={8} />;
  return (
    <>
      <div class="tuning">
        <Panel
          id="settings"
          title="Settings"
          note="What detection looks for. Nothing is changed until it is saved."
          actions={
            changed.length > 0 && (
              <button type="button" class="small" onClick={() => change({})}>
                Undo all
              </button>
            )
          }
        >
          {others.length > 0 && (
            <fieldset class="knobs">
              <legend>Also changed</legend>
              {others.map((k) => (
                <div key={k} class="knob on">
                  <code>
                    <Text>{`${k}: ${trial.set[k]}`}</Text>
                  </code>
                  {problems.has(k) && (
                    <p class="wrong" role="alert">
                      <Text>{problems.get(k)}</Text>
                    </p>
                  )}
                  <button
                    type="button"
                    class="small"
                    aria-label={`Undo ${k}`}
                    onClick={() => change(Object.fromEntries(Object.entries(trial.set).filter(([o]) => o !== k)))}
                  >
                    Undo
                  </button>
                </div>
              ))}
            </fieldset>
          )}
          {groups.map((g) => (
            <fieldset key={g.name} class="knobs">
              <legend>{g.name}</legend>
              {g.name === "Filter" && (
                <p class="muted">
                  <a href="/filters">Clauses and sets of the filter</a>
                </p>
              )}
              {g.controls.map((c) => {
                const s = inForce.get(c.key);
                return part(c, c.key.slice(c.key.indexOf(".") + 1), s?.doc ?? "", "", s?.default ?? "");
              })}
            </fieldset>
          ))}
          <Weights part={part} open={changed.some((k) => k.startsWith("rank.weights."))} set={trial.set} />
        </Panel>
        <div class="effect">
          <Effect
            tried={tried}
            runs={runs.data.runs}
            end={end}
            choose={(e) => setTrial((t) => ({ ...t, end: e }))}
            changed={changed.length}
            problems={problems}
            save={can(me, "manage") ? () => setAsking(true) : null}
          />
        </div>
      </div>
      <Saved config={config.data} done={config.reload} manage={can(me, "manage")} />
      {asking && tried.data && (
        <Save
          what={tried.data}
          set={trial.set}
          close={() => setAsking(false)}
          done={() => {
            change({});
            config.reload();
          }}
        />
      )}
    </>
  );
}

function Knob(props: {
  control: Control;
  name: string;
  doc: string;
  now: string;
  standard: string;
  value: string | undefined;
  problem: string | undefined;
  change: (value: string) => void;
}) {
  const { control: c, name, now, value, problem, change } = props;
  const [typed, setTyped] = useState<string | null>(null); // while the field has the focus it keeps what is typed
  const text = value ?? now;
  const id = `set-${c.key}`;
  const numbers = numbersOf(c.kind, text);
  const more = [
    value !== undefined && `in force: ${now || "the default"}`,
    props.standard && props.standard !== now && `default: ${props.standard}`,
  ]
    .filter(Boolean)
    .join(", ");
  const described = problem ? `${id}-doc ${id}-wrong` : `${id}-doc`;
  return (
    <div class={`knob${value === undefined ? "" : " on"}`}>
      <div class="line">
        <label for={id}>{name}</label>
        {c.kind === "switch" ? (
          <input
            id={id}
            type="checkbox"
            checked={text === "true"}
            aria-describedby={described}
            onChange={(e) => change(String(e.currentTarget.checked))}
          />
        ) : (
          <input
            id={id}
            value={typed ?? text}
            autocomplete="off"
            spellcheck={false}
            aria-invalid={problem ? true : undefined}
            aria-describedby={described}
            onInput={(e) => {
              setTyped(e.currentTarget.value);
              change(e.currentTarget.value);
            }}
            onBlur={() => setTyped(null)}
          />
        )}
      </div>
      {c.kind !== "switch" &&
        (c.kind === "pair" ? [0, 1] : [0]).map((i) => (
          <input
            key={i}
            type="range"
            min={c.min}
            max={c.max}
            step={c.step}
            value={numbers[i] ?? c.min}
            aria-label={`${name}${c.kind === "pair" ? (i === 0 ? ", lower" : ", upper") : ""}`}
            onInput={(e) => {
              const n = c.kind === "pair" && numbers.length === 2 ? [...numbers] : [c.min, c.max];
              n[i] = e.currentTarget.valueAsNumber;
              setTyped(null);
              change(textOf(c.kind, n));
            }}
          />
        ))}
      <p class="muted" id={`${id}-doc`}>
        {props.doc}
        {more && <b> ({more})</b>}
      </p>
      {problem && (
        <p class="wrong" id={`${id}-wrong`} role="alert">
          <Text>{problem}</Text>
        </p>
      )}
    </div>
  );
}

type Part = (c: Control, name: string, doc: string, fallback: string, standard: string) => preact.JSX.Element;

function Weights({ part, open, set }: { part: Part; open: boolean; set: Changes }) {
  const [shown, setShown] = useState(open);
  const [find, setFind] = useState("");
  const fits = weights.filter((w) => `${w.name} ${w.say}`.toLowerCase().includes(find.toLowerCase()));
  return (
    <details class="knobs" open={shown} onToggle={(e) => setShown(e.currentTarget.open)}>
      <summary>Points of the rank, by piece of evidence</summary>
      {shown && (
        <>
          <label class="find">
            Find a piece
            <input type="search" value={find} onInput={(e) => setFind(e.currentTarget.value)} />
          </label>
          {fits.length === 0 && <p class="muted">No piece has that in its name or meaning.</p>}
          {fits.map((w) => (
            <PieceOf key={w.name} w={w} part={part} on={w.levels.some((l) => l.key in set)} />
          ))}
        </>
      )}
    </details>
  );
}

function PieceOf({ w, part, on }: { w: (typeof weights)[number]; part: Part; on: boolean }) {
  const [shown, setShown] = useState(on);
  return (
    <details class={`piece${on ? " on" : ""}`} open={shown} onToggle={(e) => setShown(e.currentTarget.open)}>
      <summary>
        <b>{w.name}</b> <span class="muted">{w.say}</span>
      </summary>
      {shown && w.levels.map((l) => part(l, `${w.name}.${l.name}`, l.when, String(l.points), String(l.points)))}
    </details>
  );
}

type Kind = "appear" | "go" | "move";

const kinds: { kind: Kind; name: string; tag: string }[] = [
  { kind: "appear", name: "appear", tag: "appears" },
  { kind: "go", name: "go", tag: "goes" },
  { kind: "move", name: "move", tag: "moves" },
];

function Effect(props: {
  tried: ReturnType<typeof useTried<WhatIf>>;
  runs: Schema["Run"][];
  end: string;
  choose: (end: string) => void;
  changed: number;
  problems: Map<string, string>;
  save: (() => void) | null;
}) {
  const { tried, runs, end } = props;
  const w = tried.data;
  if (!end)
    return (
      <Panel id="effect" title="Effect">
        <Empty title="No run yet">
          <p>Settings are tried on the window of a run. The first comes when an hour with events has ended.</p>
        </Empty>
      </Panel>
    );
  const ready = props.changed > 0 && !tried.busy && !tried.error;
  const stray = [...props.problems].filter(([k]) => !hasControl(k));
  return (
    <>
      <Panel
        id="effect"
        title="Effect"
        actions={
          <>
            <label class="pick">
              on the run up to{" "}
              <select value={end} onChange={(e) => props.choose(e.currentTarget.value)}>
                {!runs.some((r) => r.end === end) && <option value={end}>{end}</option>}
                {runs.map((r) => (
                  <option key={r.end} value={r.end}>
                    {new Date(r.end).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" })}
                  </option>
                ))}
              </select>
            </label>
            {w?.yaml && !tried.error && <Copy text={w.yaml} label="Copy as YAML" />}
            {props.save ? (
              <button type="button" class="small primary" disabled={!ready} onClick={props.save}>
                Save as configuration
              </button>
            ) : (
              <span class="muted">An admin can save it.</span>
            )}
          </>
        }
      >
        <p class="pad muted" role="status">
          {tried.busy
            ? "Looking at the window again …"
            : tried.error
              ? ""
              : props.changed === 0
                ? "Nothing is changed yet: move a slider, or type a value."
                : w &&
                  `${count(w.appear.total)} appear, ${count(w.go.total)} go, ${count(w.move.total)} move, ${count(w.unchanged)} stay as they are (in ${number(w.took_ms / 1000)} s).${
                    w.looked_back === "events" ? " The timing model looked back on events anew." : ""
                  }`}
        </p>
        {tried.error && tried.error.body.code === "bad_settings" ? (
          <div class="state failed" role="alert">
            <p class="title">These settings cannot be tried</p>
            {stray.map(([k, m]) => (
              <p key={k}>
                <Text>{m.startsWith(k) ? m : `${k}: ${m}`}</Text>
              </p>
            ))}
            {stray.length < props.problems.size && <p>The settings on this page say what is wrong with them.</p>}
          </div>
        ) : tried.error ? (
          <Failed what="The effect" error={tried.error} retry={tried.again} />
        ) : !w ? (
          <Loading what="the effect" rows={4} />
        ) : null}
        {w && !tried.error && (
          <div class={tried.busy ? "stale" : ""}>
            <Sides w={w} />
            <div class="shift">
              <Shift w={w} />
            </div>
          </div>
        )}
      </Panel>
      {w && !tried.error && <Rows w={w} stale={tried.busy} />}
    </>
  );
}

const levels = ["high", "medium", "some", "low"] as const;

function Sides({ w }: { w: WhatIf }) {
  const rows: { name: string; title?: string; of: (s: Schema["WhatIfSide"]) => string }[] = [
    { name: "findings", of: (s) => count(s.findings) },
    { name: "a day", of: (s) => number(s.findings_a_day) },
    { name: "per host and day", title: "of the hosts with findings", of: (s) => number(s.findings_a_host_day) },
    ...levels.map((l) => ({ name: l, of: (s: Schema["WhatIfSide"]) => count(s.levels[l]) })),
    { name: "hosts", of: (s) => count(s.hosts) },
    { name: "cases", of: (s) => count(s.cases) },
    {
      name: "hidden",
      title: "findings of the timing model below rank.min_score or beyond rank.rows_per_host_day",
      of: (s) => count(s.hidden),
    },
    { name: "events", title: "looked at", of: (s) => count(s.events) },
  ];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
    <div class="scroll" tabIndex={0} role="group" aria-label="Counts before and after">
      <table class="list sides">
        <thead>
          <tr>
            <td />
            {rows.map((r) => (
              <th key={r.name} class="n" scope="col" title={r.title}>
                {levels.some((l) => l === r.name) && <i class={`swatch ${r.name}`} aria-hidden="true" />} {r.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row" title={w.compared_with === "stored" ? "the run as it is stored" : "the settings in force"}>
              before
            </th>
            {rows.map((r) => (
              <td key={r.name} class="n">
                {r.of(w.before)}
              </td>
            ))}
          </tr>
          <tr>
            <th scope="row">after</th>
            {rows.map((r) => (
              <td key={r.name} class={`n${r.of(w.before) === r.of(w.after) ? "" : " other"}`}>
                {r.of(w.after)}
              </td>
            ))}
          </tr>
        </tbody>
      </table>
    </div>
  );
}

function Rows({ w, stale }: { w: WhatIf; stale: boolean }) {
  const [only, setOnly] = useState<Kind | "">("");
  const rows = kinds.filter((k) => only === "" || k.kind === only).flatMap((k) => w[k.kind].findings.map((row) => ({ row, ...k })));
  const total = w.appear.total + w.go.total + w.move.total;
  const all = only === "" ? total : w[only].total;
  return (
    <Panel
      id="rows"
      title="Findings that change"
      note={all > rows.length ? `${count(rows.length)} of ${count(all)}: the best, and those that move most.` : undefined}
      actions={
        <div class="switch" role="group" aria-label="Which findings">
          {[{ kind: "" as const, name: "all", n: total }, ...kinds.map((k) => ({ ...k, n: w[k.kind].total }))].map((k) => (
            <button key={k.kind} type="button" aria-pressed={only === k.kind} onClick={() => setOnly(k.kind)}>
              {k.name} {count(k.n)}
            </button>
          ))}
        </div>
      }
    >
      {rows.length === 0 ? (
        <Empty title="None">
          <p>With these settings the list is as it was{only ? " in this regard" : ""}.</p>
        </Empty>
      ) : (
        <div class={`scroll${stale ? " stale" : ""}`}>
          <table class="list">
            <thead>
              <tr>
                <th>what</th>
                <th class="n">before</th>
                <th class="n">after</th>
                <th>process</th>
                <th>host</th>
                <th>destination</th>
                <th class="n wide" title="points of the four tests">
                  tests
                </th>
                <th class="wide">reasons</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(({ row, tag, kind }) => {
                const one = row.after ?? row.before;
                const tests = [row.before, row.after].filter((p) => p !== undefined).map((p) => p.beaconing_score ?? "–");
                return (
                  <tr key={`${kind} ${one?.id}`} data-row>
                    <td class="t">
                      <span class={`tag ${kind}`}>{tag}</span>
                    </td>
                    <td class="n">{row.before ? <Risk score={row.before.risk_score} /> : "–"}</td>
                    <td class="n">{row.after ? <Risk score={row.after.risk_score} /> : "–"}</td>
                    <td class="v">
                      {row.before && w.compared_with === "stored" ? (
                        <a class="row-link" href={`/findings/${row.before.id}`}>
                          <Text>{row.process || "–"}</Text>
                        </a>
                      ) : (
                        <Text>{row.process || "–"}</Text>
                      )}
                    </td>
                    <td class="v">
                      <Text>{row.host}</Text>
                    </td>
                    <td class="v">{row.destination ? <Text>{row.destination}</Text> : <span class="muted">all</span>}</td>
                    <td class="n wide">{tests[0] === tests[1] ? tests[0] : tests.join(" → ")}</td>
                    <td class="wide">
                      <Reasons reasons={one?.reasons} most={3} against={1} />
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function Save({ what, set, close, done }: { what: WhatIf; set: Changes; close: () => void; done: () => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<APIError | null>(null);
  const save = async () => {
    setBusy(true);
    try {
      await request<Schema["ConfigAnswer"]>("PUT", "/api/v1/config", { set });
      toast("Saved. It counts from the next run on.");
      done();
      close();
    } catch (e) {
      setError(asError(e));
      setBusy(false);
    }
  };
  return (
    <Dialog title="Save as configuration" onClose={close}>
      <p>These settings count from the next run on, also after a new start. They stand in the audit trail with your name.</p>
      <ChangeList changes={what.changes} />
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

function ChangeList({ changes }: { changes: Schema["SettingChange"][] }) {
  return (
    <dl class="secret">
      {changes.map((c) => (
        <div key={c.key}>
          <dt>
            <Text>{c.key}</Text>
          </dt>
          <dd>
            <code>
              <Text>{`${c.from || "not set"} → ${c.to || "not set"}`}</Text>
            </code>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Saved({ config, done, manage }: { config: Schema["Config"]; done: () => void; manage: boolean }) {
  const [asking, setAsking] = useState<Schema["SavedSetting"] | null>(null);
  const [busy, setBusy] = useState(false);
  const forget = async (s: Schema["SavedSetting"]) => {
    setBusy(true);
    try {
      await request("DELETE", `/api/v1/config/${encodeURIComponent(s.key)}`);
      toast(`${s.key} is as it was before it was saved.`);
    } catch (e) {
      toast(asError(e).message, "bad");
    }
    setBusy(false);
    setAsking(null);
    done();
  };
  return (
    <Panel id="saved" title="Saved settings" note="They come after the settings file, and before the environment and flags.">
      {config.saved.length === 0 ? (
        <Empty title="Nothing is saved">
          <p>The file, the environment, flags and the defaults say what detection looks for.</p>
        </Empty>
      ) : (
        <div class="scroll">
          <table class="list">
            <thead>
              <tr>
                <th>setting</th>
                <th>value</th>
                <th>by</th>
                <th>at</th>
                <th>in force</th>
                {manage && (
                  <th>
                    <span class="hidden">what to do</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {config.saved.map((s) => (
                <tr key={s.key} data-row>
                  <td class="code">
                    <Text>{s.key}</Text>
                  </td>
                  <td class="code v">
                    <Text>{s.value}</Text>
                  </td>
                  <td>
                    <Text>{s.by}</Text>
                  </td>
                  <td class="t">
                    <When at={s.at} />
                  </td>
                  <td class={s.in_force ? "" : "bad"}>
                    {s.in_force ? "yes" : s.problem ? <Text>{`no: ${s.problem}`}</Text> : "no: the environment or a flag has another value"}
                  </td>
                  {manage && (
                    <td class="buttons">
                      <button type="button" class="small" aria-label={`Reset ${s.key}`} onClick={() => setAsking(s)}>
                        Reset
                      </button>
                    </td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {asking && (
        <Dialog title={`Reset ${asking.key}`} onClose={() => setAsking(null)}>
          <p>From the next run on the settings file counts again, or the default. It stands in the audit trail.</p>
          <button type="button" class="danger" disabled={busy} onClick={() => forget(asking)}>
            Reset it
          </button>
        </Dialog>
      )}
    </Panel>
  );
}
