import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { asApiError, call, path, request } from '../api/client.js';
import { amountOf, isLive, type Job, mayResume } from '../api/types.js';
import { duration, percent, time } from '../format.js';
import { announce } from '../parts/announce.js';
import { ThroughputChart } from '../parts/chart.js';
import { Confirm } from '../parts/dialog.js';
import { Facts } from '../parts/field.js';
import { ErrorBox, Warnings } from '../parts/messages.js';
import { Progress } from '../parts/progress.js';
import { State } from '../parts/state.js';
import { View } from '../parts/view.js';
import { href } from '../router.js';
import { secondsOf } from './jobs.js';
import { useJob } from './use-job.js';

/** Tells screen readers the state, and every tenth of the way. */
function useAnnounced(job: Job | undefined): void {
  const told = useRef('');
  useEffect(() => {
    if (!job) return;
    const { done, total } = amountOf(job);
    const share = percent(done, total);
    const step = share === null || job.state !== 'running' ? '' : `, ${Math.floor(share / 10) * 10} percent`;
    const text = `Job ${job.task} is ${job.state}${step}`;
    if (told.current !== '' && told.current !== text) announce(text);
    told.current = text;
  }, [job]);
}

function Log({ id, live }: { id: string; live: boolean }): JSX.Element {
  const [text, setText] = useState<string>();
  const [error, setError] = useState<unknown>();
  const load = async (): Promise<void> => {
    try {
      setText(await (await request('GET', `${path('jobs', id)}/log`, { accept: 'text/plain' })).text());
      setError(undefined);
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <details class="panel" onToggle={(event) => event.currentTarget.open && text === undefined && void load()}>
      <summary>Log</summary>
      <ErrorBox error={error === undefined ? null : asApiError(error)} />
      {text !== undefined && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
        <pre tabIndex={0} role="log" aria-label="Log of the job" aria-live="off">
          {text || 'Nothing has been logged.'}
        </pre>
      )}
      {live && (
        <button type="button" onClick={load}>
          Read again
        </button>
      )}
    </details>
  );
}

function Actions(props: { job: Job; onChanged: () => void; onError: (thrown: unknown) => void }): JSX.Element {
  const { job, onChanged, onError } = props;
  const [asking, setAsking] = useState(false);
  const act = async (verb: 'cancel' | 'resume'): Promise<void> => {
    setAsking(false);
    try {
      await call('POST', path('jobs', job.id, verb));
      announce(verb === 'cancel' ? 'The job is being cancelled' : 'The job is queued again');
      onError(undefined);
    } catch (thrown) {
      onError(thrown);
    }
    onChanged();
  };
  return (
    <>
      {isLive(job.state) && (
        <button type="button" class="danger" onClick={() => setAsking(true)}>
          Cancel job
        </button>
      )}
      {mayResume(job.state) && (
        <button type="button" onClick={() => act('resume')}>
          Resume
        </button>
      )}
      {!isLive(job.state) && (
        <a class="button main" href={href('jobs', job.id, 'report')}>
          Report
        </a>
      )}
      {asking && (
        <Confirm
          title="Cancel this job?"
          action="Yes, cancel it"
          onYes={() => act('cancel')}
          onClose={() => setAsking(false)}
        >
          <p>What has arrived stays where it is. The job can be resumed later.</p>
        </Confirm>
      )}
    </>
  );
}

function facts(job: Job): (readonly [string, JSX.Element | string])[] {
  const seconds = secondsOf(job);
  return [
    ['State', <State key="state" state={job.state} />],
    ['Submitted', time(job.created)],
    ['Begun', time(job.started)],
    ['Ended', time(job.ended)],
    ['Took', seconds === null ? 'not yet' : duration(seconds)],
    ['Attempts', String(job.attempts)],
    ...(job.schedule ? ([['Schedule', job.schedule]] as const) : []),
  ];
}

/** One job as it goes on. */
export function JobView({ id }: { id: string }): JSX.Element {
  const { job, error, samples, reload } = useJob(id);
  const [failed, setFailed] = useState<unknown>();
  useAnnounced(job);
  const targets = job?.progress ?? [];
  const actions = job && <Actions job={job} onChanged={reload} onError={setFailed} />;
  return (
    <View title={job ? `${job.task} ${job.id}` : `Job ${id}`} actions={actions}>
      <ErrorBox error={failed === undefined ? error : asApiError(failed)} />
      {job && (
        <>
          <ErrorBox error={job.error} />
          <Facts rows={facts(job)} />
          {targets.length > 0 && (
            <section class="panel" aria-labelledby="progress">
              <h2 id="progress">Progress</h2>
              {targets.map((part) => (
                <Progress key={part.target ?? ''} progress={part} live={isLive(job.state)} />
              ))}
              <ThroughputChart samples={samples} />
            </section>
          )}
          <Warnings warnings={job.warnings} />
          <Log id={id} live={isLive(job.state)} />
        </>
      )}
    </View>
  );
}
