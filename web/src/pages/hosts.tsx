import { useMemo, useState } from "preact/hooks";
import type { Schema } from "../api/client";
import { useAPI } from "../api/hooks";
import { ask, hostsAsk, hostsFrom } from "../lib/asks";
import { count, plural } from "../lib/format";
import { short, rfc3339 } from "../lib/time";
import { and, clause, link } from "../lib/url";
import { Numbers } from "../plots/figure";
import { Lines, mostUpright } from "../plots/lines";
import { HeatMap, seriesClass } from "../plots/overview";
import { Stale } from "../ui/asked";
import { carry, useView } from "../ui/context";
import { NoFindings } from "../ui/nothing";
import { Empty, Failed, Loading, Panel, Text, When } from "../ui/parts";
import { navigate } from "../ui/router";

export function HostsPage() {
  const view = useView();
  const params = ask(view, hostsFrom);
  const overview = useAPI<Schema["Overview"]>(hostsAsk(view));
  const runs = useAPI<Schema["RunList"]>(link("/api/v1/runs", { from: params.from, to: params.to, limit: 500 }));
  const [on, setOn] = useState<number | null>(null);
  const o = overview.data;
  // Steps before the first run say nothing: the lines begin with it, and are points where there was one run.
  const begin = useMemo(() => Math.max(0, Math.min(o?.steps.findIndex((s) => s.documents > 0) ?? 0, (o?.steps.length ?? 0) - 2)), [o]);
  const top = useMemo(() => (o ? [...o.top_processes].sort((a, b) => b.hosts - a.hosts) : []), [o]);
  const at = useMemo(() => (o ? o.steps.slice(begin).map((s) => Date.parse(s.at) / 1000) : []), [o, begin]);
  const lines = useMemo(
    () => top.map((p, i) => ({ name: p.process, values: p.steps.slice(begin), className: seriesClass(i) })),
    [top, begin],
  );
  const ends = useMemo(() => runs.data?.runs.map((r) => Date.parse(r.end) / 1000) ?? [], [runs.data]);
  if (overview.error && !o) return <Failed what="The hosts over time" error={overview.error} retry={overview.reload} />;
  if (!o) return <Loading what="hosts over time" rows={8} />;
  if (o.findings === 0) return <NoFindings usual={hostsFrom} />;
  if (o.processes === 0)
    return (
      <Empty title="The findings of this time name no process">
        <p>
          Events of network sensors do not. The <a href={carry("/", { ...view, from: view.from || hostsFrom })}>overview</a> has them by
          host.
        </p>
      </Empty>
    );
  const of = (process: string, ms: number) =>
    carry(
      "/findings",
      { ...view, q: and(view.q, clause("process.name", process)) },
      { from: rfc3339(ms), to: rfc3339(ms + o.step_s * 1000 - 1000), view: "all" },
    );
  const open = (i: number, step: number) => {
    const p = top[i];
    const t = at[step];
    if (p && t !== undefined) navigate(of(p.process, t * 1000));
  };
  return (
    <>
      <Panel
        id="lines"
        title="Hosts affected over time, by process"
        note={`Hosts with findings of the ${plural(lines.length, "process", "processes")} with the most findings; the list has how many in all. ${ends.length > mostUpright ? "Marks at the lower edge" : "Upright lines"} are the ends of runs. Click a line for its findings.`}
      >
        <Stale on={overview.stale} class="stack wide-stack">
          <div class="figure">
            <Lines
              at={at}
              lines={lines}
              runs={ends}
              on={on}
              pick={open}
              label={`Hosts affected over time by process, from ${short(Date.parse(o.from))} to ${short(Date.parse(o.to))}. The list beside it has the processes; their numbers stand below.`}
            />
            <p class="readout" data-say aria-hidden="true" />
            <Numbers
              head={["time", ...top.map((p) => p.process)]}
              rows={() =>
                o.steps
                  .map((step, i) => ({ step, i }))
                  .filter(({ step }) => step.documents > 0)
                  .reverse()
                  .map(({ step, i }) => [
                    <When key="t" at={step.at} />,
                    ...top.map((p) => {
                      const hosts = p.steps[i] ?? 0;
                      return hosts === 0 ? (
                        "0"
                      ) : (
                        <a key={p.process} href={of(p.process, Date.parse(step.at))}>
                          {count(hosts)}
                        </a>
                      );
                    }),
                  ])
              }
            />
          </div>
          <ol class="legend">
            {top.map((p, k) => (
              <li
                key={p.process}
                class={`${seriesClass(k)}${on === null || on === k ? "" : " dim"}`}
                onPointerEnter={() => setOn(k)}
                onPointerLeave={() => setOn(null)}
              >
                <a
                  href={carry("/findings", { ...view, q: and(view.q, clause("process.name", p.process)), from: view.from || hostsFrom })}
                  onFocus={() => setOn(k)}
                  onBlur={() => setOn(null)}
                >
                  <i class="swatch" aria-hidden="true" />
                  <span>
                    <Text>{p.process}</Text>
                  </span>
                  <b title={plural(p.hosts, "host")}>{p.hosts}</b>
                </a>
              </li>
            ))}
          </ol>
        </Stale>
      </Panel>
      <Panel id="heat" title="Hosts by processes" note="The 20 hosts with the most processes, and the 20 processes with the most findings.">
        <HeatMap o={o} />
      </Panel>
    </>
  );
}
