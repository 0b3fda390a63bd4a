import { useState } from "preact/hooks";
import { type APIError, request } from "../api/client";
import { asError } from "../api/hooks";
import type { Me } from "../ui/context";
import { Text, toast } from "../ui/parts";

export function Mark() {
  return (
    <svg class="mark-logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <g fill="none" stroke-width="2.400" stroke-linecap="round">
        <path d="M9 6c4 5.500 4 14.500 0 20" />
        <path d="M15 8c3 4.500 3 11.500 0 16" />
        <path d="M21 10.500c2 3.500 2 7.500 0 11" />
      </g>
    </svg>
  );
}

function say(e: APIError): string {
  switch (e.body.code) {
    case "wrong_credentials":
      return "The name or the password is wrong.";
    case "too_many_logins":
      return `Too many failed logins. Try again in ${e.retryAfter || 60} seconds.`;
    case "wrong_old_password":
      return "The old password is wrong.";
    default:
      return e.message;
  }
}

/** Asks who somebody is. The first login with a password that was given must choose another one. */
export function LoginPage({ me, done }: { me: Me | null; done: (me: Me) => void }) {
  const [given, setGiven] = useState("");
  if (me?.must_change)
    return (
      <main class="login" id="main" tabIndex={-1}>
        <Mark />
        <h1>Choose a password</h1>
        <p class="muted">The one that you have was given to you. Choose your own before anything else.</p>
        <PasswordForm old={given} done={() => request<Me>("GET", "/api/v1/me").then(done)} />
      </main>
    );
  return (
    <main class="login" id="main" tabIndex={-1}>
      <Mark />
      <h1>Fresnel</h1>
      <LoginForm
        done={(m, password) => {
          setGiven(password);
          done(m);
        }}
      />
    </main>
  );
}

function Wrong({ text }: { text: string | null }) {
  return (
    text && (
      <p class="error" role="alert">
        <Text>{text}</Text>
      </p>
    )
  );
}

function LoginForm({ done }: { done: (me: Me, password: string) => void }) {
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    const password = String(form.get("password"));
    setBusy(true);
    setError(null);
    try {
      done(await request<Me>("POST", "/api/v1/login", { name: String(form.get("name")).trim(), password }), password);
    } catch (e) {
      setError(say(asError(e)));
      setBusy(false);
    }
  };
  return (
    <form class="form" onSubmit={submit}>
      <label>
        Name
        <input name="name" required autocomplete="username" autocapitalize="off" spellcheck={false} autofocus />
      </label>
      <label>
        Password
        <input name="password" type="password" required autocomplete="current-password" />
      </label>
      <Wrong text={error} />
      <button type="submit" class="primary" disabled={busy}>
        {busy ? "Logging in …" : "Log in"}
      </button>
      <p class="muted">
        The first user is admin; its password was printed when the service started for the first time. Forgot yours? An admin can give you
        another one.
      </p>
    </form>
  );
}

/** The shortest password that the service takes. */
const shortest = 12;

export function PasswordForm({ old, done }: { old: string; done: () => void }) {
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    const password = String(form.get("password"));
    if (password !== String(form.get("again"))) {
      setError("The two new passwords differ.");
      return;
    }
    setBusy(true);
    setError(null);
    try {
      await request("POST", "/api/v1/me/password", { old: old || String(form.get("old")), password });
      toast("Your password has been changed.");
      (e.target as HTMLFormElement).reset();
      done();
    } catch (e) {
      setError(say(asError(e)));
    }
    setBusy(false);
  };
  return (
    <form class="form" onSubmit={submit}>
      {!old && (
        <label>
          Old password
          <input name="old" type="password" required autocomplete="current-password" />
        </label>
      )}
      <label>
        New password
        <input
          name="password"
          type="password"
          required
          minLength={shortest}
          maxLength={1024}
          autocomplete="new-password"
          aria-describedby="password-rule"
        />
      </label>
      <p class="muted" id="password-rule">
        At least {shortest} characters; several words are easiest to remember.
      </p>
      <label>
        New password again
        <input name="again" type="password" required minLength={shortest} maxLength={1024} autocomplete="new-password" />
      </label>
      <Wrong text={error} />
      <button type="submit" class="primary" disabled={busy}>
        Change the password
      </button>
    </form>
  );
}
