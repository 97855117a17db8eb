import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { sleep } from '../../src/util/abort.js';
import { PROJECT } from '../../test/support/environments.js';
import { MAIN } from '../lib/cli.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median } from '../lib/stats.js';

const CLIENTS = 50;
const JOBS = 4;
/** Jobs that have ended and fill the list. */
const ENDED = 100;
/** Each client asks so often: five times as often as a page that is looked at. */
const EVERY_MS = 200;
const ROUNDS = 40;
const MOST_MS = 100;

interface Server {
  readonly url: string;
  readonly child: ChildProcess;
}

async function startServer(setup: Setup): Promise<Server> {
  const state = await mkdtemp(join(setup.folder, 'serve-'));
  const args = [MAIN, 'serve', '--port', '0', '--json', '--quiet', '--max-jobs', String(JOBS)];
  const child = spawn(process.execPath, [...args, '--max-jobs-per-connection', String(JOBS)], {
    env: { ...process.env, MILVUSDM_PATH: state },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout!.once('data', (line: Buffer) => resolve((JSON.parse(String(line)) as { url: string }).url));
    child.once('exit', () => reject(new Error('the server did not start')));
  });
  return { url, child };
}

async function post(url: string, body?: object): Promise<{ readonly id: string }> {
  const json = body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {};
  const answer = await fetch(url, { method: 'POST', ...json });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as { id: string };
}

/** Jobs that write for longer than the measurement takes, and then a list of others that were cancelled. */
async function fill(setup: Setup, url: string, names: readonly string[]): Promise<void> {
  const common = { dest_uri: `http://${await setup.server()}`, mode: 'append', verify: 'none' };
  const task = (dest_collection_name: string, data_path: string) => ({
    task: {
      H2M: {
        ...common,
        data_path,
        dest_collection_name,
        max_rate: '150 rows/s',
        batch_bytes: 65536,
        collection_parameter: { metric_type: 'L2', index: 'none' },
      },
    },
  });
  const data = join(PROJECT, 'fixtures', 'hdf5', 'quickstart.h5');
  const ids = await Promise.all(names.map(async (name) => (await post(`${url}/jobs`, task(name, data))).id));
  for (let at = 0; at < ENDED; at++) {
    const { id } = await post(`${url}/jobs`, task(`none_${at}`, `/nothing/${at}.h5`));
    await post(`${url}/jobs/${id}/cancel`);
  }
  for (const id of ids) {
    for (let phase = ''; phase !== 'write'; await sleep(100)) {
      const job = (await (await fetch(`${url}/jobs/${id}`)).json()) as { phase: string | null; state: string };
      if (job.state !== 'running' && job.state !== 'queued') throw new Error(`a job ended early: ${job.state}`);
      phase = job.phase ?? '';
    }
  }
}

function list(url: string, agent: Agent): Promise<number> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    get(`${url}/jobs?limit=50`, { agent }, (answer) => {
      answer.resume();
      answer.once('end', () =>
        answer.statusCode === 200 ? resolve(performance.now() - began) : reject(new Error(`${answer.statusCode}`)),
      );
    }).once('error', reject);
  });
}

async function client(url: string, agent: Agent): Promise<number[]> {
  const times: number[] = [];
  await sleep(Math.random() * EVERY_MS);
  for (let round = 0; round < ROUNDS; round++) {
    const took = await list(url, agent);
    times.push(took);
    await sleep(Math.max(0, EVERY_MS - took));
  }
  return times;
}

/** How long the list of jobs takes 50 clients while four jobs run, on loopback. */
export async function serveSection(setup: Setup): Promise<Result[]> {
  const { url, child } = await startServer(setup);
  const names = Array.from({ length: JOBS }, (_, at) => `bench_serve_${process.pid}_${at}`);
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  try {
    await fill(setup, `${url}/api/v1`, names);
    const perRun: number[][] = [];
    for (let run = 0; run < setup.repetitions; run++) {
      const times = await Promise.all(Array.from({ length: CLIENTS }, () => client(`${url}/api/v1`, agent)));
      perRun.push(times.flat().sort((a, b) => a - b));
    }
    const at = (share: number): number[] => perRun.map((sorted) => sorted[Math.ceil(sorted.length * share) - 1]!);
    const row = { section: 'server', unit: 'ms' } as const;
    const what = `of ${CLIENTS} clients listing jobs while ${JOBS} run`;
    const target = { at: 'most', value: MOST_MS } as const;
    return [
      { ...row, name: `median ${what}`, value: median(at(0.5)), values: at(0.5) },
      { ...row, name: `p99 ${what}`, value: median(at(0.99)), values: at(0.99), target },
    ];
  } finally {
    agent.destroy();
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
    for (const name of names) await setup.drop(name);
  }
}
