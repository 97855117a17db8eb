import type { ReadBatch, Reader, ReadOptions, Split } from '../../adapters/types.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import type { Part } from './deal.js';

interface Place {
  readonly whole: Split;
  readonly part: Part;
}

function isWhole({ from, to, of }: Part): boolean {
  return from === 0 && to === of;
}

function splitOf(part: Part, whole: Split): Split {
  if (isWhole(part)) return whole;
  const { from, to, of } = part;
  return {
    ...whole,
    id: `${whole.id}#${from}-${to}`,
    rows: to - from,
    bytes: Math.round((whole.bytes * (to - from)) / of),
    firstRow: from,
  };
}

async function* readPart(reader: Reader, { whole, part }: Place, o: ReadOptions): AsyncGenerator<ReadBatch> {
  const { from, to } = part;
  const cursorAt = (row: number): string => reader.cursorAt!(whole, row);
  for await (const item of reader.read(whole, { ...o, after: o.after ?? cursorAt(from) })) {
    const { batch, firstRow } = item;
    const left = to - firstRow;
    if (batch.numRows < left) {
      yield { ...item, firstRow: firstRow - from };
      continue;
    }
    const cut = batch.numRows > left ? batch.slice(0, left) : batch;
    yield { batch: cut, cursor: cursorAt(to), firstRow: firstRow - from };
    return;
  }
}

function changed(source: string, why: string): MilvusdmError {
  return fail('SRC_CHANGED', `${source} is not what it was when the job was prepared: ${why}`, {
    hint: 'Put the source back as it was, or start over with `milvusdm prepare --restart`.',
  });
}

/**
 * A reader whose splits are the parts that were dealt out to shards. It owns the reader that it is made of. Throws SRC_CHANGED
 * where the source has other splits than the parts are of.
 */
export async function partedReader(reader: Reader, parts: readonly Part[]): Promise<Reader> {
  const all = await reader.splits();
  const known = new Set(parts.map((p) => p.split));
  const extra = all.find((s) => !known.has(s.id));
  if (extra) throw changed(extra.source, 'it was not there then');
  const byId = new Map(all.map((s) => [s.id, s]));
  const places = new Map<string, Place>();
  const splits = parts.map((part): Split => {
    const whole = byId.get(part.split);
    if (!whole) throw changed(part.split.replace('\0', '/'), 'it is not there any more');
    if (whole.rows !== part.of) throw changed(whole.source, `it had ${part.of} rows and has ${whole.rows}`);
    const split = splitOf(part, whole);
    places.set(split.id, { whole, part });
    return split;
  });
  return {
    schema: reader.schema,
    info: reader.info,
    warnings: reader.warnings,
    lateWarnings: () => reader.lateWarnings?.() ?? [],
    parallelSplits: reader.parallelSplits ?? 1,
    splits: async () => splits,
    read(split, options) {
      const place = places.get(split.id);
      if (!place) throw fail('INTERNAL', `no part of the source is called ${split.id}`);
      return isWhole(place.part) ? reader.read(place.whole, options) : readPart(reader, place, options);
    },
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  };
}
