import type { components } from "./schema";

export type Schema = components["schemas"];
export type APIErrorBody = Schema["Error"];

/** What a request that failed was answered with, or that there was no answer (status 0). */
export class APIError extends Error {
  constructor(
    readonly status: number,
    readonly body: APIErrorBody,
    readonly retryAfter: number,
  ) {
    super(body.message);
  }
}

/** Told when the server no longer knows who asks. */
export const session = { lost: (_: APIError): void => {} };

export async function request<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  let r: Response;
  try {
    r = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (e) {
    if (signal?.aborted) throw e;
    throw new APIError(0, { code: "unreachable", message: "the service does not answer" }, 0);
  }
  if (r.status === 204) return undefined as T;
  let answer: unknown;
  try {
    answer = await r.json();
  } catch {
    if (signal?.aborted) throw new DOMException("aborted", "AbortError");
    throw new APIError(r.status, { code: "unreadable", message: `the service answered ${r.status} with what is no JSON` }, 0);
  }
  if (!r.ok) {
    const error = new APIError(
      r.status,
      (answer as { error?: APIErrorBody }).error ?? { code: "unreadable", message: `the service answered ${r.status}` },
      Number(r.headers.get("Retry-After") ?? 0),
    );
    if (r.status === 401 && !path.endsWith("/login")) session.lost(error);
    if (error.body.code === "password_change_required") session.lost(error);
    throw error;
  }
  return answer as T;
}

interface Early {
  answer: Promise<unknown>;
  stop: AbortController;
}

/** What was asked for before the page is there that wants it. */
const early = new Map<string, Early>();

/** How long that waits for its page, in milliseconds: a press on a link takes less. */
const earlyFor = 1500;

/** Asks for what a page is about to get. */
export function askEarly(path: string): void {
  if (early.has(path)) return;
  const stop = new AbortController();
  const one = { answer: request<unknown>("GET", path, undefined, stop.signal), stop };
  one.answer.catch(() => {}); // told to the page that gets it
  early.set(path, one);
  setTimeout(() => {
    if (early.get(path) !== one) return;
    early.delete(path);
    stop.abort();
  }, earlyFor);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const one = early.get(path);
  if (!one) return request<T>("GET", path, undefined, signal);
  early.delete(path);
  signal?.addEventListener("abort", () => one.stop.abort());
  return (await one.answer) as T;
}
