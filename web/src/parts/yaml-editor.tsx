import type { JSX } from 'preact';
import { useId, useRef } from 'preact/hooks';
import type { Issue } from '../api/client.js';
import { offsetOf } from './offset.js';

function Gutter({ text, issues }: { text: string; issues: readonly Issue[] }): JSX.Element {
  const faulty = new Set(issues.map((issue) => issue.line));
  return (
    <div class="gutter" aria-hidden="true">
      {text.split('\n').map((_, i) => (
        <span key={i} class={faulty.has(i + 1) ? 'faulty' : undefined}>
          {faulty.has(i + 1) ? `! ${i + 1}` : i + 1}
        </span>
      ))}
    </div>
  );
}

/** A text of YAML with numbers of lines, and beside it what is wrong; each mistake leads to its place. */
export function YamlEditor(props: {
  label: string;
  value: string;
  issues: readonly Issue[];
  /** What is known of the text; read aloud when it changes. */
  verdict: string;
  onValue: (value: string) => void;
}): JSX.Element {
  const { label, value, issues, verdict, onValue } = props;
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const show = (issue: Issue): void => {
    const at = offsetOf(value, issue.line, issue.column);
    const rest = /^[\w.-]+/.exec(value.slice(at))?.[0].length ?? 1;
    area.current?.focus();
    area.current?.setSelectionRange(at, at + rest);
  };
  return (
    <div class="editor">
      <div class="stack">
        <label for={id}>{label}</label>
        <div class="text">
          <Gutter text={value} issues={issues} />
          <textarea
            id={id}
            ref={area}
            wrap="off"
            spellcheck={false}
            autocapitalize="off"
            autocomplete="off"
            rows={Math.max(16, value.split('\n').length + 1)}
            aria-invalid={issues.length > 0}
            aria-describedby={`${id}-verdict`}
            value={value}
            onInput={(event) => onValue(event.currentTarget.value)}
          />
        </div>
      </div>
      <section class="verdict" aria-label="Validation">
        <p id={`${id}-verdict`} role="status" class={issues.length > 0 ? 'faulty' : undefined}>
          {verdict}
        </p>
        {issues.length > 0 && (
          <ol>
            {issues.map((issue) => (
              <li key={`${issue.line}:${issue.column}:${issue.message}`}>
                <button type="button" class="plain" onClick={() => show(issue)}>
                  <span class="place">
                    {issue.line}:{issue.column}
                  </span>{' '}
                  {issue.path && <code>{issue.path}</code>} {issue.message}
                </button>
              </li>
            ))}
          </ol>
        )}
      </section>
    </div>
  );
}
