import { useMemo } from "preact/hooks";
import type { Schema } from "../api/client";
import { usePages } from "../api/hooks";
import { ask, byRisk, defaultFrom, findingsAsk, listingOf } from "../lib/asks";
import { count, plural } from "../lib/format";
import { and, clause, link } from "../lib/url";
import { Asked, More } from "../ui/asked";
import { carry, useView } from "../ui/context";
import { PlaceBelow, findingColumns } from "../ui/findings";
import { NoFindings } from "../ui/nothing";
import { Panel, Reasons, Text, When } from "../ui/parts";
import { here, useAddress } from "../ui/router";
import { type Column, type Order, Table } from "../ui/table";
import { type Finding, statsOf, tests } from "./document";

const below = (f: Finding) => (
  <>
    <PlaceBelow finding={f} />
    <Reasons reasons={f.fresnel.reasons} most={3} against={1} />
  </>
);

export function FindingsPage() {
  const view = useView();
  const columns = useMemo<Column<Finding>[]>(
    () => [
      ...findingColumns<Finding>((f) => ({ finding: f, href: carry(`/findings/${f.fresnel.id}`, view) })),
      {
        head: "callbacks",
        kind: "n wide",
        sort: "fresnel.timing.callbacks",
        cell: (f) => (f.fresnel.timing ? count(f.fresnel.timing.callbacks) : "–"),
      },
      { head: "tests", kind: "wide", sort: "beacon_stats.beaconing_score", cell: (f) => <Tests f={f} /> },
      { head: "run", kind: "t wide", sort: "fresnel.run.end", cell: (f) => <When at={f.fresnel.run.end} /> },
    ],
    [view],
  );
  const { search } = useAddress();
  const asked = listingOf(search);
  const listing = columns.some((c) => c.sort === asked.sort) ? asked : { ...asked, sort: byRisk };
  const { sort: by, order, all } = listing;
  const shown = all ? "all" : "";
  const list = usePages<Schema["FindingList"]>(findingsAsk(view, listing, true), findingsAsk(view, listing, false));
  const sorting = {
    by,
    order,
    href: (by: string, order: Order) => here({ sort: by === byRisk ? "" : by, order: order === "desc" ? "" : order }),
  };
  const total = list.data?.total ?? 0;
  return (
    <>
      {list.data?.facets && total > 0 && <Facets f={list.data.facets} />}
      <Panel
        id="findings"
        title="Findings"
        note={
          list.data &&
          `${plural(total, all ? "document" : "finding")}${all ? " of all runs" : ", each host, process and destination once"}.`
        }
        actions={
          <>
            <div class="switch" role="group" aria-label="Which documents">
              <a aria-current={all ? undefined : "true"} href={here({ view: "" })}>
                newest
              </a>
              <a aria-current={all ? "true" : undefined} href={here({ view: "all" })}>
                all runs
              </a>
            </div>
            <a class="button" download href={link("/api/v1/findings.ndjson", ask(view), { view: shown })}>
              Export
            </a>
          </>
        }
      >
        <Asked of={list} what="the findings" rows={8}>
          {(first) =>
            first.findings.length === 0 ? (
              <NoFindings usual={defaultFrom} />
            ) : (
              <>
                <Table
                  label="Findings"
                  columns={columns}
                  rows={list.pages.flatMap((l) => l.findings)}
                  id={(f) => f.fresnel.id + f.fresnel.run.end}
                  sorting={sorting}
                  below={below}
                />
                <More of={list} what="more" total={total} />
              </>
            )
          }
        </Asked>
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

function Facets({ f }: { f: Schema["Facets"] }) {
  const view = useView();
  const lists = [
    { name: "hosts", field: () => "host.name", all: f.hosts },
    { name: "processes", field: () => "process.name", all: f.processes },
    {
      name: "destinations",
      field: (v: string) => (/^[0-9.]+$|:/.test(v) ? "fresnel.destination.ip" : "fresnel.destination.domain"),
      all: f.destinations,
    },
  ].filter((l) => l.all.length > 1);
  if (lists.length === 0) return null;
  return (
    <section class="facets" aria-label="Narrow the filter">
      {lists.map((l) => (
        <div key={l.name}>
          <h2>{l.name}</h2>
          <ul>
            {l.all.slice(0, 6).map(({ value, findings }) => (
              <li key={value}>
                <a href={here({ q: and(view.q, clause(l.field(value), value)) })}>
                  <span>
                    <Text>{value}</Text>
                  </span>
                  <b>{count(findings)}</b>
                </a>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </section>
  );
}
