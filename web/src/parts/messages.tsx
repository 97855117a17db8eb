import type { ComponentChildren, JSX } from 'preact';
import type { Failure } from '../api/types.js';
import { Icon } from './icon.js';

/** What went wrong and the next step; read aloud at once. */
export function ErrorBox({ error }: { error: Failure | undefined | null }): JSX.Element | null {
  if (!error) return null;
  return (
    <div class="box bad" role="alert">
      <Icon name="cross" />
      <div>
        <p>
          <strong>{error.code}</strong>: <span class="pre">{error.message}</span>
        </p>
        {error.hint && <p>{error.hint}</p>}
      </div>
    </div>
  );
}

export function Warnings({ warnings }: { warnings: readonly string[] | undefined }): JSX.Element | null {
  if (!warnings || warnings.length === 0) return null;
  return (
    <section class="box warn" aria-label="Warnings">
      <Icon name="warning" />
      <div>
        <p>
          <strong>{warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`}</strong>
        </p>
        <ul>
          {warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      </div>
    </section>
  );
}

/** Said where a list has nothing. */
export function Empty({ children }: { children: ComponentChildren }): JSX.Element {
  return <p class="empty">{children}</p>;
}
