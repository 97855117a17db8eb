import { useState } from 'preact/hooks';
import { type ApiError, asApiError } from '../api/client.js';

export interface Action {
  readonly busy: boolean;
  readonly error: ApiError | undefined;
  /** Does it; an error is kept for the view. Resolves to whether it went well. */
  readonly run: (work: () => Promise<void>) => Promise<boolean>;
}

/** Something that a view does by a button: while it lasts, and how it failed. */
export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const run = async (work: () => Promise<void>): Promise<boolean> => {
    setBusy(true);
    setError(undefined);
    try {
      await work();
      return true;
    } catch (thrown) {
      setError(asApiError(thrown));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, run };
}
