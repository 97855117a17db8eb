import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = join(import.meta.dirname, '../../src');

/** `type` imports are gone after compilation, `dynamic` ones are loaded when they are needed. */
type Kind = 'value' | 'type' | 'dynamic';

interface Import {
  readonly from: string;
  /** A path below src, or the name of a package. */
  readonly to: string;
  readonly kind: Kind;
}

const STATIC =
  /^(?:import|export)\s+(type\s+)?(\{[^}]*\}|\*(?:\s+as\s+\w+)?|\w+(?:\s*,\s*\{[^}]*\})?)\s+from\s+'([^']+)'|^import\s+'([^']+)'/gm;
const DYNAMIC = /\bimport\(\s*(['"`][^)]*)\)/g;
const REQUIRE = /\brequire\(\s*["']([^"']+)["']\s*\)/g;

/** `{ type A, type B }` brings no value. */
function onlyTypes(names: string): boolean {
  if (!names.startsWith('{')) return false;
  const parts = names.slice(1, -1).split(',');
  return parts.every((part) => part.trim() === '' || part.trim().startsWith('type '));
}

function importsOf(file: string, text: string): Import[] {
  const resolve = (name: string): string =>
    name.startsWith('.') ? posix.join(dirname(file), name).replace(/\.js$/, '.ts') : name;
  const found: Import[] = [];
  for (const [, type, names, name, bare] of text.matchAll(STATIC)) {
    const kind = type || onlyTypes(names ?? '*') ? 'type' : 'value';
    found.push({ from: file, to: resolve((name ?? bare)!), kind });
  }
  for (const [, name] of text.matchAll(REQUIRE)) found.push({ from: file, to: resolve(name!), kind: 'value' });
  for (const [, name] of text.matchAll(DYNAMIC))
    found.push({ from: file, to: resolve(name!.slice(1, -1)), kind: 'dynamic' });
  return found;
}

const FILES = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.split('\\').join('/'))
  .sort();
const TEXTS = new Map(FILES.map((file) => [file, readFileSync(join(SRC, file), 'utf8')]));
const IMPORTS = FILES.flatMap((file) => importsOf(file, TEXTS.get(file)!));
const INSIDE = IMPORTS.filter(({ to }) => to.endsWith('.ts'));

/** The part of the project that a file belongs to: a folder, `adapters/<name>`, or a file at the top. */
function areaOf(file: string): string {
  const [first, second] = file.split('/');
  return first === 'adapters' ? `adapters/${second}` : first!;
}

const ADAPTERS = [...new Set(FILES.map(areaOf))].filter((area) => /^adapters\/[\w-]+$/.test(area));
const INTERFACES = 'adapters/types.ts';

/**
 * Which areas an area may import besides itself. Types of src/config may be imported everywhere, because the
 * configuration is what all parts talk about; its code only where it stands here.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  util: [],
  batch: ['util'],
  config: ['util', 'batch'],
  store: ['util', 'batch'],
  binlog: ['util', 'batch'],
  backup: ['util', 'batch', 'store'],
  snapshot: ['util', 'batch', 'store', 'backup'],
  milvus: ['util', 'batch', 'store'],
  segments: ['util', 'batch', 'store', 'backup', 'milvus'],
  transforms: ['util', 'batch', 'store', 'milvus'],
  [INTERFACES]: ['batch'],
  ...Object.fromEntries(
    ADAPTERS.map((area) => [
      area,
      ['util', 'batch', 'store', 'backup', 'snapshot', 'binlog', 'milvus', 'segments', INTERFACES],
    ]),
  ),
  'registry.ts': [...ADAPTERS, INTERFACES],
  job: ['util', 'batch', 'store', 'backup', 'snapshot', 'milvus', 'segments', 'transforms', INTERFACES, 'registry.ts'],
  cli: ['util', 'config', 'job', 'server'],
  server: ['util', 'config', 'job', 'backup'],
  library: ['util', 'config', 'job'],
  'index.ts': ['util', 'config', 'job', 'library', INTERFACES],
};

/** Small pure functions of src/config that other parts use, too: globs of selections, "did you mean". */
const SHARED_CONFIG = ['config/selection.ts', 'config/suggest.ts'];

/** Packages that cost time to load; only a run needs them. */
const HEAVY = [
  'apache-arrow',
  '@zilliz/milvus2-sdk-node',
  '@grpc/grpc-js',
  'h5wasm',
  'pino',
  'cli-progress',
  'ajv',
  'xxhash-wasm',
  'mysql2',
  'node-sqlite3-wasm',
];

const show = ({ from, to, kind }: Import): string => `${from} -> ${to} (${kind})`;

function isAllowed({ from, to, kind }: Import): boolean {
  const [source, target] = [areaOf(from), areaOf(to)];
  if (source === target) return true;
  if (target === 'config' && (kind === 'type' || SHARED_CONFIG.includes(to)))
    return source !== 'util' && source !== 'batch';
  return ALLOWED[source]?.includes(target) ?? false;
}

/** Everything that is loaded with a file: files and packages, with the way there. */
function loadedWith(start: string): Map<string, string> {
  const way = new Map([[start, start]]);
  const queue = [start];
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    for (const { to } of IMPORTS.filter((i) => i.from === file && i.kind === 'value')) {
      if (way.has(to)) continue;
      way.set(to, `${way.get(file)} -> ${to}`);
      queue.push(to);
    }
  }
  return way;
}

function packageOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
}

/** A way from a file back to itself, if there is one. */
function findCycle(edges: readonly Import[]): string[] | undefined {
  const targets = new Map<string, string[]>();
  for (const { from, to } of edges) targets.set(from, [...(targets.get(from) ?? []), to]);
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    done.add(file);
    for (const next of targets.get(file) ?? []) {
      const cycle = visit(next, [...path, file]);
      if (cycle) return cycle;
    }
    return undefined;
  };
  for (const file of targets.keys()) {
    const cycle = visit(file, []);
    if (cycle) return cycle;
  }
  return undefined;
}

describe('the reading of imports', () => {
  it('sees every import of every file', () => {
    for (const [file, text] of TEXTS) {
      // Counted by their ends, which stand on one line also where the names take several.
      const ends = text.match(/\bfrom '[^']+';$|^import '[^']+';$/gm) ?? [];
      const required = [...text.matchAll(REQUIRE)].length;
      const found = IMPORTS.filter((i) => i.from === file && i.kind !== 'dynamic').length - required;
      expect(found, file).toBe(ends.length);
    }
    expect(INSIDE.length).toBeGreaterThan(200);
  });

  it('tells types from values', () => {
    const text = [
      "import { a, type B } from './x.js';",
      "import { type C,\n  type D } from '../y/z.js';",
      "import type { E } from './x.js';",
      "export { f } from 'pkg/sub';",
      "export type * from './t.js';",
      "import 'side';",
      "import g, { type H } from 'node:fs';",
      "const i = await import('./lazy.js');",
    ].join('\n');
    expect(importsOf('a/b.ts', text).map((i) => `${i.to} ${i.kind}`)).toStrictEqual([
      'a/x.ts value',
      'y/z.ts type',
      'a/x.ts type',
      'pkg/sub value',
      'a/t.ts type',
      'side value',
      'node:fs value',
      'a/lazy.ts dynamic',
    ]);
  });

  it('names only files that exist', () => {
    expect(INSIDE.filter(({ to }) => !TEXTS.has(to)).map(show)).toStrictEqual([]);
  });

  it('knows every area', () => {
    expect(FILES.map(areaOf).filter((area) => !(area in ALLOWED))).toStrictEqual([]);
  });
});

describe('imports', () => {
  it('run one way', () => {
    expect(INSIDE.filter((i) => !isAllowed(i)).map(show)).toStrictEqual([]);
  });

  it('never lead from one adapter to another', () => {
    const foreign = INSIDE.filter((i) => ADAPTERS.includes(areaOf(i.from)) && ADAPTERS.includes(areaOf(i.to)));
    expect(foreign.filter((i) => areaOf(i.from) !== areaOf(i.to)).map(show)).toStrictEqual([]);
  });

  it('name adapters in the registry alone, which loads each when it is needed', () => {
    const outside = INSIDE.filter((i) => ADAPTERS.includes(areaOf(i.to)) && !ADAPTERS.includes(areaOf(i.from)));
    expect(outside.filter((i) => i.from !== 'registry.ts' || i.kind === 'value').map(show)).toStrictEqual([]);
    const named = new Set(outside.filter((i) => i.kind === 'dynamic').map((i) => areaOf(i.to)));
    expect([...named].sort()).toStrictEqual([...ADAPTERS].sort());
  });

  it('take from src/adapters/types.ts and src/config/types.ts nothing but types: there is nothing else', () => {
    for (const file of [INTERFACES, 'config/types.ts']) {
      expect(IMPORTS.filter((i) => i.from === file && i.kind !== 'type').map(show)).toStrictEqual([]);
      expect(TEXTS.get(file)).not.toMatch(/^export (?:const|function|class|async)/m);
    }
  });

  it('of what src/config shares bring nothing of the rest of it', () => {
    for (const file of SHARED_CONFIG) {
      expect(
        [...loadedWith(file).keys()].filter((to) => !SHARED_CONFIG.includes(to) && areaOf(to) !== 'util'),
      ).toStrictEqual([]);
    }
  });

  it('of types of batches do not bring their code into src/config', () => {
    const edges = INSIDE.filter((i) => areaOf(i.from) === 'config' && areaOf(i.to) === 'batch');
    expect(edges.filter((i) => i.kind !== 'type').map(show)).toStrictEqual([]);
  });

  // Without those of types, which are gone after compilation: two files of one area may describe each other.
  it('form no cycle', () => {
    expect(findCycle(INSIDE.filter((i) => i.kind !== 'type'))?.join(' -> ')).toBeUndefined();
  });

  it('would be found in a cycle', () => {
    const edge = (from: string, to: string): Import => ({ from, to, kind: 'value' });
    expect(findCycle([edge('a', 'b'), edge('b', 'c'), edge('c', 'b')])).toStrictEqual(['b', 'c', 'b']);
    expect(findCycle([edge('a', 'b'), edge('a', 'c'), edge('b', 'c')])).toBeUndefined();
  });
});

describe('what the command line loads', () => {
  it.each(['cli/main.ts', 'cli/validate.ts', 'cli/texts.ts'])('with %s is nothing heavy', (start) => {
    const heavy = [...loadedWith(start)].filter(([name]) => HEAVY.includes(packageOf(name)));
    expect(heavy.map(([, way]) => way)).toStrictEqual([]);
  });

  it('with a run is not all of it at once', () => {
    const loaded = [...loadedWith('cli/run.ts').keys()].map(packageOf);
    for (const name of ['@zilliz/milvus2-sdk-node', '@grpc/grpc-js', 'h5wasm', 'pino', 'cli-progress', 'xxhash-wasm']) {
      expect(loaded).not.toContain(name);
    }
  });

  it('names packages that the project depends on', () => {
    const manifest = JSON.parse(readFileSync(join(SRC, '../package.json'), 'utf8')) as {
      readonly dependencies: Readonly<Record<string, string>>;
      readonly devDependencies: Readonly<Record<string, string>>;
    };
    const { dependencies } = manifest;
    const packages = new Set(
      IMPORTS.filter((i) => !i.to.endsWith('.ts') && !i.to.startsWith('node:')).map((i) => packageOf(i.to)),
    );
    expect([...packages].filter((name) => !(name in dependencies))).toStrictEqual([]);
    expect(HEAVY.filter((name) => !(name in { ...manifest.devDependencies, ...dependencies }))).toStrictEqual([]);
  });
});
