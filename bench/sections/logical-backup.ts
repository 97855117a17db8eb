import { join } from 'node:path';
import { apart } from '../lib/cores.js';
import { load, untilIdle } from '../lib/machine.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median, pairedRatio } from '../lib/stats.js';
import { COLLECTION, DIM, peer, READER, readBy, type Sample, type Tool, withCollection } from './read-milvus.js';

const COMPRESSIONS = ['zstd', 'none'] as const;
const SHARED = 'cores shared with the server';
const OWN = 'cores of its own';
const NEEDED = { ratio: 1, peakMiB: 300 };
/** The server looks after what it was given for some time. */
const MOST_REST_MS = 60_000;

function backup(compression: (typeof COMPRESSIONS)[number]): Tool {
  return {
    name: `logical backup (${compression})`,
    rows: (all) => all,
    command: (setup, address) => [
      process.execPath,
      [peer('logical-backup.mjs'), address, COLLECTION, join(setup.folder, 'logical'), compression],
    ],
  };
}

const TOOLS: readonly Tool[] = [READER, ...COMPRESSIONS.map(backup)];

type Samples = ReadonlyMap<Tool, Sample[]>;

async function takeTurns(setup: Setup, rows: number, where: string, prefix: readonly string[] = []): Promise<Samples> {
  const samples = new Map<Tool, Sample[]>(TOOLS.map((tool) => [tool, []]));
  for (let repetition = 0; repetition < setup.repetitions; repetition++) {
    for (let turn = 0; turn < TOOLS.length; turn++) {
      const tool = TOOLS[(repetition + turn) % TOOLS.length]!;
      const before = load();
      const sample = await readBy(setup, tool, rows, prefix);
      samples.get(tool)!.push(sample);
      setup.log(`${tool.name}, ${where}: ${Math.round(sample.rowsPerSecond)} rows/s (load before ${before})`);
    }
  }
  return samples;
}

const ratesOf = (samples: readonly Sample[]): number[] => samples.map((s) => s.rowsPerSecond);

function speeds(section: string, where: string, samples: Samples): Result[] {
  const reading = ratesOf(samples.get(READER)!);
  const rates = [...samples].map(([{ name }, of]): Result => {
    const values = ratesOf(of);
    return { section, name: `${name}, ${where}`, value: median(values), unit: 'rows/s', values };
  });
  const ratios = TOOLS.slice(1).map((tool): Result => {
    const own = ratesOf(samples.get(tool)!);
    const values = own.map((rate, i) => rate / reading[i]!);
    const target = { at: 'least', value: NEEDED.ratio } as const;
    return {
      section,
      name: `${tool.name} / reading, ${where}`,
      value: pairedRatio(own, reading),
      unit: 'times',
      values,
      target,
    };
  });
  return [...rates, ...ratios];
}

function costs(section: string, samples: Samples): Result[] {
  return TOOLS.slice(1).flatMap((tool): Result[] => {
    const of = samples.get(tool)!;
    const [peaks, before] = [of.map((s) => s.peakMiB), of.map((s) => s.before!)];
    const target = { at: 'most', value: NEEDED.peakMiB } as const;
    return [
      { section, name: `${tool.name}, memory`, value: Math.max(...peaks), unit: 'MiB', values: peaks, target },
      { section, name: `${tool.name}, before it reads`, value: median(before), unit: 's', values: before },
    ];
  });
}

/**
 * A logical backup beside milvusdm's own reader alone, which keeps nothing: on cores that they share with the server, and on cores
 * of their own, as where the server is another machine.
 */
export function logicalBackupSection(setup: Setup): Promise<Result[]> {
  return withCollection(setup, async (rows) => {
    const section = `logical backup ${rows.toLocaleString('en')} x ${DIM}`;
    await untilIdle(MOST_REST_MS);
    const together = await takeTurns(setup, rows, SHARED);
    const alone = await apart(setup.serverPid(), (prefix) => takeTurns(setup, rows, OWN, prefix));
    if (!alone) setup.log('the server cannot be given cores of its own here');
    return [
      ...speeds(section, SHARED, together),
      ...(alone ? speeds(section, OWN, alone) : []),
      ...costs(section, together),
    ];
  });
}
