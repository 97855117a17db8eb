import type { RawValues, TextColumn } from '../batch/columns.js';
import { isText } from '../batch/columns.js';
import { fail } from '../util/errors.js';
import { type Lane, openLane } from './lane.js';
import { type Log, openLog } from './log.js';
import { type ByteSource, decoding } from './source.js';
import { Window } from './window.js';

/** Some deletes of a log. Valid until the next ones are asked for. */
export interface Deletes {
  readonly keys: RawValues;
  readonly times: BigInt64Array;
  readonly rows: number;
}

export type KeyType = 'INT64' | 'VARCHAR';

const BLOCK_ROWS = 16_384;
const BLOCK_BYTES = 4 << 20;
const PIECE_BYTES = 1 << 20;
const MAX_TIME = 2n ** 63n - 1n;

/** `{"pk":-5000,"ts":470596602995146756,"pkType":5}`, member by member, in any order. */
const MEMBER = /\s*"(\w{1,16})"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d{1,20})\s*([,}])/y;
/** The oldest form: `pk,ts`. */
const PAIR = /^(-?\d{1,20}),(\d{1,20})$/;

function parseObject(text: string): { pk: string; ts: string } {
  const found = new Map<string, string>();
  let at = text.indexOf('{') + 1;
  for (let closing = ''; closing !== '}'; ) {
    MEMBER.lastIndex = at;
    const match = MEMBER.exec(text);
    if (!match) throw new RangeError(`a delete reads ${JSON.stringify(text.slice(0, 80))}`);
    found.set(match[1]!, match[2]!);
    closing = match[3]!;
    at = MEMBER.lastIndex;
  }
  const [pk, ts] = [found.get('pk'), found.get('ts')];
  if (pk === undefined || ts === undefined || !/^\d+$/.test(ts))
    throw new RangeError('a delete lacks its key or its time');
  return { pk, ts };
}

function timeOf(text: string): bigint {
  const time = BigInt(text);
  if (time > MAX_TIME) throw new RangeError(`a delete has the time ${text}`);
  return time;
}

/** Exact, as no number of JavaScript is: keys and times exceed 2^53. */
function parseDelete(text: string, type: KeyType): { key: bigint | string; time: bigint } {
  const pair = type === 'INT64' ? PAIR.exec(text) : null;
  const { pk, ts } = pair ? { pk: pair[1]!, ts: pair[2]! } : parseObject(text);
  if (pk.startsWith('"') !== (type === 'VARCHAR'))
    throw new RangeError(`a delete has the key ${pk.slice(0, 80)}, which is no ${type}`);
  if (type === 'VARCHAR') return { key: JSON.parse(pk) as string, time: timeOf(ts) };
  const key = BigInt(pk);
  if (BigInt.asIntN(64, key) !== key) throw new RangeError(`a delete has the key ${pk}`);
  return { key, time: timeOf(ts) };
}

function textsOf(keys: readonly string[]): TextColumn {
  const bytes = Buffer.from(keys.join(''));
  const offsets = new Int32Array(keys.length + 1);
  for (const [i, key] of keys.entries()) offsets[i + 1] = offsets[i]! + Buffer.byteLength(key);
  return { bytes, offsets };
}

function parseLines({ bytes, offsets }: TextColumn, type: KeyType): Deletes {
  const rows = offsets.length - 1;
  const times = new BigInt64Array(rows);
  const ints = new BigInt64Array(type === 'INT64' ? rows : 0);
  const texts: string[] = [];
  for (let i = 0; i < rows; i++) {
    const line = Buffer.from(bytes.buffer, bytes.byteOffset + offsets[i]!, offsets[i + 1]! - offsets[i]!).toString();
    let found: ReturnType<typeof parseDelete>;
    try {
      found = parseDelete(line, type);
    } catch (thrown) {
      // Only JSON.parse of a key with an escape that there is not.
      throw thrown instanceof SyntaxError ? new RangeError(`a delete has the key of ${line.slice(0, 80)}`) : thrown;
    }
    times[i] = found.time;
    if (typeof found.key === 'bigint') ints[i] = found.key;
    else texts.push(found.key);
  }
  return { keys: type === 'INT64' ? ints : textsOf(texts), times, rows };
}

/** The columns of keys and times, by their names in the forms that have both; undefined for the form with one text a delete. */
function pairOf({ columns, name }: Log): readonly [string, string] | undefined {
  if (columns.size === 1) return undefined;
  for (const [key, time] of [
    ['pk', 'ts'],
    ['0', '1'],
  ] as const) {
    if (columns.has(key) && columns.has(time)) return [key, time];
  }
  throw fail(
    'SRC_UNSUPPORTED',
    `${name} is no log of deletes that milvusdm reads: its columns are ${[...columns.keys()].join(', ')}`,
  );
}

async function* blocks(log: Log, lanes: readonly Lane[]): AsyncGenerator<number> {
  for (let left = log.rows; left > 0; ) {
    let rows = Math.min(left, BLOCK_ROWS);
    for (const lane of lanes) rows = await lane.hold(rows, BLOCK_BYTES);
    yield rows;
    for (const lane of lanes) lane.drop(rows);
    left -= rows;
  }
}

/**
 * The deletes of a log, in any of its forms: Parquet columns of keys and times, JSON or `pk,ts` as text, or plain Parquet
 * (storage v2). Throws SRC_TRUNCATED, SRC_CORRUPT, SRC_UNSUPPORTED.
 */
export async function* readDeletes(source: ByteSource, type: KeyType): AsyncGenerator<Deletes> {
  // An empty object is a log without deletes.
  if (source.size === 0) return;
  const log = await openLog(new Window(source, PIECE_BYTES));
  const { name } = log;
  if (log.container && log.container.kind !== 'delete')
    throw fail('SRC_CORRUPT', `${name} holds inserts where deletes belong`);
  const pair = pairOf(log);
  const lane = (column: string, as: KeyType): Lane =>
    openLane({ name: column, type: as }, log.columns.get(column)!, name);
  if (!pair) {
    const lines = lane([...log.columns.keys()][0]!, 'VARCHAR');
    for await (const rows of blocks(log, [lines])) {
      const { values } = lines.take(rows);
      if (!isText(values)) throw fail('INTERNAL', 'lines are no text');
      yield decoding(name, 'a delete', () => parseLines(values, type));
    }
    return;
  }
  const [keys, times] = [lane(pair[0], type), lane(pair[1], 'INT64')];
  // Keys first: those of variable length decide how many rows there are.
  for await (const rows of blocks(log, [keys, times])) {
    yield { keys: keys.take(rows).values, times: times.take(rows).values as BigInt64Array, rows };
  }
}
