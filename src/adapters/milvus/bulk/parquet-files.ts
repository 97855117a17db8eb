import type { RawColumn } from '../../../batch/columns.js';
import type { FieldSpec } from '../../../batch/fields.js';
import type { GrowingObject } from '../../../store/types.js';
import { fail } from '../../../util/errors.js';
import { MAGIC_BYTES, type ParquetFile, parquetFile } from './parquet/file.js';
import { type ParquetField, parquetField } from './parquet/leaf.js';
import { foreseenBytes } from './parquet/values.js';
import type { SetFiles, SetFilesOptions } from './set-files.js';

function fieldOf(spec: FieldSpec): ParquetField {
  const field = parquetField(spec);
  if (!field) throw fail('INTERNAL', `"${spec.name}" is ${spec.type}, which has no column in a Parquet file`);
  return field;
}

/** One Parquet file with a column for each field: Milvus 2.3.5 takes no more than one a call. */
export function parquetFiles({ store, folder }: SetFilesOptions): SetFiles {
  const key = `${folder}rows.parquet`;
  let begun:
    | { readonly object: GrowingObject; readonly file: ParquetFile; readonly fields: ParquetField[] }
    | undefined;
  const open = (): NonNullable<typeof begun> => {
    if (!begun) throw fail('INTERNAL', `${key} was not begun`);
    return begun;
  };

  return {
    get bytes() {
      return begun?.file.bytes ?? 0;
    },
    get keys() {
      return begun ? [key] : [];
    },
    get held() {
      return begun?.file.held ?? 0;
    },
    async begin(specs) {
      const fields = specs.map(fieldOf);
      const object = await store.begin(key, MAGIC_BYTES);
      begun = { object, file: parquetFile(fields, object), fields };
    },
    longestWith(columns) {
      const { file, fields } = open();
      const more = (column: RawColumn, i: number): number => foreseenBytes(fields[i]!.leaf, column);
      return { bytes: columns.reduce((sum, column, i) => sum + more(column, i), file.bytes), what: 'a Parquet file' };
    },
    append: (columns) => open().file.append(columns),
    finish: () => open().file.finish(),
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(begun ? [begun.object[Symbol.asyncDispose]()] : []);
    },
  };
}
