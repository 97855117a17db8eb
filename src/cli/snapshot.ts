import { existsSync } from 'node:fs';
import { configIssues } from '../config/issues.js';
import { loadJob, validateJob } from '../config/load.js';
import type { SnapshotAction, SnapshotConfig } from '../config/types.js';
import { fail, toMilvusdmError } from '../util/errors.js';
import type { ExitCode } from '../util/exit-codes.js';
import { type GlobalOptions, mayColor } from './options.js';
import { printFailure, printResult, toJson } from './output.js';
import { planText, reportText } from './render/text.js';
import { requireReference } from './secret.js';
import { openSession } from './session.js';

/** Options of the verbs, as commander gives them. */
export interface SnapshotCommandOptions extends Omit<GlobalOptions, 'wait'> {
  readonly collection?: string;
  readonly db?: string;
  readonly token?: string;
  readonly user?: string;
  readonly password?: string;
  readonly ca?: string;
  readonly storage?: string;
  readonly description?: string;
  /** False with --no-flush. */
  readonly flush?: boolean;
  readonly compactionProtection?: number;
  readonly to?: string;
  readonly toDb?: string;
  readonly wait?: boolean;
  readonly verify?: string;
  readonly keepLast?: number;
  readonly olderThan?: string;
  readonly yes?: boolean;
}

type Keys = Readonly<Record<string, string | number | boolean>>;

/** By key of the YAML: the option, or the argument, that sets it. */
const OPTION_OF: Readonly<Record<string, string>> = {
  source_uri: 'WHERE',
  source_collection: '--collection',
  source_db: '--db',
  source_storage: '--storage',
  source_token: '--token',
  source_user: '--user',
  source_password: '--password',
  source_tls: '--ca',
  snapshot_name: 'NAME',
  compaction_protection: '--compaction-protection',
  dest_collection_name: '--to',
  dest_db: '--to-db',
  job_id: 'ID',
  keep_last: '--keep-last',
  older_than: '--older-than',
};

function withoutAbsent<T extends object>(value: T): { [K in keyof T]: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]: NonNullable<T[K]>;
  };
}

/** The keys that the command line sets, whatever WHERE is. */
function keysOf(action: SnapshotAction, subject: string | undefined, o: SnapshotCommandOptions): Keys {
  return withoutAbsent({
    action,
    snapshot_name: action === 'job' ? undefined : subject,
    job_id: action === 'job' ? subject : undefined,
    source_collection: o.collection,
    source_db: o.db,
    description: o.description,
    flush: o.flush === false ? false : undefined,
    compaction_protection: o.compactionProtection,
    dest_collection_name: o.to,
    dest_db: o.toDb,
    wait: o.wait ?? false,
    verify: o.verify,
    keep_last: o.keepLast,
    older_than: o.olderThan,
    apply: o.yes,
  }) as Keys;
}

/** A folder, or `s3://bucket/root` at AWS. */
function storageKeys(storage: string): object {
  const [, bucket, root] = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(storage) ?? [];
  if (bucket === undefined) return { type: 'local', path: storage };
  return { type: 's3', bucket, ...(root ? { root_path: root } : {}) };
}

/** The task that an address and the options that lead into it make, as a YAML file would have it. */
function addressTask(where: string, o: SnapshotCommandOptions): string {
  for (const option of ['token', 'password'] as const) {
    const value = o[option];
    if (value !== undefined) requireReference(option, value);
  }
  const body = withoutAbsent({
    source_uri: where,
    source_token: o.token,
    source_user: o.user,
    source_password: o.password,
    source_tls: o.ca === undefined ? undefined : { ca: o.ca },
    source_storage: o.storage === undefined ? undefined : storageKeys(o.storage),
  });
  return JSON.stringify({ SNAPSHOT: body });
}

/** A mistake of a command line, in its own words. */
function asUsage(thrown: unknown): unknown {
  const error = toMilvusdmError(thrown);
  const issues = configIssues(error);
  if (issues.length === 0) return thrown;
  const texts = issues.map(({ key, message }) => {
    const named = OPTION_OF[key] ?? key;
    const text = message.replace(/\b([a-z]+(?:_[a-z]+)+)\b/g, (word) => OPTION_OF[word] ?? word);
    return named === '' ? text : `${named}: ${text}`;
  });
  return fail('USAGE', texts.join('; '), {
    hint: 'Run `milvusdm snapshot --help`, or name a YAML file of a SNAPSHOT.',
  });
}

const ADDRESS_OPTIONS = ['token', 'user', 'password', 'ca', 'storage'] as const;

/** The task that WHERE, a name or job id, and the options make. Throws USAGE and CFG_*. */
export function snapshotConfig(
  action: SnapshotAction,
  where: string,
  subject: string | undefined,
  o: SnapshotCommandOptions,
): SnapshotConfig {
  const keys = keysOf(action, subject, o);
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(where)) {
    try {
      return validateJob(addressTask(where, o), { path: 'command line', keys }) as SnapshotConfig;
    } catch (thrown) {
      throw asUsage(thrown);
    }
  }
  if (!existsSync(where)) {
    throw fail('USAGE', `${where} is no file`, {
      hint: 'WHERE is http://HOST:PORT, https://HOST:PORT or the YAML file of a SNAPSHOT.',
    });
  }
  const given = ADDRESS_OPTIONS.filter((name) => o[name] !== undefined).map((name) => `--${name}`);
  if (given.length > 0) {
    throw fail('USAGE', `${given.join(', ')} is given with a YAML file`, { hint: `Write it into ${where}.` });
  }
  const config = loadJob(where, process.env, keys);
  if (config.task === 'SNAPSHOT') return config;
  throw fail('USAGE', `${where} is a task of ${config.task}, and not a SNAPSHOT`);
}

/** `milvusdm snapshot VERB WHERE [NAME | ID]`: the same job as a YAML file makes of it, with the same report. */
export async function snapshotCommand(
  action: SnapshotAction,
  where: string,
  subject: string | undefined,
  options: SnapshotCommandOptions,
): Promise<ExitCode> {
  const config = snapshotConfig(action, where, subject, options);
  const { wait: _, ...global } = options;
  using session = await openSession(config, global);
  const style = { color: mayColor(options, process.stdout) };
  if (options.dryRun) {
    try {
      const plan = await session.job.plan();
      session[Symbol.dispose]();
      printResult(options.json ? toJson(plan) : planText(plan, style), config.secrets);
      return plan.exit_code;
    } catch (thrown) {
      const error = toMilvusdmError(thrown);
      printFailure(error, options.json ?? false, config.secrets, config.task);
      return error.exitCode;
    }
  }
  const report = await session.job.run();
  session[Symbol.dispose]();
  session.log.file(`report ${toJson(report)}`);
  printResult(options.json ? toJson(report) : reportText(report, style), config.secrets);
  return report.exit_code;
}
