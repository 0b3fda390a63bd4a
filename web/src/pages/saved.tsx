import { useState } from "preact/hooks";
import { type Schema, request } from "../api/client";
import { type Question, QuestionDialog, act } from "../ui/change";
import { Empty, Panel, Text, When } from "../ui/parts";
import { type Column, Table } from "../ui/table";

type Setting = Schema["SavedSetting"];

const columns: Column<Setting>[] = [
  { head: "setting", kind: "code", cell: (s) => <Text>{s.key}</Text> },
  { head: "value", kind: "code v", cell: (s) => <Text>{s.value}</Text> },
  { head: "by", cell: (s) => <Text>{s.by}</Text> },
  { head: "at", kind: "t", cell: (s) => <When at={s.at} /> },
  {
    head: "in force",
    cell: (s) =>
      s.in_force ? (
        "yes"
      ) : (
        <b class="bad">{s.problem ? <Text>{`no: ${s.problem}`}</Text> : "no: the environment or a flag has another value"}</b>
      ),
  },
];

/** What people saved, and the way back. */
export function Saved({ saved, done, manage }: { saved: Setting[]; done: () => void; manage: boolean }) {
  const [question, setQuestion] = useState<Question | null>(null);
  const reset: Column<Setting> = {
    head: "",
    kind: "buttons",
    cell: (s) => (
      <button
        type="button"
        class="small"
        aria-label={`Reset ${s.key}`}
        onClick={() =>
          setQuestion({
            title: `Reset ${s.key}`,
            text: "From the next run on the settings file counts again, or the default. It stands in the audit trail.",
            button: "Reset it",
            yes: async () => {
              await act(
                () => request("DELETE", `/api/v1/config/${encodeURIComponent(s.key)}`),
                `${s.key} is as it was before it was saved.`,
              );
              done();
            },
          })
        }
      >
        Reset
      </button>
    ),
  };
  return (
    <Panel id="saved" title="Saved settings" note="They come after the settings file, and before the environment and flags.">
      {saved.length === 0 ? (
        <Empty title="Nothing is saved">
          <p>The file, the environment, flags and the defaults say what detection looks for.</p>
        </Empty>
      ) : (
        <Table label="Saved settings" columns={manage ? [...columns, reset] : columns} rows={saved} id={(s) => s.key} />
      )}
      {question && <QuestionDialog question={question} close={() => setQuestion(null)} />}
    </Panel>
  );
}
