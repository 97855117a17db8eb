import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FieldSpec } from '../../src/batch/fields.js';
import { readDeletes } from '../../src/binlog/delta-log.js';
import { LaneMemory } from '../../src/binlog/lane.js';
import { readSegment, SEGMENT_START } from '../../src/binlog/rows.js';
import { memorySource } from '../../src/binlog/source.js';
import { MilvusdmError } from '../../src/util/errors.js';
import { PROJECT } from './environments.js';

const FOLDER = join(PROJECT, 'fixtures', 'binlog');
const MAX_BYTES = 64 * 1024;
/** A damaged file of some kilobytes must not take more memory than this. */
const MOST_MEMORY = 256 << 20;

interface Facts {
  readonly field?: number;
  readonly spec?: FieldSpec;
  readonly columns?: Readonly<Record<string, { readonly spec: FieldSpec }>>;
  readonly key?: 'INT64' | 'VARCHAR';
}

/** A log file that mutations begin with, and how it is read. */
export interface LogSeed {
  readonly name: string;
  readonly bytes: Uint8Array;
  read(bytes: Uint8Array): Promise<number>;
}

async function readColumn(bytes: Uint8Array, group: bigint, id: bigint, spec: FieldSpec): Promise<number> {
  const segment = { name: 'segment', groups: [{ id: group, logs: [memorySource('file', bytes)] }] };
  let rows = 0;
  const options = { after: SEGMENT_START, maxBytes: MAX_BYTES, memory: new LaneMemory() };
  for await (const { batch } of readSegment(segment, [{ id, spec }], options)) rows += batch.numRows;
  return rows;
}

async function countDeletes(bytes: Uint8Array, key: 'INT64' | 'VARCHAR'): Promise<number> {
  let rows = 0;
  for await (const block of readDeletes(memorySource('file', bytes), key)) rows += block.rows;
  return rows;
}

function seedOf(name: string, facts: Facts): LogSeed[] {
  const bytes = new Uint8Array(readFileSync(join(FOLDER, name)));
  const { key, field, spec } = facts;
  if (key) return [{ name, bytes, read: (changed) => countDeletes(changed, key) }];
  if (field !== undefined && spec) {
    return [{ name, bytes, read: (changed) => readColumn(changed, BigInt(field), BigInt(field), spec) }];
  }
  return Object.entries(facts.columns ?? {}).map(([id, column]) => ({
    name: `${name}/${id}`,
    bytes,
    read: (changed) => readColumn(changed, 0n, BigInt(id), column.spec),
  }));
}

/** Log files of every type and form. */
export function logSeeds(): LogSeed[] {
  const facts = JSON.parse(readFileSync(join(FOLDER, 'expected.json'), 'utf8')) as Record<string, Facts>;
  return readdirSync(FOLDER).flatMap((name) => (facts[name] ? seedOf(name, facts[name]) : []));
}

/** Repeatable numbers in [0, below). */
export function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const WORDS = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** Damages a copy: single bytes, words that are limits, cuts, and pieces that come twice. */
export function damage(bytes: Uint8Array, next: (below: number) => number): Uint8Array {
  let out = bytes.slice();
  for (let i = 1 + next(3); i > 0; i--) {
    const at = next(out.length);
    switch (next(5)) {
      case 0:
        out[at]! ^= 1 << next(8);
        break;
      case 1:
        out[at] = next(256);
        break;
      case 2: {
        const view = new DataView(out.buffer);
        if (at + 4 <= out.length) view.setUint32(at, WORDS[next(WORDS.length)]!, true);
        break;
      }
      case 3:
        out = out.slice(0, Math.max(1, at));
        break;
      default: {
        const piece = out.slice(at, at + 1 + next(40));
        const to = next(out.length);
        out.set(piece.subarray(0, Math.min(piece.length, out.length - to)), to);
      }
    }
  }
  return out;
}

/**
 * Reads damaged bytes; gives the code of the error, or `ok` where they happen to read. Throws for what no user may see: an
 * error of no kind, too much memory.
 */
export async function outcomeOf(seed: LogSeed, bytes: Uint8Array): Promise<string> {
  const before = process.memoryUsage().arrayBuffers;
  const thrown = await seed.read(bytes).then(
    () => undefined,
    (error: unknown) => error,
  );
  const grown = process.memoryUsage().arrayBuffers - before;
  if (grown > MOST_MEMORY) throw new Error(`${seed.name} of ${bytes.length} bytes took ${grown} bytes`);
  if (thrown === undefined) return 'ok';
  if (!(thrown instanceof MilvusdmError) || !thrown.code.startsWith('SRC_')) throw thrown;
  if (/undefined|NaN|\[object/.test(thrown.message)) throw new Error(`message: ${thrown.message}`, { cause: thrown });
  return thrown.code;
}
