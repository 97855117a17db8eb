import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';

interface FieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
}

function Hint({ id, text }: { id: string; text: string | undefined }): JSX.Element | null {
  return text ? (
    <p id={id} class="hint">
      {text}
    </p>
  ) : null;
}

/** An input with its label and what it is for. */
export function Field(
  props: FieldProps & { type?: 'text' | 'password'; required?: boolean; autoComplete?: string },
): JSX.Element {
  const id = useId();
  const { label, hint, value, onValue, type = 'text', required = false, autoComplete = 'off' } = props;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        {...({ type } as { type: 'text' })}
        value={value}
        required={required}
        autocomplete={autoComplete as 'off'}
        spellcheck={false}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
      <Hint id={`${id}-hint`} text={hint} />
    </div>
  );
}

/** A text of several lines. */
export function Area(props: FieldProps & { rows: number }): JSX.Element {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <textarea
        id={id}
        rows={props.rows}
        spellcheck={false}
        value={props.value}
        onInput={(event) => props.onValue(event.currentTarget.value)}
      />
    </div>
  );
}

/** One of a few values. */
export function Choice(props: FieldProps & { options: readonly (readonly [string, string])[] }): JSX.Element {
  const id = useId();
  const { label, hint, value, onValue, options } = props;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={(event) => onValue(event.currentTarget.value)}
      >
        {options.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
      <Hint id={`${id}-hint`} text={hint} />
    </div>
  );
}

export function Tick(props: { label: string; value: boolean; onValue: (value: boolean) => void }): JSX.Element {
  return (
    <label class="tick">
      <input type="checkbox" checked={props.value} onChange={(event) => props.onValue(event.currentTarget.checked)} />
      {props.label}
    </label>
  );
}

/** Names and values, side by side. */
export function Facts({ rows }: { rows: readonly (readonly [string, ComponentChildren])[] }): JSX.Element {
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
