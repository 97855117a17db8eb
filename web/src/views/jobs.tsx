import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { asApiError, call } from '../api/client.js';
import { amountOf, JOB_STATES, type Job, type JobPage } from '../api/types.js';
import { useResource } from '../api/use-resource.js';
import { duration, percent, short, time } from '../format.js';
import { Icon } from '../parts/icon.js';
import { Empty, ErrorBox } from '../parts/messages.js';
import { State } from '../parts/state.js';
import { type Column, Table } from '../parts/table.js';
import { View } from '../parts/view.js';
import { href } from '../router.js';

const PAGE = 50;
const TASKS = ['F2M', 'H2M', 'M2M', 'M2H', 'BACKUP', 'RESTORE', 'SNAPSHOT'] as const;

/** Seconds that a job has taken so far, or in all. */
export function secondsOf({ started, ended }: Job): number | null {
  if (!started) return null;
  return (Date.parse(ended ?? new Date().toISOString()) - Date.parse(started)) / 1000;
}

function progressOf(job: Job): string {
  if (job.rows_written) return `${short(job.rows_written)} rows`;
  const { done, total } = amountOf(job);
  const share = percent(done, total);
  const parts = [job.phase, share === null ? null : `${share}\u00a0%`];
  return parts.filter(Boolean).join(', ');
}

function targetsOf({ progress, schedule }: Job): string {
  const names = progress.flatMap((part) => part.target ?? []);
  if (names.length > 3) return `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
  return names.join(', ') || (schedule ? `schedule ${schedule}` : '');
}

const COLUMNS: readonly Column<Job>[] = [
  {
    name: 'Job',
    cell: (job) => (
      <a href={href('jobs', job.id)}>
        <strong>{job.task}</strong> <code>{job.id}</code>
      </a>
    ),
  },
  { name: 'State', cell: (job) => <State state={job.state} /> },
  { name: 'Target', cell: targetsOf },
  { name: 'Progress', cell: progressOf },
  { name: 'Begun', cell: (job) => (job.started ? time(job.started) : `submitted ${time(job.created)}`) },
  {
    name: 'Took',
    figures: true,
    cell: (job) => {
      const seconds = secondsOf(job);
      return seconds === null ? '' : duration(seconds);
    },
  },
];

/** All jobs, the newest first; fresh every two seconds. */
export function Jobs(): JSX.Element {
  const [state, setState] = useState('');
  const [task, setTask] = useState('');
  const [older, setOlder] = useState<{ of: string; jobs: readonly Job[]; next: string | null }>();
  const [failed, setFailed] = useState<unknown>();
  const query = new URLSearchParams({ limit: String(PAGE), ...(state && { state }), ...(task && { task }) });
  const path = `/jobs?${query}`;
  const { data, error } = useResource<JobPage>(path, 2000);
  const more = older?.of === path ? older : undefined;
  const shown = data?.jobs ?? [];
  const known = new Set(shown.map((job) => job.id));
  const rows = [...shown, ...(more?.jobs ?? []).filter((job) => !known.has(job.id))];
  const next = more ? more.next : data?.next;
  const loadMore = async (): Promise<void> => {
    try {
      const page = await call<JobPage>('GET', `${path}&cursor=${encodeURIComponent(next ?? '')}`);
      setOlder({ of: path, jobs: [...(more?.jobs ?? []), ...page.jobs], next: page.next });
    } catch (thrown) {
      setFailed(thrown);
    }
  };
  const start = (
    <a class="button main" href={href('new')}>
      <Icon name="plus" />
      New job
    </a>
  );
  return (
    <View title="Jobs" actions={start}>
      <search class="filters">
        <label>
          State
          <select value={state} onChange={(event) => setState(event.currentTarget.value)}>
            <option value="">all</option>
            {JOB_STATES.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          Task
          <select value={task} onChange={(event) => setTask(event.currentTarget.value)}>
            <option value="">all</option>
            {TASKS.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </search>
      <ErrorBox error={error ?? (failed === undefined ? undefined : asApiError(failed))} />
      {data && rows.length === 0 && (
        <Empty>{state || task ? 'No job is like this.' : 'No job yet: start the first one with "New job".'}</Empty>
      )}
      {rows.length > 0 && <Table caption="Jobs, the newest first" columns={COLUMNS} rows={rows} keyOf={(j) => j.id} />}
      {next && (
        <div class="actions">
          <button type="button" onClick={loadMore}>
            Older jobs
          </button>
        </div>
      )}
    </View>
  );
}
