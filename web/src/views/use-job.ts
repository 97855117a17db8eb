import { useEffect, useState } from 'preact/hooks';
import { type ApiError, asApiError, call, path } from '../api/client.js';
import { readEvents, type ServerEvent } from '../api/events.js';
import { isLive, type Job } from '../api/types.js';
import type { Sample } from '../parts/chart.js';

export interface LiveJob {
  readonly job: Job | undefined;
  readonly error: ApiError | undefined;
  readonly samples: readonly Sample[];
  readonly reload: () => void;
}

const KEPT = 600;
const AGAIN_MS = 1500;

function sampleOf(job: Job): Sample | undefined {
  const rates = job.progress.flatMap((part) => part.rows_per_second ?? []);
  if (job.state !== 'running' || rates.length === 0) return undefined;
  return { at: Date.now() / 1000, rate: rates.reduce((sum, rate) => sum + rate, 0) };
}

/** The job after an event. */
function after(job: Job, { event, data }: ServerEvent): Job {
  if (event === 'job') return JSON.parse(data) as Job;
  if (event === 'progress') {
    const { phase, targets } = JSON.parse(data) as Pick<Job, 'phase'> & { targets: Job['progress'] };
    return { ...job, phase, progress: targets };
  }
  if (event !== 'warning') return job;
  return { ...job, warnings: [...job.warnings, (JSON.parse(data) as { message: string }).message] };
}

/** At most two samples a second; the newest {@link KEPT} are kept. */
function added(samples: readonly Sample[], job: Job): readonly Sample[] {
  const sample = sampleOf(job);
  const last = samples.at(-1);
  if (!sample || (last && sample.at - last.at < 0.5)) return samples;
  return [...samples.slice(1 - KEPT), sample];
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** A job as it goes on: the server tells by events; where the stream breaks off, the job is fetched and listened to again. */
export function useJob(id: string): LiveJob {
  const [state, setState] = useState<{ job?: Job; error?: ApiError }>({});
  const [samples, setSamples] = useState<readonly Sample[]>([]);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const aborter = new AbortController();
    const { signal } = aborter;
    let latest: Job;
    const take = (job: Job): void => {
      latest = job;
      setState({ job });
      setSamples((old) => added(old, job));
    };
    const fetchJob = async (): Promise<void> => take(await call<Job>('GET', path('jobs', id), undefined, signal));
    const listen = (): Promise<void> => {
      const onEvent = (event: ServerEvent): void => take(after(latest, event));
      return readEvents(`${path('jobs', id)}/events`, { signal, onEvent });
    };
    const follow = async (): Promise<void> => {
      while (!signal.aborted) {
        try {
          await fetchJob();
          if (!isLive(latest.state)) return;
          await listen();
        } catch (thrown) {
          if (signal.aborted) return;
          const error = asApiError(thrown);
          setState((old) => ({ ...old, error }));
          if (error.status === 404 || error.status === 401) return;
        }
        await wait(AGAIN_MS, signal);
      }
    };
    void follow();
    return () => aborter.abort();
  }, [id, turn]);
  return { ...state, job: state.job, error: state.error, samples, reload: () => setTurn((old) => old + 1) };
}
