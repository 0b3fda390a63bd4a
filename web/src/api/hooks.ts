import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { APIError, get } from "./client";

export interface Loaded<T> {
  data: T | null;
  error: APIError | null;
  loading: boolean;
  /** The data are of the path before. */
  stale: boolean;
  reload: () => void;
}

/** Asks the API for a path, and again when it changes. What was there stays until the next has come. */
export function useAPI<T>(path: string | null, everySeconds = 0): Loaded<T> {
  const [state, set] = useState<{ path: string | null; data: T | null; error: APIError | null; loading: boolean }>({
    path: null,
    data: null,
    error: null,
    loading: path !== null,
  });
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  // Before the paint: the answer is waited for, the paint is not.
  useLayoutEffect(() => {
    if (path === null) {
      set({ path, data: null, error: null, loading: false });
      return;
    }
    const stop = new AbortController();
    set((s) => ({ ...s, loading: true }));
    get<T>(path, stop.signal).then(
      (data) => set({ path, data, error: null, loading: false }),
      (error) => {
        if (!stop.signal.aborted) set((s) => ({ path, data: s.path === path ? s.data : null, error: asError(error), loading: false }));
      },
    );
    return () => stop.abort();
  }, [path, turn]);
  useEffect(() => {
    if (everySeconds === 0) return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") reload();
    }, everySeconds * 1000);
    return () => clearInterval(timer);
  }, [everySeconds, reload]);
  return { data: state.data, error: state.error, loading: state.loading || state.path !== path, stale: state.path !== path, reload };
}

export function asError(e: unknown): APIError {
  return e instanceof APIError ? e : new APIError(0, { code: "internal", message: e instanceof Error ? e.message : String(e) }, 0);
}

/** Pages that follow one another, each asked for with what the one before says comes next, the further ones by a path of their own. */
export function usePages<T extends { next?: string | number }>(path: string, further = path, by = "page") {
  const firstPage = useAPI<T>(path);
  const [more, setMore] = useState<{ path: string; pages: T[] }>({ path, pages: [] });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<APIError | null>(null);
  const current = useRef(path);
  current.current = path;
  const pages = more.path === path && firstPage.data ? [firstPage.data, ...more.pages] : firstPage.data ? [firstPage.data] : [];
  const next = pages[pages.length - 1]?.next;
  const load = useCallback(async () => {
    if (!next) return;
    setBusy(true);
    setError(null);
    try {
      const page = await get<T>(`${further}${further.includes("?") ? "&" : "?"}${by}=${encodeURIComponent(next)}`);
      if (current.current === path) setMore((m) => ({ path, pages: [...(m.path === path ? m.pages : []), page] }));
    } catch (e) {
      setError(asError(e));
    }
    setBusy(false);
  }, [next, path, further, by]);
  const reload = useCallback(() => {
    setMore({ path, pages: [] });
    firstPage.reload();
  }, [path, firstPage.reload]);
  return { pages, data: pages[0] ?? null, stale: firstPage.stale, error: firstPage.error ?? error, next, load, busy, reload };
}
