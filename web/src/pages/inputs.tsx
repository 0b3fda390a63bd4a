import type { Schema } from "../api/client";
import { useAPI } from "../api/hooks";
import { bytes, count, inputCounts } from "../lib/format";
import { ago } from "../lib/time";
import { Asked } from "../ui/asked";
import { Dot, Empty, Fact, Panel, Text, When } from "../ui/parts";
import { type Column, Table } from "../ui/table";

type Input = Schema["Input"];

const healthNames: Record<string, string> = {
  ok: "works",
  idle: "idle: nothing has come for a while",
  failing: "failing: the last attempt ended in an error",
};

const columns: Column<Input>[] = [
  { head: "input", kind: "v", cell: (i) => <Text>{i.name}</Text> },
  { head: "kind", cell: (i) => i.kind },
  {
    head: "health",
    cell: (i) => (
      <>
        <Dot of={i.health === "ok" || i.health === "idle" ? i.health : "bad"} /> {i.health === "idle" && !i.last_event ? "idle: nothing has come yet" : (healthNames[i.health] ?? i.health)}
      </>
    ),
  },
  {
    head: "last event",
    kind: "t",
    cell: (i) => (
      <>
        <When at={i.last_event} /> {i.last_event && <span class="muted">{ago(Date.parse(i.last_event), Date.now())}</span>}
      </>
    ),
  },
  { head: "counts", cell: (i) => inputCounts(i.counts) || <span class="muted">nothing yet</span> },
  {
    head: "last error",
    kind: "v",
    cell: (i) =>
      i.last_error ? (
        <>
          <Text>{i.last_error}</Text> <When at={i.error_at} />
        </>
      ) : (
        <span class="muted">none</span>
      ),
  },
];

export function InputsPage() {
  const list = useAPI<Schema["InputList"]>("/api/v1/inputs", 15);
  const version = useAPI<Schema["Version"]>("/api/v1/version", 15);
  return (
    <>
      <Panel id="inputs" title="Inputs" note="The ways in which events come, since the service started.">
        <Asked of={list} what="the inputs">
          {({ inputs }) =>
            inputs.length === 0 ? (
              <Empty title="No input">
                <p>Set ingest.listen for shippers, or inputs.tail for files.</p>
              </Empty>
            ) : (
              <Table label="Inputs" columns={columns} rows={inputs} id={(i) => i.name} />
            )
          }
        </Asked>
      </Panel>
      <Panel id="store" title="Store">
        <Asked of={version} what="the store" rows={1}>
          {({ store, product, version }) => (
            <ul class="facts pad">
              <Fact name="events kept">{count(store.events)}</Fact>
              <Fact name="on disk">{bytes(store.bytes)}</Fact>
              <Fact name="oldest event">
                <When at={store.oldest} />
              </Fact>
              <Fact name="newest event">
                <When at={store.newest} />
              </Fact>
              <Fact name="runs here">
                {product} {version}
              </Fact>
            </ul>
          )}
        </Asked>
      </Panel>
    </>
  );
}
