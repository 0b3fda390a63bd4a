import { useState } from "preact/hooks";
import { type APIError, type Schema, request } from "../api/client";
import { asError } from "../api/hooks";
import type { Changes } from "../lib/tuning";
import { Copy, Dialog, Text, toast } from "./parts";

/** Does what changes something, and says how it went. */
export async function act(what: () => Promise<unknown>, good: string): Promise<boolean> {
  try {
    await what();
    toast(good);
    return true;
  } catch (e) {
    toast(asError(e).message, "bad");
    return false;
  }
}

/** Something that must be confirmed. */
export interface Question {
  title: string;
  text: string;
  button: string;
  yes: () => Promise<unknown>;
}

export function QuestionDialog({ question, close }: { question: Question; close: () => void }) {
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

/** Something secret at the one moment when it can be shown. */
export interface Secret {
  title: string;
  rows: [string, string][];
}

export function SecretDialog({ secret, close }: { secret: Secret; close: () => void }) {
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

/** Settings that people save: what they set, and which of the saved ones no longer count. */
export interface Saving {
  set: Changes;
  forget?: string[];
}

/** Asks whether settings are to be saved, and saves them. */
export function SaveDialog({
  title,
  saving,
  close,
  done,
  children,
}: {
  title: string;
  saving: Saving;
  close: () => void;
  done: () => void;
  children: preact.ComponentChildren;
}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<APIError | null>(null);
  const save = async () => {
    setBusy(true);
    try {
      await request<Schema["ConfigAnswer"]>("PUT", "/api/v1/config", saving);
      toast("Saved. It counts from the next run on.");
      close();
      done();
    } catch (e) {
      setError(asError(e));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={close}>
      {children}
      <p>It counts from the next run on, also after a new start, and stands in the audit trail with your name.</p>
      {error && (
        <div class="wrong" role="alert">
          {error.body.settings ? <Problems of={error} /> : <Text>{error.message}</Text>}
        </div>
      )}
      <button type="button" class="primary" disabled={busy} onClick={save}>
        Save
      </button>
    </Dialog>
  );
}

/** All that is wrong with settings, each with its key, and the way to it where the page has it. */
export function Problems({ of, has }: { of: APIError; has?: (key: string) => boolean }) {
  return (
    <>
      {of.body.settings?.map((p) => (
        <p key={`${p.key} ${p.message}`}>
          {has?.(p.key) ? (
            <a href={`#set-${p.key}`}>
              <Text>{p.key}</Text>
            </a>
          ) : (
            <Text>{p.key}</Text>
          )}
          : <Text>{p.message}</Text>
        </p>
      ))}
    </>
  );
}
