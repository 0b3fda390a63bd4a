import { useState } from "preact/hooks";
import { type Schema, request } from "../api/client";
import { asError, useAPI, usePages } from "../api/hooks";
import { bytes, count, duration } from "../lib/format";
import { ago, localInput, moment, rfc3339 } from "../lib/time";
import { link } from "../lib/url";
import { carry, useMe, useView } from "../ui/context";
import { Copy, Dialog, Empty, Failed, Loading, Panel, Text, When, toast } from "../ui/parts";
import { PasswordForm } from "./login";

/** Does what changes something, and says how it went. */
async function act(what: () => Promise<unknown>, good: string): Promise<boolean> {
  try {
    await what();
    toast(good);
    return true;
  } catch (e) {
    toast(asError(e).message, "bad");
    return false;
  }
}

export function RunsPage() {
  const view = useView();
  const { pages, stale, error, next, load, busy, reload } = usePages<Schema["RunList"]>(
    link("/api/v1/runs", { from: view.from, to: view.to, limit: 100 }),
  );
  const runs = pages.flatMap((p) => p.runs);
  const first = pages[0];
  return (
    <Panel
      id="runs"
      title="Runs"
      note={
        first?.next_run ? (
          <>
            Each looks at a window of events. The next window ends at <When at={first.next_run} />.
          </>
        ) : (
          "Each looks at a window of events."
        )
      }
    >
      <ByHand done={reload} newest={runs[0]?.end} />
      {error && !first ? (
        <Failed what="The runs" error={error} retry={reload} />
      ) : !first ? (
        <Loading what="runs" rows={6} />
      ) : runs.length === 0 ? (
        <Empty title="No run yet">
          <p>The first comes when an hour with events has ended. Send events, or make a run by hand.</p>
        </Empty>
      ) : (
        <>
          <div class={`scroll${stale ? " stale" : ""}`}>
            <table class="list">
              <thead>
                <tr>
                  <th>window up to</th>
                  <th class="n">findings</th>
                  <th class="n">events</th>
                  <th class="n wide">groups</th>
                  <th class="n wide" title="groups and their destinations">
                    rows
                  </th>
                  <th class="n wide" title="of these, with enough callbacks for the timing model">
                    timed
                  </th>
                  <th class="n wide" title="findings below rank.min_score or beyond rank.rows_per_host_day">
                    hidden
                  </th>
                  <th class="n wide" title="events that came after the window had been looked at">
                    late
                  </th>
                  <th class="n" title="events and calls that found no room in memory">
                    dropped
                  </th>
                  <th class="n">took</th>
                  <th class="wide">made</th>
                </tr>
              </thead>
              <tbody>
                {runs.map((r) => (
                  <tr key={r.end} data-row>
                    <td class="t">
                      <a class="row-link" href={carry("/findings", { q: view.q, from: r.end, to: r.end }, { view: "all" })}>
                        <When at={r.end} />
                      </a>
                    </td>
                    <td class="n">{count(r.findings)}</td>
                    <td class="n">{count(r.events)}</td>
                    <td class="n wide">{count(r.groups)}</td>
                    <td class="n wide">{count(r.rows)}</td>
                    <td class="n wide">{count(r.timed)}</td>
                    <td class="n wide">{count(r.hidden)}</td>
                    <td class="n wide">{count(r.late)}</td>
                    <td class={`n${r.dropped > 0 ? " bad" : ""}`}>{count(r.dropped)}</td>
                    <td class="n">{duration((Date.parse(r.finished_at) - Date.parse(r.started_at)) / 1000)}</td>
                    <td class="t wide">
                      <When at={r.finished_at} /> {r.by_hand && <span class="tag">by hand</span>}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {next && (
            <button type="button" class="more" disabled={busy} onClick={load}>
              Show older runs
            </button>
          )}
        </>
      )}
    </Panel>
  );
}

function ByHand({ done, newest }: { done: () => void; newest: string | undefined }) {
  const [end, setEnd] = useState("");
  const [busy, setBusy] = useState(false);
  const value = end || localInput(newest ? Date.parse(newest) : (moment("now-1h", Date.now()) ?? 0));
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    setBusy(true);
    await act(
      () => request<Schema["Run"]>("POST", "/api/v1/runs", { end: rfc3339(Date.parse(value)) }),
      `The run up to ${value.replace("T", " ")} is made.`,
    );
    setBusy(false);
    done();
  };
  return (
    <form class="inline" onSubmit={submit}>
      <label>
        Make a run by hand, up to
        <input type="datetime-local" required value={value} onInput={(e) => setEnd(e.currentTarget.value)} />
      </label>
      <button type="submit" disabled={busy}>
        {busy ? "Running …" : "Run"}
      </button>
      <span class="muted">It takes the place of the run of the same end, and stands in the audit trail.</span>
    </form>
  );
}

const healthNames: Record<string, string> = {
  ok: "works",
  idle: "idle: nothing has come for a while",
  failing: "failing: the last attempt ended in an error",
};

export function InputsPage() {
  const list = useAPI<Schema["InputList"]>("/api/v1/inputs", 15);
  const version = useAPI<Schema["Version"]>("/api/v1/version", 15);
  const now = Date.now();
  return (
    <>
      <Panel id="inputs" title="Inputs" note="The ways in which events come, since the service started.">
        {list.error && !list.data ? (
          <Failed what="The inputs" error={list.error} retry={list.reload} />
        ) : !list.data ? (
          <Loading what="inputs" />
        ) : list.data.inputs.length === 0 ? (
          <Empty title="No input">
            <p>Set ingest.listen for shippers, or inputs.tail for files.</p>
          </Empty>
        ) : (
          <div class="scroll">
            <table class="list">
              <thead>
                <tr>
                  <th>input</th>
                  <th>kind</th>
                  <th>health</th>
                  <th>last event</th>
                  <th>counts</th>
                  <th>last error</th>
                </tr>
              </thead>
              <tbody>
                {list.data.inputs.map((i) => (
                  <tr key={i.name} data-row>
                    <td class="v">
                      <Text>{i.name}</Text>
                    </td>
                    <td>{i.kind}</td>
                    <td>
                      <i class={`dot ${i.health === "ok" ? "ok" : i.health === "idle" ? "idle" : "bad"}`} aria-hidden="true" />{" "}
                      {healthNames[i.health] ?? i.health}
                    </td>
                    <td class="t">
                      <When at={i.last_event} /> {i.last_event && <span class="muted">{ago(Date.parse(i.last_event), now)}</span>}
                    </td>
                    <td>
                      {Object.entries(i.counts)
                        .filter(([, n]) => n > 0)
                        .map(([k, n]) =>
                          k.endsWith("bytes")
                            ? `${bytes(n)} ${k === "bytes" ? "read" : k.replace("_bytes", "").replaceAll("_", " ")}`
                            : `${count(n)} ${k.replaceAll("_", " ")}`,
                        )
                        .join(", ") || <span class="muted">nothing yet</span>}
                    </td>
                    <td class="v">
                      {i.last_error ? (
                        <>
                          <Text>{i.last_error}</Text> <When at={i.error_at} />
                        </>
                      ) : (
                        <span class="muted">none</span>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      {version.data && (
        <Panel id="store" title="Store">
          <ul class="facts pad">
            <li>
              <b>{count(version.data.store.events)}</b>
              <span>events kept</span>
            </li>
            <li>
              <b>{bytes(version.data.store.bytes)}</b>
              <span>on disk</span>
            </li>
            <li>
              <b>
                <When at={version.data.store.oldest} />
              </b>
              <span>oldest event</span>
            </li>
            <li>
              <b>
                <When at={version.data.store.newest} />
              </b>
              <span>newest event</span>
            </li>
            <li>
              <b>
                {version.data.product} {version.data.version}
              </b>
              <span>runs here</span>
            </li>
          </ul>
        </Panel>
      )}
    </>
  );
}

export function ConfigPage() {
  const list = useAPI<Schema["Config"]>("/api/v1/config");
  const [find, setFind] = useState("");
  const [changed, setChanged] = useState(false);
  const all = list.data?.settings ?? [];
  const rows = all.filter(
    (s) => (!changed || s.origin !== "default") && `${s.key} ${s.doc} ${s.value}`.toLowerCase().includes(find.toLowerCase()),
  );
  const set = all.filter((s) => s.origin !== "default").length;
  return (
    <Panel
      id="config"
      title="Configuration"
      note={
        list.data ? (
          <>
            All {count(all.length)} settings in force, {count(set)} of them set. They are changed in the file, the environment or by flags,
            and what detection looks for under <a href="/tuning">Tuning</a>; secrets are not shown.
          </>
        ) : undefined
      }
    >
      <form class="inline" onSubmit={(e) => e.preventDefault()}>
        <label>
          Find
          <input type="search" value={find} onInput={(e) => setFind(e.currentTarget.value)} />
        </label>
        <label class="check">
          <input type="checkbox" checked={changed} onChange={(e) => setChanged(e.currentTarget.checked)} /> only what is set
        </label>
      </form>
      {list.error ? (
        <Failed what="The settings" error={list.error} retry={list.reload} />
      ) : !list.data ? (
        <Loading what="settings" rows={8} />
      ) : rows.length === 0 ? (
        <Empty title="No setting fits">
          <p>Look for another word.</p>
        </Empty>
      ) : (
        <div class="scroll">
          <table class="list">
            <thead>
              <tr>
                <th>setting</th>
                <th>value</th>
                <th class="wide">default</th>
                <th>from</th>
                <th class="wide">meaning</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((s) => (
                <tr key={s.key} data-row class={s.origin === "default" ? "" : "own"}>
                  <td class="code">
                    <Text>{s.key}</Text>
                  </td>
                  <td class="code v">
                    <Text>{s.value}</Text>
                  </td>
                  <td class="code v wide muted">
                    <Text>{s.default}</Text>
                  </td>
                  <td>
                    <Text>{s.origin}</Text>
                  </td>
                  <td class="wide doc">
                    <Text>{s.doc}</Text>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

type User = Schema["User"];

/** Something secret at the one moment when it can be shown. */
interface Secret {
  title: string;
  rows: [string, string][];
}

function SecretDialog({ secret, close }: { secret: Secret; close: () => void }) {
  return (
    <Dialog title={secret.title} onClose={close}>
      <p>Copy it now: nothing can show it again.</p>
      <dl class="secret">
        {secret.rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <code>{value}</code> <Copy text={value} label="Copy" />
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

interface Question {
  title: string;
  text: string;
  button: string;
  yes: () => Promise<void>;
}

function QuestionDialog({ question, close }: { question: Question; close: () => void }) {
  const [busy, setBusy] = useState(false);
  return (
    <Dialog title={question.title} onClose={close}>
      <p>
        <Text>{question.text}</Text>
      </p>
      <button
        type="button"
        class="danger"
        disabled={busy}
        onClick={async () => {
          setBusy(true);
          await question.yes();
          close();
        }}
      >
        {question.button}
      </button>
    </Dialog>
  );
}

const roleSay: Record<string, string> = {
  viewer: "sees findings",
  analyst: "and makes runs, sees the service",
  admin: "and manages users and keys",
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
  const add = async (e: SubmitEvent) => {
    e.preventDefault();
    const element = e.currentTarget as HTMLFormElement;
    const form = new FormData(element);
    const name = String(form.get("name"));
    try {
      const made = await request<Schema["NewUserAnswer"]>("POST", "/api/v1/users", { name, role: String(form.get("role")) });
      element.reset();
      setSecret({ title: `The user ${name} is made`, rows: [["first password", made.password ?? ""]] });
    } catch (e) {
      toast(asError(e).message, "bad");
    }
    list.reload();
  };
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
            {Object.entries(roleSay).map(([r, s]) => (
              <option key={r} value={r}>
                {r}: {s}
              </option>
            ))}
          </select>
        </label>
        <button type="submit">Add a user</button>
      </form>
      {list.error ? (
        <Failed what="The users" error={list.error} retry={list.reload} />
      ) : !list.data ? (
        <Loading what="users" />
      ) : (
        <div class="scroll">
          <table class="list">
            <thead>
              <tr>
                <th>name</th>
                <th>role</th>
                <th>state</th>
                <th class="wide">last login</th>
                <th class="wide">made</th>
                <th class="wide">password of</th>
                <th>
                  <span class="hidden">actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {list.data.users.map((u) => (
                <tr key={u.name}>
                  <td class="v">
                    <Text>{u.name}</Text> {u.name === me?.name && <span class="tag">you</span>}
                  </td>
                  <td>
                    <select
                      aria-label={`Role of ${u.name}`}
                      value={u.role}
                      onChange={(e) => {
                        const role = e.currentTarget.value;
                        void change(() => request("PATCH", path(u), { role }), `${u.name} is ${role} now.`);
                      }}
                    >
                      {Object.keys(roleSay).map((r) => (
                        <option key={r}>{r}</option>
                      ))}
                    </select>
                  </td>
                  <td>
                    <i class={`dot ${u.disabled ? "bad" : "ok"}`} aria-hidden="true" />{" "}
                    {u.disabled ? "kept out" : u.must_change ? "must choose a password" : "may log in"}
                  </td>
                  <td class="t wide">
                    <When at={u.last_login} />
                  </td>
                  <td class="t wide">
                    <When at={u.created_at} /> <span class="muted">by {u.created_by}</span>
                  </td>
                  <td class="t wide">
                    <When at={u.password_at} />
                  </td>
                  <td class="buttons">
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
                          yes: async () => {
                            try {
                              const made = await request<Schema["PasswordAnswer"]>("POST", `${path(u)}/password`, {});
                              setSecret({ title: `Another password for ${u.name}`, rows: [["password", made.password ?? ""]] });
                            } catch (e) {
                              toast(asError(e).message, "bad");
                            }
                            list.reload();
                          },
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
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {secret && <SecretDialog secret={secret} close={() => setSecret(null)} />}
      {question && <QuestionDialog question={question} close={() => setQuestion(null)} />}
    </Panel>
  );
}

const scopes = [
  ["ingest", "send events"],
  ["read", "read findings"],
  ["write", "make runs"],
] as const;

export function KeysPage() {
  const list = useAPI<Schema["KeyList"]>("/api/v1/keys");
  const [secret, setSecret] = useState<Secret | null>(null);
  const [question, setQuestion] = useState<Question | null>(null);
  const now = Date.now();
  const add = async (e: SubmitEvent) => {
    e.preventDefault();
    const element = e.currentTarget as HTMLFormElement;
    const form = new FormData(element);
    const chosen = scopes.map(([s]) => s).filter((s) => form.get(s));
    if (chosen.length === 0) {
      toast("Choose what the key is for: ingest, read or write.", "bad");
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
      {list.error ? (
        <Failed what="The keys" error={list.error} retry={list.reload} />
      ) : !list.data ? (
        <Loading what="keys" />
      ) : list.data.keys.length === 0 ? (
        <Empty title="No key yet">
          <p>Make one for each shipper: then one of them can be revoked without the others.</p>
        </Empty>
      ) : (
        <div class="scroll">
          <table class="list">
            <thead>
              <tr>
                <th>what for</th>
                <th>id</th>
                <th>may</th>
                <th class="wide">made</th>
                <th class="wide">last used</th>
                <th>until</th>
                <th>
                  <span class="hidden">actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {list.data.keys.map((k) => (
                <tr key={k.id}>
                  <td class="v">
                    <Text>{k.name}</Text>
                  </td>
                  <td class="code">{k.id}</td>
                  <td>{k.scopes.join(", ")}</td>
                  <td class="t wide">
                    <When at={k.created_at} /> <span class="muted">by {k.created_by}</span>
                  </td>
                  <td class="t wide">
                    <When at={k.last_used} />
                  </td>
                  <td class="t">
                    {k.expires_at ? (
                      Date.parse(k.expires_at) < now ? (
                        <b class="bad">ended</b>
                      ) : (
                        <When at={k.expires_at} />
                      )
                    ) : (
                      <span class="muted">for ever</span>
                    )}
                  </td>
                  <td class="buttons">
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
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {secret && <SecretDialog secret={secret} close={() => setSecret(null)} />}
      {question && <QuestionDialog question={question} close={() => setQuestion(null)} />}
    </Panel>
  );
}

export function AuditPage() {
  const [before, setBefore] = useState(0);
  const [older, setOlder] = useState<Schema["TrailEntry"][]>([]);
  const list = useAPI<Schema["Trail"]>(link("/api/v1/audit", { before: before || "", limit: 100 }));
  const rows = [...older, ...(list.data?.entries ?? []).filter((e) => !older.some((o) => o.number === e.number))];
  return (
    <Panel id="audit" title="Audit trail" note="Who changed what, the newest first. Nothing in it can be changed or removed.">
      {list.error ? (
        <Failed what="The trail" error={list.error} retry={list.reload} />
      ) : rows.length === 0 && list.loading ? (
        <Loading what="the trail" rows={8} />
      ) : rows.length === 0 ? (
        <Empty title="Nothing yet">
          <p>What people change will stand here.</p>
        </Empty>
      ) : (
        <>
          <div class="scroll">
            <table class="list">
              <thead>
                <tr>
                  <th>time</th>
                  <th>who</th>
                  <th class="wide">from</th>
                  <th>what</th>
                  <th>of</th>
                  <th class="wide">detail</th>
                </tr>
              </thead>
              <tbody>
                {rows.map((e) => (
                  <tr key={e.number} data-row>
                    <td class="t">
                      <When at={e.at} long />
                    </td>
                    <td class="v">
                      <Text>{e.user || "nobody known"}</Text>
                    </td>
                    <td class="wide">
                      <Text>{e.from}</Text>
                    </td>
                    <td>
                      <Text>{e.action}</Text>
                    </td>
                    <td class="v">
                      <Text>{e.subject}</Text>
                    </td>
                    <td class="v wide code">
                      <Text>{e.detail ? JSON.stringify(e.detail) : ""}</Text>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {list.data?.next !== undefined && (
            <button
              type="button"
              class="more"
              disabled={list.loading}
              onClick={() => {
                setOlder(rows);
                setBefore(list.data?.next ?? 0);
              }}
            >
              Show older entries
            </button>
          )}
        </>
      )}
    </Panel>
  );
}

export function AccountPage() {
  const me = useMe();
  return (
    <Panel id="account" title="Your account" note={me ? `${me.name}, ${me.role ?? me.kind}` : undefined}>
      <div class="pad narrow">
        <h3>Change the password</h3>
        <PasswordForm old="" done={() => {}} />
        <h3>Sessions</h3>
        <p class="muted">Ends all sessions of yours, this one as well: of all browsers that you are logged in with.</p>
        <button
          type="button"
          onClick={async () => {
            if (
              me &&
              (await act(() => request("DELETE", `/api/v1/users/${encodeURIComponent(me.name)}/sessions`), "All sessions have ended."))
            )
              location.assign("/");
          }}
        >
          End all sessions
        </button>
      </div>
    </Panel>
  );
}
