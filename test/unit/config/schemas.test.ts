// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are what is tested
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { GENERATED, generate } from '../../../scripts/compile-schemas.js';
import { bundleSchema, TASKS } from '../../../src/config/bundle.js';
import { validateJob } from '../../../src/config/load.js';
import { branches, type JsonSchema } from '../../../src/config/schema.js';
import { exampleFor, schemaFor } from '../../../src/config/schema-text.js';
import type { JobConfig, TaskName } from '../../../src/config/types.js';
import { f2m, h2m, issuesOf, live, m2h, m2m } from './support.js';

const ROOT = new URL('../../../', import.meta.url);
const MINIMAL: Readonly<Record<TaskName, string>> = {
  F2M: f2m(),
  H2M: h2m(),
  M2M: m2m(),
  M2H: m2h(),
  BACKUP: 'BACKUP:\n  backup_store: {type: local, path: backups}\n  source_storage: {type: local, path: data}',
  RESTORE:
    'RESTORE:\n  backup_store: {type: local, path: backups}\n  backup_name: b\n  dest_storage: {type: local, path: data}',
  SNAPSHOT: 'SNAPSHOT:\n  action: create\n  source_collection: c\n  snapshot_name: s_20261122',
};
const ENV = {
  MILVUS_PASSWORD: 'a',
  MILVUS_TOKEN: 'b',
  MYSQL_PASSWORD: 'c',
  S3_ACCESS_KEY: 'd',
  S3_SECRET_KEY: 'e',
  S3_SESSION_TOKEN: 'f',
  ALICE_PASSWORD: 'g',
};
const STORE_SECRETS = ['secret_key', 'session_token'];
const BULK_SECRETS = STORE_SECRETS.map((key) => `bulk.storage.${key}`);
const WORK_SECRETS = STORE_SECRETS.map((key) => `work_storage.${key}`);
const SECRETS: Readonly<Record<TaskName, readonly string[]>> = {
  F2M: ['dest_password', 'dest_token', ...BULK_SECRETS, ...WORK_SECRETS],
  H2M: ['dest_password', 'dest_token', ...BULK_SECRETS, ...WORK_SECRETS],
  M2M: [
    'mysql_parameter.password',
    ...STORE_SECRETS.map((key) => `source_backup.store.${key}`),
    ...STORE_SECRETS.map((key) => `source_snapshot.store.${key}`),
    'source_password',
    'source_token',
    ...STORE_SECRETS.map((key) => `source_storage.${key}`),
    'dest_password',
    'dest_token',
    ...BULK_SECRETS,
    ...WORK_SECRETS,
  ],
  M2H: [
    'mysql_parameter.password',
    ...STORE_SECRETS.map((key) => `source_backup.store.${key}`),
    ...STORE_SECRETS.map((key) => `source_snapshot.store.${key}`),
    'source_password',
    'source_token',
    ...STORE_SECRETS.map((key) => `source_storage.${key}`),
  ],
  BACKUP: [
    'source_password',
    'source_token',
    ...['source_storage', 'backup_store'].flatMap((key) => STORE_SECRETS.map((secret) => `${key}.${secret}`)),
  ],
  RESTORE: [
    'backup_store.secret_key',
    'backup_store.session_token',
    'dest_password',
    'dest_token',
    'dest_storage.secret_key',
    'dest_storage.session_token',
  ],
  SNAPSHOT: ['source_password', 'source_token', 'source_storage.secret_key', 'source_storage.session_token'],
};
const MYSQL = ['host', 'user', 'database'];
const X_WORDS = ['x-expect', 'x-int64', 'x-fold', 'x-ignored', 'x-null', 'x-rest', 'x-editor'];

interface Key {
  readonly path: string;
  readonly schema: JsonSchema;
}

function keysOf(group: JsonSchema, prefix: string): Key[] {
  return Object.entries(group.properties ?? {}).flatMap(([name, schema]) => {
    const lists = branches(schema).flatMap((branch) => (branch.items ? branches(branch.items) : []));
    const groups = [...branches(schema), ...lists].filter((branch) => branch.properties);
    return [{ path: prefix + name, schema }, ...groups.flatMap((inner) => keysOf(inner, `${prefix}${name}.`))];
  });
}

function bodyOf(task: TaskName): JsonSchema {
  return schemaFor(task).properties?.[task] ?? {};
}

function ajv(validateSchema = true): Ajv2020 {
  const made = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, validateSchema });
  return made.addVocabulary(X_WORDS);
}

/** For parts of a schema that has been checked as a whole. */
const UNCHECKED = ajv(false);

/** By the schema's text: the same one is compiled once. */
const COMPILED = new Map<string, ValidateFunction>();

function accepts(schema: JsonSchema, value: unknown): boolean {
  const text = JSON.stringify(schema);
  const validate = COMPILED.get(text) ?? ajv().compile(schema);
  COMPILED.set(text, validate);
  return validate(value) === true;
}

describe.each(TASKS)('the schema of %s', (task) => {
  const keys = keysOf(bodyOf(task), '');

  it('is the newest draft, in one piece, and no other key than the task is allowed', () => {
    const schema = schemaFor(task);
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
    expect(JSON.stringify(schema).match(/"\$ref":"(?!#\/\$defs\/(absent|nothing|reference)")/g)).toBeNull();
    expect(accepts(schema, {})).toBe(false);
    expect(accepts(schema, { [task]: parse(MINIMAL[task])[task] })).toBe(true);
    expect(accepts(schema, { [task]: parse(MINIMAL[task])[task], more: 1 })).toBe(false);
  });

  it('says of every key what it is, with an example', () => {
    expect(keys.length).toBeGreaterThan(30);
    for (const { path, schema } of keys) {
      expect(schema.title, path).toBeTruthy();
      expect(schema.description, path).toMatch(/\.$/);
      expect(schema.examples?.length, path).toBeGreaterThan(0);
    }
  });

  it('marks secrets, and only them', () => {
    const secrets = keys.filter((key) => key.schema.writeOnly).map((key) => key.path);
    expect(secrets).toEqual(SECRETS[task]);
  });

  it('accepts its own examples and defaults, and nothing for every key that may be left out', () => {
    const schema = schemaFor(task);
    const inside = [
      ...['source_storage', 'dest_storage', 'backup_store', 'work_storage'].map((key) => `${key}.type`),
      'data_path.path',
      'collection_parameter.index.type',
      'merge.into',
      'bulk.storage',
      'bulk.storage.type',
      ...['store', 'store.type', 'name'].map((key) => `source_backup.${key}`),
      ...['store', 'store.type'].map((key) => `source_snapshot.${key}`),
    ];
    const required = [
      ...(bodyOf(task).required ?? []),
      ...inside,
      ...MYSQL.map((key) => `mysql_parameter.${key}`),
    ].concat(['field', 'path', 'to', 'type'].map((key) => `transforms.json_path.${key}`));
    for (const { path, schema: own } of keys) {
      const absent = required.includes(path) ? [] : [null, '', '${X}'];
      const standing = own.default === undefined ? [] : [own.default];
      const validate = UNCHECKED.compile({ ...own, ...(schema.$defs && { $defs: schema.$defs }) });
      for (const value of [...(own.examples ?? []), ...standing, ...absent]) {
        expect(validate(value), `${path}: ${JSON.stringify(value)}`).toBe(true);
      }
    }
  });

  it('the loader finds nothing wrong with an example either', () => {
    for (const { path, schema } of keys.filter((key) => !key.path.includes('.'))) {
      const rest = MINIMAL[task].split('\n').filter((line) => !line.startsWith(`  ${path}:`));
      for (const value of schema.examples ?? []) {
        // The password file of an example exists on no machine of ours.
        if (String(value).startsWith('${file:')) continue;
        const issues = issuesOf([...rest, `  ${path}: ${JSON.stringify(value)}`].join('\n'), { env: ENV });
        expect(issues.filter((issue) => issue.key.startsWith(path) && issue.code !== 'CFG_CONFLICT')).toEqual([]);
      }
    }
  });

  it('a default that is written out changes nothing', () => {
    const without = (config: JobConfig): object => ({
      ...config,
      notes: [],
      ...('source' in config && { source: { ...config.source, idsOptional: 0 } }),
    });
    for (const { path, schema } of keys.filter((key) => key.schema.default !== undefined)) {
      const [first = '', second, third] = path.split('.');
      // What a group alone means is not what it means to leave it out.
      if (third || (first.endsWith('_tls') && second)) continue;
      // Only with a Milvus 2.x as source, which must be named by another key then.
      const place = first === 'source_host' ? 'source_port: 19530' : 'source_host: 127.0.0.1';
      const minimal = MINIMAL[task].split('\n').filter((line) => !line.startsWith(`  ${first}:`));
      const store = first === 'flush' ? '\n  source_storage: {type: s3, bucket: a-bucket}' : '';
      const base = /^(source_(host|port|tls|storage)|flush)$/.test(first)
        ? minimal.join('\n').replace('source_milvus_path: old', `source_db: other\n  ${place}${store}`)
        : minimal.join('\n');
      const needed: Readonly<Record<string, string>> = {
        merge: 'into: x',
        bulk: 'storage: {type: local, path: data}',
        source_storage: 'type: s3, bucket: a-bucket',
        dest_storage: 'type: s3, bucket: a-bucket',
        backup_store: 'type: s3, bucket: a-bucket',
        work_storage: 'type: s3, bucket: a-bucket',
        mysql_parameter: 'host: h, user: u, database: d',
      };
      const group = needed[first];
      const plain = group ? `${base}\n  ${first}: {${group}}` : base;
      const value = JSON.stringify(schema.default);
      const inner = group ? `${group}, ${second}: ${value}` : `${second}: ${value}`;
      const written = second ? `${base}\n  ${first}: {${inner}}` : `${base}\n  ${first}: ${value}`;
      expect(without(validateJob(written)), path).toStrictEqual(without(validateJob(plain)));
    }
  });

  it('its example is a file of the project that loads, with the schema of this installation', () => {
    const text = exampleFor(task);
    const [first = ''] = text.split('\n');
    const url = new URL(first.replace('# yaml-language-server: $schema=', ''));
    expect(JSON.parse(readFileSync(url, 'utf8')).title).toBe(`milvusdm ${task}`);
    const shipped = readFileSync(new URL(`yamls/${task}.yaml`, ROOT), 'utf8');
    expect(shipped.split('\n').slice(1)).toEqual(text.split('\n').slice(1));
    expect(shipped.split('\n')[0]).toBe(`# yaml-language-server: $schema=../schemas/${task.toLowerCase()}.schema.json`);
    const config = validateJob(text, { env: ENV });
    expect(config.task).toBe(task);
    if (config.task === 'BACKUP' || config.task === 'RESTORE')
      expect(config.store).toMatchObject({ type: 's3', root: 'backup' });
    else if (config.task === 'SNAPSHOT') expect(config.name).toMatch(/^articles_/);
    else if (config.task === 'M2H') expect(config.archive?.dir).toMatch(/\.quickstart\/archive$/);
    else expect(config.dest.at.kind).toBe('embedded');
    expect(accepts(schemaFor(task), parse(text))).toBe(true);
  });
});

describe('the published schema and the loader agree', () => {
  const cases: [text: string, ok: boolean][] = [
    [f2m(), true],
    [h2m('data_dir: '), true],
    [h2m('data_dir: x'), false],
    ['H2M: {dest_collection_name: c, data_path: null}', false],
    ["H2M: {dest_collection_name: c, data_path: '', data_dir: d}", true],
    ['F2M: {data_path: a}', false],
    ["F2M: {data_path: '', dest_collection_name: c}", false],
    ['F2M: {data_path: [{path: a, partition: null}], dest_collection_name: c}', true],
    ['F2M: {data_path: [null], dest_collection_name: c}', false],
    ['F2M: {data_path: [], dest_collection_name: c}', false],
    [f2m('dest_uri: http://a', 'dest_host: '), true],
    [f2m('dest_uri: http://a', 'dest_host: b'), false],
    [f2m("dest_uri: ''", 'dest_port: 5'), true],
    [f2m('dest_uri: http://a', 'dest_port: 5'), false],
    [f2m('dest_token: a', 'dest_user: '), true],
    [f2m('dest_token: a', 'dest_password: b'), false],
    [f2m('collection_parameter: {metric_type: l2}'), true],
    [f2m('collection_parameter: {metric_type: l3}'), false],
    [f2m('collection_parameter: {index: none}'), true],
    [f2m('collection_parameter: {index: all}'), false],
    [f2m('id_start: auto'), true],
    [f2m('id_start: 1.5'), false],
    [f2m('batch_bytes: 8 MiB'), true],
    [f2m('batch_bytes: 8 M'), false],
    [f2m('max_rate: 5 rows/s'), true],
    [f2m('max_rate: 5 rows'), false],
    [f2m('verify: all'), false],
    [f2m('milvus_version: {{a.b}}', 'milvus-version: [1]'), true],
    [f2m('dest_colection_name: x'), false],
    [f2m('columns: {a: b}'), false],
    [h2m('columns: {a: b}'), true],
    [h2m('columns: {a: 1b}'), false],
    [m2m(), true],
    [m2h(), true],
    [live(), true],
    [m2m('source_uri: http://a'), false],
    [m2m('source_uri: ', 'source_host: ""'), true],
    ['M2M: {source_collection: c}', false],
    ['M2M: {source_collection: c, source_port: 1}', true],
    ['M2M: {source_uri: http://a}', false],
    ["M2M: {source_uri: http://a, source_collection: ''}", false],
    ["M2M: {source_uri: http://a, source_collection: '*'}", true],
    ['M2M: {source_uri: http://a, source_collection: [a, 2021, true]}', true],
    ['M2M: {source_uri: http://a, source_collection: 2021}', true],
    ['M2M: {source_uri: http://a, source_collection: {a: , b: [p, 1], c: p, d: ""}}', true],
    ['M2M: {source_uri: http://a, source_collection: {a: {b: c}}}', false],
    ['M2M: {source_uri: http://a, source_collection: {a: []}}', false],
    ['M2M: {source_uri: http://a, source_collection: {}}', false],
    ['M2M: {source_uri: http://a, source_collection: []}', false],
    ['M2M: {source_uri: http://a, source_collection: [{a: b}]}', false],
    ['M2H: {source_uri: http://a, source_collection: c}', false],
    [live('source_host: b'), false],
    [live('source_token: a', 'source_user: b', 'source_password: c'), false],
    [live('mysql_parameter: '), true],
    [live('mysql_parameter: {host: a, user: b, database: c}'), false],
    [live('unflushed: warn'), false],
    [live('filter: a > 1', 'output_fields: [a]'), true],
    [m2m('filter: a > 1'), false],
    [m2m('source_db: a'), false],
    [m2m("mysql_parameter: ''"), true],
    [m2m('mysql_parameter: {host: a, user: b, database: c, port: 1}'), true],
    [m2m('mysql_parameter: {host: a, user: b}'), false],
    [m2m('merge: {into: a}'), true],
    [m2m('merge: {partition: a}'), false],
    [m2m('merge: {into: a}', 'collection_map: {c: b}'), false],
    [m2m('collection_map: {c: 1b}'), false],
    [m2m('collection_map: {}'), false],
    [m2m('id_offset: {c: 5}'), true],
    [m2m('id_offset: {c: x}'), false],
    [m2m('id_offset: 5'), true],
    [m2m('id_start: 5'), false],
    [m2m('on_error: stop'), true],
    [m2m('collection_parameter: {load: true, index: none, shards: 2}'), true],
    [m2m('collection_parameter: {dimension: 4}'), false],
    [f2m('write: insert'), true],
    [h2m('write: auto'), true],
    [h2m('write: fast'), false],
    [
      f2m('bulk: {storage: {type: local, path: data}, max_file_bytes: 1 GiB, parallel_jobs: 2, keep_files: true}'),
      true,
    ],
    [m2m('dest_uri: http://a', 'write: bulk', 'bulk: {storage: {type: s3, bucket: a-bucket}, prefix: a/b}'), true],
    [h2m('bulk: {prefix: a}'), false],
    [h2m('bulk: {storage: {type: s3, bucket: a-bucket}, max_file_bytes: 1000}'), false],
    [h2m('bulk: {storage: {type: s3, bucket: a-bucket}, parallel_jobs: 0}'), false],
    [m2h('write: bulk'), false],
    [m2h('dest_uri: http://a'), false],
    [m2h('mode: skip'), false],
    [m2h('gzip: 9', 'rows_per_file: 1'), true],
    [m2h('gzip: 10'), false],
    [m2h('rows_per_file: 0'), false],
  ];
  it.each(cases)('%j', (text, ok) => {
    const data = parse(text, { logLevel: 'silent' });
    const task = TASKS.find((name) => name in data) ?? 'F2M';
    expect(issuesOf(text).length === 0).toBe(ok);
    // Keys of groups can be groups in YAML; JSON has only text there.
    expect(accepts(schemaFor(task), JSON.parse(JSON.stringify(data)))).toBe(ok);
  });
});

describe('the compiled validators', () => {
  it('are those of the schemas (npm run generate)', () => {
    expect(readFileSync(GENERATED, 'utf8')).toBe(generate());
  });

  it('need no module of ajv', () => {
    expect(generate()).not.toMatch(/require\(|ajv|\bimport (?!type)/);
  });

  it('every schema file is used', () => {
    const used = TASKS.map((task) => JSON.stringify(bundleSchema(task))).join();
    for (const file of readdirSync(new URL('schemas/defs/', ROOT))) {
      const { $defs } = JSON.parse(readFileSync(new URL(`schemas/defs/${file}`, ROOT), 'utf8'));
      for (const def of Object.values<JsonSchema>($defs)) {
        if (def.description) expect(used).toContain(JSON.stringify(def.description));
      }
    }
  });
});

describe('a start of the loader', () => {
  it('loads yaml and nothing else from outside', () => {
    const load = new URL('src/config/load.ts', ROOT).href;
    const script = `await import(${JSON.stringify(load)}); const { createRequire } = await import('node:module');
      const loaded = Object.keys(createRequire(${JSON.stringify(load)}).cache).map((p) => p.split('node_modules/')[1]?.split('/')[0]);
      console.log(JSON.stringify([...new Set(loaded)]));`;
    const out = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect(JSON.parse(out).filter((name: string) => !['tsx', 'esbuild', 'get-tsconfig'].includes(name))).toEqual([
      'yaml',
    ]);
  });
});
