import { useState } from "preact/hooks";
import { type Schema, request } from "../api/client";
import { usePages } from "../api/hooks";
import { count, duration } from "../lib/format";
import { localInput, moment, rfc3339 } from "../lib/time";
import { link } from "../lib/url";
import { Asked, More } from "../ui/asked";
import { act } from "../ui/change";
import { carry, useView } from "../ui/context";
import { Empty, Panel, When } from "../ui/parts";
import { type Column, Table } from "../ui/table";

type Run = Schema["Run"];

const columns: Column<Run>[] = [
  {
    head: "window up to",
    kind: "t",
    cell: (r) => (
      <a class="row-link" href={carry("/findings", { q: "", from: r.end, to: r.end }, { view: "all" })}>
        <When at={r.end} />
      </a>
    ),
  },
  { head: "findings", kind: "n", cell: (r) => count(r.findings) },
  { head: "events", kind: "n", cell: (r) => count(r.events) },
  { head: "groups", kind: "n wide", cell: (r) => count(r.groups) },
  { head: "rows", kind: "n wide", title: "groups and their destinations", cell: (r) => count(r.rows) },
  { head: "timed", kind: "n wide", title: "of these, with enough callbacks for the timing model", cell: (r) => count(r.timed) },
  {
    head: "hidden",
    kind: "n wide",
    title: "findings below rank.min_score or beyond rank.rows_per_host_day",
    cell: (r) => count(r.hidden),
  },
  { head: "late", kind: "n wide", title: "events that came after the window had been looked at", cell: (r) => count(r.late) },
  {
    head: "dropped",
    kind: "n",
    title: "events and calls that found no room in memory",
    cell: (r) => (r.dropped > 0 ? <b class="bad">{count(r.dropped)}</b> : 0),
  },
  { head: "took", kind: "n", cell: (r) => duration((Date.parse(r.finished_at) - Date.parse(r.started_at)) / 1000) },
  {
    head: "made",
    kind: "t wide",
    cell: (r) => (
      <>
        <When at={r.finished_at} /> {r.by_hand && <span class="tag">by hand</span>}
      </>
    ),
  },
];

export function RunsPage() {
  const view = useView();
  const list = usePages<Schema["RunList"]>(link("/api/v1/runs", { from: view.from, to: view.to, limit: 100 }));
  const next = list.data?.next_run;
  return (
    <Panel
      id="runs"
      title="Runs"
      note={
        <>
          Each looks at a window of events.{" "}
          {next && (
            <>
              The next window ends at <When at={next} />.
            </>
          )}
        </>
      }
    >
      <ByHand done={list.reload} newest={list.data?.runs[0]?.end} />
      <Asked of={list} what="the runs" rows={6}>
        {(first) =>
          first.runs.length === 0 ? (
            <Empty title="No run yet">
              <p>The first comes when an hour with events has ended. Send events, or make a run by hand.</p>
            </Empty>
          ) : (
            <>
              <Table label="Runs" columns={columns} rows={list.pages.flatMap((p) => p.runs)} id={(r) => r.end} />
              <More of={list} what="older runs" />
            </>
          )
        }
      </Asked>
    </Panel>
  );
}

function ByHand({ done, newest }: { done: () => void; newest: string | undefined }) {
  const [end, setEnd] = useState("");
  const [busy, setBusy] = useState(false);
  const value = end || localInput(newest ? Date.parse(newest) : (moment("now-1h", Date.now()) ?? 0));
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    setBusy(true);
    await act(
      () => request<Run>("POST", "/api/v1/runs", { end: rfc3339(Date.parse(value)) }),
      `The run up to ${value.replace("T", " ")} is made.`,
    );
    setBusy(false);
    done();
  };
  return (
    <form class="inline" onSubmit={submit}>
      <label>
        Make a run by hand, up to
        <input type="datetime-local" required value={value} onInput={(e) => setEnd(e.currentTarget.value)} />
      </label>
      <button type="submit" disabled={busy}>
        {busy ? "Running …" : "Run"}
      </button>
      <span class="muted">It takes the place of the run of the same end, and stands in the audit trail.</span>
    </form>
  );
}
