import type { Schema } from "../api/client";
import { usePages } from "../api/hooks";
import { count, every, jitter, plural } from "../lib/format";
import { link, and, clause } from "../lib/url";
import { ask, carry, useView } from "../ui/context";
import { Failed, Loading, Panel, Reasons, Risk, Text, When } from "../ui/parts";
import { useAddress } from "../ui/router";
import { type Finding, hostOf, placeOf, statsOf, tests, timerOf } from "./document";
import { NoFindings } from "./overview";

const sorts = {
  "event.risk_score": "risk",
  "host.name": "host",
  "process.name": "process",
  "fresnel.destination": "destination",
  "fresnel.timing.period_s": "period",
  "fresnel.timing.jitter": "jitter",
  "fresnel.timing.callbacks": "callbacks",
  "beacon_stats.beaconing_score": "tests",
  "fresnel.run.end": "run",
} as const;

type Sort = keyof typeof sorts;

export function FindingsPage() {
  const view = useView();
  const p = new URLSearchParams(useAddress().search);
  const asked = p.get("sort") ?? "";
  const sort: Sort = asked in sorts ? (asked as Sort) : "event.risk_score";
  const order = p.get("order") === "asc" ? "asc" : "desc";
  const all = p.get("view") === "all";
  const path = link("/api/v1/findings", ask(view), { sort, order, view: all ? "all" : "", limit: 50, facets: true });
  const { pages, stale, error, next, load, busy, reload } = usePages<Schema["FindingList"]>(path);
  const first = pages[0];
  const rows = pages.flatMap((l) => l.findings);
  const state = { sort: sort === "event.risk_score" ? "" : sort, order: order === "desc" ? "" : order, view: all ? "all" : "" };
  const head = (field: Sort, cls = "") => {
    const on = sort === field;
    const next = on
      ? order === "desc"
        ? "asc"
        : "desc"
      : field === "host.name" || field === "process.name" || field === "fresnel.destination"
        ? "asc"
        : "desc";
    return (
      <th class={cls} aria-sort={on ? (order === "desc" ? "descending" : "ascending") : undefined}>
        <a href={carry("/findings", view, { ...state, sort: field, order: next === "desc" ? "" : next })}>
          {sorts[field]}
          {on && <span aria-hidden="true">{order === "desc" ? " ▾" : " ▴"}</span>}
        </a>
      </th>
    );
  };
  return (
    <>
      {first?.facets && first.total > 0 && <Facets f={first.facets} />}
      <Panel
        id="findings"
        title="Findings"
        note={
          first
            ? `${plural(first.total, all ? "document" : "finding")}${all ? " of all runs" : ", each host, process and destination once"}.`
            : undefined
        }
        actions={
          <>
            <div class="switch" role="group" aria-label="Which documents">
              <a aria-current={all ? undefined : "true"} href={carry("/findings", view, { ...state, view: "" })}>
                newest
              </a>
              <a aria-current={all ? "true" : undefined} href={carry("/findings", view, { ...state, view: "all" })}>
                all runs
              </a>
            </div>
            <a class="button" download href={link("/api/v1/findings.ndjson", ask(view), { view: all ? "all" : "" })}>
              Export
            </a>
          </>
        }
      >
        {error && !first ? (
          <Failed what="The findings" error={error} retry={reload} />
        ) : !first ? (
          <Loading what="findings" rows={8} />
        ) : rows.length === 0 ? (
          <NoFindings />
        ) : (
          <>
            <div class={`scroll${stale ? " stale" : ""}`}>
              <table class="list cases">
                <thead>
                  <tr>
                    {head("event.risk_score", "n")}
                    {head("host.name")}
                    {head("process.name")}
                    {head("fresnel.destination")}
                    {head("fresnel.timing.period_s", "n")}
                    {head("fresnel.timing.jitter", "n wide")}
                    {head("fresnel.timing.callbacks", "n wide")}
                    {head("beacon_stats.beaconing_score", "wide")}
                    {head("fresnel.run.end", "wide")}
                  </tr>
                </thead>
                <tbody>
                  {rows.map((f) => (
                    <Row key={f.fresnel.id + f.fresnel.run.end} f={f} />
                  ))}
                </tbody>
              </table>
            </div>
            {error && <Failed what="More findings" error={error} retry={load} />}
            {next && (
              <button type="button" class="more" disabled={busy} onClick={load}>
                {busy ? "Loading …" : `Show more of ${count(first.total)}`}
              </button>
            )}
          </>
        )}
      </Panel>
    </>
  );
}

export function Tests({ f }: { f: Finding }) {
  const s = statsOf(f);
  return (
    <span class="tests">
      {tests.map(([field, name, say]) => (
        <span key={field} class={s?.[field] ? "on" : ""} title={`${say}: ${s?.[field] ? "yes" : "no"}`}>
          {name}
          <span class="hidden">{s?.[field] ? " yes" : " no"}</span>
        </span>
      ))}
    </span>
  );
}

function Row({ f }: { f: Finding }) {
  const view = useView();
  const t = timerOf(f);
  return (
    <>
      <tr data-row>
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
        <td class="n wide">{f.fresnel.timing ? count(f.fresnel.timing.callbacks) : "–"}</td>
        <td class="wide">
          <Tests f={f} />
        </td>
        <td class="t wide">
          <When at={f.fresnel.run.end} />
        </td>
      </tr>
      <tr class="say">
        <td />
        <td colSpan={8}>
          <Reasons reasons={f.fresnel.reasons} most={3} against={1} />
        </td>
      </tr>
    </>
  );
}

function Facets({ f }: { f: Schema["Facets"] }) {
  const view = useView();
  const lists = [
    { name: "hosts", field: "host.name", all: f.hosts },
    { name: "processes", field: "process.name", all: f.processes },
    { name: "destinations", field: "", all: f.destinations },
  ].filter((l) => l.all.length > 1);
  if (lists.length === 0) return null;
  const field = (l: { field: string }, value: string) =>
    l.field || (/^[0-9.]+$|:/.test(value) ? "fresnel.destination.ip" : "fresnel.destination.domain");
  return (
    <section class="facets" aria-label="Narrow the filter">
      {lists.map((l) => (
        <div key={l.name}>
          <h2>{l.name}</h2>
          <ul>
            {l.all.slice(0, 6).map((v) => (
              <li key={v.value}>
                <a href={carry("/findings", { ...view, q: and(view.q, clause(field(l, v.value), v.value)) })}>
                  <span>
                    <Text>{v.value}</Text>
                  </span>
                  <b>{count(v.findings)}</b>
                </a>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </section>
  );
}
