import type { Schema } from "../api/client";
import { useAPI } from "../api/hooks";
import { moment, rangeName, ranges, rfc3339 } from "../lib/time";
import { can, useMe, useView } from "./context";
import { Empty, When } from "./parts";
import { here } from "./router";

/** What to do where a filter and a time have no finding. */
export function NoFindings({ usual }: { usual: string }) {
  const { q, from, to } = useView();
  const runs = useAPI<Schema["RunList"]>("/api/v1/runs?limit=1");
  const me = useMe();
  const last = runs.data?.runs[0];
  if (runs.data && !last)
    return (
      <Empty title="Nothing has been looked at yet">
        <p>
          The first run comes when an hour with events has ended. Shippers send them to ingest.listen, inputs.tail reads them from files
          {can(me, "write") ? (
            <>
              : <a href="/inputs">see whether they come</a>.
            </>
          ) : (
            "."
          )}
        </p>
      </Empty>
    );
  const now = Date.now();
  const begin = moment(from || usual, now) ?? now;
  const wider = ranges.find((r) => (moment(r.from, now) ?? now) < begin && /d$/.test(r.from) && r.from !== "now-2d");
  const end = last && Date.parse(last.end);
  // Of logs that are looked at long after they were written no range up to now has a run.
  const old = end !== undefined && end < begin;
  const more = old
    ? { href: here({ from: rfc3339(end - week), to: rfc3339(end) }), name: "the week up to the newest run" }
    : to !== "" && to !== "now"
      ? { href: here({ from: "", to: "" }), name: `the ${rangeName(usual, "")}` }
      : wider && { href: here({ from: wider.from, to: "" }), name: `the ${rangeName(wider.from, "")}` };
  return (
    <Empty title={q ? "No finding fits the filter in this time" : "No finding in this time"}>
      {last && (
        <p>
          The newest run looked at the time up to <When at={last.end} />.
        </p>
      )}
      {(q || more) && (
        <p>
          {q && <a href={here({ q: "" })}>Remove the filter</a>}
          {q && more && ", or "}
          {more && (
            <a href={more.href}>
              {q ? "look" : "Look"} at {more.name}
            </a>
          )}
          .
        </p>
      )}
    </Empty>
  );
}

const week = 7 * 86_400_000;
