import { useState } from "preact/hooks";
import type { Schema } from "../api/client";
import { useAPI } from "../api/hooks";
import { count, every, jitter, plural } from "../lib/format";
import { safe } from "../lib/safe";
import { ago } from "../lib/time";
import { and, clause, link } from "../lib/url";
import { HostStack, ProcessMap } from "../plots/overview";
import { Strip } from "../plots/beacon";
import { ask, can, carry, useMe, useView } from "../ui/context";
import { Empty, Fact, Failed, Loading, Panel, Reasons, Risk, Text, When } from "../ui/parts";
import { hostOf, placeOf, timerOf } from "./document";

type Overview = Schema["Overview"];
type CaseLine = Schema["CaseLine"];

/** How often a page whose range ends now is asked for again, in seconds. */
const refresh = 60;

export function OverviewPage() {
  const view = useView();
  const params = ask(view);
  const often = view.to === "" ? refresh : 0;
  const overview = useAPI<Overview>(link("/api/v1/overview", params), often);
  const o = overview.data;
  return (
    <>
      {overview.error && !o ? (
        <Failed what="The overview" error={overview.error} retry={overview.reload} />
      ) : o ? (
        <Facts o={o} />
      ) : (
        <Loading what="the overview" rows={1} />
      )}
      <Cases />
      {o && o.findings > 0 && (
        <div class={`two${overview.stale ? " stale" : ""}`}>
          <Panel
            id="hosts"
            title="Top beaconing hosts"
            note="Processes with findings on each host, run by run. Click a block for its findings."
          >
            <HostStack o={o} />
          </Panel>
          <Panel id="processes" title="Top beaconing processes" note="The larger, the more findings. Click one for its findings.">
            <ProcessMap o={o} />
          </Panel>
        </div>
      )}
      {o && o.findings > 0 && <Affected />}
    </>
  );
}

function Facts({ o }: { o: Overview }) {
  const view = useView();
  const me = useMe();
  const inputs = useAPI<Schema["InputList"]>("/api/v1/inputs", refresh);
  const runs = useAPI<Schema["RunList"]>("/api/v1/runs?limit=1", refresh);
  const now = Date.now();
  const levels = ["high", "medium", "some", "low"] as const;
  const bounds = {
    high: "event.risk_score >= 70",
    medium: "event.risk_score >= 40 and event.risk_score < 70",
    some: "event.risk_score >= 10 and event.risk_score < 40",
    low: "event.risk_score < 10",
  };
  const last = runs.data?.runs[0];
  const bad = inputs.data?.inputs.filter((i) => i.health === "failing") ?? [];
  const anyEvent = inputs.data?.inputs.some((i) => i.last_event);
  const wrap = (to: string, child: preact.ComponentChildren) => (can(me, "write") ? <a href={to}>{child}</a> : child);
  return (
    <section class="summary" aria-label="In numbers">
      <ul class="facts">
        <Fact name={o.findings === 1 ? "finding" : "findings"}>
          <a href={carry("/findings", view)}>{count(o.findings)}</a>
        </Fact>
        {levels.map((l) => (
          <Fact key={l} name={{ high: "high risk", medium: "medium", some: "some", low: "low" }[l]}>
            <a href={carry("/findings", { ...view, q: and(view.q, bounds[l]) })}>
              <i class={`swatch ${l}`} aria-hidden="true" /> {count(o.levels[l])}
            </a>
          </Fact>
        ))}
        <Fact name={o.hosts === 1 ? "host" : "hosts"}>{count(o.hosts)}</Fact>
        <Fact name={o.processes === 1 ? "process" : "processes"}>{count(o.processes)}</Fact>
        <Fact name={o.destinations === 1 ? "destination" : "destinations"}>{count(o.destinations)}</Fact>
      </ul>
      <ul class="health">
        <li>
          <i class={`dot ${last ? (last.dropped > 0 ? "warn" : "ok") : "idle"}`} aria-hidden="true" />
          {wrap("/runs", "Runs")}:{" "}
          {last ? (
            <>
              last up to <When at={last.end} />
              {o.next_run && (
                <>
                  , next <When at={o.next_run} />
                </>
              )}
              {last.dropped > 0 && <b>, {plural(last.dropped, "event")} found no room in memory</b>}
            </>
          ) : (
            "none yet; the first comes when an hour with events has ended"
          )}
        </li>
        {inputs.data && (
          <li>
            <i class={`dot ${bad.length > 0 ? "bad" : anyEvent ? "ok" : "idle"}`} aria-hidden="true" />
            {wrap("/inputs", "Inputs")}:{" "}
            {bad.length > 0 ? (
              <b>
                <Text>{bad.map((i) => i.name).join(", ")}</Text> failing
              </b>
            ) : (
              `${count(inputs.data.inputs.length)} ${inputs.data.inputs.length === 1 ? "works" : "work"}`
            )}
            , {newest(inputs.data, now)}
          </li>
        )}
        {!o.complete && (
          <li>
            <i class="dot warn" aria-hidden="true" />
            The range holds more than one request looks at: shown from <When at={o.from} />. Choose a shorter one for exact numbers.
          </li>
        )}
      </ul>
    </section>
  );
}

function newest(list: Schema["InputList"], now: number): string {
  const last = Math.max(...list.inputs.map((i) => (i.last_event ? Date.parse(i.last_event) : 0)));
  return last > 0 ? `last event ${ago(last, now)}` : "no event since the service started";
}

const firstCases = 15;
const mostCases = 200;

function Cases() {
  const view = useView();
  const [limit, setLimit] = useState(firstCases);
  const cases = useAPI<Schema["CaseList"]>(link("/api/v1/cases", ask(view), { limit }), view.to === "" ? refresh : 0);
  const list = cases.data;
  return (
    <Panel
      id="cases"
      title="Cases"
      note={list ? `${plural(list.total, "case")}, the riskiest first. A case is all findings of one server or one implant.` : undefined}
    >
      {cases.error && !list ? (
        <Failed what="The cases" error={cases.error} retry={cases.reload} />
      ) : !list ? (
        <Loading what="cases" rows={6} />
      ) : list.cases.length === 0 ? (
        <NoFindings />
      ) : (
        <>
          <CaseTable list={list} stale={cases.stale} />
          {list.total > list.cases.length && limit < mostCases && (
            <button type="button" class="more" onClick={() => setLimit(Math.min(mostCases, limit + 35))}>
              Show more of {count(list.total)}
            </button>
          )}
          {list.total > mostCases && limit >= mostCases && (
            <p class="muted pad">
              The first {mostCases} are shown. Narrow the filter, or see <a href={carry("/findings", view)}>all findings</a>.
            </p>
          )}
        </>
      )}
    </Panel>
  );
}

export function NoFindings() {
  const view = useView();
  return (
    <Empty title={view.q ? "No finding fits the filter in this time" : "No finding in this time"}>
      <p>
        {view.q ? (
          <>
            <a href={carry(location.pathname, { ...view, q: "" })}>Remove the filter</a>, or{" "}
          </>
        ) : (
          "Runs look for beacons every hour. "
        )}
        <a href={carry(location.pathname, { ...view, from: "now-7d", to: "" })}>look at the last 7 days</a>.
      </p>
    </Empty>
  );
}

function CaseTable({ list, stale }: { list: Schema["CaseList"]; stale: boolean }) {
  const to = Date.parse(list.to);
  const firsts = list.cases.map((c) => (c.first ? Date.parse(c.first) : to));
  const from = Math.min(Date.parse(list.from), Math.max(Math.min(...firsts), to - 7 * 86400e3));
  return (
    <div class={`scroll${stale ? " stale" : ""}`}>
      <table class="list cases">
        <thead>
          <tr>
            <th class="n">risk</th>
            <th>host</th>
            <th>process</th>
            <th>destination</th>
            <th class="n">period</th>
            <th class="n wide">jitter</th>
            <th class="wide">
              calls, <When at={from} /> to <When at={to} />
            </th>
            <th class="wide">first seen</th>
            <th class="wide">last seen</th>
          </tr>
        </thead>
        <tbody>
          {list.cases.map((c) => (
            <CaseRow key={c.lead.fresnel.id} c={c} from={from} to={to} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function CaseRow({ c, from, to }: { c: CaseLine; from: number; to: number }) {
  const view = useView();
  const lead = c.lead;
  const timer = timerOf(lead);
  const href = c.id && c.findings > 1 ? carry(`/cases/${c.id}`, view) : carry(`/findings/${lead.fresnel.id}`, view);
  const host = hostOf(lead).value;
  const others = (all: string[], own: string) => {
    const rest = all.filter((v) => v !== own);
    return rest.length > 0 ? (
      <span class="muted" title={rest.map(safe).join(", ")}>
        {" "}
        +{rest.length}
        {all.length >= 20 ? " or more" : ""}
      </span>
    ) : null;
  };
  const place = placeOf(lead);
  return (
    <>
      <tr data-row>
        <td class="n">
          <Risk score={c.max_score} />
        </td>
        <td class="v">
          <a class="row-link" href={href}>
            <Text>{host}</Text>
          </a>
          {others(c.hosts, host)}
          {c.findings > 1 && " "}
          {c.findings > 1 && <span class="tag">{plural(c.findings, "finding")}</span>}
        </td>
        <td class="v">
          <Text>{lead.process?.name}</Text>
          {others(c.processes, lead.process?.name ?? "")}
        </td>
        <td class="v d">
          <Text>{place}</Text>
          {others(c.destinations, place)}
        </td>
        <td class="n">{timer ? every(timer.period_s) : "–"}</td>
        <td class="n wide">{timer ? jitter(timer.jitter) : "–"}</td>
        <td class="wide">
          {timer ? (
            <Strip
              regimes={timer.regimes}
              from={from}
              to={to}
              alt={`${plural(timer.callbacks, "callback")} in ${plural(timer.regimes.length, "stretch", "stretches")} of steady calls`}
            />
          ) : (
            <span class="muted">not on a timer</span>
          )}
        </td>
        <td class="t wide">
          <When at={c.first} />
        </td>
        <td class="t wide">
          <When at={c.last} />
        </td>
      </tr>
      <tr class="say">
        <td />
        <td colSpan={8}>
          <Reasons reasons={lead.fresnel.reasons} most={3} against={1} />
        </td>
      </tr>
    </>
  );
}

/** Hosts affected and counts of beaconing processes, by either. */
function Affected() {
  const view = useView();
  const [by, setBy] = useState<"processes" | "hosts">("processes");
  const [limit, setLimit] = useState(20);
  const params = { ...ask(view), limit };
  const processes = useAPI<Schema["ProcessList"]>(by === "processes" ? link("/api/v1/processes", params) : null);
  const hosts = useAPI<Schema["HostList"]>(by === "hosts" ? link("/api/v1/hosts", params) : null);
  const now = by === "processes" ? processes : hosts;
  const total = now.data?.total ?? 0;
  const rows =
    by === "processes"
      ? (processes.data?.processes ?? []).map((p) => ({ name: p.process, q: clause("process.name", p.process), others: p.hosts, ...p }))
      : (hosts.data?.hosts ?? []).map((h) => ({ name: h.host, q: clause(h.field, h.host), others: h.processes, ...h }));
  return (
    <Panel
      id="affected"
      title="Hosts affected and beaconing processes"
      note={
        total > 0
          ? `${plural(total, by === "processes" ? "process" : "host", by === "processes" ? "processes" : "hosts")}, the riskiest first.`
          : undefined
      }
      actions={
        <div class="switch" role="group" aria-label="Rows are">
          {(["processes", "hosts"] as const).map((k) => (
            <button key={k} type="button" aria-pressed={by === k} onClick={() => setBy(k)}>
              by {k === "processes" ? "process" : "host"}
            </button>
          ))}
        </div>
      }
    >
      {now.error ? (
        <Failed what="The table" error={now.error} retry={now.reload} />
      ) : !now.data ? (
        <Loading what="the table" rows={5} />
      ) : (
        <>
          <div class="scroll">
            <table class="list">
              <thead>
                <tr>
                  <th class="n">risk</th>
                  <th>{by === "processes" ? "process" : "host"}</th>
                  <th class="n">{by === "processes" ? "hosts affected" : "processes"}</th>
                  <th class="n">findings</th>
                  <th class="n wide">destinations</th>
                  <th class="n wide">high / medium</th>
                  <th class="wide">first run</th>
                  <th class="wide">last run</th>
                </tr>
              </thead>
              <tbody>
                {rows.map((r) => (
                  <tr key={r.name} data-row>
                    <td class="n">
                      <Risk score={r.max_score} />
                    </td>
                    <td class="v">
                      <a class="row-link" href={carry("/findings", { ...view, q: and(view.q, r.q) })}>
                        <Text>{r.name}</Text>
                      </a>
                    </td>
                    <td class="n">{count(r.others)}</td>
                    <td class="n">{count(r.findings)}</td>
                    <td class="n wide">{count(r.destinations)}</td>
                    <td class="n wide">
                      {count(r.levels.high)} / {count(r.levels.medium)}
                    </td>
                    <td class="t wide">
                      <When at={r.first_run} />
                    </td>
                    <td class="t wide">
                      <When at={r.last_run} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {total > rows.length && limit < 500 && (
            <button type="button" class="more" onClick={() => setLimit(Math.min(500, limit + 80))}>
              Show more of {count(total)}
            </button>
          )}
        </>
      )}
    </Panel>
  );
}
