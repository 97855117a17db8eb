import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type ApiError, asApiError, call, type Issue } from '../api/client.js';
import type { Connection, Job, Plan, Validation } from '../api/types.js';
import { useResource } from '../api/use-resource.js';
import { EXAMPLES } from '../examples.js';
import { bytes, count } from '../format.js';
import { Choice, Facts } from '../parts/field.js';
import { Empty, ErrorBox, Warnings } from '../parts/messages.js';
import { View } from '../parts/view.js';
import { YamlEditor } from '../parts/yaml-editor.js';
import { go } from '../router.js';
import { createStore, useStore } from '../store.js';

/** Kept while one looks at something else. */
const draft = createStore('');
const QUIET_MS = 600;

interface TaskRequest {
  readonly yaml: string;
  /** '' for none. */
  readonly connection: string;
}

function bodyOf({ yaml, connection }: TaskRequest): object {
  return connection === '' ? { yaml } : { yaml, connection };
}

interface Checked {
  readonly of: string;
  readonly issues: readonly Issue[];
}

function verdictOf(text: string, checked: Checked | undefined): string {
  if (text.trim() === '') return 'Write a task, or begin with an example.';
  if (checked?.of !== text) return 'Not checked yet.';
  const { length } = checked.issues;
  if (length === 0) return 'Valid: every key and value is allowed.';
  return length === 1 ? '1 mistake:' : `${length} mistakes:`;
}

function PlanPanel({ plan }: { plan: Plan }): JSX.Element {
  const actions = plan.actions ?? [];
  return (
    <section class="panel" aria-labelledby="plan">
      <h2 id="plan">Plan</h2>
      <p>Nothing has been written. A run would do this:</p>
      <Facts
        rows={[
          ['Server', plan.server ?? 'none'],
          ['Collections', (plan.collections ?? []).join(', ') || 'none'],
          ['Rows', plan.rows === undefined ? 'unknown' : count(plan.rows)],
          ['Bytes', plan.bytes === undefined ? 'unknown' : bytes(plan.bytes)],
        ]}
      />
      {actions.length === 0 ? (
        <Empty>There is nothing to do.</Empty>
      ) : (
        <ol>
          {actions.map((action) => (
            <li key={`${action.kind} ${action.target} ${action.detail}`}>
              <strong>{action.kind}</strong> {action.target} {action.detail}
            </li>
          ))}
        </ol>
      )}
      <Warnings warnings={plan.warnings} />
    </section>
  );
}

/** Validates a text a moment after the last key. */
function useChecked(request: TaskRequest): [Checked | undefined, (checked: Checked) => void] {
  const [checked, setChecked] = useState<Checked>();
  const { yaml: text, connection } = request;
  useEffect(() => {
    if (text.trim() === '') return;
    const aborter = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const { issues } = await call<Validation>(
          'POST',
          '/validate',
          bodyOf({ yaml: text, connection }),
          aborter.signal,
        );
        setChecked({ of: text, issues });
      } catch {
        // Said when one presses a button.
      }
    }, QUIET_MS);
    return () => {
      clearTimeout(timer);
      aborter.abort();
    };
  }, [text, connection]);
  return [checked, setChecked];
}

function Examples({ onPick }: { onPick: (text: string) => void }): JSX.Element {
  return (
    <fieldset class="examples">
      <legend>Begin with an example</legend>
      {Object.entries(EXAMPLES).map(([task, example]) => (
        <button key={task} type="button" onClick={() => onPick(example)}>
          {task}
        </button>
      ))}
    </fieldset>
  );
}

/** A task as YAML: validated before it is sent, planned if one likes, started. */
export function NewJob(): JSX.Element {
  const text = useStore(draft);
  const [connection, setConnection] = useState('');
  const request = { yaml: text, connection };
  const [checked, setChecked] = useChecked(request);
  const { data } = useResource<{ connections: readonly Connection[] }>('/connections');
  const [plan, setPlan] = useState<Plan>();
  const [error, setError] = useState<ApiError>();
  const [busy, setBusy] = useState('');
  const issues = checked?.of === text ? checked.issues : [];

  const act = async (what: string, then: () => Promise<void>): Promise<void> => {
    setBusy(what);
    setError(undefined);
    setPlan(undefined);
    try {
      const found = await call<Validation>('POST', '/validate', bodyOf(request));
      setChecked({ of: text, issues: found.issues });
      if (found.valid) await then();
    } catch (thrown) {
      setError(asApiError(thrown));
    }
    setBusy('');
  };
  const showPlan = async (): Promise<void> => setPlan(await call<Plan>('POST', '/plan', bodyOf(request)));
  const start = async (): Promise<void> => {
    const job = await call<Job>('POST', '/jobs', bodyOf(request));
    draft.set('');
    go('jobs', job.id);
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    void act('start', start);
  };
  const idle = busy === '' && text.trim() !== '';
  return (
    <View title="New job">
      <form onSubmit={submit} class="stack">
        <Examples onPick={(example) => draft.set(example)} />
        <YamlEditor
          label="Task as YAML"
          value={text}
          issues={issues}
          verdict={verdictOf(text, checked)}
          onValue={(value) => draft.set(value)}
        />
        {data && data.connections.length > 0 && (
          <Choice
            label="Connection"
            hint="Brings the address and login of the task, which then has none of its own."
            value={connection}
            onValue={setConnection}
            options={[['', 'none: the task says where'], ...data.connections.map(({ name }) => [name, name] as const)]}
          />
        )}
        <ErrorBox error={error} />
        <div class="actions">
          <button type="button" disabled={!idle} onClick={() => act('plan', showPlan)}>
            {busy === 'plan' ? 'Planning...' : 'Show plan'}
          </button>
          <button type="submit" class="main" disabled={!idle}>
            {busy === 'start' ? 'Starting...' : 'Start job'}
          </button>
        </div>
      </form>
      {plan && <PlanPanel plan={plan} />}
    </View>
  );
}
