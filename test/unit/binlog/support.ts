import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isList, isText, type RawValues } from '../../../src/batch/columns.js';
import type { FieldSpec } from '../../../src/batch/fields.js';
import { isVector } from '../../../src/batch/fields.js';
import { type Value, valueAt } from '../../../src/batch/values.js';
import { LaneMemory } from '../../../src/binlog/lane.js';
import { openChunk, type SegmentFiles, type StoredField } from '../../../src/binlog/segment.js';
import { memorySource } from '../../../src/binlog/source.js';
import { PROJECT } from '../../support/environments.js';

/** What fixtures/mk-binlog.py says of a file. */
export interface Facts {
  readonly field?: number;
  readonly spec?: FieldSpec;
  readonly values?: readonly Shown[];
  readonly columns?: Readonly<Record<string, { readonly spec: FieldSpec; readonly values: readonly Shown[] }>>;
  readonly deletes?: readonly (readonly [string, string])[];
  readonly key?: 'INT64' | 'VARCHAR';
  readonly refused?: string;
}

export type Shown = string | null | readonly Shown[];

const FOLDER = join(PROJECT, 'fixtures', 'binlog');

export const FACTS = Object.entries(
  JSON.parse(readFileSync(join(FOLDER, 'expected.json'), 'utf8')) as Record<string, Facts>,
);

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(FOLDER, name)));
}

/** A segment of one chunk whose files are these. */
export function segmentOf(files: Readonly<Record<string, Uint8Array>>): SegmentFiles {
  return {
    name: 'segment 1',
    groups: Object.entries(files).map(([id, bytes]) => ({ id: BigInt(id), logs: [memorySource(`file ${id}`, bytes)] })),
  };
}

function shownValue(value: Value, spec: FieldSpec): Shown {
  if (value === null) return null;
  if (Array.isArray(value))
    return value.map((item) => shownValue(item, { name: '', type: spec.elementType ?? 'INT64' }));
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return String(value);
}

function rowOf(values: RawValues, valid: Uint8Array | undefined, row: number, spec: FieldSpec): Shown {
  const list = isList(values) || isText(values);
  const flat = list ? 1 : isVector(spec.type) ? (values.length / (valid?.length ?? 1)) | 0 : 1;
  return shownValue(valueAt({ values, width: flat, ...(valid ? { valid } : {}) }, row, isVector(spec.type)), spec);
}

/** All values of a field as expected.json has them, read in steps of `maxBytes`. */
export async function readField(segment: SegmentFiles, field: StoredField, maxBytes: number): Promise<Shown[]> {
  const out: Shown[] = [];
  const { lanes, rows } = await openChunk(segment, 0, [field], new LaneMemory());
  const lane = lanes[0]!;
  while (out.length < rows) {
    const asked = Math.min(rows - out.length, Math.max(1, Math.floor(maxBytes / lane.rowBytes)));
    const take = await lane.hold(asked, maxBytes);
    const { values, valid } = lane.take(take);
    const marks = valid ?? new Uint8Array(take).fill(1);
    for (let row = 0; row < take; row++) out.push(rowOf(values, marks, row, field.spec));
    lane.drop(take);
  }
  return out;
}
