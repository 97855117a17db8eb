import { type Command, InvalidArgumentError } from 'commander';
import type { SnapshotAction } from '../config/types.js';
import { parseDuration } from '../util/duration.js';
import type { ExitCode } from '../util/exit-codes.js';
import type { SnapshotCommandOptions } from './snapshot.js';

const WHERE = `
WHERE is http://HOST:PORT, https://HOST:PORT or the YAML file of a SNAPSHOT, which may hold NAME and ID, too.`;

function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`a whole number from ${least} is needed.`);
  };
}

function age(text: string): string {
  if (parseDuration(text, 'hdw') === undefined)
    throw new InvalidArgumentError('a time such as 12h, 30d or 4w is needed.');
  return text;
}

function withPlace(command: Command): Command {
  return command
    .option('--collection <name>', 'the collection that the snapshots are of')
    .option('--db <name>', 'its database')
    .option('--storage <place>', 'storage of a server before 3.0: its folder, or s3://bucket/root')
    .option('--token <ref>', `token, as '\${NAME}' or '\${file:path}'`)
    .option('--user <name>', 'user')
    .option('--password <ref>', `password, as '\${NAME}' or '\${file:path}'`)
    .option('--ca <file>', 'certificate of the authority that the server is trusted by');
}

/** `milvusdm snapshot ...`. Everything heavy is imported by the verb that runs. */
export function addSnapshot(
  program: Command,
  withCommon: (command: Command) => Command,
  exit: (code: ExitCode) => void,
): void {
  const snapshot = program
    .command('snapshot')
    .description('make, list, describe, restore and drop snapshots of collections')
    .showHelpAfterError('(see milvusdm snapshot --help)')
    .addHelpText('after', WHERE);
  const verb = (action: SnapshotAction, usage: string, text: string): Command => {
    const command = withPlace(withCommon(snapshot.command(`${action} ${usage}`).description(text)));
    const named = usage.includes(' ');
    return command.addHelpText('after', WHERE).action(async (...args: unknown[]) => {
      const [where, subject] = args as [string, string | undefined];
      const options = args[named ? 2 : 1] as SnapshotCommandOptions;
      const { snapshotCommand } = await import('./snapshot.js');
      exit(await snapshotCommand(action, where, named ? subject : undefined, options));
    });
  };
  const dry = (command: Command): Command => command.option('--dry-run', 'only say what would be done');
  dry(verb('create', '<where> [name]', 'make a snapshot of --collection'))
    .option('--description <text>', 'for those who look at it later')
    .option('--no-flush', 'leave out what the server holds in memory only')
    .option('--compaction-protection <seconds>', 'leave its segments uncompacted, up to 7 days', wholeNumber(0));
  verb('list', '<where>', 'list the snapshots of --collection, or of all');
  verb('describe', '<where> [name]', 'show a snapshot with the schema and the indexes of its collection');
  dry(verb('drop', '<where> [name]', 'drop a snapshot for good'));
  dry(verb('restore', '<where> [name]', 'restore a snapshot to a new collection'))
    .option('--to <collection>', 'the new collection')
    .option('--to-db <name>', 'its database, where it is another one')
    .option('--wait', 'stay until it is restored, and verify it')
    .option('--verify <level>', 'none, count, sample or full; with --wait');
  verb('jobs', '<where>', 'list the restores, those to --collection or all');
  verb('job', '<where> [id]', 'show how far a restore is').option('--wait', 'stay until it is over');
  verb('prune', '<where>', 'drop old snapshots; says what would go unless --yes is given')
    .option('--keep-last <n>', 'the newest N of each collection stay', wholeNumber(1))
    .option('--older-than <time>', 'only those that are older, e.g. 30d, 12h or 4w', age)
    .option('--yes', 'drop them');
}
