import { useState } from "preact/hooks";
import { type Schema, request } from "../api/client";
import { asError, useAPI } from "../api/hooks";
import { Asked } from "../ui/asked";
import { type Question, QuestionDialog, type Secret, SecretDialog, act } from "../ui/change";
import { useMe } from "../ui/context";
import { Dot, Panel, Text, When, toast } from "../ui/parts";
import { type Column, Table } from "../ui/table";

type User = Schema["User"];

const roles: Record<string, string> = {
  viewer: "sees findings",
  analyst: "also makes runs and tries settings",
  admin: "also saves settings, manages users and keys",
};

export function UsersPage() {
  const me = useMe();
  const list = useAPI<Schema["UserList"]>("/api/v1/users");
  const [secret, setSecret] = useState<Secret | null>(null);
  const [question, setQuestion] = useState<Question | null>(null);
  const path = (u: User) => `/api/v1/users/${encodeURIComponent(u.name)}`;
  const change = async (what: () => Promise<unknown>, good: string) => {
    await act(what, good);
    list.reload();
  };
  /** Does what answers with a password, and shows it. */
  const secretly = async (what: () => Promise<{ password?: string }>, title: string, name: string) => {
    try {
      setSecret({ title, rows: [[name, (await what()).password ?? ""]] });
    } catch (e) {
      toast(asError(e).message, "bad");
    }
    list.reload();
  };
  const add = async (e: SubmitEvent) => {
    e.preventDefault();
    const element = e.currentTarget as HTMLFormElement;
    const { name, role } = Object.fromEntries(new FormData(element));
    await secretly(
      async () => {
        const made = await request<Schema["NewUserAnswer"]>("POST", "/api/v1/users", { name, role });
        element.reset();
        return made;
      },
      `The user ${name} is made`,
      "first password",
    );
  };
  const columns: Column<User>[] = [
    {
      head: "name",
      kind: "v",
      cell: (u) => (
        <>
          <Text>{u.name}</Text> {u.name === me?.name && <span class="tag">you</span>}
        </>
      ),
    },
    {
      head: "role",
      cell: (u) => (
        <select
          aria-label={`Role of ${u.name}`}
          value={u.role}
          onChange={(e) => {
            const role = e.currentTarget.value;
            void change(() => request("PATCH", path(u), { role }), `${u.name} is ${role} now.`);
          }}
        >
          {Object.keys(roles).map((r) => (
            <option key={r}>{r}</option>
          ))}
        </select>
      ),
    },
    {
      head: "state",
      cell: (u) => (
        <>
          <Dot of={u.disabled ? "bad" : "ok"} /> {u.disabled ? "kept out" : u.must_change ? "must choose a password" : "may log in"}
        </>
      ),
    },
    { head: "last login", kind: "t wide", cell: (u) => <When at={u.last_login} /> },
    {
      head: "made",
      kind: "t wide",
      cell: (u) => (
        <>
          <When at={u.created_at} /> <span class="muted">by {u.created_by}</span>
        </>
      ),
    },
    { head: "password of", kind: "t wide", cell: (u) => <When at={u.password_at} /> },
    {
      head: "",
      kind: "buttons",
      cell: (u) => (
        <>
          <button
            type="button"
            class="small"
            onClick={() =>
              change(
                () => request("PATCH", path(u), { disabled: !u.disabled }),
                u.disabled ? `${u.name} may log in again.` : `${u.name} is kept out.`,
              )
            }
          >
            {u.disabled ? "Let in" : "Keep out"}
          </button>
          <button
            type="button"
            class="small"
            onClick={() =>
              setQuestion({
                title: `Give ${u.name} another password?`,
                text: "All sessions of the user end. The new password is shown once, and must be changed at the next login.",
                button: "Give another password",
                yes: () =>
                  secretly(
                    () => request<Schema["PasswordAnswer"]>("POST", `${path(u)}/password`, {}),
                    `Another password for ${u.name}`,
                    "password",
                  ),
              })
            }
          >
            Password
          </button>
          <button
            type="button"
            class="small"
            onClick={() => change(() => request("DELETE", `${path(u)}/sessions`), `All sessions of ${u.name} have ended.`)}
          >
            End sessions
          </button>
          <button
            type="button"
            class="small danger"
            onClick={() =>
              setQuestion({
                title: `Remove ${u.name}?`,
                text: "The user and all sessions are removed. What they did stays in the audit trail.",
                button: `Remove ${u.name}`,
                yes: () => change(() => request("DELETE", path(u)), `${u.name} is removed.`),
              })
            }
          >
            Remove
          </button>
        </>
      ),
    },
  ];
  return (
    <Panel id="users" title="Users" note="Who may log in. A new user gets a password that must be changed at the first login.">
      <form class="inline" onSubmit={add}>
        <label>
          Name
          <input
            name="name"
            required
            pattern="[a-z0-9][a-z0-9._@\-]{0,63}"
            title="a lower-case letter or digit, then up to 63 of these or . _ @ -"
            autocapitalize="off"
            autocomplete="off"
            spellcheck={false}
          />
        </label>
        <label>
          Role
          <select name="role">
            {Object.entries(roles).map(([r, may]) => (
              <option key={r} value={r}>
                {r}: {may}
              </option>
            ))}
          </select>
        </label>
        <button type="submit">Add a user</button>
      </form>
      <Asked of={list} what="the users">
        {({ users }) => <Table label="Users" columns={columns} rows={users} id={(u) => u.name} />}
      </Asked>
      {secret && <SecretDialog secret={secret} close={() => setSecret(null)} />}
      {question && <QuestionDialog question={question} close={() => setQuestion(null)} />}
    </Panel>
  );
}
