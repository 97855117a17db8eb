#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../util/duration.js';
import { fail, toMilvusdmError } from '../util/errors.js';
import { EXIT, type ExitCode } from '../util/exit-codes.js';
import { sizeHeapForRuns } from '../util/heap.js';
import { packageVersion } from '../util/version.js';
import type { BackupCommandOptions } from './backup.js';
import type { DiffCommandOptions, GlobalOptions, ShardNumber } from './options.js';
import { printFailure } from './output.js';
import type { ServeCommandOptions } from './serve.js';
import { addSnapshot } from './snapshot-command.js';

// Everything heavy is imported by the command that needs it: `--help` and `validate` load none of it.

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 is needed.');
  return value;
}

function int64(text: string): bigint {
  if (!/^-?[0-9]{1,19}$/.test(text) || BigInt.asIntN(64, BigInt(text)) !== BigInt(text)) {
    throw new InvalidArgumentError('a whole number of 64 bits is needed.');
  }
  return BigInt(text);
}

/** 30s, 10m or 1h in milliseconds. */
function waitTime(text: string): number {
  const ms = parseDuration(text, 'smh');
  if (ms === undefined) throw new InvalidArgumentError('a time such as 30s, 10m or 1h is needed.');
  return ms;
}

function shardNumber(text: string): ShardNumber {
  const [, index = '', of = ''] = /^([0-9]{1,6})\/([0-9]{1,6})$/.exec(text) ?? [];
  if (index === '' || Number(index) >= Number(of)) {
    throw new InvalidArgumentError('I/N is needed, counted from 0: of three shards 0/3, 1/3 and 2/3.');
  }
  return { index: Number(index), of: Number(of) };
}

function workOption(): Option {
  return new Option('--work <place>', 'what all machines share: a folder, or s3://bucket/prefix; else work_storage');
}

function withCommon(command: Command): Command {
  return command
    .option('--json', 'print one JSON document on stdout')
    .option('--no-color', 'no colours')
    .addOption(
      new Option('--log-level <level>', 'least level of log lines on stderr')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .addOption(
      new Option('--log-format <format>', 'form of log lines on stderr').choices(['text', 'json']).default('text'),
    )
    .option('--quiet', 'no progress and no log on stderr but errors');
}

function withRun(command: Command): Command {
  return withCommon(command)
    .option('--limit <rows>', 'rehearse on the first N rows', positive)
    .option('--restart', 'start over instead of continuing a run of this job that was cut short')
    .option('--profile', 'measure where the time goes, stage by stage, and report it')
    .option('--report-dir <folder>', 'write the report there, as JSON and as an HTML page')
    .option('--dry-run', 'the same as plan: read only');
}

/** 30d, 12h or 4w in milliseconds. */
function duration(text: string): number {
  const ms = parseDuration(text, 'hdw');
  if (ms === undefined) throw new InvalidArgumentError('a time such as 12h, 30d or 4w is needed.');
  return ms;
}

/** `milvusdm backup ...`; WHERE is the YAML file of a BACKUP or RESTORE, or the folder that the backups lie in. */
function addBackup(program: Command, exit: (code: ExitCode) => void): void {
  const backup = program
    .command('backup')
    .description('make, list, check and remove backups')
    .showHelpAfterError('(see milvusdm backup --help)');
  const commands = () => import('./backup.js');
  const verb = (usage: string, text: string): Command => withCommon(backup.command(usage).description(text));
  withRun(backup.command('create <file>').description('run the BACKUP in a YAML file (the same as run)')).action(
    async (path: string, o: BackupCommandOptions) => exit(await (await commands()).createCommand(path, o)),
  );
  verb('list <where>', 'list the backups in a store: the YAML file of a BACKUP or RESTORE, or a folder').action(
    async (where: string, o: BackupCommandOptions) => exit(await (await commands()).listCommand(where, o)),
  );
  verb('get <where> <name>', 'show what a backup holds').action(
    async (where: string, name: string, o: BackupCommandOptions) =>
      exit(await (await commands()).getCommand(where, name, o)),
  );
  verb('verify <where> <name>', 'compare the files of a backup with what was written')
    .option('--full', 'read every file and compare its checksum, not only its size')
    .action(async (where: string, name: string, o: BackupCommandOptions) =>
      exit(await (await commands()).verifyCommand(where, name, o)),
    );
  verb('delete <where> <name>', 'remove a backup; says what would go unless --yes is given')
    .option('--yes', 'remove it')
    .action(async (where: string, name: string, o: BackupCommandOptions) =>
      exit(await (await commands()).deleteCommand(where, name, o)),
    );
  verb('prune <where>', 'remove old backups; says what would go unless --yes is given')
    .option('--keep-last <n>', 'the newest N stay', positive)
    .option('--older-than <time>', 'only those that are older, e.g. 30d, 12h or 4w', duration)
    .option('--unfinished', 'remove what runs that were cut short have left, too, after a day')
    .option('--yes', 'remove them')
    .action(async (where: string, o: BackupCommandOptions) => exit(await (await commands()).pruneCommand(where, o)));
}

function portNumber(text: string): number {
  const value = Number(text);
  if (!/^[0-9]{1,5}$/.test(text) || value > 65535) throw new InvalidArgumentError('a port from 0 to 65535 is needed.');
  return value;
}

function addServe(program: Command, exit: (code: ExitCode) => void): void {
  withCommon(program.command('serve').description('answer requests: jobs, schedules, and a page to watch them'))
    .option('--host <address>', 'address to listen on; others than this machine need --token-file', '127.0.0.1')
    .option('--port <port>', 'port to listen on, 0 for any that is free', portNumber, 8118)
    .option('--token-file <file>', 'bearer tokens that requests must have one of, one a line')
    .option('--connections <file>', 'YAML file of named connections, put in at the start')
    .option('--max-jobs <n>', 'jobs that run at a time', positive, 4)
    .option('--max-jobs-per-connection <n>', 'jobs at a time that use one Milvus', positive, 2)
    .option('--allow-path <folder...>', 'folders of this machine that tasks may name; all where not given')
    .action(async (options: ServeCommandOptions) => exit(await (await import('./serve.js')).serveCommand(options)));
}

/** How to get into each of two sides; secrets by reference, so that no list of processes shows them. */
function withSides(command: Command): Command {
  for (const side of ['a', 'b']) {
    const of = side.toUpperCase();
    command
      .option(`--token-${side} <ref>`, `token for ${of}, as '\${NAME}' or '\${file:path}'`)
      .option(`--user-${side} <name>`, `user for ${of}`)
      .option(`--password-${side} <ref>`, `password for ${of}, as '\${NAME}' or '\${file:path}'`)
      .option(`--db-${side} <name>`, `database of ${of}`)
      .option(`--ca-${side} <file>`, `certificate of the authority that ${of}'s server is trusted by`);
  }
  return command.option('--id-start <n>', 'id of the first row of a side without ids; 0', int64);
}

type Action = (options: GlobalOptions) => Promise<ExitCode>;

function build(exit: (code: ExitCode) => void): Command {
  const program = withRun(new Command('milvusdm'));
  const act = (action: Action) => async (options: GlobalOptions) => exit(await action(options));
  program
    .description('Moves vector data into and out of Milvus; every row is proven to have arrived.')
    .option('--yaml <file>', 'run the task in this YAML file')
    .version(packageVersion(), '-V, --version')
    .enablePositionalOptions()
    .showHelpAfterError('(see milvusdm --help)')
    .configureOutput({ writeOut: (text) => process.stdout.write(text), writeErr: (text) => process.stderr.write(text) })
    .action(
      act(async (options) => {
        if (options.yaml === undefined) {
          throw fail('USAGE', 'no task given', { hint: 'Use milvusdm --yaml FILE, or see milvusdm --help.' });
        }
        return (await import('./run.js')).runCommand(options.yaml, options);
      }),
    );
  const file = (
    name: string,
    text: string,
    load: () => Promise<(path: string, o: GlobalOptions) => Promise<ExitCode>>,
  ) =>
    program
      .command(`${name} <file>`)
      .description(text)
      .action(async (path: string, options: GlobalOptions) => exit(await (await load())(path, options)));
  withRun(
    file('run', 'run the task in a YAML file (the same as --yaml)', async () => (await import('./run.js')).runCommand),
  )
    .option('--shard <i/n>', 'only shard I of N, counted from 0, of a job that was prepared', shardNumber)
    .option('--shards <n>', 'one of N shards, that of JOB_COMPLETION_INDEX (Kubernetes)', positive)
    .option('--wait <time>', 'how long a shard waits for prepare, e.g. 30s, 10m or 1h; 10m', waitTime)
    .addOption(workOption());
  withCommon(
    file(
      'prepare',
      'make a job ready to be written by many machines',
      async () => (await import('./shared.js')).prepareCommand,
    ),
  )
    .requiredOption('--shards <n>', 'shards that the source is dealt out to', positive)
    .option('--restart', 'start over: what was prepared, written and noted before is given up')
    .addOption(workOption());
  withCommon(
    file(
      'finish',
      'end a job whose shards are done: build the index, verify, load, report',
      async () => (await import('./shared.js')).finishCommand,
    ),
  )
    .option(
      '--wait <time>',
      'how long to wait for shards that are not done, e.g. 30s, 10m or 24h; not at all',
      waitTime,
    )
    .addOption(workOption());
  withCommon(
    file(
      'restore',
      'run the RESTORE task in a YAML file: a backup back into a Milvus',
      async () => (await import('./restore.js')).restoreCommand,
    ),
  ).option('--dry-run', 'the same as plan: read only');
  withCommon(
    file('validate', 'check a YAML file, offline', async () => (await import('./validate.js')).validateCommand),
  );
  withRun(file('plan', 'show what a run would do; reads only', async () => (await import('./plan.js')).planCommand));
  withCommon(
    file(
      'doctor',
      'examine source, servers and this machine for a task; changes nothing',
      async () => (await import('./doctor.js')).doctorCommand,
    ),
  );
  withCommon(
    file(
      'inspect',
      'say what a Faiss or HDF5 file is, or what a backup or a snapshot holds (or that of a task)',
      async () => (await import('./inspect.js')).inspectCommand,
    ),
  );
  withCommon(
    program
      .command('verify [file]')
      .description('compare the targets of a run with its report (of --report-dir), any time later')
      .option('--report <report>', 'the JSON file of the report')
      .action(async (path: string | undefined, options: GlobalOptions) =>
        exit(await (await import('./verify.js')).verifyCommand(path, options)),
      ),
  );
  withSides(
    withCommon(
      program
        .command('diff <a> <b>')
        .description('compare the rows of two places: collections, archives, Faiss or HDF5 files')
        .action(async (a: string, b: string, options: DiffCommandOptions) =>
          exit(await (await import('./diff.js')).diffCommand(a, b, options)),
        ),
    ),
  );
  withCommon(
    file(
      'schema',
      'print the JSON schema of a task (F2M, H2M, M2M, M2H, BACKUP, RESTORE, SNAPSHOT)',
      async () => (await import('./texts.js')).schemaCommand,
    ),
  );
  withCommon(
    file('init', 'print a commented example YAML of a task', async () => (await import('./texts.js')).initCommand),
  );
  withCommon(program.command('jobs').description('list the runs that can be continued')).action(
    async (options: GlobalOptions) => exit(await (await import('./jobs.js')).jobsCommand(options)),
  );
  addBackup(program, exit);
  addSnapshot(program, withCommon, exit);
  addServe(program, exit);
  for (const name of ['schema', 'init']) {
    program.commands.find((c) => c.name() === name)?.usage('[options] <task>');
  }
  return program;
}

/** Leaves once stdout has taken everything; a reader that went away is no failure of ours. */
function leave(code: ExitCode): void {
  process.exitCode = code;
  const end = (): void => process.exit(code);
  if (process.stdout.writableLength === 0) end();
  else process.stdout.once('drain', end);
}

function failWith(thrown: unknown): void {
  const json = process.argv.includes('--json');
  if (thrown instanceof CommanderError) {
    // commander has written help, version or its own message already.
    const asked = thrown.exitCode === 0;
    if (!asked && json) printFailure(fail('USAGE', thrown.message.replace(/^error: /, '')), json, []);
    leave(asked ? EXIT.ok : EXIT.config);
    return;
  }
  const error = toMilvusdmError(thrown);
  printFailure(error, json, []);
  leave(error.exitCode);
}

process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.internal),
);
process.on('uncaughtException', failWith);
process.on('unhandledRejection', failWith);
// Only when nothing is left to wait for before a command has ended: Node would leave with 0, as if all were done.
process.once('beforeExit', () => failWith(fail('INTERNAL', 'the command stopped without a result')));

sizeHeapForRuns();
const program = build(leave);
for (const command of [program, ...program.commands.flatMap((one) => [one, ...one.commands])]) command.exitOverride();
program.parseAsync(process.argv).catch(failWith);
