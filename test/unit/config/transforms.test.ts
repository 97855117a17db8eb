import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { strictSchema } from '../../../src/config/bundle.js';
import type { JsonSchema } from '../../../src/config/schema.js';
import { parseYaml } from '../../../src/config/syntax.js';
import { inferConstant, type RawTransform, type TransformStep, toTransforms } from '../../../src/config/transforms.js';
import { type Reading, readValue } from '../../../src/config/tree.js';

const X_WORDS = ['x-expect', 'x-int64', 'x-fold', 'x-ignored', 'x-editor'];
const KEPT = ['absent', 'nothing', 'reference'];

function defsOf(file: string): Readonly<Record<string, JsonSchema>> {
  return JSON.parse(readFileSync(new URL(`../../../schemas/defs/${file}`, import.meta.url), 'utf8')).$defs;
}

const DEFS = { '': defsOf('transforms.json'), 'common.json': defsOf('common.json') };

/** The schema with its references resolved, as the bundle of a task has it. */
function inlined(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(inlined);
  if (typeof node !== 'object' || node === null) return node;
  const { $ref, ...rest } = node as JsonSchema;
  const others = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, inlined(value)]));
  if ($ref === undefined) return others;
  const [file = '', name = ''] = $ref.split('#/$defs/');
  if (KEPT.includes(name)) return { $ref: `#/$defs/${name}`, ...others };
  return { ...(inlined(DEFS[file as keyof typeof DEFS][name]) as object), ...others };
}

const published = inlined(DEFS[''].transforms) as JsonSchema;
const common = DEFS['common.json'];
const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true }).addVocabulary(X_WORDS);
const editors = ajv.compile({ ...published, $defs: Object.fromEntries(KEPT.map((name) => [name, common[name]])) });
const strict = strictSchema(published);
const loader: (value: unknown) => boolean = ajv.compile(strict);

/** What the loader makes of a text: the steps, or undefined where the schema finds a mistake. */
function load(text: string): TransformStep[] | undefined {
  const yaml = parseYaml(text, 't.yaml');
  const around = { env: { SHOP: 'north' }, cwd: '/' };
  const reading: Reading = { yaml, file: 't.yaml', around, issues: [], secrets: [], places: new Map(), aliases: 0 };
  const node = yaml.document.contents as Parameters<typeof readValue>[1];
  const value = readValue(reading, node, strict, { pointer: '', key: '', offset: 0 });
  return reading.issues.length === 0 && loader(value) ? toTransforms(value as RawTransform[]) : undefined;
}

const GOOD: [string, TransformStep][] = [
  ['rename: {a: b, c: d}', { kind: 'rename', fields: { a: 'b', c: 'd' } }],
  ["drop: [a, 'tmp_*']", { kind: 'drop', fields: ['a', 'tmp_*'] }],
  ['keep: [id, embedding]', { kind: 'keep', fields: ['id', 'embedding'] }],
  ['normalize: [v]', { kind: 'normalize', fields: ['v'] }],
  [
    'cast: {a: INT32, b: float16_vector, c: {type: varchar, max_length: 9}, d: {type: INT8, on_loss: report, max_length: }}',
    {
      kind: 'cast',
      fields: {
        a: { type: 'INT32' },
        b: { type: 'FLOAT16_VECTOR' },
        c: { type: 'VARCHAR', maxLength: 9 },
        d: { type: 'INT8', onLoss: 'report' },
      },
    },
  ],
  [
    'constant: {a: 9223372036854775807, b: 1.5, c: true, d: 01, e: x, f: {value: 5, type: varchar}, g: {type: INT8}, h: {value: 2021, max_length: }}',
    {
      kind: 'constant',
      fields: {
        a: { value: 2n ** 63n - 1n },
        b: { value: 1.5 },
        c: { value: true },
        d: { value: '01' },
        e: { value: 'x' },
        f: { value: '5', type: 'VARCHAR' },
        g: { value: null, type: 'INT8' },
        h: { value: 2021n },
      },
    },
  ],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference is what is tested
  ['constant: {shop: "${SHOP}"}', { kind: 'constant', fields: { shop: { value: 'north' } } }],
  [
    'truncate_dim: {a: 256, b: {dim: 128, renormalize: true}, c: {dim: 64}}',
    {
      kind: 'truncate_dim',
      fields: {
        a: { dim: 256, renormalize: false },
        b: { dim: 128, renormalize: true },
        c: { dim: 64, renormalize: false },
      },
    },
  ],
  ['where: "price > 3 and shop != \'x\'"', { kind: 'where', expression: "price > 3 and shop != 'x'" }],
  [
    'json_path: {field: $meta, path: "a.b[0]", to: x, type: int64, nullable: true, default: 9007199254740993, max_length: 5}',
    {
      kind: 'json_path',
      field: '$meta',
      path: 'a.b[0]',
      to: 'x',
      type: 'INT64',
      nullable: true,
      default: '9007199254740993',
      maxLength: 5,
    },
  ],
];

describe('a step of the file', () => {
  it.each(GOOD)('%s', (text, step) => {
    expect(load(`- ${text}`)).toStrictEqual([step]);
    if (!text.includes('${')) expect(editors([parse(text)])).toBe(true);
  });

  it('stands in the order of the file', () => {
    const all = load(GOOD.map(([text]) => `- ${text}`).join('\n'));
    expect(all).toStrictEqual(GOOD.map(([, step]) => step));
  });

  it.each([
    '[]',
    '- {}',
    '- rename:',
    '- drop: [a]\n  keep: [b]',
    '- remove: [a]',
    '- drop: []',
    '- drop: a',
    '- rename: {}',
    '- rename: {a: 1b}',
    '- rename: {a: }',
    '- cast: {a: FLOAT17_VECTOR}',
    '- cast: {a: {max_length: 5}}',
    '- cast: {a: {type: VARCHAR, max_length: 0}}',
    '- cast: {a: {type: VARCHAR, max_length: 65536}}',
    '- cast: {a: {type: INT8, on_loss: warn}}',
    '- cast: {a: {type: INT8, onloss: error}}',
    '- constant: {a: [1]}',
    '- constant: {a: {value: 1, type: FLOAT_VECTOR}}',
    '- truncate_dim: {a: 0}',
    '- truncate_dim: {a: 1.5}',
    '- truncate_dim: {a: {renormalize: true}}',
    '- where: [a]',
    '- json_path: {field: j, path: a, to: b}',
    '- json_path: {field: j, path: a, to: 1b, type: INT8}',
    '- json_path: {field: j, path: a, to: b, type: ARRAY}',
  ])('%j is refused', (text) => {
    expect(load(text)).toBeUndefined();
    expect(editors(parse(text)) && text !== '- rename:').toBe(false);
  });
});

describe('the schema of transforms', () => {
  const keys = (group: JsonSchema, path: string): [string, JsonSchema][] => {
    const children = Object.entries(group.properties ?? {}).flatMap(([name, child]): [string, JsonSchema][] => [
      [`${path}.${name}`, child],
      ...keys(child, `${path}.${name}`),
    ]);
    const inner = [group.items, group.additionalProperties, ...(group.anyOf ?? [])];
    return [...children, ...inner.flatMap((child) => (typeof child === 'object' ? keys(child, path) : []))];
  };

  it.each(keys(published, 'transforms'))('%s has a title, a description and examples that it accepts', (_, schema) => {
    expect(schema.title).toBeTruthy();
    expect(schema.description).toMatch(/\.$/);
    expect(schema.examples?.length).toBeGreaterThan(0);
    const check = ajv.compile({ ...schema, $defs: Object.fromEntries(KEPT.map((name) => [name, common[name]])) });
    for (const example of schema.examples ?? []) expect(check(example)).toBe(true);
  });

  it('the loader takes its examples, too', () => {
    for (const [path, schema] of keys(published, 'transforms').filter(([name]) => name.split('.').length === 2)) {
      for (const example of schema.examples ?? []) {
        expect(load(stringify([{ [path.split('.')[1]!]: example }])), path).toHaveLength(1);
      }
    }
    for (const example of published.examples ?? []) expect(load(stringify(example))).toHaveLength(3);
  });
});

describe('docs/transforms.md', () => {
  const text = readFileSync(new URL('../../../docs/transforms.md', import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block]) => block!.replace('transforms:\n', ''));

  it.each(blocks)('%s', (block) => {
    expect(load(block)?.length).toBeGreaterThan(0);
  });

  it('has an example of every step', () => {
    const kinds = new Set(blocks.flatMap((block) => load(block)?.map((step) => step.kind) ?? []));
    expect([...kinds].sort()).toEqual(Object.keys(DEFS[''].step!.properties!).sort());
  });
});

describe('inferConstant', () => {
  it.each([
    ['0', 0n],
    ['-12', -12n],
    ['9007199254740993', 9007199254740993n],
    ['1.50', 1.5],
    ['1e3', 1000],
    ['-0.5E-2', -0.005],
    ['true', true],
    ['false', false],
    ['True', 'True'],
    ['01', '01'],
    ['+5', '+5'],
    ['.5', '.5'],
    ['1.2.3', '1.2.3'],
    ['a b', 'a b'],
    ['NaN', 'NaN'],
  ])('%s', (text, value) => {
    expect(inferConstant(text)).toBe(value);
  });
});
