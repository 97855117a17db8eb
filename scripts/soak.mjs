// `npm run test:soak`: every fixture and old directory end to end, the whole fault harness (test/crash) and the server with a long queue, with a table of what that did. KILLS=N per task type, SEED=N to repeat a run.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeReady, PROJECT } from './ready.mjs';

makeReady();
const folder = mkdtempSync(join(tmpdir(), 'milvusdm-soak-'));
const results = join(folder, 'results.jsonl');
const env = {
  ...process.env,
  KILLS: process.env.KILLS ?? '50',
  SERVE_JOBS: process.env.SERVE_JOBS ?? '200',
  SERVE_FUZZ_SECONDS: process.env.SERVE_FUZZ_SECONDS ?? '600',
  FIXTURES: 'all',
  CRASH_RESULTS: results,
};
const vitest = join(PROJECT, 'node_modules', 'vitest', 'vitest.mjs');
const began = Date.now();
const { status } = spawnSync(
  process.execPath,
  [
    vitest,
    'run',
    '--project',
    'servers',
    'test/crash',
    'test/e2e/fixtures',
    'test/e2e/serve',
    'test/e2e/collections',
    'test/interop/legacy-mysql-runs',
    ...process.argv.slice(2),
  ],
  {
    cwd: PROJECT,
    env,
    stdio: 'inherit',
  },
);

const outcomes = existsSync(results)
  ? readFileSync(results, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  : [];
const sum = (list, key) => list.reduce((total, outcome) => total + outcome[key], 0);
const line = (name, list) =>
  `| ${name} | ${sum(list, 'survived')} of ${sum(list, 'made')} | ${list.length} | ${sum(list, 'lost')} | ${sum(list, 'doubled')} | ${sum(list, 'wrong')} |`;
const kills = outcomes.filter((outcome) => outcome.kind === 'kill');
const faults = outcomes.filter((outcome) => outcome.kind === 'fault');
const table = ['| | survived of made | jobs | rows lost | doubled | wrong |', '|---|---|---|---|---|---|'];
for (const task of ['H2M', 'F2M', 'M2M', 'M2H']) {
  table.push(
    line(
      `kill -9, ${task}`,
      kills.filter((outcome) => outcome.task === task),
    ),
  );
}
table.push(line('faults of network, server and disk', faults));
const seeds = [...new Set(outcomes.map((outcome) => outcome.seed))].join(', ');
console.log(`\n${table.join('\n')}\n\nseed ${seeds}, ${Math.round((Date.now() - began) / 60_000)} minutes`);
rmSync(folder, { recursive: true, force: true });
process.exit(status ?? 1);
