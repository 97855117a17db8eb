import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PROJECT } from '../test/support/environments.js';
import { MAIN } from './lib/cli.js';
import { describeMachine, load } from './lib/machine.js';
import { type PartRun, withResults } from './lib/readme.js';
import { type Findings, isMet, type Result, table } from './lib/results.js';
import { openSetup, type Setup } from './lib/setup.js';
import { backupSection } from './sections/backup.js';
import { bulkSection } from './sections/bulk.js';
import { cpuSection } from './sections/cpu.js';
import { faissKindsSection } from './sections/faiss-kinds.js';
import { insertSection } from './sections/insert.js';
import { legacySection } from './sections/legacy.js';
import { logicalBackupSection } from './sections/logical-backup.js';
import { memorySection } from './sections/memory.js';
import { readBackupSection } from './sections/read-backup.js';
import { readMilvusSection } from './sections/read-milvus.js';
import { replaySection } from './sections/replay.js';
import { restoreSection } from './sections/restore.js';
import { serveSection } from './sections/serve.js';
import { shardsSection } from './sections/shards.js';
import { snapshotSection } from './sections/snapshot.js';
import { startupSection } from './sections/startup.js';
import { throughputSection } from './sections/throughput.js';
import { writeHdf5Section } from './sections/write-hdf5.js';

const SECTIONS: Readonly<Record<string, (setup: Setup) => Promise<Result[] | Findings>>> = {
  startup: startupSection,
  throughput: throughputSection,
  'faiss-kinds': faissKindsSection,
  insert: insertSection,
  bulk: bulkSection,
  replay: replaySection,
  cpu: cpuSection,
  shards: shardsSection,
  legacy: legacySection,
  'write-hdf5': writeHdf5Section,
  memory: memorySection,
  'read-milvus': readMilvusSection,
  'logical-backup': logicalBackupSection,
  backup: backupSection,
  snapshot: snapshotSection,
  'read-backup': readBackupSection,
  restore: restoreSection,
  serve: serveSection,
};

const README = join(PROJECT, 'bench', 'README.md');

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    repetitions: { type: 'string' },
    only: { type: 'string' },
    json: { type: 'string' },
    write: { type: 'boolean' },
  },
  allowNegative: true,
});
if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: run \`npm run build\` first`);
const repetitions = Number(values.repetitions ?? (values.quick ? 1 : 3));
if (!Number.isInteger(repetitions) || repetitions < 1) throw new Error('--repetitions needs a whole number from 1');
const chosen = values.only?.split(',') ?? Object.keys(SECTIONS);

await using setup = await openSetup({ repetitions, quick: values.quick });
const machine = await describeMachine(setup.python);
const date = new Date().toISOString().slice(0, 10);
const runs: PartRun[] = [];
for (const part of chosen) {
  const section = SECTIONS[part];
  if (!section) throw new Error(`--only ${part}: the parts are ${Object.keys(SECTIONS).join(', ')}`);
  const before = load();
  setup.log(`part ${part} (load ${before})`);
  const found = await section(setup);
  const { results, notes } = Array.isArray(found) ? { results: found, notes: [] } : found;
  for (const note of notes) setup.log(note);
  const run = {
    part,
    date,
    quick: values.quick,
    repetitions,
    machine,
    load: { before, after: load() },
    results,
    notes,
  };
  runs.push(run);
  // After each part, so that what is measured is not lost with a later part that fails.
  if (values.write ?? !values.quick) await writeFile(README, withResults(await readFile(README, 'utf8'), run));
}
const results = runs.flatMap((run) => run.results);
const document = {
  date,
  quick: values.quick,
  repetitions,
  machine,
  parts: runs.map(({ part, load, results }) => ({
    part,
    load,
    results: results.map((r) => ({ ...r, met: isMet(r) })),
  })),
};
process.stdout.write(`${table(results)}\n\n${JSON.stringify(document)}\n`);
if (values.json) await writeFile(values.json, `${JSON.stringify(document, null, 2)}\n`);
const missed = results.filter((r) => isMet(r) === false).length;
setup.log(missed === 0 ? 'all targets are met' : `${missed} targets are missed`);
