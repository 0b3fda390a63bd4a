import type { Schema } from "../api/client";
import { useAPI } from "../api/hooks";
import { count } from "../lib/format";
import { Asked } from "../ui/asked";
import { Empty, Panel, Text } from "../ui/parts";
import { useParam } from "../ui/router";
import { type Column, Table } from "../ui/table";

type Setting = Schema["Setting"];

const columns: Column<Setting>[] = [
  { head: "setting", kind: "code v", cell: (s) => <Text>{s.key}</Text> },
  { head: "value", kind: "code v", cell: (s) => <Text>{s.value}</Text> },
  { head: "default", kind: "code v wide muted", cell: (s) => <Text>{s.default}</Text> },
  { head: "from", kind: "wide", cell: (s) => <Text>{s.origin}</Text> },
  { head: "meaning", kind: "wide doc", cell: (s) => <Text>{s.doc}</Text> },
];

const isSet = (s: Setting) => s.origin !== "default";
const mark = (s: Setting) => (isSet(s) ? "own" : "");

export function ConfigPage() {
  const list = useAPI<Schema["Config"]>("/api/v1/config");
  const [find, setFind] = useParam("find");
  const [only, setOnly] = useParam("only");
  const all = list.data?.settings ?? [];
  const rows = all.filter((s) => (!only || isSet(s)) && `${s.key} ${s.doc} ${s.value}`.toLowerCase().includes(find.toLowerCase()));
  return (
    <Panel
      id="config"
      title="Configuration"
      note={
        list.data && (
          <>
            All {count(all.length)} settings in force, {count(all.filter(isSet).length)} of them set. They are changed in the file, the
            environment or by flags, and what detection looks for under <a href="/tuning">Tuning</a>; secrets are not shown.
          </>
        )
      }
    >
      <form class="inline" onSubmit={(e) => e.preventDefault()}>
        <label>
          Find
          <input type="search" value={find} onInput={(e) => setFind(e.currentTarget.value)} />
        </label>
        <label class="check">
          <input type="checkbox" checked={only !== ""} onChange={(e) => setOnly(e.currentTarget.checked ? "set" : "")} /> only what is set
        </label>
      </form>
      <Asked of={list} what="the settings" rows={8}>
        {() =>
          rows.length === 0 ? (
            <Empty title="No setting fits">
              <p>Look for another word{only && ", or also among those that are not set"}.</p>
            </Empty>
          ) : (
            <Table label="Settings" columns={columns} rows={rows} id={(s) => s.key} mark={mark} />
          )
        }
      </Asked>
    </Panel>
  );
}
