import type { Schema } from "../api/client";
import { every, jitter } from "../lib/format";
import { safe } from "../lib/safe";
import { type Finding, hostOf, placeOf, timerOf } from "../pages/document";
import { Risk, Text } from "./parts";
import type { Column } from "./table";

/** A line of a list: a finding, and what it stands for where that is more than itself. */
export interface Line {
  finding: Finding;
  href: string;
  of?: Schema["CaseLine"] | undefined;
}

/** What every list of findings says first. */
export function findingColumns<T>(lineOf: (row: T) => Line): Column<T>[] {
  const column = (column: Omit<Column<T>, "cell"> & { cell: (line: Line) => preact.ComponentChildren }): Column<T> => ({
    ...column,
    cell: (row) => column.cell(lineOf(row)),
  });
  return [
    column({
      head: "risk",
      kind: "n",
      sort: "event.risk_score",
      cell: ({ finding, of }) => <Risk score={of ? of.max_score : finding.event?.risk_score} />,
    }),
    column({
      head: "host",
      kind: "v",
      sort: "host.name",
      order: "asc",
      cell: ({ finding, href, of }) => (
        <>
          <a class="row-link" href={href}>
            <Text>{hostOf(finding).value}</Text>
          </a>
          <Others all={of?.hosts} own={hostOf(finding).value} /> {of && of.findings > 1 && <span class="tag">{of.findings} findings</span>}
        </>
      ),
    }),
    column({
      head: "process",
      kind: "v",
      sort: "process.name",
      order: "asc",
      cell: ({ finding, of }) => (
        <>
          <Text>{finding.process?.name}</Text>
          <Others all={of?.processes} own={finding.process?.name ?? ""} />
        </>
      ),
    }),
    column({
      head: "destination",
      kind: "v d wide",
      sort: "fresnel.destination",
      order: "asc",
      cell: ({ finding, of }) => <Place finding={finding} of={of} />,
    }),
    column({
      head: "period",
      kind: "n",
      sort: "fresnel.timing.period_s",
      cell: ({ finding }) => {
        const t = timerOf(finding);
        return t ? every(t.period_s) : "–";
      },
    }),
    column({
      head: "jitter",
      kind: "n wide",
      sort: "fresnel.timing.jitter",
      cell: ({ finding }) => {
        const t = timerOf(finding);
        return t ? jitter(t.jitter) : "–";
      },
    }),
  ];
}

function Place({ finding, of }: Pick<Line, "finding" | "of">) {
  return (
    <>
      <Text>{placeOf(finding)}</Text>
      <Others all={of?.destinations} own={placeOf(finding)} />
    </>
  );
}

/** The destination below a row: on a phone it has no column, for which names are too long. */
export function PlaceBelow(line: Pick<Line, "finding" | "of">) {
  return (
    <p class="phone place">
      <span class="muted">→</span> <Place {...line} />
    </p>
  );
}

/** How many others there are, which the pointer tells. The API names 20 at most. */
function Others({ all = [], own }: { all?: string[] | undefined; own: string }) {
  const rest = all.filter((v) => v !== own);
  if (rest.length === 0) return null;
  return (
    <>
      {" "}
      <span class="muted" title={rest.map(safe).join(", ")}>
        +{rest.length}
        {all.length >= 20 ? " or more" : ""}
      </span>
    </>
  );
}
