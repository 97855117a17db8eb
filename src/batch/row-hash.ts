import {
  advance,
  type Code,
  compileKernel,
  copyBytes,
  get,
  i32,
  i64,
  type Kernel,
  loopBelow,
  loopWhile,
  set,
  when,
} from '../util/wasm.js';

/** Sums of the two hashes (seeds 0 and 1) of the rows of a bucket. */
const SUMS_BYTES = 16;
/** An entry of the table: where the row begins, its length, where the sums of its bucket stand; 32 bits each. */
const ENTRY_BYTES = 12;
const ENTRIES = 2048;
/** A column: where its next value stands, and the bytes of a value; 32 bits each. */
const COLUMN_BYTES = 8;
const MOST_COLUMNS = 64;
/** Half of what a processor's second cache holds, so that rows are still there when they are hashed. */
const ROWS_BYTES = 128 << 10;

/** One row at a time, as the kernel's parameters and locals say it. */
const [ENTRY, END, COLUMNS, COLUMNS_END, AT, STOP, COLUMN] = [0, 1, 2, 3, 4, 5, 6];
const VALUE = 7;
const SEEDS = [0n, 1n];
const lane = (seed: number, number: number): number => 8 + seed * 4 + number;
const hash = (seed: number): number => 16 + seed;
const LOCALS = { i32: 3, i64: 11 };

/** The five primes of xxHash. */
const P = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const;

const times = (prime: bigint): Code => [...i64.of(prime), ...i64.mul];
const plus = (value: bigint): Code => [...i64.of(value), ...i64.add];
const rotated = (bits: number): Code => [...i64.of(BigInt(bits)), ...i64.rotateLeft];
const LANES = [0, 1, 2, 3];
const bothSeeds = (make: (seed: number) => Code): Code => SEEDS.flatMap((_, seed) => make(seed));

/** local = local xor what `change` makes of the value on the stack, and then `finish`. */
function mixed(seed: number, value: Code, finish: Code): Code {
  return [...get(hash(seed)), ...value, ...i64.xor, ...finish, ...set(hash(seed))];
}

/** 32 bytes into the four lanes of both seeds; their product with the second prime is the same for both. */
const STRIPE: readonly Code[] = LANES.map((number) => [
  ...get(AT),
  ...i64.load(number * 8),
  ...times(P[1]),
  ...set(VALUE),
  ...bothSeeds((seed) => [
    ...get(lane(seed, number)),
    ...get(VALUE),
    ...i64.add,
    ...rotated(31),
    ...times(P[0]),
    ...set(lane(seed, number)),
  ]),
]);

function lanesBegin(seed: bigint): readonly bigint[] {
  return [seed + P[0] + P[1], seed + P[1], seed, seed - P[0]];
}

/** All lanes of a seed as one hash. */
function converged(seed: number): Code {
  const sum = LANES.flatMap((number) => [
    ...get(lane(seed, number)),
    ...rotated([1, 7, 12, 18][number]!),
    ...(number > 0 ? i64.add : []),
  ]);
  const merge = LANES.flatMap((number) =>
    mixed(
      seed,
      [...get(lane(seed, number)), ...times(P[1]), ...rotated(31), ...times(P[0])],
      [...times(P[0]), ...plus(P[3])],
    ),
  );
  return [...sum, ...set(hash(seed)), ...merge];
}

/** What is left behind the stripes: 8 bytes at a time, then 4, then single ones. */
const eightLeft: Code = [...get(AT), ...i32.of(8), ...i32.add, ...get(STOP), ...i32.atMost];
const fourLeft: Code = [...get(AT), ...i32.of(4), ...i32.add, ...get(STOP), ...i32.atMost];
const anyLeft: Code = [...get(AT), ...get(STOP), ...i32.below];

const EIGHT: Code = [
  ...get(AT),
  ...i64.load(0),
  ...times(P[1]),
  ...rotated(31),
  ...times(P[0]),
  ...set(VALUE),
  ...bothSeeds((seed) => mixed(seed, get(VALUE), [...rotated(27), ...times(P[0]), ...plus(P[3])])),
  ...advance(AT, 8),
];
const FOUR: Code = [
  ...get(AT),
  ...i64.load32(0),
  ...times(P[0]),
  ...set(VALUE),
  ...bothSeeds((seed) => mixed(seed, get(VALUE), [...rotated(23), ...times(P[1]), ...plus(P[2])])),
  ...advance(AT, 4),
];
const ONE: Code = [
  ...get(AT),
  ...i64.load8(0),
  ...times(P[4]),
  ...set(VALUE),
  ...bothSeeds((seed) => mixed(seed, get(VALUE), [...rotated(11), ...times(P[0])])),
  ...advance(AT, 1),
];

const shifted = (seed: number, bits: number): Code => [...get(hash(seed)), ...i64.of(BigInt(bits)), ...i64.shiftRight];
const avalanche = (seed: number): Code => [
  ...mixed(seed, shifted(seed, 33), times(P[1])),
  ...mixed(seed, shifted(seed, 29), times(P[2])),
  ...mixed(seed, shifted(seed, 32), []),
];

const addToSums = (seed: number): Code => [
  ...get(ENTRY),
  ...i32.load(8),
  ...get(ENTRY),
  ...i32.load(8),
  ...i64.load(seed * 8),
  ...get(hash(seed)),
  ...i64.add,
  ...i64.store(seed * 8),
];

/** Puts the next value of every column where the row is to stand. */
const gathered: readonly Code[] = [
  [...get(COLUMNS), ...set(COLUMN)],
  loopWhile([
    [...get(STOP), ...get(COLUMN), ...i32.load(0), ...get(COLUMN), ...i32.load(4), ...copyBytes],
    [...get(STOP), ...get(COLUMN), ...i32.load(4), ...i32.add, ...set(STOP)],
    [...get(COLUMN), ...get(COLUMN), ...i32.load(0), ...get(COLUMN), ...i32.load(4), ...i32.add, ...i32.store(0)],
    advance(COLUMN, COLUMN_BYTES),
    [...get(COLUMN), ...get(COLUMNS_END), ...i32.below],
  ]),
];

/**
 * Hashes the rows of the table's entries from ENTRY to END (xxHash's specification, XXH64) into the sums of their buckets; where
 * there are columns, a row is first put together from their next values.
 */
function hashKernel(bytes: number): Kernel {
  const length: Code = [...get(ENTRY), ...i32.load(4)];
  return compileKernel(4, LOCALS, bytes, [
    loopBelow(ENTRY, END, [
      [...get(ENTRY), ...i32.load(0), ...set(AT)],
      [...get(AT), ...set(STOP)],
      [...get(COLUMNS), ...get(COLUMNS_END), ...i32.below],
      when(gathered),
      [...get(AT), ...length, ...i32.add, ...set(STOP)],
      [...i32.of(32), ...length, ...i32.atMost],
      when(
        [
          bothSeeds((seed) =>
            lanesBegin(SEEDS[seed]!).flatMap((value, i) => [...i64.of(value), ...set(lane(seed, i))]),
          ),
          loopWhile([...STRIPE, advance(AT, 32), [...get(AT), ...i32.of(32), ...i32.add, ...get(STOP), ...i32.atMost]]),
          bothSeeds(converged),
        ],
        [bothSeeds((seed) => [...i64.of(SEEDS[seed]! + P[4]), ...set(hash(seed))])],
      ),
      bothSeeds((seed) => [...get(hash(seed)), ...length, ...i64.from32, ...i64.add, ...set(hash(seed))]),
      eightLeft,
      when([loopWhile([EIGHT, eightLeft])]),
      fourLeft,
      when([FOUR]),
      anyLeft,
      when([loopWhile([ONE, anyLeft])]),
      bothSeeds(avalanche),
      bothSeeds(addToSums),
      advance(ENTRY, ENTRY_BYTES),
    ]),
  ]);
}

/** Places in the kernel's memory. A row that is put together stands alone. */
const BUCKETS = 256;
const TABLE_AT = BUCKETS * SUMS_BYTES;
const COLUMNS_AT = TABLE_AT + ENTRIES * ENTRY_BYTES;
const ROW_AT = COLUMNS_AT + MOST_COLUMNS * COLUMN_BYTES;
const ROWS_AT = ROW_AT + ROWS_BYTES;
const MEMORY_BYTES = ROWS_AT + ROWS_BYTES;

/** Values of a column as bytes, `size` for each row. */
export interface FixedBytes {
  readonly bytes: Uint8Array;
  readonly size: number;
}

/** Hashes rows with both seeds and adds them up by bucket. There is one for all, so its sums are to be taken at once. */
export interface RowHash {
  /** Adds a row; false, and nothing is added, where it is too long. */
  add(row: Uint8Array, bucket: number): boolean;
  /** Adds rows [from, to) that consist of the values of columns; false where they are too long or too many. */
  addColumns(columns: readonly FixedBytes[], from: number, to: number, bucketOf: (row: number) => number): boolean;
  /** Adds what has been summed up to 256 pairs of sums, and begins anew. */
  take(sums: BigUint64Array): void;
}

function openRowHash(): RowHash {
  const { memory, run } = hashKernel(MEMORY_BYTES);
  const bytes = new Uint8Array(memory);
  const sums = new BigUint64Array(memory, 0, BUCKETS * 2);
  const table = new Uint32Array(memory, TABLE_AT, ENTRIES * 3);
  const columnTable = new Uint32Array(memory, COLUMNS_AT, MOST_COLUMNS * 2);
  let entries = 0;
  let at = ROWS_AT;
  const enter = (place: number, length: number, bucket: number): void => {
    table[entries * 3] = place;
    table[entries * 3 + 1] = length;
    table[entries * 3 + 2] = bucket * SUMS_BYTES;
    entries++;
  };
  const hashRows = (columns = 0): void => {
    if (entries > 0) run(TABLE_AT, TABLE_AT + entries * ENTRY_BYTES, COLUMNS_AT, COLUMNS_AT + columns * COLUMN_BYTES);
    entries = 0;
    at = ROWS_AT;
  };
  return {
    add(row, bucket) {
      if (row.length > ROWS_BYTES) return false;
      if (entries === ENTRIES || at + row.length > MEMORY_BYTES) hashRows();
      bytes.set(row, at);
      enter(at, row.length, bucket);
      at += row.length;
      return true;
    },
    addColumns(columns, from, to, bucketOf) {
      const length = columns.reduce((sum, { size }) => sum + size, 0);
      if (length > ROWS_BYTES || length === 0 || columns.length > MOST_COLUMNS) return false;
      hashRows();
      const step = Math.min(ENTRIES, Math.floor(ROWS_BYTES / length));
      for (let first = from; first < to; first += step) {
        const end = Math.min(first + step, to);
        for (const [i, { bytes: values, size }] of columns.entries()) {
          bytes.set(values.subarray(first * size, end * size), at);
          columnTable[i * 2] = at;
          columnTable[i * 2 + 1] = size;
          at += (end - first) * size;
        }
        for (let row = first; row < end; row++) enter(ROW_AT, length, bucketOf(row));
        hashRows(columns.length);
      }
      return true;
    },
    take(into) {
      hashRows();
      for (let i = 0; i < sums.length; i++) {
        if (sums[i] !== 0n) into[i] = BigInt.asUintN(64, into[i]! + sums[i]!);
      }
      sums.fill(0n);
    },
  };
}

let opened: RowHash | undefined;

/** The one of this thread, compiled when it is first asked for. */
export function rowHash(): RowHash {
  opened ??= openRowHash();
  return opened;
}
