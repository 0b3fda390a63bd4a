import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import type { Schema } from "../api/client";
import { useAPI } from "../api/hooks";
import { ask, defaultFrom, overviewAsk } from "../lib/asks";
import { count, duration, plural } from "../lib/format";
import { ago } from "../lib/time";
import { and, clause, link } from "../lib/url";
import { HostStack, ProcessMap } from "../plots/overview";
import { Strip } from "../plots/strip";
import { Asked, More, Stale, Still, Switch } from "../ui/asked";
import { can, carry, useMe, useView } from "../ui/context";
import { PlaceBelow, findingColumns } from "../ui/findings";
import { NoFindings } from "../ui/nothing";
import { Dot, Fact, Panel, Reasons, Risk, Text, When } from "../ui/parts";
import { here, useCount, useParam } from "../ui/router";
import { type Column, Table } from "../ui/table";

type Overview = Schema["Overview"];
type CaseLine = Schema["CaseLine"];

/** How often a page whose range ends now is asked for again, in seconds. */
const refresh = 60;

export function OverviewPage() {
  const view = useView();
  const often = view.to === "" ? refresh : 0;
  const overview = useAPI<Overview>(overviewAsk(view), often);
  const o = overview.data;
  return (
    <>
      <Asked of={overview} what="the overview" rows={1}>
        {(o) => <Summary o={o} old={overview.error !== null} />}
      </Asked>
      <Cases often={often} strips={o !== null && !overview.stale} />
      {o && o.processes > 0 && (
        <Stale on={overview.stale} class="two">
          <Still stale={overview.stale}>
            {() => (
              <>
                <Panel
                  id="hosts"
                  title="Top 20 beaconing hosts"
                  note="Processes with findings on each host, run by run. Click a block for its findings."
                >
                  <HostStack o={o} />
                </Panel>
                <Panel id="processes" title="Top 20 beaconing processes" note="The larger, the more findings. Click one for its findings.">
                  <ProcessMap o={o} />
                </Panel>
              </>
            )}
          </Still>
        </Stale>
      )}
      {o && o.findings > 0 && <Affected often={often} usual={o.processes > 0 ? "processes" : "hosts"} />}
    </>
  );
}

const levels = [
  ["high", "high risk", "event.risk_score >= 70"],
  ["medium", "medium", "event.risk_score >= 40 and event.risk_score < 70"],
  ["some", "some", "event.risk_score >= 10 and event.risk_score < 40"],
  ["low", "low", "event.risk_score < 10"],
] as const;

function Summary({ o, old }: { o: Overview; old: boolean }) {
  const view = useView();
  const findings = (q: string) => carry("/findings", { ...view, q });
  const table = (by: string) => `${here({ affected: by })}#affected`;
  return (
    <section class="summary" aria-label="In numbers">
      <ul class="facts">
        <Fact name={o.findings === 1 ? "finding" : "findings"}>
          <a href={findings(view.q)}>{count(o.findings)}</a>
        </Fact>
        {levels.map(([level, name, q]) => (
          <Fact key={level} name={name}>
            <a href={findings(and(view.q, q))}>
              <i class={`swatch ${level}`} aria-hidden="true" /> {count(o.levels[level])}
            </a>
          </Fact>
        ))}
        <Fact name={o.hosts === 1 ? "host" : "hosts"}>
          <a href={table("hosts")}>{count(o.hosts)}</a>
        </Fact>
        <Fact name={o.processes === 1 ? "process" : "processes"}>
          <a href={table("processes")}>{count(o.processes)}</a>
        </Fact>
        <Fact name={o.destinations === 1 ? "destination" : "destinations"}>
          <a href={carry("/findings", view, { sort: "fresnel.destination", order: "asc" })}>{count(o.destinations)}</a>
        </Fact>
      </ul>
      <ul class="health">
        <RunHealth next={o.next_run} />
        <InputHealth />
        {!o.complete && (
          <li>
            <Dot of="warn" />
            The range holds more than one request looks at: shown from <When at={o.from} />. Choose a shorter one for exact numbers.
          </li>
        )}
        {old && (
          <li>
            <Dot of="bad" />
            <b>The service does not answer: what is shown is of a while ago.</b>
          </li>
        )}
      </ul>
    </section>
  );
}

function RunHealth({ next }: { next: string | undefined }) {
  const runs = useAPI<Schema["RunList"]>("/api/v1/runs?limit=1", refresh);
  const last = runs.data?.runs[0];
  if (!runs.data) return runs.error && <Unknown what="Runs" />;
  return (
    <li>
      <Dot of={last ? (last.dropped > 0 ? "warn" : "ok") : "idle"} />
      <Of path="/runs" name="Runs" />:{" "}
      {last ? (
        <>
          last up to <When at={last.end} />
          {next && (
            <>
              , next <When at={next} />
            </>
          )}
          {last.dropped > 0 && <b>, {plural(last.dropped, "event")} found no room in memory</b>}
        </>
      ) : (
        "none yet; the first comes when an hour with events has ended"
      )}
    </li>
  );
}

function InputHealth() {
  const list = useAPI<Schema["InputList"]>("/api/v1/inputs", refresh);
  if (!list.data) return list.error && <Unknown what="Inputs" />;
  const inputs = list.data.inputs;
  const bad = inputs.filter((i) => i.health === "failing");
  const works = inputs.filter((i) => i.health === "ok").length;
  const idle = inputs.length - works - bad.length;
  const last = Math.max(0, ...inputs.map((i) => (i.last_event ? Date.parse(i.last_event) : 0)));
  return (
    <li>
      <Dot of={bad.length > 0 ? "bad" : last > 0 ? "ok" : "idle"} />
      <Of path="/inputs" name="Inputs" />:{" "}
      {bad.length > 0 ? (
        <b>
          <Text>{bad.map((i) => i.name).join(", ")}</Text> failing
        </b>
      ) : (
        `${count(works)} ${works === 1 ? "works" : "work"}${idle > 0 ? `, ${count(idle)} idle` : ""}`
      )}
      , {last > 0 ? `last event ${ago(last, Date.now())}` : "no event since the service started"}
    </li>
  );
}

function Unknown({ what }: { what: string }) {
  return (
    <li>
      <Dot of="bad" />
      {what}: not known, the service did not say
    </li>
  );
}

/** The name of a page, and a link for those who may see it. */
function Of({ path, name }: { path: string; name: string }) {
  return can(useMe(), "write") ? <a href={path}>{name}</a> : <span>{name}</span>;
}

const firstCases = 15;
const mostCases = 200;

function Cases({ often, strips: wanted }: { often: number; strips: boolean }) {
  const view = useView();
  const [limit, setLimit] = useCount("cases", firstCases, mostCases);
  const path = link("/api/v1/cases", ask(view), { limit });
  const cases = useAPI<Schema["CaseList"]>(path, often);
  // Events are read for the strips: they come when all else is there and has been drawn.
  const calm = useCalm(wanted && cases.data !== null && !cases.stale, path);
  const drawn = useAPI<Schema["CaseList"]>(calm ? `${path}&strip=96` : null, often);
  const list = drawn.data && !drawn.stale ? drawn.data : cases.data;
  const strips = list?.strips;
  const strip = useCallback(
    (c: CaseLine) =>
      strips && c.strip?.some((n) => n > 0) ? (
        <Strip calls={c.strip} of={strips} />
      ) : (
        <span class="muted strip">{!strips ? "" : c.strip ? "no call in this time" : "its events cannot be told"}</span>
      ),
    [strips?.from, strips?.step_s],
  );
  const below = useCallback(
    (c: CaseLine) => (
      <>
        <PlaceBelow finding={c.lead} of={c} />
        <div class="phone">{strip(c)}</div>
        <Reasons reasons={c.lead.fresnel.reasons} most={3} against={1} />
      </>
    ),
    [strip],
  );
  const columns = useMemo<Column<CaseLine>[]>(
    () => [
      ...findingColumns<CaseLine>((c) => ({
        finding: c.lead,
        of: c,
        href: carry(c.id && c.findings > 1 ? `/cases/${c.id}` : `/findings/${c.lead.fresnel.id}`, view),
      })),
      {
        head: "callbacks",
        kind: "wide",
        title: strips && `of the riskiest finding, from left to right a bar for each ${duration(strips.step_s)} of the time range`,
        cell: strip,
      },
      { head: "first seen", kind: "t wide", cell: (c) => <When at={c.first} /> },
      { head: "last seen", kind: "t wide", cell: (c) => <When at={c.last} /> },
    ],
    [view, strip],
  );
  return (
    <Panel
      id="cases"
      title="Cases"
      note={
        list && list.total > 0 && `${plural(list.total, "case")}, the riskiest first. A case is all findings of one server or one implant.`
      }
    >
      <Asked of={{ ...cases, data: list }} what="the cases" rows={6}>
        {(list) =>
          list.cases.length === 0 ? (
            <NoFindings usual={defaultFrom} />
          ) : (
            <>
              <Table label="Cases" columns={columns} rows={list.cases} id={(c) => c.lead.fresnel.id} below={below} />
              <More
                of={{
                  next: list.total > list.cases.length && limit < mostCases,
                  load: () => setLimit(limit + 35),
                  busy: cases.loading,
                }}
                what="more"
                total={list.total}
              />
              {list.total > mostCases && limit >= mostCases && (
                <p class="muted pad">
                  The first {mostCases} are shown. Narrow the filter, or see <a href={carry("/findings", view)}>all findings</a>.
                </p>
              )}
            </>
          )
        }
      </Asked>
    </Panel>
  );
}

/** Whether something of a path has been so for a while. */
function useCalm(on: boolean, path: string): boolean {
  const [since, set] = useState("");
  useEffect(() => {
    if (!on) return;
    const timer = setTimeout(() => set(path), 150);
    return () => clearTimeout(timer);
  }, [on, path]);
  return on && since === path;
}

type Group = Omit<Schema["Host"], "host" | "field" | "processes"> & { name: string; q: string; others: number };

/** Hosts affected and counts of beaconing processes, by either: where there is no process, as network sensors tell none, by host. */
function Affected({ often, usual }: { often: number; usual: "processes" | "hosts" }) {
  const view = useView();
  const [asked, setBy] = useParam("affected", usual);
  const by = asked === "hosts" ? "hosts" : "processes";
  const [limit, setLimit] = useCount("rows", 20, 500);
  const params = { ...ask(view), limit, view: "all" }; // all runs of the time: the first that had one is of interest
  const processes = useAPI<Schema["ProcessList"]>(by === "processes" ? link("/api/v1/processes", params) : null, often);
  const hosts = useAPI<Schema["HostList"]>(by === "hosts" ? link("/api/v1/hosts", params) : null, often);
  const now = by === "processes" ? processes : hosts;
  const rows: Group[] =
    by === "processes"
      ? (processes.data?.processes ?? []).map((p) => ({ ...p, name: p.process, q: clause("process.name", p.process), others: p.hosts }))
      : (hosts.data?.hosts ?? []).map((h) => ({ ...h, name: h.host, q: clause(h.field, h.host), others: h.processes }));
  const [one, many, others] = by === "processes" ? ["process", "processes", "hosts affected"] : ["host", "hosts", "processes"];
  const columns: Column<Group>[] = [
    { head: "risk", kind: "n", cell: (r) => <Risk score={r.max_score} /> },
    {
      head: one,
      kind: "v",
      cell: (r) => (
        <a class="row-link" href={carry("/findings", { ...view, q: and(view.q, r.q) })}>
          <Text>{r.name}</Text>
        </a>
      ),
    },
    { head: others, kind: "n", cell: (r) => count(r.others) },
    { head: "findings", kind: "n", cell: (r) => count(r.findings) },
    { head: "destinations", kind: "n wide", cell: (r) => count(r.destinations) },
    { head: "high / medium", kind: "n wide", cell: (r) => `${count(r.levels.high)} / ${count(r.levels.medium)}` },
    { head: "first run", kind: "t wide", cell: (r) => <When at={r.first_run} /> },
    { head: "last run", kind: "t wide", cell: (r) => <When at={r.last_run} /> },
  ];
  return (
    <Panel
      id="affected"
      title="Hosts affected and beaconing processes"
      note={now.data && `${plural(now.data.total, one, many)}, the riskiest first.`}
      actions={
        <Switch
          label="Rows are"
          value={by}
          options={[
            ["processes", "by process"],
            ["hosts", "by host"],
          ]}
          choose={setBy}
        />
      }
    >
      <Asked<Schema["ProcessList"] | Schema["HostList"]> of={now} what="the table" rows={5}>
        {({ total }) => (
          <>
            <Table label={`By ${one}`} columns={columns} rows={rows} id={(r) => r.q} />
            <More
              of={{ next: total > rows.length && limit < 500, load: () => setLimit(limit + 80), busy: now.loading }}
              what="more"
              total={total}
            />
          </>
        )}
      </Asked>
    </Panel>
  );
}
