import { JOB_STATES } from '../state/types.js';

/** A JSON schema as fastify takes it. */
export type Schema = Readonly<Record<string, unknown>>;

const text = (description: string): Schema => ({ type: 'string', description });
const nullable = (type: string, description: string): Schema => ({ type: [type, 'null'], description });
const time = (description: string): Schema => ({ ...nullable('string', description), format: 'date-time' });
const texts = (description: string): Schema => ({ type: 'array', items: { type: 'string' }, description });
const group = ($id: string, description: string, properties: Readonly<Record<string, Schema>>): Schema => ({
  $id,
  type: 'object',
  description,
  properties,
});

const ERROR: Schema = {
  ...group('Error', 'Every error; the codes are those of docs/errors.md.', {
    error: {
      type: 'object',
      properties: {
        code: text('Stable; one of docs/errors.md.'),
        message: text('What is wrong, where, with the numbers.'),
        hint: text('The next step.'),
      },
      required: ['code', 'message', 'hint'],
    },
  }),
  required: ['error'],
};

const TARGET = group('TargetProgress', 'How far one target of a job is.', {
  target: nullable('string', 'Collection; null for what the job does as a whole.'),
  phase: text('connect, plan, preflight, prepare, write, copy, flush, index, load or verify.'),
  done: { type: 'number', description: 'Rows, bytes of files that are copied, or percent.' },
  total: { type: 'number', description: 'The same, in all; 0 while it is not known.' },
  bytes: { type: 'number' },
  rows_per_second: nullable('number', 'Of the last seconds; null where nothing moves.'),
});

const JOB_FIELDS: Readonly<Record<string, Schema>> = {
  id: { type: 'string' },
  task: text('F2M, H2M, M2M, M2H, BACKUP, RESTORE or SNAPSHOT.'),
  state: { type: 'string', enum: JOB_STATES },
  kind: { type: 'string', enum: ['manual', 'automatic'], description: 'Asked for by a request, or by a schedule.' },
  created: time('UTC.'),
  started: time('Start of the last attempt, UTC.'),
  ended: time('UTC.'),
  attempts: { type: 'integer' },
  cancel_requested: { type: 'boolean' },
  servers: texts('Addresses of the Milvus that it uses.'),
  connections: texts('Named connections that it was made with.'),
  schedule: nullable('string', 'Id of the schedule that has started it.'),
  phase: nullable('string', 'Of the job as a whole, while it runs.'),
  progress: { type: 'array', items: { $ref: 'TargetProgress#' } },
  warnings: texts('At most 200.'),
  error: {
    anyOf: [{ type: 'null' }, { type: 'object', properties: { code: text(''), message: text(''), hint: text('') } }],
  },
  exit_code: nullable('integer', 'As of the command line, once it has ended.'),
  resumable: { type: 'boolean', description: 'Whether resume continues it where it was.' },
  rows_written: nullable('number', 'Once it has ended.'),
  bytes: nullable('number', 'Bytes of all values written, once it has ended.'),
  seconds: nullable('number', 'Once it has ended.'),
  backup: nullable('string', 'Name of the backup that a BACKUP has made.'),
};

const ISSUES = group('Validation', 'What is wrong with a task.', {
  valid: { type: 'boolean' },
  task: nullable('string', 'Name of the task.'),
  notes: texts('What is right, and worth knowing.'),
  issues: {
    type: 'array',
    items: {
      type: 'object',
      properties: {
        line: { type: 'integer', description: 'From 1.' },
        column: { type: 'integer', description: 'From 1.' },
        path: text('Key below the task, such as collection_parameter.metric_type; empty for the whole.'),
        message: text('What is wrong, and what is allowed.'),
        code: text('CFG_... or SRV_...'),
      },
    },
  },
});

const CONNECTION_FIELDS: Readonly<Record<string, Schema>> = {
  description: { type: 'string', maxLength: 1000 },
  uri: text('http://host:port or https://host:port.'),
  token: {
    ...text('A reference to a variable or a file (docs/serve.md), also behind a user and a colon.'),
    maxLength: 4096,
  },
  user: { type: 'string', maxLength: 1000 },
  password: { ...text('A reference to a variable or a file (docs/serve.md).'), maxLength: 4096 },
  db: { type: 'string', maxLength: 1000 },
  tls: { anyOf: [{ type: 'boolean' }, { type: 'object', additionalProperties: true }] },
  storage: {
    type: 'object',
    additionalProperties: true,
    description: 'Where that Milvus keeps its data, as this server reaches it: the keys of source_storage.',
  },
  backup_store: {
    type: 'object',
    additionalProperties: true,
    description: 'Where backups of it go: the keys of backup_store.',
  },
};

/** Names that stand in addresses. */
export const NAME: Schema = { type: 'string', pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$', examples: ['prod'] };
/** Made by the server. */
export const ID: Schema = { type: 'string', pattern: '^[a-z0-9]{1,40}$' };

/** A task in a request. */
export const TASK_REQUEST: Readonly<Record<string, Schema>> = {
  yaml: { ...text('The task as YAML; or task.'), maxLength: 1_000_000 },
  task: { type: 'object', additionalProperties: true, description: 'The task as an object, with one key: its name.' },
  connection: {
    description: 'A named connection, or one for each side; it brings the address and login of the task.',
    anyOf: [
      NAME,
      { type: 'object', properties: { source: NAME, dest: NAME }, additionalProperties: false, minProperties: 1 },
    ],
  },
};

/** A connection in a request. */
export const CONNECTION_REQUEST: Schema = {
  $id: 'ConnectionRequest',
  type: 'object',
  properties: CONNECTION_FIELDS,
  required: ['uri'],
  additionalProperties: false,
};

/** The schemas that routes refer to by name. */
export const SHARED: readonly Schema[] = [
  ERROR,
  TARGET,
  group('Job', 'A job.', JOB_FIELDS),
  group('JobWithText', 'A job with its task.', {
    ...JOB_FIELDS,
    yaml: text('The task, with references in the place of secrets.'),
  }),
  group('JobList', 'Jobs, latest first.', {
    jobs: { type: 'array', items: { $ref: 'Job#' } },
    next: nullable('string', 'Cursor of the next page; null on the last.'),
  }),
  ISSUES,
  CONNECTION_REQUEST,
  group('Connection', 'A named Milvus; secrets in it are references.', {
    name: { type: 'string' },
    ...CONNECTION_FIELDS,
    created: time('UTC.'),
    changed: time('UTC.'),
  }),
];

const ERRORS: Readonly<Record<string, string>> = {
  400: 'The request is not understood, or what it says is not right.',
  401: 'No token, or an unknown one.',
  403: 'Not from here, or a folder that is not allowed.',
  404: 'There is no such thing.',
  409: 'It does not go with the state of things.',
  413: 'The body is too long.',
  415: 'The body is no JSON.',
  422: 'A source cannot be read.',
  424: 'A Milvus or a store has refused, or cannot be reached.',
  500: 'The server is at fault.',
  503: 'No room, or the server is being stopped.',
};

/** The answers of a route: its own and every error. */
export function answers(own: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const errors = Object.entries(ERRORS).map(([status, description]) => [status, { description, $ref: 'Error#' }]);
  return { ...Object.fromEntries(errors), ...own };
}
