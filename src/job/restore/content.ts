import type { Catalog, Reader } from '../../adapters/types.js';
import { keyIndex } from '../../batch/columns.js';
import { fromArrowField } from '../../batch/fields.js';
import { sameValue } from '../../batch/values.js';
import type { CatalogSource, MilvusSource, RestoreConfig } from '../../config/types.js';
import { textLiteral } from '../../milvus/data.js';
import { type OpenOptions, openCatalog } from '../../registry.js';
import { plural } from '../../util/bytes.js';
import { createDisposables } from '../../util/disposables.js';
import { fail } from '../../util/errors.js';
import { idText } from '../bad-rows.js';
import { compareContents } from '../contents/compare.js';
import { contentSource, wholeSplits } from '../contents/source.js';
import { isEdgeId } from '../keys.js';
import { createSampler, type SampledRow, takeSample } from '../sample.js';
import { type RestoreItem, shownName } from './choose.js';

/** Rows that are looked up, and the parts of the backup that they are taken from. */
const SAMPLE_ROWS = 100;
const SAMPLE_SPLITS = 8;
const SAMPLE_BYTES = 1024 * 1024;
const NAMES = { idField: 'id', vectorField: 'embedding' };

export interface ContentCheck {
  readonly config: Pick<RestoreConfig, 'endpoint' | 'retryFor'>;
  readonly item: Omit<RestoreItem, 'info'>;
  /** Where its rows can be read; the collection is the only one of it. */
  readonly source: CatalogSource;
  /** Name that the restored collection has now; loaded for it where it is not. */
  readonly collection: string;
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
}

function optionsOf({ config, log, signal }: ContentCheck): OpenOptions {
  return { retryForMs: config.retryFor * 1000, log, signal };
}

function openSource(check: ContentCheck): Promise<Catalog> {
  return openCatalog(check.source, NAMES, optionsOf(check));
}

async function openRestored(check: ContentCheck, filter?: string): Promise<Catalog> {
  const { config, item, collection } = check;
  const endpoint = item.db === 'default' ? config.endpoint : { ...config.endpoint, db: item.db };
  const select = { [collection]: null };
  const source: MilvusSource = { adapter: 'milvus', endpoint, select, ...(filter === undefined ? {} : { filter }) };
  return await openCatalog(source, NAMES, optionsOf(check));
}

async function onlyReader(catalog: Catalog, what: string): Promise<Reader> {
  const [only] = catalog.collections;
  if (!only) throw fail('INTERNAL', `${what} is not where it was just now`);
  return await only.open();
}

/** Some rows of a backup, from parts of it chosen at random. */
async function sampleOf(reader: Reader, signal: AbortSignal): Promise<readonly SampledRow[]> {
  const splits = [...(await reader.splits())].filter(({ rows }) => rows > 0);
  const sampler = createSampler(SAMPLE_ROWS);
  for (let left = SAMPLE_SPLITS; left > 0 && splits.length > 0; left--) {
    const [split] = splits.splice(Math.floor(Math.random() * splits.length), 1);
    for await (const { batch } of reader.read(split!, { maxBytes: SAMPLE_BYTES, signal })) {
      sampler.offer(batch);
      break;
    }
  }
  return sampler.rows.filter(({ key }) => key !== undefined && !isEdgeId(key));
}

/** Rows of a reader by key, as text; only those of `keys` where given. */
async function rowsOf(
  reader: Reader,
  signal: AbortSignal,
  keys?: ReadonlySet<string>,
): Promise<Map<string, SampledRow[]>> {
  const found = new Map<string, SampledRow[]>();
  for (const split of await reader.splits()) {
    for await (const { batch } of reader.read(split, { maxBytes: SAMPLE_BYTES, signal })) {
      for (let i = 0; i < batch.numRows; i++) {
        const key = idText(batch, i) ?? '';
        if (keys && !keys.has(key)) continue;
        found.set(key, [...(found.get(key) ?? []), takeSample(batch, i)]);
      }
    }
  }
  return found;
}

function differs(row: SampledRow, candidates: readonly SampledRow[]): boolean {
  return !candidates.some((other) =>
    [...row.values].every(([name, value]) => sameValue(value, other.values.get(name))),
  );
}

/** Reads some rows of the backup and looks them up in what was restored. Throws VERIFY_MISMATCH, naming ids. */
export async function checkSample(check: ContentCheck): Promise<void> {
  const { item, signal } = check;
  await using stack = createDisposables();
  const reader = stack.use(await onlyReader(stack.use(await openSource(check)), item.source));
  const rows = await sampleOf(reader, signal);
  if (rows.length === 0) return;
  const key = fromArrowField(reader.schema.fields[keyIndex(reader.schema)]!).name;
  const ids = rows.map((row) => (typeof row.key === 'string' ? textLiteral(row.key) : String(row.key)));
  const restored = stack.use(await openRestored(check, `${key} in [${ids.join(', ')}]`));
  const found = await rowsOf(stack.use(await onlyReader(restored, check.collection)), signal);
  const shown = (row: SampledRow): readonly SampledRow[] => found.get(String(row.key)) ?? [];
  let wrong = rows.filter((row) => differs(row, shown(row)));
  if (wrong.some((row) => shown(row).length > 0)) {
    // Of several rows with one id a query shows one, which need not be the one that was taken.
    const copies = await rowsOf(reader, signal, new Set(wrong.map((row) => String(row.key))));
    wrong = wrong.filter((row) => !copies.get(String(row.key))?.some((copy) => !differs(copy, shown(row))));
  }
  if (wrong.length === 0) return;
  const named = wrong.slice(0, 10).map((row) => `${row.key} (${shown(row).length > 0 ? 'different' : 'missing'})`);
  throw fail(
    'VERIFY_MISMATCH',
    `${wrong.length} of ${plural(rows.length, 'sampled row')} of "${shownName(item)}" are wrong: ids ${named.join(', ')}`,
  );
}

/** Compares every row of the backup with what was restored. Throws VERIFY_MISMATCH. Gives the digest of the rows. */
export async function checkAll(check: ContentCheck): Promise<string> {
  const { item, signal } = check;
  await using stack = createDisposables();
  const reader = stack.use(await onlyReader(stack.use(await openSource(check)), item.source));
  const target = stack.use(await onlyReader(stack.use(await openRestored(check)), check.collection));
  const [a, b] = [reader, target] as const;
  const found = await compareContents(
    { content: contentSource(a, wholeSplits(await a.splits())), queried: false },
    { content: contentSource(b, wholeSplits(await b.splits())), queried: true },
    { signal },
  );
  if (found.equal) return found.digests.a;
  const { missing, extra, different } = found.counts;
  const ids = found.differences.map(({ id, kind }) => `${id} (${kind})`);
  throw fail(
    'VERIFY_MISMATCH',
    `"${shownName(item)}" is not what the backup holds: ${missing} missing, ${extra} extra, ${different} different; ids ${ids.join(', ')}`,
  );
}
