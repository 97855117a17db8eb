import { count, isObject, type Json, parseSettings, parseSpec, present, text } from '../../batch/described.js';
import type { FieldSpec } from '../../batch/fields.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import type { CollectionSettings } from '../types.js';
import { type ArchivedField, type FieldDatasets, layoutOf } from './archive-layout.js';

/** What an archive says of itself. */
export interface ArchiveSchema {
  readonly rows: number;
  /** In the order of the collection. */
  readonly fields: readonly ArchivedField[];
  /** Whatever the writer was given: `collection`, `partition` and `settings` are known to the reader. */
  readonly meta: Readonly<Record<string, unknown>>;
}

const FORMAT = 'milvusdm-archive';
const VERSION = 1;

/** The schema as the bytes of its dataset. 64-bit integers in `meta` become text. */
export function formatSchema(schema: ArchiveSchema): Uint8Array {
  const fields = schema.fields.map(({ spec, datasets }) => ({ ...spec, datasets }));
  const document = { format: FORMAT, version: VERSION, rows: schema.rows, fields, meta: schema.meta };
  const text = JSON.stringify(document, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value), 1);
  return new TextEncoder().encode(text);
}

function datasetsOf(spec: FieldSpec, value: unknown): FieldDatasets | undefined {
  if (!isObject(value)) return undefined;
  const [values, offsets] = [text(value.values), text(value.offsets)];
  const [itemOffsets, valid] = [text(value.itemOffsets), text(value.valid)];
  const layout = layoutOf(spec);
  if (!values || (layout !== 'values' && !offsets) || (layout === 'text-list' && !itemOffsets)) return undefined;
  return present<FieldDatasets>({ values, offsets, itemOffsets, valid });
}

/** Reads the bytes of an archive's schema. Throws SRC_CORRUPT, or SRC_UNSUPPORTED for one of a later version. */
export function parseSchema(bytes: Uint8Array, path: string): ArchiveSchema {
  const corrupt = (what: string): MilvusdmError => fail('SRC_CORRUPT', `the schema of the archive ${path} ${what}`);
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw corrupt('is not JSON');
  }
  if (!isObject(document) || document.format !== FORMAT) throw corrupt('is not one of milvusdm');
  if (document.version !== VERSION) {
    const version = String(document.version);
    throw fail('SRC_UNSUPPORTED', `the archive ${path} has format version ${version}; this milvusdm reads ${VERSION}`, {
      hint: 'Use the milvusdm that wrote it, or a later one.',
    });
  }
  const rows = count(document.rows);
  if (rows === undefined || !Array.isArray(document.fields) || document.fields.length === 0) {
    throw corrupt('lacks rows or fields');
  }
  const names = new Set<string>();
  const fields = document.fields.map((field: unknown, i): ArchivedField => {
    const spec = parseSpec(field);
    if (!spec) throw corrupt(`has a field ${i + 1} that is none`);
    const datasets = datasetsOf(spec, (field as Json).datasets);
    if (!datasets) throw corrupt(`lacks the datasets of the field "${spec.name}"`);
    if (names.has(spec.name)) throw corrupt(`has the field "${spec.name}" twice`);
    names.add(spec.name);
    return { spec, datasets };
  });
  return { rows, fields, meta: isObject(document.meta) ? document.meta : {} };
}

/** The settings of a collection as an archive keeps them in `meta.settings`; what has another form is left out. */
export function settingsOf(meta: Readonly<Record<string, unknown>>): CollectionSettings {
  return parseSettings(meta.settings);
}
