import { appendFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import { sleep } from '../../src/util/abort.js';
import { type Ran, ran, temporaryFolder } from '../e2e/support.js';
import { type CliOptions, type RunningCli, startCli } from '../support/cli.js';
import { acksIn, ledgerIn } from '../support/ledger.js';
import { type Random, SEED } from './random.js';
import { type Audit, type Prepared, resultsFile, type TaskType } from './scenarios.js';

export interface StartOptions extends CliOptions {
  /** At a pace at which it is there for seconds still, whatever is to befall it: on a busy machine we may be late. */
  readonly slowly?: boolean;
}

/** A job: one YAML file and the state folder in which its ledger lies. */
export interface Job {
  readonly yaml: string;
  readonly stateFolder: string;
  start(o?: StartOptions): Promise<RunningCli>;
  /** Runs it to its end and checks its output against the schema. */
  run(o?: CliOptions): Promise<Ran>;
}

const TIMEOUT_MS = 600_000;
const SLOWLY = { max_rate: '800 KB/s' };

export async function jobOf({ task, keys }: Pick<Prepared, 'task' | 'keys'>, state?: string): Promise<Job> {
  const folder = await temporaryFolder();
  // The pace is no part of what makes a job: both files are of one.
  const [yaml, slow] = [join(folder, 'task.yaml'), join(folder, 'slow.yaml')];
  await writeFile(yaml, stringify({ [task]: keys }));
  await writeFile(slow, stringify({ [task]: { ...keys, ...SLOWLY } }));
  const stateFolder = state ?? join(folder, 'state');
  const start = ({ slowly, ...o }: StartOptions = {}): Promise<RunningCli> =>
    startCli(['--yaml', slowly ? slow : yaml, '--json'], { stateFolder, timeoutMs: TIMEOUT_MS, ...o });
  return { yaml, stateFolder, start, run: async (o) => ran(await (await start(o)).result) };
}

/** Path of the job's ledger; undefined where there is none. */
export const ledgerOf = (job: Job): string | undefined => ledgerIn(job.stateFolder);

/** Acknowledgements that the ledger holds. */
export const acksOf = (job: Job): number => acksIn(job.stateFolder);

/** When a run is killed: at so many further acknowledgements, or as soon as it says that a phase begins. */
export type Moment = { readonly acks: number } | { readonly phase: string };

export interface KillOptions {
  readonly delayMs?: number;
  readonly slowly?: boolean;
}

/** Starts the job and kills it (SIGKILL) at that moment. False where it ended before; that must have been a success. */
export async function killAt(
  job: Job,
  moment: Moment,
  { delayMs = 0, slowly = false }: KillOptions = {},
): Promise<boolean> {
  const before = acksOf(job);
  const running = await job.start({ slowly });
  let over = false;
  void running.result.then(() => {
    over = true;
  });
  const due = (): boolean =>
    'acks' in moment ? acksOf(job) >= before + moment.acks : running.stderr().includes(`phase ${moment.phase}`);
  while (!over && !due()) await sleep(1);
  if (delayMs > 0) await sleep(delayMs);
  running.child.kill('SIGKILL');
  const result = await running.result;
  if (result.signal === 'SIGKILL') return true;
  expect(ran(result), result.stderr).toMatchObject({ code: 0 });
  return false;
}

/** What became of a test's faults, for the table of `npm run test:soak`. */
export interface Outcome {
  readonly kind: 'kill' | 'fault';
  readonly task: TaskType;
  readonly what: string;
  readonly made: number;
  readonly survived: number;
  readonly lost: number;
  readonly doubled: number;
  readonly wrong: number;
}

function note(outcome: Outcome): void {
  appendFileSync(resultsFile(), `${JSON.stringify({ ...outcome, seed: SEED })}\n`);
}

/** Reads the target by an independent reader, notes what was found and fails unless every row is there exactly once. */
export async function settle(prepared: Prepared, what: string, kind: Outcome['kind'], made: number): Promise<void> {
  let found: Audit | undefined;
  try {
    found = await prepared.audit();
  } finally {
    const good = found !== undefined && JSON.stringify(found) === JSON.stringify(prepared.expected);
    // Without an audit nothing is known of the rows; the faults do not count as survived.
    const { lost, doubled, wrong } = found ?? { lost: 0, doubled: 0, wrong: 0 };
    note({ kind, task: prepared.task, what, made, survived: good ? made : 0, lost, doubled, wrong });
  }
  expect(found, `${what} after ${made} ${kind}s, SEED=${SEED}`).toEqual(prepared.expected);
}

const PHASES = ['preflight', 'prepare', 'write', 'flush', 'verify'] as const;

/** Kills the job so many times, mostly at a random acknowledgement, and runs it to its end. Gives the kills that it took. */
export async function killAndFinish(job: Job, random: Random, kills: number, acks: number): Promise<number> {
  let made = 0;
  for (let i = 0; i < kills; i++) {
    // One kill in five hits a phase; the others spread over what is left of the run.
    const atPhase = random.between(1, 5) === 5;
    const moment: Moment = atPhase
      ? { phase: random.pick(PHASES) }
      : { acks: random.between(0, Math.max(1, Math.floor(acks / kills))) };
    if (!(await killAt(job, moment, { delayMs: atPhase ? random.between(0, 30) : 0 }))) return made;
    made++;
  }
  const done = await job.run();
  expect(done.report.error, `${done.stderr}\nSEED=${SEED}`).toBe(null);
  expect(done).toMatchObject({ code: 0, report: { status: 'done' } });
  return made;
}
