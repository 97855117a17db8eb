import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { type ApiError, asApiError, call } from '../api/client.js';
import { Field } from '../parts/field.js';
import { ErrorBox } from '../parts/messages.js';
import { View } from '../parts/view.js';
import { locked, logIn, token } from '../session.js';

/** Asks for the token, and tries it before it is kept. */
export function Login(): JSX.Element {
  const [value, setValue] = useState('');
  const [error, setError] = useState<ApiError>();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setError(undefined);
    token.set(value.trim());
    try {
      await call('GET', '/jobs?limit=1');
      logIn(value.trim());
      locked.set(false);
    } catch (thrown) {
      setError(asApiError(thrown));
    }
  };
  return (
    <View title="Log in to milvusdm">
      <form onSubmit={submit} class="panel stack">
        <Field
          label="Token"
          type="password"
          required
          autoComplete="current-password"
          hint="A line of the file that the server was started with (--token-file). This tab forgets it when it is closed."
          value={value}
          onValue={setValue}
        />
        <ErrorBox error={error} />
        <div class="actions">
          <button type="submit" class="main">
            Log in
          </button>
        </div>
      </form>
    </View>
  );
}
