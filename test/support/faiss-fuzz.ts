import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspectFaiss, openFaiss } from '../../src/adapters/faiss/index.js';
import { rawColumns } from '../../src/batch/columns.js';
import { asBytes } from '../../src/util/bytes.js';
import { MilvusdmError } from '../../src/util/errors.js';
import { cpuMs } from './cpu.js';
import { PROJECT } from './environments.js';

const FOLDERS = ['fixtures/faiss', 'fixtures/faiss-kinds/1.15.1', 'fixtures/faiss-kinds/1.7.4'];
/** Longer files take longer without showing more. */
const LARGEST = 48 * 1024;
const NAMES = { idField: 'id', vectorField: 'embedding' };
const KINDS = [
  'IxF2',
  'IwFl',
  'IxPT',
  'IxMp',
  'IHNf',
  'IxSQ',
  'IwPQ',
  'IxRF',
  'ilar',
  'ilod',
  'ilbl',
  'ilp2',
  'sprs',
  'rrot',
  'RmDT',
  'null',
  'IBxF',
];
const NUMBERS = [
  0n,
  1n,
  2n,
  7n,
  8n,
  255n,
  2n ** 20n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 40n,
  2n ** 53n,
  2n ** 62n,
  -1n,
  -(2n ** 63n),
];

/** A file that mutations begin with. */
export interface Seed {
  readonly name: string;
  readonly bytes: Buffer;
}

function vectorFiles(): Seed[] {
  const floats = Buffer.from(Float32Array.from({ length: 40 }, (_, i) => i / 7 - 2).buffer);
  const header = (rows: number, dim: number): Buffer => Buffer.from(Uint32Array.of(rows, dim).buffer);
  const rows = Array.from({ length: 5 }, (_, i) =>
    Buffer.concat([header(8, 0).subarray(0, 4), floats.subarray(i * 32, i * 32 + 32)]),
  );
  const text = "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 8), }".padEnd(117);
  const npy = Buffer.concat([Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1'), Buffer.from(`${text}\n`), floats]);
  return [
    { name: 'a.fvecs', bytes: Buffer.concat(rows) },
    { name: 'a.fbin', bytes: Buffer.concat([header(5, 8), floats]) },
    { name: 'a.f16bin', bytes: Buffer.concat([header(10, 8), floats]) },
    { name: 'a.u8bin', bytes: Buffer.concat([header(20, 8), floats]) },
    { name: 'a.npy', bytes: npy },
  ];
}

/** Fixtures of every kind, and files of plain vectors. */
export function seeds(): Seed[] {
  const found = FOLDERS.flatMap((folder) =>
    readdirSync(join(PROJECT, folder))
      .filter((name) => name.endsWith('.index'))
      .map((name) => ({ name: `${folder}/${name}`, bytes: readFileSync(join(PROJECT, folder, name)) })),
  );
  return [...found.filter(({ bytes }) => bytes.length <= LARGEST), ...vectorFiles()];
}

/** Pseudo-random numbers below a bound, the same for a seed every time (mulberry32). */
export function randomOf(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

type Mutation = (bytes: Buffer, random: (below: number) => number) => Buffer;

/** Half of all places are in the headers, where the numbers stand that matter. */
function place(bytes: Buffer, random: (below: number) => number): number {
  const end = random(2) === 0 ? Math.min(bytes.length, 1200) : bytes.length;
  return end === 0 ? 0 : random(end);
}

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => {
    if (bytes.length > 0) bytes[place(bytes, random)]! ^= 1 << random(8);
    return bytes;
  },
  (bytes, random) => {
    if (bytes.length > 0) bytes[place(bytes, random)] = random(256);
    return bytes;
  },
  (bytes, random) => {
    const at = place(bytes, random);
    const value = NUMBERS[random(NUMBERS.length)]!;
    if (random(2) === 0 && at + 8 <= bytes.length) bytes.writeBigInt64LE(value, at);
    else if (at + 4 <= bytes.length) bytes.writeInt32LE(Number(BigInt.asIntN(32, value)), at);
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, place(bytes, random)),
  (bytes, random) => {
    const at = place(bytes, random);
    const length = 1 + random(16);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
  },
  (bytes, random) => {
    const at = place(bytes, random);
    const added = Buffer.from(Array.from({ length: 1 + random(16) }, () => random(256)));
    return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
  },
  (bytes, random) => {
    const from = place(bytes, random);
    bytes.copy(bytes, place(bytes, random), from, from + 1 + random(64));
    return bytes;
  },
  (bytes, random) => {
    const at = place(bytes, random);
    if (at + 4 <= bytes.length) bytes.write(KINDS[random(KINDS.length)]!, at, 'latin1');
    return bytes;
  },
  // The same word elsewhere: a kind of index or of lists inside another.
  (bytes, random) => {
    const at = bytes.indexOf(Buffer.from(['I', 'il', 'Ix', 'Iw'][random(4)]!), 1);
    if (at >= 0 && at + 4 <= bytes.length) bytes.write(KINDS[random(KINDS.length)]!, at, 'latin1');
    return bytes;
  },
];

export interface FuzzResult {
  readonly outcome: 'read' | 'refused';
  readonly seconds: number;
}

async function readWhole(path: string): Promise<void> {
  await using reader = await openFaiss({ adapter: 'faiss', files: [{ path }], allowLossy: true }, NAMES);
  const [split] = await reader.splits();
  const maxBytes = 16 * 1024;
  let rows = 0;
  for await (const { batch, firstRow } of reader.read(split!, { maxBytes })) {
    if (firstRow !== rows) throw new Error(`a batch begins with row ${firstRow} behind ${rows} rows`);
    rows += batch.numRows;
    const bytes = rawColumns(batch).reduce((sum, { values }) => sum + asBytes(values as Uint8Array).length, 0);
    if (bytes > maxBytes && batch.numRows > 1) throw new Error(`a batch of ${bytes} bytes`);
  }
  if (rows !== split!.rows) throw new Error(`${rows} rows were read of ${split!.rows}`);
}

/** A place where mutated files are tried. Dispose of it. */
export function fuzzer(): Disposable & { run(seed: number, files: readonly Seed[]): Promise<FuzzResult> } {
  const folder = mkdtempSync(join(tmpdir(), 'milvusdm-fuzz-'));
  for (const from of FOLDERS) {
    for (const name of readdirSync(join(PROJECT, from)).filter((file) => file.endsWith('.ivfdata'))) {
      copyFileSync(join(PROJECT, from, name), join(folder, name));
    }
  }
  return {
    /** Mutates a file and reads it. Throws what is no error of milvusdm with an exit code of the source. */
    async run(seed, files) {
      const random = randomOf(seed);
      const file = files[random(files.length)]!;
      let bytes: Buffer = Buffer.from(file.bytes);
      for (let count = 1 + random(3); count > 0; count--) bytes = MUTATIONS[random(MUTATIONS.length)]!(bytes, random);
      const path = join(folder, file.name.split('/').at(-1)!);
      writeFileSync(path, bytes);
      const started = cpuMs();
      const done = (outcome: FuzzResult['outcome']): FuzzResult => ({
        outcome,
        seconds: (cpuMs() - started) / 1000,
      });
      try {
        await readWhole(path);
        await inspectFaiss(path).catch((thrown: unknown) => {
          if (!(thrown instanceof MilvusdmError)) throw thrown;
        });
        return done('read');
      } catch (thrown) {
        if (thrown instanceof MilvusdmError && thrown.code.startsWith('SRC_')) return done('refused');
        throw new Error(`seed ${seed}, ${file.name}: ${String((thrown as Error).stack ?? thrown)}`, { cause: thrown });
      }
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
