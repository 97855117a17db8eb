/**
 * Writes docs/configuration.md from the schemas and docs/errors.md from the tables of error and exit codes.
 * A test says when they are out of date.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleSchema, TASKS } from '../src/config/bundle.js';
import { allowedWords, branches, type JsonSchema } from '../src/config/schema.js';
import type { TaskName } from '../src/config/types.js';
import { ERROR_CODES } from '../src/util/errors.js';
import { EXIT } from '../src/util/exit-codes.js';

/** Keys that only old files have. */
const OLD = ['milvus_version', 'milvus-version'];

const EXIT_WORDS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'Done; also when the target existed and `mode: skip` left it alone, and when the source is empty.',
  internal: 'milvusdm itself is at fault.',
  config: 'The command line or the configuration is wrong; nothing was written.',
  source: 'The source cannot be read, or has changed.',
  target: 'The target refused, or would refuse, what the run needs.',
  network: 'The network or the server gave up; the same command continues the run.',
  verify: 'What the target holds differs from what was sent.',
  partial: 'Some targets failed, or rows were set aside.',
  nothing: 'The selection matches nothing.',
  interrupted: 'The run was stopped by a signal; the same command continues it.',
};

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function code(value: unknown): string {
  return `\`${typeof value === 'string' ? value : flow(value)}\``;
}

/** A value as it would stand in a YAML file. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const pairs = Object.entries(value).map(([key, child]) => `${key}: ${flow(child)}`);
  return `{${pairs.join(', ')}}`;
}

function isReal(branch: JsonSchema): boolean {
  return branch.$ref === undefined && !branch['x-editor'];
}

function range({ minimum, maximum }: JsonSchema): string {
  if (minimum === undefined) return '';
  if (maximum === undefined || maximum >= 2 ** 31 - 1) return `, ${minimum} or more`;
  return `, ${minimum} to ${maximum}`;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  integer: 'whole number',
  boolean: '`true`, `false`',
  string: 'text',
};

/** What a key takes: its words, else the types of its branches. */
function kind(schema: JsonSchema): string {
  const real = branches(schema).filter(isReal);
  const words = real.flatMap(allowedWords);
  const types = real.flatMap((branch) => {
    const list = typeof branch.type === 'string' ? [branch.type] : (branch.type ?? []);
    return list.map((type) => (TYPE_WORDS[type] ?? type) + range(branch));
  });
  if (schema['x-expect'] && !schema['x-expect'].startsWith('a name that')) return schema['x-expect'];
  return [...new Set([...words.map(code), ...types])].join(', ');
}

interface Row {
  readonly key: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
}

/** The keys of a group, those of the groups inside it behind them as `group.key`. */
function rowsOf(group: JsonSchema, prefix: string): Row[] {
  return Object.entries(group.properties ?? {}).flatMap(([name, schema]) => {
    const key = prefix + name;
    const groups = branches(schema).filter((branch) => branch.properties !== undefined);
    const row = { key, schema, required: group.required?.includes(name) ?? false };
    return [row, ...groups.flatMap((inner) => rowsOf(inner, `${key}.`))];
  });
}

function renderRow({ key, schema, required }: Row): string {
  const fallback = required ? '**required**' : schema.default === undefined ? '' : code(schema.default);
  const notes = schema.writeOnly ? ' Secret: never shown or stored.' : '';
  const examples = (schema.examples ?? []).map(code).join(', ');
  const cells = [code(key), kind(schema), fallback, `${schema.description ?? ''}${notes}`, examples];
  return `| ${cells.map(cell).join(' | ')} |`;
}

function table(rows: readonly Row[]): string[] {
  const head = ['| Key | Value | Default | Meaning | Examples |', '| --- | --- | --- | --- | --- |'];
  return [...head, ...rows.map(renderRow), ''];
}

function bodyRows(task: TaskName): Row[] {
  const rows = rowsOf(bundleSchema(task).properties?.[task] ?? {}, '');
  return rows.filter((row) => !OLD.includes(row.key));
}

const CONFIGURATION_INTRO = `# Configuration

<!-- Written by scripts/gen-docs.ts from schemas/; do not edit. -->

One YAML file describes one task; its top-level key names the task. \`milvusdm init TASK\` prints an example,
\`milvusdm schema TASK\` the JSON schema, \`milvusdm validate FILE\` lists every mistake of a file with line and column.

- A key without a value (\`null\` or \`''\`) is the same as a key that is left out. Unknown keys are mistakes.
- \`\${NAME}\` in a value is replaced by an environment variable, \`\${file:path}\` by the content of a file without the
  newline at its end; \`$\${\` writes a literal \`\${\`. A variable that is not set, or a file that is not there, is a mistake.
- Relative paths start at the working folder; \`~/\` is the home folder.
- Names keep the text they are written with: \`2021\`, \`01\` and \`true\` need no quotes.
- \`milvus_version\` and \`milvus-version\` of old files are accepted with any value and ignored.
- The target of F2M, H2M and M2M is \`dest_uri\`, or \`dest_host\` and \`dest_port\`, or, with none of them, \`127.0.0.1:19530\`.
- The source of M2M and M2H is \`source_milvus_path\`, the folder of a Milvus 0.7 to 1.1, \`source_backup\`, a backup, \`source_snapshot\`, a snapshot, or a Milvus 2.x: \`source_uri\`, or
  \`source_host\` and \`source_port\`. \`source_collection\` must say what is taken; \`'*'\` is everything.
`;

/** `F2M, H2M and M2M`. */
function listed(tasks: readonly TaskName[]): string {
  if (tasks.length === TASKS.length) return 'every task';
  return tasks.length === 1 ? `${tasks[0]} only` : `${tasks.slice(0, -1).join(', ')} and ${tasks.at(-1)}`;
}

/** The text of docs/configuration.md: a table for every set of tasks that has keys in common, the smallest sets first. */
export function renderConfiguration(): string {
  const owners = new Map<string, { row: Row; tasks: TaskName[] }>();
  for (const task of TASKS) {
    for (const row of bodyRows(task)) {
      const text = JSON.stringify(row);
      const known = owners.get(text);
      if (known) known.tasks.push(task);
      else owners.set(text, { row, tasks: [task] });
    }
  }
  const found = [...owners.values()].sort((a, b) => a.tasks.length - b.tasks.length);
  const names = [...new Set(found.map(({ tasks }) => listed(tasks)))];
  const lines = names.flatMap((name) => {
    const rows = found.filter(({ tasks }) => listed(tasks) === name).map(({ row }) => row);
    return [`## Keys of ${name}`, '', ...table(rows)];
  });
  return [CONFIGURATION_INTRO, ...lines].join('\n').trimEnd().concat('\n');
}

/** The text of docs/errors.md. */
export function renderErrors(): string {
  const exits = Object.entries(EXIT_WORDS).map(([name, words]) => `| ${EXIT[name as keyof typeof EXIT]} | ${words} |`);
  const errors = Object.entries(ERROR_CODES).map(([name, entry]) => {
    return `| \`${name}\` | ${entry.exit} | ${cell(entry.when)} | ${cell(entry.hint)} |`;
  });
  return [
    '# Exit codes and errors',
    '',
    '<!-- Written by scripts/gen-docs.ts from src/util/errors.ts and src/util/exit-codes.ts; do not edit. -->',
    '',
    '## Exit codes',
    '',
    '| Code | Meaning |',
    '| --- | --- |',
    ...exits,
    '',
    '## Errors',
    '',
    'The code of an error stands in the log and, with `--json`, in `error.code`; a message says what, where and the next step.',
    '',
    '| Code | Exit | When | Next step |',
    '| --- | --- | --- | --- |',
    ...errors,
    '',
  ].join('\n');
}

/** Where each document lies. */
export const DOCUMENTS: Readonly<Record<string, () => string>> = {
  'docs/configuration.md': renderConfiguration,
  'docs/errors.md': renderErrors,
};

function main(): void {
  for (const [path, render] of Object.entries(DOCUMENTS)) {
    writeFileSync(new URL(`../${path}`, import.meta.url), render());
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
