import type { Schema } from "../api/client";
import { usePages } from "../api/hooks";
import { Asked, More } from "../ui/asked";
import { Empty, Panel, Text, When } from "../ui/parts";
import { type Column, Table } from "../ui/table";

const columns: Column<Schema["TrailEntry"]>[] = [
  { head: "time", kind: "t", cell: (e) => <When at={e.at} long /> },
  { head: "who", kind: "v", cell: (e) => <Text>{e.user || "nobody known"}</Text> },
  { head: "from", kind: "wide", cell: (e) => <Text>{e.from}</Text> },
  { head: "what", cell: (e) => <Text>{e.action}</Text> },
  { head: "of", kind: "v", cell: (e) => <Text>{e.subject}</Text> },
  { head: "detail", kind: "v wide code", cell: (e) => <Text>{e.detail ? JSON.stringify(e.detail) : ""}</Text> },
];

const path = "/api/v1/audit?limit=100";

export function AuditPage() {
  const list = usePages<Schema["Trail"]>(path, path, "before");
  return (
    <Panel id="audit" title="Audit trail" note="Who changed what, the newest first. Nothing in it can be changed or removed.">
      <Asked of={list} what="the trail" rows={8}>
        {(first) =>
          first.entries.length === 0 ? (
            <Empty title="Nothing yet">
              <p>What people change will stand here.</p>
            </Empty>
          ) : (
            <>
              <Table label="Audit trail" columns={columns} rows={list.pages.flatMap((p) => p.entries)} id={(e) => String(e.number)} />
              <More of={list} what="older entries" />
            </>
          )
        }
      </Asked>
    </Panel>
  );
}
