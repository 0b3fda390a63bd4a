import { useState } from "preact/hooks";
import { type Schema, request } from "../api/client";
import { asError, useAPI } from "../api/hooks";
import { rfc3339 } from "../lib/time";
import { Asked } from "../ui/asked";
import { type Question, QuestionDialog, type Secret, SecretDialog, act } from "../ui/change";
import { Empty, Panel, Text, When, toast } from "../ui/parts";
import { type Column, Table } from "../ui/table";

type Key = Schema["Key"];

const scopes = [
  ["ingest", "send events"],
  ["read", "read findings"],
  ["write", "make runs"],
] as const;

export function KeysPage() {
  const list = useAPI<Schema["KeyList"]>("/api/v1/keys");
  const [secret, setSecret] = useState<Secret | null>(null);
  const [question, setQuestion] = useState<Question | null>(null);
  const add = async (e: SubmitEvent) => {
    e.preventDefault();
    const element = e.currentTarget as HTMLFormElement;
    const form = new FormData(element);
    const chosen = scopes.map(([s]) => s).filter((s) => form.get(s));
    if (chosen.length === 0) {
      toast("Choose what the key may do: send events, read findings or make runs.", "bad");
      return;
    }
    const until = String(form.get("until"));
    try {
      const made = await request<Schema["NewKeyAnswer"]>("POST", "/api/v1/keys", {
        name: String(form.get("name")),
        scopes: chosen,
        ...(until ? { expires_at: rfc3339(Date.parse(until)) } : {}),
      });
      element.reset();
      setSecret({
        title: `The key ${made.key.name} is made`,
        rows: [
          ["id", made.key.id],
          ["secret", made.secret],
          ["header", `Authorization: ApiKey ${made.encoded}`],
        ],
      });
    } catch (e) {
      toast(asError(e).message, "bad");
    }
    list.reload();
  };
  const columns: Column<Key>[] = [
    { head: "what for", kind: "v", cell: (k) => <Text>{k.name}</Text> },
    { head: "id", kind: "code", cell: (k) => k.id },
    { head: "may", cell: (k) => k.scopes.map((s) => scopes.find(([name]) => name === s)?.[1] ?? s).join(", ") },
    {
      head: "made",
      kind: "t wide",
      cell: (k) => (
        <>
          <When at={k.created_at} /> <span class="muted">by {k.created_by}</span>
        </>
      ),
    },
    { head: "last used", kind: "t wide", cell: (k) => <When at={k.last_used} /> },
    {
      head: "until",
      kind: "t",
      cell: (k) =>
        !k.expires_at ? (
          <span class="muted">for ever</span>
        ) : Date.parse(k.expires_at) < Date.now() ? (
          <b class="bad">ended</b>
        ) : (
          <When at={k.expires_at} />
        ),
    },
    {
      head: "",
      kind: "buttons",
      cell: (k) => (
        <button
          type="button"
          class="small danger"
          onClick={() =>
            setQuestion({
              title: `Revoke the key ${k.name}?`,
              text: "Programs that use it are refused from now on.",
              button: "Revoke it",
              yes: async () => {
                await act(() => request("DELETE", `/api/v1/keys/${encodeURIComponent(k.id)}`), `The key ${k.name} is revoked.`);
                list.reload();
              },
            })
          }
        >
          Revoke
        </button>
      ),
    },
  ];
  return (
    <Panel id="keys" title="API keys" note="For programs: shippers that send events, and scripts that read findings.">
      <form class="inline" onSubmit={add}>
        <label>
          What for
          <input name="name" required maxLength={64} autocomplete="off" />
        </label>
        <fieldset>
          <legend class="hidden">What it may do</legend>
          {scopes.map(([s, what]) => (
            <label key={s} class="check">
              <input type="checkbox" name={s} defaultChecked={s === "ingest"} /> {what}
            </label>
          ))}
        </fieldset>
        <label>
          Until (empty: for ever)
          <input type="datetime-local" name="until" />
        </label>
        <button type="submit">Make a key</button>
      </form>
      <Asked of={list} what="the keys">
        {({ keys }) =>
          keys.length === 0 ? (
            <Empty title="No key yet">
              <p>Make one for each shipper: then one of them can be revoked without the others.</p>
            </Empty>
          ) : (
            <Table label="API keys" columns={columns} rows={keys} id={(k) => k.id} />
          )
        }
      </Asked>
      {secret && <SecretDialog secret={secret} close={() => setSecret(null)} />}
      {question && <QuestionDialog question={question} close={() => setQuestion(null)} />}
    </Panel>
  );
}
