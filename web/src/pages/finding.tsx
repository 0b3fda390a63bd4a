import { useEffect, useMemo, useState } from "preact/hooks";
import { APIError, type Schema, get } from "../api/client";
import { asError, useAPI, usePages } from "../api/hooks";
import { bytes, count, duration, every, jitter, number, plural, points, probability } from "../lib/format";
import { gaps, timeStep } from "../lib/geometry";
import { safe } from "../lib/safe";
import { full, offset, rfc3339 } from "../lib/time";
import { clause, link } from "../lib/url";
import { Autocovariance, Bytes, type Call, Counts, Intervals, Raster } from "../plots/beacon";
import { carry, useView } from "../ui/context";
import { Copy, Empty, Fact, Failed, Loading, Panel, Risk, Text, When, plain } from "../ui/parts";
import { type Finding, flat, hostOf, kinds, placeOf, statsOf, timerOf } from "./document";
import { Tests } from "./findings";

type Series = Schema["Series"];
type History = Schema["History"];

export function FindingPage({ id }: { id: string }) {
  const view = useView();
  const detail = useAPI<Schema["FindingDetail"]>(`/api/v1/findings/${id}`);
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
      <Drilldown detail={detail.data} />
    </>
  );
}

export function Drilldown({ detail, heading = "h1" }: { detail: Schema["FindingDetail"]; heading?: "h1" | "h2" }) {
  const f = detail.finding;
  const view = useView();
  const id = detail.id;
  const history = useAPI<History>(`/api/v1/findings/${id}/history`);
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
          <Copy text={JSON.stringify(f, null, 2)} label="Copy as ECS" />
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

      <Pictures f={f} history={history.data} />

      <div class="two">
        <Panel id="why" title="Why it ranks here" note="Points for (+) and against (−) a beacon; together they make the risk.">
          {f.fresnel.reasons?.length ? (
            <Points reasons={f.fresnel.reasons} />
          ) : (
            <Empty title="The timing model and the rank said nothing of it">Only the four tests did, below.</Empty>
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
      <Destinations id={id} f={f} />
      <Events id={id} f={f} />
      <Past history={history} id={id} />
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
          <dd>
            <Text>{v}</Text>
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** How many events are read to show what they carried. */
const mostEvents = 500;

/** The newest calls of a finding with their bytes, the oldest of them first. */
function useCalls(path: string | null): Call[] {
  const list = useAPI<Schema["EventList"]>(path).data;
  return useMemo(
    () =>
      (list?.events ?? [])
        .map((e) => ({ at: Date.parse(e["@timestamp"] ?? ""), sent: e.source?.bytes ?? 0, received: e.destination?.bytes ?? 0 }))
        .reverse(),
    [list],
  );
}

/** The pictures of the window of the newest run that saw events in it: the run's own, or an older one. */
function useSeries(id: string, history: History | null, seesNone: boolean): { series: Series | null; id: string; error: APIError | null } {
  const [state, set] = useState<{ of: string; series: Series | null; id: string; error: APIError | null }>({
    of: id,
    series: null,
    id,
    error: null,
  });
  useEffect(() => {
    const stop = new AbortController();
    set({ of: id, series: null, id, error: null });
    const ask = async (one: string) => get<Series>(`/api/v1/findings/${one}/series`, stop.signal);
    void (async () => {
      try {
        if (seesNone) throw new APIError(404, { code: "no_events", message: "the window of the run has no event of the group" }, 0);
        const series = await ask(id);
        set({ of: id, series, id, error: null });
      } catch (e) {
        if (stop.signal.aborted) return;
        const error = asError(e);
        if (error.body.code === "no_events") {
          if (!history) return; // asked again once it is there
          for (const other of [...new Set(history.runs.map((r) => r.id))].filter((o) => o !== id).slice(0, 4)) {
            try {
              const series = await ask(other);
              set({ of: id, series, id: other, error: null });
              return;
            } catch (e) {
              if (stop.signal.aborted) return;
              if (asError(e).body.code !== "no_events") break;
            }
          }
        }
        set({ of: id, series: null, id, error });
      }
    })();
    return () => stop.abort();
  }, [id, history, seesNone]);
  return state.of === id ? state : { series: null, id, error: null };
}

function Pictures({ f, history }: { f: Finding; history: History | null }) {
  const view = useView();
  const id = f.fresnel.id;
  const timer = timerOf(f);
  const timing = f.fresnel.timing;
  const found = useAPI<Schema["CallbackList"]>(`/api/v1/findings/${id}/callbacks`);
  const of = useSeries(id, history, f.beacon_stats.non_empty_buckets === 0);
  const older = useAPI<Schema["FindingDetail"]>(of.id !== id && of.series ? `/api/v1/findings/${of.id}` : null);
  const s = of.series;
  const own = of.id === id && s !== null;
  const stats = statsOf(own ? f : (older.data?.finding ?? f));
  const list = found.data;
  const { times, failed } = useMemo(() => {
    const base = list ? Date.parse(list.from) : 0;
    const times = list?.millis.map((n) => base + n) ?? [];
    return { times, failed: new Set(list?.failed.map((k) => times[k] ?? 0)) };
  }, [list]);
  const near = timer ? timer.period_s * (1 + Math.max(0.25, 2 * timer.jitter)) : 0;
  const histogram = useMemo(() => gaps(times, 40, near, 1), [times, near]);
  // Where the window of the run has none of the calls, what they carried is shown over all their time.
  const told = s !== null || of.error !== null;
  const carried = useCalls(
    told && !own && timing
      ? link(`/api/v1/findings/${id}/events`, {
          from: rfc3339(Date.parse(timing.first)),
          to: rfc3339(Date.parse(timing.last) + 999),
          limit: mostEvents,
        })
      : null,
  );
  const whole = useMemo(() => buckets(carried), [carried]);
  const to = list ? Date.parse(list.to) : 0;
  const from = Math.min(times[0] ?? to, to - 60_000);
  const note = list
    ? `${plural(list.total, "call")}${list.dropped > 0 ? `, the newest ${count(times.length)} are drawn` : ""}${list.failed_known ? `, ${count(failed.size)} without an answer` : ""}; up to the end of the run`
    : "";
  const test = (name: string) => s?.tests.find((t) => t.field === name);
  const say = (name: string) => {
    const t = test(name);
    if (!t) return "";
    if (!t.tested) return "not tested: too few values";
    return `${t.fired ? "varies little" : "varies"}: ${number(t.value ?? 0)}, the test wants at most ${number(t.limit ?? 0)}`;
  };
  const w = s ? { start: Date.parse(s.start), bucket: s.bucket_s } : null;
  const periodic = test("periodic");
  return (
    <>
      <Panel
        id="rhythm"
        title="Rhythm"
        note="Each tick is a call to the destination. A steady beacon stands in columns; pauses and working hours are gaps."
      >
        {found.error ? (
          found.error.body.code === "grouped_otherwise" || found.error.body.code === "no_events" ? (
            <Empty title="Its calls cannot be shown">
              <p>
                <Text>{found.error.message}</Text>
              </p>
            </Empty>
          ) : (
            <Failed what="The calls" error={found.error} retry={found.reload} />
          )
        ) : !list ? (
          <Loading what="calls" rows={8} />
        ) : (
          <div class="pictures">
            <Raster times={times} failed={failed} from={from} to={to} note={note} />
            <Intervals gaps={histogram} model={timer ? { period: timer.period_s, jitter: timer.jitter } : null} />
            {whole && (
              <>
                <Bytes
                  title="Bytes sent, mean per call"
                  values={whole.sent}
                  window={whole}
                  bounds={undefined}
                  mean={undefined}
                  verdict={`of the newest ${plural(carried.length, "call")}`}
                />
                <Bytes
                  title="Bytes received, mean per call"
                  values={whole.received}
                  window={whole}
                  bounds={undefined}
                  mean={undefined}
                  verdict={`of the newest ${plural(carried.length, "call")}`}
                />
              </>
            )}
          </div>
        )}
      </Panel>
      {s && w && (
        <Panel
          id="tests"
          title="The four tests"
          note={
            <>
              Of all that the group called in the window of the run of <When at={s.run_end} />
              {!own && (
                <>
                  , the newest that saw it (<a href={carry(`/findings/${of.id}`, view)}>open</a>)
                </>
              )}
              . Green is the band of values that a test looked at, orange what it wants.
            </>
          }
        >
          <ul class="why">
            {s.tests.map((t) => (
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
          {s.tests.some((t) => t.tested) && (
            <div class="pictures">
              <Autocovariance
                r={s.autocovariance}
                bucket={s.bucket_s}
                limit={periodic?.limit}
                period={stats?.max_autocovariance_period}
                fired={periodic?.fired ?? false}
              />
              <Counts counts={s.counts} window={w} bounds={stats?.counts_percentiles} verdict={say("low_count_variation")} />
              <Bytes
                title="Bytes sent, mean per event"
                values={s.source_bytes}
                window={w}
                bounds={stats?.source_bytes_percentiles}
                mean={stats?.mean_source_bytes}
                verdict={say("low_source_bytes_variation")}
              />
              <Bytes
                title="Bytes received, mean per event"
                values={s.destination_bytes}
                window={w}
                bounds={stats?.destination_bytes_percentiles}
                mean={stats?.mean_destination_bytes}
                verdict={say("low_destination_bytes_variation")}
              />
            </div>
          )}
        </Panel>
      )}
      {!s && of.error && (
        <Panel id="tests" title="The four tests">
          <Empty
            title={
              of.error.body.code === "no_events"
                ? "No picture of the window: no event of the group in it is kept"
                : "The pictures of the window could not be loaded"
            }
          >
            <p>
              {of.error.body.code === "no_events" ? (
                "The timing model saw the calls further back, or they were forgotten since (store.keep_events)."
              ) : (
                <Text>{of.error.message}</Text>
              )}
            </p>
          </Empty>
        </Panel>
      )}
    </>
  );
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
  const [scope, setScope] = useState<"finding" | "group">("finding");
  const [order, setOrder] = useState<"desc" | "asc">("desc");
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
            <div class="switch" role="group" aria-label="Which events">
              {(["finding", "group"] as const).map((k) => (
                <button key={k} type="button" aria-pressed={scope === k} onClick={() => setScope(k)}>
                  {k === "finding" ? "to this destination" : "all of the group"}
                </button>
              ))}
            </div>
          )}
          <button type="button" class="small" onClick={() => setOrder(order === "desc" ? "asc" : "desc")}>
            {order === "desc" ? "newest first" : "oldest first"}
          </button>
          {events.length > 0 && <Copy text={events.map((e) => JSON.stringify(e)).join("\n")} label="Copy all shown" />}
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
                            <Copy text={JSON.stringify(e, null, 2)} label="Copy as ECS" />
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

function Past({ history, id }: { history: ReturnType<typeof useAPI<History>>; id: string }) {
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
                  <th class="n">jitter</th>
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
                    <td class="n">{r.jitter === undefined ? "–" : jitter(r.jitter)}</td>
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

/** The calls in buckets of a round length: how many, and the mean bytes of each. */
export function buckets(calls: Call[]): { start: number; bucket: number; counts: number[]; sent: number[]; received: number[] } | null {
  const first = calls[0];
  const last = calls[calls.length - 1];
  if (!first || !last) return null;
  const step = timeStep(Math.max(1, last.at - first.at), 1000);
  const bucket = Math.max(60, Math.ceil(step / 1000));
  const start = Math.floor(first.at / (bucket * 1000)) * bucket * 1000;
  const n = Math.floor((last.at - start) / (bucket * 1000)) + 1;
  const out = {
    start,
    bucket,
    counts: new Array<number>(n).fill(0),
    sent: new Array<number>(n).fill(0),
    received: new Array<number>(n).fill(0),
  };
  for (const c of calls) {
    const i = Math.floor((c.at - start) / (bucket * 1000));
    out.counts[i] = (out.counts[i] ?? 0) + 1;
    out.sent[i] = (out.sent[i] ?? 0) + c.sent;
    out.received[i] = (out.received[i] ?? 0) + c.received;
  }
  for (let i = 0; i < n; i++) {
    const k = out.counts[i] ?? 0;
    if (k > 0) {
      out.sent[i] = (out.sent[i] ?? 0) / k;
      out.received[i] = (out.received[i] ?? 0) / k;
    }
  }
  return out;
}

export function CasePage({ id }: { id: string }) {
  const view = useView();
  const one = useAPI<Schema["CaseDetail"]>(link(`/api/v1/cases/${id}`, { to: view.to })); // two weeks up to the end of the range
  const lead = one.data?.findings[0]?.fresnel.id;
  const detail = useAPI<Schema["FindingDetail"]>(lead ? `/api/v1/findings/${lead}` : null);
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
        <Drilldown detail={detail.data} heading="h2" />
      ) : (
        <Loading what="the finding" rows={6} />
      )}
    </>
  );
}
