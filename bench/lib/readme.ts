import type { Machine } from './machine.js';
import { type Result, table } from './results.js';

/** One part of a run, as it stands in bench/README.md. */
export interface PartRun {
  readonly part: string;
  /** YYYY-MM-DD. */
  readonly date: string;
  readonly quick: boolean;
  readonly repetitions: number;
  readonly machine: Machine;
  /** Load of the machine before and after the part. */
  readonly load: { readonly before: number; readonly after: number };
  readonly results: readonly Result[];
  /** Markdown that belongs under the table. */
  readonly notes?: readonly string[];
}

function begin(part: string): string {
  return `<!-- ${part}: written by npm run bench -->`;
}

function end(part: string): string {
  return `<!-- end of ${part} -->`;
}

function block(run: PartRun): string {
  const { cores, memoryGiB, versions } = run.machine;
  const tools = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const form = run.quick ? 'quick form, ' : '';
  const times = run.repetitions === 1 ? 'one repetition' : `${run.repetitions} repetitions`;
  return [
    begin(run.part),
    '',
    `### ${run.part}`,
    '',
    `${run.date}, ${form}${times}, load ${run.load.before} before and ${run.load.after} after; ${cores} cores, ${memoryGiB} GiB of memory, Milvus 2.3.5, ${tools.join(', ')}.`,
    '',
    table(run.results),
    '',
    ...(run.notes ?? []).flatMap((note) => [note, '']),
    end(run.part),
  ].join('\n');
}

/** The README with the results of one part in the place of its former ones, or at its end. */
export function withResults(readme: string, run: PartRun): string {
  const from = readme.indexOf(begin(run.part));
  const to = readme.indexOf(end(run.part));
  if (from < 0 || to < from) return `${readme.trimEnd()}\n\n${block(run)}\n`;
  return readme.slice(0, from) + block(run) + readme.slice(to + end(run.part).length);
}
