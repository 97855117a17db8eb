import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type ApiError, asApiError, call } from './client.js';

/** What a route answers, kept fresh. */
export interface Resource<T> {
  readonly data: T | undefined;
  readonly error: ApiError | undefined;
  readonly reload: () => void;
}

/**
 * Fetches a document, again every `everyMs` while the page is visible, and whenever `reload` is called. An error leaves
 * what was there. `path` undefined: nothing is fetched.
 */
export function useResource<T>(path: string | undefined, everyMs?: number): Resource<T> {
  const [state, setState] = useState<{ path?: string; data?: T; error?: ApiError }>({});
  const [turn, setTurn] = useState(0);
  const busy = useRef(false);
  useEffect(() => {
    if (path === undefined) return;
    const aborter = new AbortController();
    const fetchNow = async (): Promise<void> => {
      if (busy.current || document.hidden) return;
      busy.current = true;
      try {
        const data = await call<T>('GET', path, undefined, aborter.signal);
        if (!aborter.signal.aborted) setState({ path, data });
      } catch (thrown) {
        if (!aborter.signal.aborted) {
          setState((old) => ({ ...(old.path === path ? old : {}), path, error: asApiError(thrown) }));
        }
      } finally {
        busy.current = false;
      }
    };
    busy.current = false;
    void fetchNow();
    const timer = everyMs === undefined ? undefined : setInterval(fetchNow, everyMs);
    document.addEventListener('visibilitychange', fetchNow);
    return () => {
      aborter.abort();
      clearInterval(timer);
      document.removeEventListener('visibilitychange', fetchNow);
    };
  }, [path, everyMs, turn]);
  const reload = useCallback(() => setTurn((old) => old + 1), []);
  const fresh = state.path === path;
  return { data: fresh ? state.data : undefined, error: fresh ? state.error : undefined, reload };
}
