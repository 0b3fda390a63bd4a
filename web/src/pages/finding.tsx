import { useState } from "preact/hooks";
import type { Schema } from "../api/client";
import { type Loaded, useAPI, usePages } from "../api/hooks";
import { findingAsk, picturesAsk } from "../lib/asks";
import { bytes, count, duration, every, jitter, number, plural, points, probability } from "../lib/format";
import { safe } from "../lib/safe";
import { full, offset } from "../lib/time";
import { clause, link } from "../lib/url";
import type { NumberTable } from "../plots/figure";
import { Drawn } from "../plots/picture";
import { Switch } from "../ui/asked";
import { carry, useView } from "../ui/context";
import { usePainted } from "../ui/lazy";
import { Copy, Empty, Fact, Failed, Loading, Panel, Risk, Text, When, plain } from "../ui/parts";
import { useParam } from "../ui/router";
import { type Finding, flat, hostOf, kinds, placeOf, statsOf, timerOf } from "./document";
import { Tests } from "./findings";

type History = Schema["History"];

export function FindingPage({ id }: { id: string }) {
  const view = useView();
  const detail = useAPI<Schema["FindingDetail"]>(findingAsk(id));
  const drawn = usePictures(id);
  if (detail.error && !detail.data)
    return (
      <>
        <h1 class="hidden">Finding</h1>
        <Failed what="The finding" error={detail.error} retry={detail.reload} />
      </>
    );
  if (!detail.data || detail.data.id !== id) return <Loading what="the finding" rows={8} />;
  const f = detail.data.finding;
  const c = f.fresnel.case;
  return (
    <>
      <nav class="crumbs" aria-label="Where this is">
        <a href={carry("/", view)}>Overview</a>
        <a href={carry("/findings", view)}>Findings</a>
        {c && c.rows > 1 && <a href={carry(`/cases/${c.id}`, view)}>Case of {plural(c.rows, "finding")}</a>}
      </nav>
      <Drilldown detail={detail.data} drawn={drawn} />
    </>
  );
}

/** The pictures of a finding: asked for beside the finding itself, not after it. */
function usePictures(id: string | undefined): Loaded<Schema["PictureList"]> {
  return useAPI(id ? picturesAsk(id) : null);
}

export function Drilldown({
  detail,
  drawn,
  heading = "h1",
}: {
  detail: Schema["FindingDetail"];
  drawn: Loaded<Schema["PictureList"]>;
  heading?: "h1" | "h2";
}) {
  const f = detail.finding;
  const view = useView();
  const id = detail.id;
  const painted = usePainted();
  const timer = timerOf(f);
  const timing = f.fresnel.timing;
  const host = hostOf(f);
  const H = heading;
  return (
    <>
      <header class="subject">
        <Risk score={f.event?.risk_score} big />
        <H>
          <Text>{host.value}</Text> {f.process?.name && <span class="muted">·</span>} <Text>{f.process?.name}</Text>{" "}
          <span class="muted">→</span> <Text>{placeOf(f) || "several destinations"}</Text>
          {f.fresnel.destination?.port !== undefined && <span class="muted">:{f.fresnel.destination.port}</span>}
        </H>
        <Tests f={f} />
        <span class="actions">
          <a class="button" href={link("/findings", { q: clause(host.field, host.value), from: view.from, to: view.to })}>
            All of this host
          </a>
          <a class="button" href={`/api/v1/findings/${id}/report`} target="_blank" rel="noreferrer">
            Report
          </a>
          <Copy text={() => JSON.stringify(f, null, 2)} label="Copy as ECS" />
        </span>
      </header>
      <p class="verdict">{verdict(f)}</p>
      <ul class="facts">
        {timer && (
          <>
            <Fact name="period">{every(timer.period_s)}</Fact>
            <Fact name="jitter" title="half the width of the range of the gaps, as a share of the period">
              {jitter(timer.jitter)}
            </Fact>
          </>
        )}
        {timing && <Fact name="callbacks">{count(timing.callbacks)}</Fact>}
        {timer && (
          <>
            <Fact name="missed">{count(timer.missed)}</Fact>
            <Fact name="without an answer">{count(timer.failed)}</Fact>
          </>
        )}
        {timing && (
          <>
            <Fact name="first seen">
              <When at={timing.first} />
            </Fact>
            <Fact name="last seen">
              <When at={timing.last} />
            </Fact>
          </>
        )}
        {timer && <Fact name="active hours, your time">{hours(timer.active_hours, Date.parse(timer.last))}</Fact>}
        <Fact
          name={`${detail.seen.runs === 1 ? "run saw" : "runs saw"} it, the first up to ${full(Date.parse(detail.seen.first_run)).slice(5, 16)}`}
        >
          {count(detail.seen.runs)}
        </Fact>
      </ul>

      <Pictures f={f} drawn={drawn} />

      <div class="two">
        <Panel id="why" title="Why it ranks here" note="Points for (+) and against (−) a beacon; together they make the risk.">
          {f.fresnel.reasons?.length ? (
            <Points reasons={f.fresnel.reasons} />
          ) : (
            <Empty title="The timing model and the rank said nothing of it">Only the four tests did, above.</Empty>
          )}
        </Panel>
        <Panel
          id="who"
          title="Who"
          note={
            <>
              as of the newest event, <When at={f["@timestamp"]} long />
            </>
          }
        >
          <Identity f={f} />
        </Panel>
      </div>
      {painted && (
        <>
          <Destinations id={id} f={f} />
          <Events id={id} f={f} />
          <Past id={id} />
        </>
      )}
    </>
  );
}

function verdict(f: Finding): string {
  const t = timerOf(f);
  const s = statsOf(f);
  if (t)
    return `Found: ${kinds[t.kind]}, every ${every(t.period_s)} ${jitter(t.jitter)}, ${plural(t.callbacks, "callback")}, ${count(t.missed)} missed. Calls at random times look as much like a timer with a probability of ${probability(t.p_value)} (${probability(t.q_value)} over all that were timed).`;
  if (s?.is_beaconing) return "The four tests call it a beacon; the timing model found no timer.";
  return "The timing model found no timer.";
}

/** Hours of the day in UTC, as ranges on the viewer's clock. */
export function hours(utc: readonly number[], at: number): string {
  const shift = Math.round(offset(at) / 3600e3);
  const on = new Set(utc.map((h) => (((h + shift) % 24) + 24) % 24));
  if (on.size === 24) return "all day";
  const two = (n: number) => String(n).padStart(2, "0");
  const out: string[] = [];
  for (let h = 0; h < 24; h++) {
    if (!on.has(h) || on.has((h + 23) % 24)) continue;
    let end = h;
    while (on.has((end + 1) % 24) && end < h + 23) end++;
    out.push(`${two(h)}–${two((end + 1) % 24)}`);
  }
  return out.join(", ");
}

function Points({ reasons }: { reasons: readonly { code: string; text: string; points: number }[] }) {
  const most = Math.max(...reasons.map((r) => Math.abs(r.points)), 0.001);
  return (
    <ol class="reasons">
      {reasons.map((r) => {
        const w = (Math.abs(r.points) / most) * 50;
        return (
          <li key={r.code} class={r.points < 0 ? "contra" : ""}>
            <b>{points(r.points)}</b>
            <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
              <path class="grid" d="M50 0v10" />
              <rect x={r.points < 0 ? 50 - w : 50} y="1" width={w} height="8" />
            </svg>
            <Text>{plain(r.text)}</Text>
          </li>
        );
      })}
    </ol>
  );
}

function Identity({ f }: { f: Finding }) {
  const { fresnel: _, beacon_stats: __, "@timestamp": ___, ...who } = f;
  const rows = flat(who).filter(([k]) => k !== "event.risk_score");
  return (
    <dl class="pairs">
      {rows.map(([k, v]) => (
        <div key={k}>
          <dt>{k}</dt>
          <dd>{aTime.test(v) ? <When at={v} long /> : <Text>{v}</Text>}</dd>
        </div>
      ))}
    </dl>
  );
}

const aTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/;

function Pictures({ f, drawn }: { f: Finding; drawn: Loaded<Schema["PictureList"]> }) {
  const view = useView();
  const id = f.fresnel.id;
  const { data: list, error } = drawn.stale ? { data: null, error: null } : drawn;
  const of = (what: Schema["Picture"]["of"]) => list?.pictures.filter((p) => p.of === what) ?? [];
  const w = list?.window;
  return (
    <>
      <Panel
        id="rhythm"
        title="Rhythm"
        note="Each tick is a call to the destination. A steady beacon stands in columns; pauses and working hours are gaps."
      >
        {error ? (
          error.body.code === "grouped_otherwise" ? (
            <Empty title="Its calls cannot be shown">
              <p>
                <Text>{error.message}</Text>
              </p>
            </Empty>
          ) : (
            <Failed what="The pictures" error={error} retry={drawn.reload} />
          )
        ) : !list ? (
          <Loading what="pictures" rows={8} />
        ) : (
          <div class="pictures">
            {of("calls").map((p) =>
              p.id === "stretches" ? (
                <Drawn key={p.id} picture={p} numbers={stretches(f)} />
              ) : (
                <Drawn key={p.id} picture={p} />
              ),
            )}
          </div>
        )}
      </Panel>
      {w && (
        <Panel
          id="tests"
          title="The four tests"
          note={
            <>
              Of all that the group called in the window of the run of <When at={w.run_end} />
              {w.id !== id && (
                <>
                  , the newest that saw it (<a href={carry(`/findings/${w.id}`, view)}>open</a>)
                </>
              )}
              . Green is the band of values that a test looked at, orange what it wants.
            </>
          }
        >
          <ul class="why">
            {w.tests.map((t) => (
              <li key={t.field} class={t.fired ? "fired" : t.tested ? "" : "skipped"}>
                <span class="dot" aria-hidden="true" />
                <b>{t.field.replaceAll("_", " ")}</b>
                <span class="value">
                  {t.value !== undefined && number(t.value)}
                  {t.limit !== undefined && t.value !== undefined && (
                    <span class="muted">
                      {" "}
                      {t.field === "periodic" ? "≥" : "≤"} {number(t.limit)}
                    </span>
                  )}
                </span>
                <p>
                  <span class="hidden">{t.fired ? "Fired: " : t.tested ? "Did not fire: " : "Not tested: "}</span>
                  <Text>{plain(t.text)}</Text>
                </p>
              </li>
            ))}
          </ul>
          <div class="pictures">
            {of("window").map((p) => (
              <Drawn key={p.id} picture={p} />
            ))}
          </div>
        </Panel>
      )}
      {list && !w && (
        <Panel id="tests" title="The four tests">
          <Empty title="No picture of the window: no event of the group in it is kept">
            <p>The timing model saw the calls further back, or they were forgotten since (store.keep_events).</p>
          </Empty>
        </Panel>
      )}
    </>
  );
}

/** When the timer of a finding ran, in numbers. */
function stretches(f: Finding): NumberTable {
  return {
    head: ["from", "to", "callbacks", "every"],
    rows: () =>
      (timerOf(f)?.regimes ?? []).map((r) => [full(Date.parse(r.first)), full(Date.parse(r.last)), count(r.callbacks), every(r.period_s)]),
  };
}

function Destinations({ id, f }: { id: string; f: Finding }) {
  const view = useView();
  const list = useAPI<Schema["DestinationList"]>(`/api/v1/findings/${id}/destinations`);
  const own = hostOf(f).value;
  const d = list.data;
  return (
    <Panel
      id="destinations"
      title="Destinations"
      note={
        d ? (
          <>
            {plural(d.total, "address", "addresses")} that the group called from <When at={d.from} /> to <When at={d.to} />, and who else
            did.
          </>
        ) : undefined
      }
    >
      {list.error ? (
        list.error.body.code === "grouped_otherwise" ? (
          <Empty title="Its events cannot be told from others">
            <p>
              <Text>{list.error.message}</Text>
            </p>
          </Empty>
        ) : (
          <Failed what="The destinations" error={list.error} retry={list.reload} />
        )
      ) : !d ? (
        <Loading what="destinations" />
      ) : d.destinations.length === 0 ? (
        <Empty title="No event of it is kept">
          <p>Events are forgotten after store.keep_events; the finding stays.</p>
        </Empty>
      ) : (
        <div class="scroll">
          <table class="list">
            <thead>
              <tr>
                <th>address</th>
                <th>names</th>
                <th class="n wide">port</th>
                <th class="n">events</th>
                <th class="n wide">sent</th>
                <th class="n wide">received</th>
                <th class="n">hosts</th>
                <th>others that call it</th>
                <th class="wide">first call</th>
                <th class="wide" title="of any host in this time">
                  first of all
                </th>
              </tr>
            </thead>
            <tbody>
              {d.destinations.map((x) => {
                const others = x.other_hosts.filter((h) => h !== own);
                return (
                  <tr key={x.ip} data-row class={x.of_finding ? "own" : ""}>
                    <td class="v">
                      <a
                        class="row-link"
                        href={link("/findings", { q: clause("fresnel.destination.ip", x.ip), from: view.from || "now-14d", to: view.to })}
                      >
                        <Text>{x.ip}</Text>
                      </a>
                      {x.of_finding && " "}
                      {x.of_finding && <span class="tag">this finding</span>}
                    </td>
                    <td class="v d">
                      <Text>{x.names.join(", ")}</Text>
                    </td>
                    <td class="n wide">{x.ports.join(", ")}</td>
                    <td class="n">{count(x.events)}</td>
                    <td class="n wide">{bytes(x.source_bytes)}</td>
                    <td class="n wide">{bytes(x.destination_bytes)}</td>
                    <td class="n">{count(x.hosts)}</td>
                    <td class="v">
                      {others.length === 0 ? (
                        <span class="muted">none</span>
                      ) : (
                        others.slice(0, 5).map((h, i) => (
                          <span key={h}>
                            {i > 0 && ", "}
                            <a href={link("/findings", { q: clause("host.name", h), from: view.from, to: view.to })}>
                              <Text>{h}</Text>
                            </a>
                          </span>
                        ))
                      )}
                      {others.length > 5 && (
                        <span class="muted" title={others.map(safe).join(", ")}>
                          {" "}
                          +{others.length - 5}
                        </span>
                      )}
                    </td>
                    <td class="t wide">
                      <When at={x.first} />
                    </td>
                    <td class="t wide">
                      <When at={x.first_of_all} />
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

function Events({ id, f }: { id: string; f: Finding }) {
  const [scope, setScope] = useParam("events", "finding");
  const [order, setOrder] = useParam("order", "desc");
  const { pages, error, next, load, busy, reload } = usePages<Schema["EventList"]>(
    link(`/api/v1/findings/${id}/events`, { scope, order, limit: 20 }),
  );
  const [open, setOpen] = useState<string | null>(null);
  const events = pages.flatMap((p) => p.events);
  const first = pages[0];
  return (
    <Panel
      id="events"
      title="Events"
      note={
        first ? (
          <>
            {plural(first.total, "raw event")} from <When at={first.from} /> to <When at={first.to} />.
          </>
        ) : undefined
      }
      actions={
        <>
          {f.fresnel.destination && (
            <Switch
              label="Which events"
              value={scope}
              options={[
                ["finding", "to this destination"],
                ["group", "all of the group"],
              ]}
              choose={setScope}
            />
          )}
          <Switch
            label="Which come first"
            value={order}
            options={[
              ["desc", "newest first"],
              ["asc", "oldest first"],
            ]}
            choose={setOrder}
          />
          {events.length > 0 && <Copy text={() => events.map((e) => JSON.stringify(e)).join("\n")} label="Copy all shown" />}
        </>
      }
    >
      {error && !first ? (
        error.body.code === "grouped_otherwise" ? (
          <Empty title="Its events cannot be told from others">
            <p>
              <Text>{error.message}</Text>
            </p>
          </Empty>
        ) : (
          <Failed what="The events" error={error} retry={reload} />
        )
      ) : !first ? (
        <Loading what="events" />
      ) : events.length === 0 ? (
        <Empty title="No event of it is kept">
          <p>Events are forgotten after store.keep_events; the finding stays.</p>
        </Empty>
      ) : (
        <>
          <div class="scroll">
            <table class="list events">
              <thead>
                <tr>
                  <th>time</th>
                  <th>destination</th>
                  <th class="n wide">port</th>
                  <th class="n">sent</th>
                  <th class="n">received</th>
                  <th class="n wide">took</th>
                  <th class="wide">what</th>
                  <th>
                    <span class="hidden">all fields</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {events.map((e, i) => {
                  const key = `${e["@timestamp"]} ${i}`;
                  const shown = open === key;
                  return (
                    <>
                      <tr key={key}>
                        <td class="t">
                          <When at={e["@timestamp"]} long />
                        </td>
                        <td class="v">
                          <Text>{String(e.destination?.domain ?? e.tls?.client?.server_name ?? e.destination?.ip ?? "")}</Text>
                        </td>
                        <td class="n wide">{e.destination?.port}</td>
                        <td class="n">{e.source?.bytes === undefined ? "–" : bytes(e.source.bytes)}</td>
                        <td class="n">{e.destination?.bytes === undefined ? "–" : bytes(e.destination.bytes)}</td>
                        <td class="n wide">{e.event?.duration === undefined ? "–" : duration(e.event.duration / 1e9)}</td>
                        <td class="wide">
                          <Text>{e.event?.action}</Text>
                        </td>
                        <td class="n">
                          <button
                            type="button"
                            class="small"
                            data-row
                            aria-expanded={shown}
                            aria-label={`${shown ? "Close the" : "All"} fields of the event of ${full(Date.parse(e["@timestamp"] ?? ""))}`}
                            onClick={() => setOpen(shown ? null : key)}
                          >
                            {shown ? "Close" : "Fields"}
                          </button>
                        </td>
                      </tr>
                      {shown && (
                        <tr key={`${key} all`} class="fields">
                          <td colSpan={8}>
                            <dl class="pairs">
                              {flat(e).map(([k, v]) => (
                                <div key={k}>
                                  <dt>{k}</dt>
                                  <dd>
                                    <Text>{v}</Text>
                                  </dd>
                                </div>
                              ))}
                            </dl>
                            <Copy text={() => JSON.stringify(e, null, 2)} label="Copy as ECS" />
                          </td>
                        </tr>
                      )}
                    </>
                  );
                })}
              </tbody>
            </table>
          </div>
          {error && <Failed what="More events" error={error} retry={load} />}
          {next && (
            <button type="button" class="more" disabled={busy} onClick={load}>
              {busy ? "Loading …" : `Show more of ${count(first.total)}`}
            </button>
          )}
        </>
      )}
    </Panel>
  );
}

function Past({ id }: { id: string }) {
  const history = useAPI<History>(`/api/v1/findings/${id}/history`);
  const view = useView();
  const [all, setAll] = useState(false);
  const h = history.data;
  const rows = h ? (all ? h.runs : h.runs.slice(0, 12)) : [];
  return (
    <Panel
      id="history"
      title="History"
      note={h ? `What each of ${plural(h.total, "run")} said of this host, process and destination.` : undefined}
    >
      {history.error ? (
        <Failed what="The history" error={history.error} retry={history.reload} />
      ) : !h ? (
        <Loading what="the history" />
      ) : (
        <>
          <div class="scroll">
            <table class="list">
              <thead>
                <tr>
                  <th>run of</th>
                  <th class="n">risk</th>
                  <th class="n">period</th>
                  <th class="n wide">jitter</th>
                  <th class="n">callbacks</th>
                  <th class="n" title="points of the four tests, 0 to 3; – where there were too few events">
                    tests
                  </th>
                </tr>
              </thead>
              <tbody>
                {rows.map((r) => (
                  <tr key={r.run_end} data-row class={r.id === id ? "own" : ""}>
                    <td class="t">
                      <a class="row-link" href={carry(`/findings/${r.id}`, view)}>
                        <When at={r.run_end} />
                      </a>
                    </td>
                    <td class="n">
                      <Risk score={r.risk_score} />
                    </td>
                    <td class="n">{r.period_s === undefined ? "–" : every(r.period_s)}</td>
                    <td class="n wide">{r.jitter === undefined ? "–" : jitter(r.jitter)}</td>
                    <td class="n">{r.callbacks === undefined ? "–" : count(r.callbacks)}</td>
                    <td class="n">{r.beaconing_score ?? "–"}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {h.runs.length > rows.length && (
            <button type="button" class="more" onClick={() => setAll(true)}>
              Show all {count(h.runs.length)}
            </button>
          )}
        </>
      )}
    </Panel>
  );
}

export function CasePage({ id }: { id: string }) {
  const view = useView();
  const one = useAPI<Schema["CaseDetail"]>(link(`/api/v1/cases/${id}`, { to: view.to })); // two weeks up to the end of the range
  const lead = one.data?.findings[0]?.fresnel.id;
  const detail = useAPI<Schema["FindingDetail"]>(lead ? findingAsk(lead) : null);
  const drawn = usePictures(lead);
  if (one.error && !one.data)
    return (
      <>
        <h1 class="hidden">Case</h1>
        <Failed what="The case" error={one.error} retry={one.reload} />
      </>
    );
  const c = one.data;
  if (!c) return <Loading what="the case" rows={8} />;
  const line = c.case;
  return (
    <>
      <nav class="crumbs" aria-label="Where this is">
        <a href={carry("/", view)}>Overview</a>
      </nav>
      <header class="subject">
        <Risk score={line.max_score} big />
        <h1>
          Case of {plural(line.findings, "finding")} on {plural(line.hosts.length, "host")}
          {line.hosts.length >= 20 && " or more"}
        </h1>
      </header>
      <p class="verdict">
        <Text>{line.processes.join(", ")}</Text> <span class="muted">→</span> <Text>{line.destinations.join(", ")}</Text>
      </p>
      <Panel
        id="members"
        title="Its findings"
        note={
          <>
            as the run of <When at={c.run_end} /> has them; {plural(c.runs.length, "run")} of the two weeks up to <When at={c.to} /> knew
            the case.
          </>
        }
      >
        <div class="scroll">
          <table class="list cases">
            <thead>
              <tr>
                <th class="n">risk</th>
                <th>host</th>
                <th>process</th>
                <th>destination</th>
                <th class="n">period</th>
                <th class="n wide">jitter</th>
                <th class="wide">first seen</th>
                <th class="wide">last seen</th>
              </tr>
            </thead>
            <tbody>
              {c.findings.map((f) => {
                const t = timerOf(f);
                return (
                  <tr key={f.fresnel.id} data-row>
                    <td class="n">
                      <Risk score={f.event?.risk_score} />
                    </td>
                    <td class="v">
                      <a class="row-link" href={carry(`/findings/${f.fresnel.id}`, view)}>
                        <Text>{hostOf(f).value}</Text>
                      </a>
                    </td>
                    <td class="v">
                      <Text>{f.process?.name}</Text>
                    </td>
                    <td class="v d">
                      <Text>{placeOf(f)}</Text>
                    </td>
                    <td class="n">{t ? every(t.period_s) : "–"}</td>
                    <td class="n wide">{t ? jitter(t.jitter) : "–"}</td>
                    <td class="t wide">
                      <When at={f.fresnel.timing?.first} />
                    </td>
                    <td class="t wide">
                      <When at={f.fresnel.timing?.last} />
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
        {c.total > c.findings.length && (
          <p class="muted pad">
            {count(c.total - c.findings.length)} more:{" "}
            <a href={link("/findings", { q: clause("fresnel.case.id", id), from: view.from || "now-14d", to: view.to })}>all of them</a>.
          </p>
        )}
      </Panel>
      <p class="lead muted">The riskiest of them:</p>
      {detail.error ? (
        <Failed what="The finding" error={detail.error} retry={detail.reload} />
      ) : detail.data ? (
        <Drilldown detail={detail.data} drawn={drawn} heading="h2" />
      ) : (
        <Loading what="the finding" rows={6} />
      )}
    </>
  );
}
