import { EXIT, type ExitCode } from './exit-codes.js';
import { SERVER_ERROR_CODES, type ServerErrorCode } from './server-error-codes.js';
import { SNAPSHOT_ERROR_CODES, type SnapshotErrorCode } from './snapshot-error-codes.js';

export interface CodeEntry {
  readonly exit: ExitCode;
  /** One sentence for `docs/errors.md`: when this code is given. */
  readonly when: string;
  /** The next step, shown when the place that raises the error has no better one. */
  readonly hint: string;
}

export type ErrorCode =
  | ServerErrorCode
  | SnapshotErrorCode
  | 'USAGE'
  | 'CFG_FILE'
  | 'CFG_SYNTAX'
  | 'CFG_INVALID'
  | 'CFG_REFERENCE'
  | 'CFG_CONFLICT'
  | 'ENV_PYTHON'
  | 'ENV_INSTALL'
  | 'ENV_START'
  | 'ENV_STATE'
  | 'JOB_RUNNING'
  | 'JOB_DAMAGED'
  | 'JOB_UNPREPARED'
  | 'SHARDS_UNFINISHED'
  | 'SRC_NOT_FOUND'
  | 'SRC_UNREADABLE'
  | 'SRC_TRUNCATED'
  | 'SRC_CORRUPT'
  | 'SRC_UNSUPPORTED'
  | 'SRC_MISMATCH'
  | 'SRC_BAD_ROW'
  | 'SRC_DUPLICATE_ID'
  | 'SRC_CHANGED'
  | 'SRC_UNFLUSHED'
  | 'SRC_UNFINISHED'
  | 'DST_REFUSED'
  | 'DST_AUTH'
  | 'DST_SCHEMA_MISMATCH'
  | 'DST_UNSUPPORTED'
  | 'DST_IDS'
  | 'DST_STORAGE'
  | 'DST_UNFINISHED'
  | 'STORE_NOT_FOUND'
  | 'STORE_AUTH'
  | 'STORE_REFUSED'
  | 'STORE_MISSING'
  | 'STORE_KEY'
  | 'STORE_UNAVAILABLE'
  | 'NET_UNAVAILABLE'
  | 'NET_DEADLINE'
  | 'VERIFY_MISMATCH'
  | 'ROWS_QUARANTINED'
  | 'TARGETS_FAILED'
  | 'NOTHING_MATCHED'
  | 'INTERRUPTED'
  | 'INTERNAL';

/** Every error that a user can meet. `docs/errors.md` is generated from this table. */
export const ERROR_CODES: Readonly<Record<ErrorCode, CodeEntry>> = {
  USAGE: { exit: EXIT.config, when: 'The command line is not understood.', hint: 'Run `milvusdm --help`.' },
  CFG_FILE: {
    exit: EXIT.config,
    when: 'The YAML file cannot be read.',
    hint: 'Check the path and its permissions.',
  },
  CFG_SYNTAX: {
    exit: EXIT.config,
    when: 'The file is not valid YAML.',
    hint: 'Mend the line and column that the message names.',
  },
  CFG_INVALID: {
    exit: EXIT.config,
    when: 'A key is unknown or missing, or a value is not allowed. Every mistake of the file is listed at once.',
    hint: 'Run `milvusdm schema TASK` for all keys, or `milvusdm init TASK` for a working example.',
  },
  CFG_REFERENCE: {
    exit: EXIT.config,
    when: 'A reference to an environment variable or a file has nothing behind it.',
    hint: 'Set the variable or create the file; `$${` writes a literal `${`.',
  },
  CFG_CONFLICT: {
    exit: EXIT.config,
    when: 'Two settings contradict each other, or a setting contradicts the source.',
    hint: 'Change one of the two.',
  },
  ENV_PYTHON: {
    exit: EXIT.config,
    when: 'The embedded Milvus Lite needs Python 3.10 or newer, and none was found.',
    hint: 'Install Python >= 3.10 (with venv), or set MILVUSDM_PYTHON to its path, or point dest_uri at a running Milvus.',
  },
  ENV_INSTALL: {
    exit: EXIT.network,
    when: 'The embedded Milvus Lite could not be installed.',
    hint: 'See the log of pip that the message names; a proxy or an index URL may be needed.',
  },
  ENV_START: {
    exit: EXIT.target,
    when: 'The embedded Milvus Lite did not start.',
    hint: 'See its log that the message names; another process may hold the data folder.',
  },
  ENV_STATE: {
    exit: EXIT.config,
    when: 'The folder of milvusdm itself (`$MILVUSDM_PATH`, by default `~/milvusdm`) cannot be written.',
    hint: 'Free space or mend permissions there, or set MILVUSDM_PATH to another folder; then run the same command again, which continues.',
  },
  JOB_RUNNING: {
    exit: EXIT.target,
    when: 'Another process runs the same job.',
    hint: 'Wait until it has ended, or stop it.',
  },
  JOB_DAMAGED: {
    exit: EXIT.target,
    when: 'The ledger of an unfinished job is damaged, so that nobody knows which rows have arrived.',
    hint: 'Run with --restart, which starts over.',
  },
  JOB_UNPREPARED: {
    exit: EXIT.network,
    when: 'A shard has waited for `milvusdm prepare`, and the job was not prepared in that time.',
    hint: 'Run `milvusdm prepare` with the same file and the same shared place; --wait 30m waits longer.',
  },
  SHARDS_UNFINISHED: {
    exit: EXIT.target,
    when: 'A job of many machines cannot be finished, because shards of it are not done.',
    hint: 'Run the shards that the message names; what they have written already is not written again.',
  },
  SRC_NOT_FOUND: { exit: EXIT.source, when: 'A source file or folder does not exist.', hint: 'Check the path.' },
  SRC_UNREADABLE: {
    exit: EXIT.source,
    when: 'A source file cannot be opened or read.',
    hint: 'Check that it is a file of the expected kind; `milvusdm inspect FILE` shows what it is.',
  },
  SRC_TRUNCATED: {
    exit: EXIT.source,
    when: 'A source file ends before the data that it announces.',
    hint: 'Copy the file again from where it was made.',
  },
  SRC_CORRUPT: {
    exit: EXIT.source,
    when: 'A source file contradicts itself.',
    hint: 'Copy the file again, or write it again with the tool that made it.',
  },
  SRC_UNSUPPORTED: {
    exit: EXIT.source,
    when: 'A source is of a kind that holds no vectors or that milvusdm does not read.',
    hint: '`milvusdm inspect FILE` says what it is.',
  },
  SRC_MISMATCH: {
    exit: EXIT.source,
    when: 'Sources of one run differ in dimension, vector type, ids or columns.',
    hint: 'Migrate them in separate runs, into separate collections.',
  },
  SRC_BAD_ROW: {
    exit: EXIT.source,
    when: 'A row cannot be stored as it is: NaN, infinity, or an id beyond int64.',
    hint: 'Mend the source, or set `on_bad_row: quarantine` to set such rows aside.',
  },
  SRC_DUPLICATE_ID: {
    exit: EXIT.source,
    when: 'Ids occur more than once and `on_duplicate_id: error` was asked for.',
    hint: 'Use `on_duplicate_id: keep`, `first` or `last`.',
  },
  SRC_CHANGED: {
    exit: EXIT.source,
    when: 'A source changed while it was being read, or since the run that is to be continued.',
    hint: 'Stop whatever writes to it and run again, with --restart where a run is to be continued.',
  },
  SRC_UNFLUSHED: {
    exit: EXIT.source,
    when: 'Rows or deletes are in the write-ahead log of an old Milvus only, and `unflushed: error` was asked for.',
    hint: 'Start the old server on the folder and flush its collections, or set `unflushed: include`.',
  },
  SRC_UNFINISHED: {
    exit: EXIT.source,
    when: 'A backup was never completed: whatever made it was cut short, or is still at work.',
    hint: 'Run the backup again under the same name, or remove it with `milvusdm backup delete`.',
  },
  DST_REFUSED: {
    exit: EXIT.target,
    when: 'The server refused a request.',
    hint: 'The server message says why.',
  },
  DST_AUTH: {
    exit: EXIT.target,
    when: 'The server refused the credentials, or they lack a privilege.',
    hint: 'Check dest_token, or dest_user and dest_password.',
  },
  DST_SCHEMA_MISMATCH: {
    exit: EXIT.target,
    when: 'The target exists and its schema cannot take the source.',
    hint: 'Choose another dest_collection_name, or `mode: overwrite`.',
  },
  DST_UNSUPPORTED: {
    exit: EXIT.target,
    when: 'The server lacks something that the run needs.',
    hint: 'Use a Milvus that has it.',
  },
  DST_IDS: {
    exit: EXIT.target,
    when: 'The ids of the source and of the target do not go together.',
    hint: 'Set `id_start`, or `new_ids: true`.',
  },
  DST_STORAGE: {
    exit: EXIT.target,
    when: 'The target folder cannot be written: full, read-only or gone.',
    hint: 'Free space, or choose another folder; what was begun has been removed.',
  },
  DST_UNFINISHED: {
    exit: EXIT.target,
    when: 'A run that was cut short cannot be continued: the target is not as it left it, or does not tell what has arrived.',
    hint: 'Run with --restart, which starts over.',
  },
  STORE_NOT_FOUND: {
    exit: EXIT.config,
    when: 'The bucket or folder of an object store does not exist.',
    hint: 'Check endpoint, bucket and region, or path; milvusdm makes no buckets.',
  },
  STORE_AUTH: {
    exit: EXIT.target,
    when: 'An object store refused the credentials, they lack a permission, or there are none.',
    hint: 'Check access_key and secret_key, or the role of this machine, and what they may do below the prefix.',
  },
  STORE_REFUSED: {
    exit: EXIT.target,
    when: 'An object store refused a request, or a folder cannot be read or written: full, read-only, or gone.',
    hint: 'The message says why; free space or mend permissions.',
  },
  STORE_MISSING: {
    exit: EXIT.source,
    when: 'An object that must be there is not in its store.',
    hint: 'Something removed it meanwhile, or the backup was not copied as a whole.',
  },
  STORE_KEY: {
    exit: EXIT.source,
    when: 'The name of an object would lead out of the folder or prefix of its store.',
    hint: 'Do not trust the backup that has it; no tool writes such names.',
  },
  STORE_UNAVAILABLE: {
    exit: EXIT.network,
    when: 'An object store cannot be reached, or kept failing until the retry time was over.',
    hint: 'Check the endpoint and that its server is running; raise retry_for for one that is away longer.',
  },
  ...SNAPSHOT_ERROR_CODES,
  NET_UNAVAILABLE: {
    exit: EXIT.network,
    when: 'The server cannot be reached, or went away and did not come back.',
    hint: 'Check host, port and that Milvus is running.',
  },
  NET_DEADLINE: {
    exit: EXIT.network,
    when: 'The server did not answer within the deadline.',
    hint: 'Look at the load of the server; lower parallelism or max_rate.',
  },
  VERIFY_MISMATCH: {
    exit: EXIT.verify,
    when: 'What the target holds is not what was sent.',
    hint: 'Keep the report; do not delete the source.',
  },
  ROWS_QUARANTINED: {
    exit: EXIT.partial,
    when: 'Rows were set aside by `on_bad_row: quarantine`.',
    hint: 'The side file that the report names lists row, id and reason.',
  },
  TARGETS_FAILED: {
    exit: EXIT.partial,
    when: 'Some collections of a run failed, others are complete.',
    hint: 'The message names them; mend the cause and run again with only these in source_collection.',
  },
  NOTHING_MATCHED: {
    exit: EXIT.nothing,
    when: 'The selection matches no source.',
    hint: 'Check names and patterns.',
  },
  ...SERVER_ERROR_CODES,
  INTERRUPTED: {
    exit: EXIT.interrupted,
    when: 'The run was stopped by a signal.',
    hint: 'Run the same command again.',
  },
  INTERNAL: {
    exit: EXIT.internal,
    when: 'milvusdm itself is at fault.',
    hint: 'Please report it with the log file.',
  },
};
