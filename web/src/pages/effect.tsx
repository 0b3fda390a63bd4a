import type { Schema } from "../api/client";
import { count, number } from "../lib/format";
import { short, utc } from "../lib/time";
import { Shift } from "../plots/shift";
import { Stale, Switch } from "../ui/asked";
import { Problems } from "../ui/change";
import { Copy, Empty, Failed, Loading, Panel, Reasons, Risk, Text } from "../ui/parts";
import { useParam } from "../ui/router";
import { type Column, Table } from "../ui/table";
import type { Tried } from "../ui/tried";

type WhatIf = Schema["WhatIf"];

/** What settings that are tried would do to the window of a run. */
export function Effect(props: {
  tried: Tried<WhatIf>;
  runs: Schema["Run"][];
  end: string;
  choose: (end: string) => void;
  changed: boolean;
  /** Whether the page has a slider for a setting. */
  has: (key: string) => boolean;
  save: (() => void) | null;
}) {
  const { tried, runs, end, changed } = props;
  const w = tried.data;
  if (!end)
    return (
      <Panel id="effect" title="Effect">
        <Empty title="No run yet">
          <p>Settings are tried on the window of a run. The first comes when an hour with events has ended.</p>
        </Empty>
      </Panel>
    );
  return (
    <>
      <Panel
        id="effect"
        title="Effect"
        actions={
          <>
            <label class="pick" title={utc(Date.parse(end))}>
              on the run up to{" "}
              <select value={end} onChange={(e) => props.choose(e.currentTarget.value)}>
                {(runs.some((r) => r.end === end) ? runs : [{ end }, ...runs]).map((r) => (
                  <option key={r.end} value={r.end}>
                    {short(Date.parse(r.end))}
                  </option>
                ))}
              </select>
            </label>
            {w?.yaml && !tried.error && <Copy text={w.yaml} label="Copy as YAML" />}
            {props.save ? (
              <button type="button" class="small primary" disabled={!changed || tried.busy || tried.error !== null} onClick={props.save}>
                Save as configuration
              </button>
            ) : (
              <span class="muted">An admin can save it.</span>
            )}
          </>
        }
      >
        <p class="pad muted" role="status">
          {told(tried, changed)}
        </p>
        {tried.error?.body.code === "bad_settings" ? (
          <div class="state failed" role="alert">
            <p class="title">These settings cannot be tried</p>
            <Problems of={tried.error} has={props.has} />
          </div>
        ) : tried.error ? (
          <Failed what="The effect" error={tried.error} retry={tried.again} />
        ) : w ? (
          <Stale on={tried.busy}>
            <Sides w={w} />
            <div class="shift">
              <Shift w={w} />
            </div>
          </Stale>
        ) : (
          <Loading what="the effect" rows={4} />
        )}
      </Panel>
      {w && !tried.error && <Rows w={w} stale={tried.busy} />}
    </>
  );
}

/** The effect in a line. */
export function told({ data: w, error, busy }: Tried<WhatIf>, changed: boolean): string {
  if (busy) return "Looking at the window again …";
  if (error || !w) return "";
  if (!changed) return "Nothing is changed yet: move a slider, or type a value.";
  const back = w.looked_back === "events" ? " The timing model looked back on events anew." : "";
  const did = (n: number, one: string, many: string) => `${count(n)} ${n === 1 ? one : many}`;
  const all = [
    did(w.appear.total, "appears", "appear"),
    did(w.go.total, "goes", "go"),
    did(w.move.total, "moves", "move"),
    did(w.unchanged, "stays as it is", "stay as they are"),
  ];
  return `${all.join(", ")} (in ${number(w.took_ms / 1000)} s).${back}`;
}

const levels = ["high", "medium", "some", "low"] as const;

const sides: { name: string; title?: string; of: (s: Schema["WhatIfSide"]) => string }[] = [
  { name: "findings", of: (s) => count(s.findings) },
  { name: "rows a day", title: "rows a day that an analyst gets", of: (s) => number(s.findings_a_day) },
  { name: "per host", title: "rows a day of each host with findings", of: (s) => number(s.findings_a_host_day) },
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

function Sides({ w }: { w: WhatIf }) {
  const before = w.compared_with === "stored" ? "the run as it is stored" : "the settings in force";
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
    <div class="scroll" tabIndex={0} role="group" aria-label="Counts before and after">
      <table class="list sides">
        <thead>
          <tr>
            <td />
            {sides.map((r) => (
              <th key={r.name} class="n" scope="col" title={r.title}>
                {levels.some((l) => l === r.name) && <i class={`swatch ${r.name}`} aria-hidden="true" />} {r.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {(["before", "after"] as const).map((side) => (
            <tr key={side}>
              <th scope="row" title={side === "before" ? before : undefined}>
                {side}
              </th>
              {sides.map((r) => (
                <td key={r.name} class={`n${side === "before" || r.of(w.before) === r.of(w.after) ? "" : " other"}`}>
                  {r.of(w[side])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const kinds = ["appear", "go", "move"] as const;
const tags = { appear: "appears", go: "goes", move: "moves" };

type Kind = (typeof kinds)[number];
type Row = Schema["WhatIfRow"] & { kind: Kind };

const reasonsOf = (r: Row) => <Reasons reasons={(r.after ?? r.before)?.reasons} most={3} against={1} />;

function testsOf({ before, after }: Row): string {
  const tests = [before, after].filter((p) => p !== undefined).map((p) => p.beaconing_score ?? "–");
  return tests[0] === tests[1] ? String(tests[0]) : tests.join(" → ");
}

function Rows({ w, stale }: { w: WhatIf; stale: boolean }) {
  const [shown, show] = useParam("show");
  const only = kinds.find((k) => k === shown);
  const rows: Row[] = (only ? [only] : kinds).flatMap((kind) => w[kind].findings.map((row) => ({ ...row, kind })));
  const total = kinds.reduce((sum, k) => sum + w[k].total, 0);
  const all = only ? w[only].total : total;
  const columns: Column<Row>[] = [
    { head: "what", kind: "t", cell: ({ kind }) => <span class={`tag ${kind}`}>{tags[kind]}</span> },
    { head: "before", kind: "n", cell: ({ before }) => (before ? <Risk score={before.risk_score} /> : "–") },
    { head: "after", kind: "n", cell: ({ after }) => (after ? <Risk score={after.risk_score} /> : "–") },
    {
      head: "process",
      kind: "v",
      cell: ({ before, process }) =>
        before && w.compared_with === "stored" ? (
          <a class="row-link" href={`/findings/${before.id}`}>
            <Text>{process || "–"}</Text>
          </a>
        ) : (
          <Text>{process || "–"}</Text>
        ),
    },
    { head: "host", kind: "v", cell: (r) => <Text>{r.host}</Text> },
    { head: "destination", kind: "v", cell: (r) => (r.destination ? <Text>{r.destination}</Text> : <span class="muted">all</span>) },
    { head: "tests", kind: "n wide", title: "points of the four tests", cell: testsOf },
  ];
  return (
    <Panel
      id="rows"
      title="Findings that change"
      note={all > rows.length ? `${count(rows.length)} of ${count(all)}: the best, and those that move most.` : undefined}
      actions={
        <Switch
          label="Which findings"
          value={only ?? ""}
          options={[["", `all ${count(total)}`], ...kinds.map((k) => [k, `${k} ${count(w[k].total)}`] as const)]}
          choose={show}
        />
      }
    >
      {rows.length === 0 ? (
        <Empty title="None">
          <p>With these settings the list is as it was{only ? " in this regard" : ""}.</p>
        </Empty>
      ) : (
        <Stale on={stale}>
          <Table label="Findings that change" columns={columns} rows={rows} id={(r) => `${r.kind} ${(r.after ?? r.before)?.id}`} below={reasonsOf} />
        </Stale>
      )}
    </Panel>
  );
}
