import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT } from '../../test/support/environments.js';
import { type Measured, measureOk } from './process.js';

/** The built command line. */
export const MAIN: string = join(PROJECT, 'dist', 'cli', 'main.js');

export interface Migration {
  readonly task: 'F2M' | 'H2M' | 'M2M' | 'M2H';
  /** A file; for M2M and M2H the folder of an old Milvus with the collection `large`. */
  readonly source: string;
  /** host:port of the target; for M2H the folder that is written to. */
  readonly address: string;
  readonly collection: string;
  /** Further keys of the task, as YAML values. */
  readonly keys?: Readonly<Record<string, string>>;
}

export interface MigrationResult {
  readonly rows: number;
  /** Seconds between the start of each phase and the start of the next. */
  readonly phases: ReadonlyMap<string, number>;
  /** CPU seconds of the process within each phase. */
  readonly cpu: ReadonlyMap<string, number>;
  readonly seconds: number;
  /** CPU seconds of the whole process. */
  readonly cpuSeconds: number;
  readonly peakMiB: number;
  /** Resident memory, MiB, once a second. */
  readonly resident: readonly number[];
  /** Content digest of the rows, as the report has it. */
  readonly digest: string | null;
}

/** The only collection of the folders that fixtures/mk-legacy.py writes with `--variant large`. */
export const LARGE = 'large';

function sourceKeys({ task, source, collection }: Migration): Record<string, string> {
  const path = JSON.stringify(source);
  if (task === 'F2M' || task === 'H2M') {
    return { data_path: task === 'H2M' ? `[${path}]` : path, dest_collection_name: collection };
  }
  const map: Record<string, string> = task === 'M2M' ? { collection_map: `{${LARGE}: ${collection}}` } : {};
  return { source_milvus_path: path, source_collection: LARGE, ...map };
}

function targetKeys({ task, address }: Migration): Record<string, string> {
  if (task === 'M2H') return { data_dir: JSON.stringify(address) };
  const [host, port] = address.split(':') as [string, string];
  // M2M takes the metric from its source.
  const parameter = `{${task === 'M2M' ? '' : 'metric_type: L2, '}index: none, shards: 1}`;
  return { dest_host: host, dest_port: port, mode: 'overwrite', verify: 'count', collection_parameter: parameter };
}

function yamlOf(m: Migration): string {
  const keys = { ...sourceKeys(m), ...targetKeys(m), ...m.keys };
  return [`${m.task}:`, ...Object.entries(keys).map(([key, value]) => `  ${key}: ${value}`), ''].join('\n');
}

interface LogLine {
  readonly time: string;
  readonly msg: string;
}

/** A phase from its beginning to that of the next, or the end of the process; times in milliseconds since 1970. */
export interface Phase {
  readonly phase: string;
  readonly from: number;
  readonly to: number;
}

/** The log at level debug names every phase when it begins. */
function phasesOf({ stderr, ended }: Measured): Phase[] {
  const begun: { phase: string; at: number }[] = [];
  for (const text of stderr.split('\n')) {
    if (!text.startsWith('{')) continue;
    const { time, msg } = JSON.parse(text) as LogLine;
    if (msg.startsWith('phase ')) begun.push({ phase: msg.slice(6), at: Date.parse(time) });
  }
  return begun.map(({ phase, at }, i) => ({ phase, from: at, to: begun[i + 1]?.at ?? ended }));
}

/** Adds up per phase what `amount` says of each stretch of it. */
function perPhase(phases: readonly Phase[], amount: (phase: Phase) => number): Map<string, number> {
  const sums = new Map<string, number>();
  for (const one of phases) sums.set(one.phase, (sums.get(one.phase) ?? 0) + amount(one));
  return sums;
}

/** CPU seconds between two times. */
function cpuBetween(samples: Measured['cpu'], { from, to }: Phase): number {
  const at = (time: number): number => samples.findLast((sample) => sample.at <= time)?.seconds ?? 0;
  return at(to) - at(from);
}

interface Report {
  readonly status: string;
  readonly targets: readonly {
    readonly rows_written: number;
    readonly target_rows: number;
    readonly digest: string | null;
  }[];
}

/** One process of the command line that has ended well. */
export interface CliRun {
  readonly report: Report;
  readonly phases: readonly Phase[];
  readonly measured: Measured;
}

/** Writes the YAML file of a migration into `folder`. */
export async function writeYaml(m: Migration, folder: string): Promise<string> {
  const yaml = join(folder, `${m.collection}.yaml`);
  await writeFile(yaml, yamlOf(m));
  return yaml;
}

/** Runs the command line as a process of its own. Throws unless its report says `done`. */
export async function runCli(args: readonly string[], folder: string): Promise<CliRun> {
  const all = [MAIN, ...args, '--json', '--log-level', 'debug', '--log-format', 'json'];
  const env = { MILVUSDM_PATH: join(folder, 'state') };
  const measured = await measureOk(process.execPath, all, { env, memory: true });
  const report = JSON.parse(measured.stdout) as Report;
  if (report.status !== 'done') throw new Error(`milvusdm ${args.join(' ')}: ${measured.stdout}`);
  return { report, phases: phasesOf(measured), measured };
}

/** Runs `milvusdm --yaml` as a process of its own. Throws unless every row was written and counted. */
export async function migrate(m: Migration, folder: string): Promise<MigrationResult> {
  const { report, phases, measured } = await runCli(['--yaml', await writeYaml(m, folder)], folder);
  const { seconds, peakMiB, cpu, resident } = measured;
  const [target] = report.targets;
  if (!target || target.rows_written !== target.target_rows) {
    throw new Error(`milvusdm did not write everything: ${measured.stdout}`);
  }
  return {
    rows: target.rows_written,
    phases: perPhase(phases, ({ from, to }) => (to - from) / 1000),
    cpu: perPhase(phases, (phase) => cpuBetween(cpu, phase)),
    seconds,
    cpuSeconds: cpu.at(-1)?.seconds ?? 0,
    peakMiB,
    resident,
    digest: target.digest,
  };
}
