import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type CliRun, migrate, runCli, writeYaml } from '../lib/cli.js';
import { load } from '../lib/machine.js';
import type { Findings, Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median, pairedRatio } from '../lib/stats.js';

const SHARDS = 2;
const DIM = 128;
const NEEDED = 0.9;

interface Turn {
  /** Rows a second of the phase `write`; of several processes from the first that begins it to the last that ends it. */
  readonly one: number;
  readonly shards: number;
  readonly digests: { readonly one: string | null; readonly shards: string | null };
}

function writing({ phases }: CliRun): { readonly from: number; readonly to: number } {
  const phase = phases.find((p) => p.phase === 'write');
  if (!phase) throw new Error('a shard has written nothing');
  return phase;
}

async function byShards(setup: Setup, source: string, rows: number, collection: string) {
  const { folder } = setup;
  const work = join(folder, 'shards');
  await rm(work, { recursive: true, force: true });
  const yaml = await writeYaml({ task: 'H2M', source, address: await setup.server(), collection }, folder);
  await runCli(['prepare', yaml, '--work', work, '--shards', String(SHARDS)], folder);
  const runs = await Promise.all(
    Array.from({ length: SHARDS }, (_, i) =>
      runCli(['run', yaml, '--work', work, '--shard', `${i}/${SHARDS}`], folder),
    ),
  );
  const { report } = await runCli(['finish', yaml, '--work', work], folder);
  const [target] = report.targets;
  if (target?.rows_written !== rows || target.target_rows !== rows) {
    throw new Error(`the shards did not write every row once: ${JSON.stringify(report)}`);
  }
  const spans = runs.map(writing);
  const begin = Math.min(...spans.map(({ from }) => from));
  const seconds = spans.map(
    ({ from, to }) => `${((from - begin) / 1000).toFixed(2)} to ${((to - begin) / 1000).toFixed(2)}`,
  );
  setup.log(`shards: write from ${seconds.join(' and ')} s`);
  const ms = Math.max(...spans.map(({ to }) => to)) - begin;
  return { rate: rows / (ms / 1000), digest: target.digest };
}

async function takeTurn(setup: Setup, rows: number, turn: number): Promise<Turn> {
  const source = await setup.data('hdf5', rows, DIM);
  const name = `bench_shards_${turn}`;
  let one: { rate: number; digest: string | null } | undefined;
  let shards: typeof one;
  const steps = [
    async () => {
      const run = await migrate({ task: 'H2M', source, address: await setup.server(), collection: name }, setup.folder);
      one = { rate: run.rows / run.phases.get('write')!, digest: run.digest };
      await setup.drop(name);
    },
    async () => {
      shards = await byShards(setup, source, rows, `${name}_two`);
      await setup.drop(`${name}_two`);
    },
  ];
  const before = load();
  for (const step of turn % 2 === 0 ? steps : steps.toReversed()) await step();
  if (one!.digest !== shards!.digest) throw new Error(`digests differ: ${one!.digest} and ${shards!.digest}`);
  setup.log(
    `shards: ${Math.round(shards!.rate)} rows/s by ${SHARDS}, ${Math.round(one!.rate)} by one, digest ${shards!.digest} (load before ${before})`,
  );
  return { one: one!.rate, shards: shards!.rate, digests: { one: one!.digest, shards: shards!.digest } };
}

/** Two processes that share a job against one, on the same server; every row has to be there once, with the same digest. */
export async function shardsSection(setup: Setup): Promise<Findings> {
  const rows = setup.quick ? 200_000 : 1_000_000;
  const turns: Turn[] = [];
  for (let turn = 0; turn < setup.repetitions; turn++) turns.push(await takeTurn(setup, rows, turn));
  const section = `shards ${rows.toLocaleString('en')} x ${DIM}`;
  const [one, shards] = [turns.map((t) => t.one), turns.map((t) => t.shards)];
  const rate = (name: string, values: readonly number[]): Result => {
    return { section, name, value: median(values), unit: 'rows/s', values };
  };
  const target = { at: 'least', value: NEEDED } as const;
  const values = shards.map((value, i) => value / one[i]!);
  const { digests } = turns[0]!;
  return {
    results: [
      rate('one process', one),
      rate('two shards at a time', shards),
      { section, name: 'two shards / one process', value: pairedRatio(shards, one), unit: 'times', values, target },
      {
        section,
        name: 'best of two shards / best of one process',
        value: Math.max(...shards) / Math.max(...one),
        unit: 'times',
      },
    ],
    notes: [
      `Content digest of all rows, by one process: \`${digests.one}\`; sum of the two shards, compared by \`finish\` with that of the source: \`${digests.shards}\`. Every repetition found all ${rows.toLocaleString('en')} rows once.`,
    ],
  };
}
