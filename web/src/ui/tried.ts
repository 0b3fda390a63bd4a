import { useEffect, useState } from "preact/hooks";
import { type APIError, request } from "../api/client";
import { asError } from "../api/hooks";
import type { Saving } from "./change";

export interface Tried<T> {
  data: T | null;
  error: APIError | null;
  busy: boolean;
  again: () => void;
}

/** Asks the API what settings would do, a moment after the last change, and drops what was asked before. */
export function useTried<T>(path: string, body: (Saving & { end: string }) | null): Tried<T> {
  const [state, set] = useState<{ data: T | null; error: APIError | null; of: string }>({ data: null, error: null, of: "" });
  const [turn, setTurn] = useState(0);
  const key = body ? JSON.stringify(body) : "";
  const of = key && `${turn} ${path} ${key}`;
  useEffect(() => {
    if (!key) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      request<T>("POST", path, JSON.parse(key), stop.signal).then(
        (data) => set({ data, error: null, of }),
        (e) => {
          if (!stop.signal.aborted) set((s) => ({ ...s, error: asError(e), of }));
        },
      );
    }, 300);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [path, key, of]);
  return { data: state.data, error: state.error, busy: of !== state.of, again: () => setTurn((n) => n + 1) };
}
