import { resolve } from 'node:path';
import type { FieldSpec } from '../../batch/fields.js';
import type { CollectionSettings, SourceInfo } from '../types.js';
import { type ArchivePlan, mainVector, planArchive } from './archive-plan.js';
import { settingsOf } from './archive-schema.js';
import { type Hdf5File, openFile } from './file.js';
import { survey } from './survey.js';

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** What an archive is, by the schema in it. */
export function archiveInfo(file: Hdf5File, plan: ArchivePlan): SourceInfo {
  const vector = mainVector(plan);
  const { metric } = settingsOf(plan.meta);
  const from = [textOf(plan.meta.collection), textOf(plan.meta.partition)].filter((name) => name !== undefined);
  const used = plan.columns.map(
    ({ field, values }) => `field ${field.name} (${field.type}) from ${values.dataset.name}`,
  );
  return {
    path: file.path,
    format: 'hdf5',
    kind: 'HDF5 archive of milvusdm',
    rows: plan.rows,
    dim: vector?.dim ?? 0,
    vectorType: vector?.type ?? 'FLOAT_VECTOR',
    ...(metric === undefined ? {} : { metric }),
    ids: plan.columns.some(({ field }) => field.primaryKey) ? 'stored' : 'none',
    bytes: plan.bytes,
    fields: plan.columns.map(({ field }) => field),
    details: [...(from.length > 0 ? [`written from ${from.join('/')}`] : []), ...used, ...survey(file).lines],
  };
}

/** What an archive keeps of its collection besides the rows. */
export interface ArchiveSettings {
  readonly collection?: string;
  readonly partition?: string;
  readonly settings: CollectionSettings;
  readonly fields: readonly FieldSpec[];
  readonly rows: number;
  /** Everything that the writer was given. */
  readonly meta: Readonly<Record<string, unknown>>;
}

/**
 * The settings in an archive; undefined for an HDF5 file that is none. Throws SRC_NOT_FOUND, SRC_UNREADABLE, SRC_TRUNCATED,
 * SRC_CORRUPT, SRC_UNSUPPORTED.
 */
export async function readArchiveSettings(path: string): Promise<ArchiveSettings | undefined> {
  const file = await openFile(resolve(path));
  try {
    const plan = planArchive(file);
    if (!plan) return undefined;
    const [collection, partition] = [textOf(plan.meta.collection), textOf(plan.meta.partition)];
    return {
      ...(collection === undefined ? {} : { collection }),
      ...(partition === undefined ? {} : { partition }),
      settings: settingsOf(plan.meta),
      fields: plan.columns.map(({ field }) => field),
      rows: plan.rows,
      meta: plan.meta,
    };
  } finally {
    file.close();
  }
}
