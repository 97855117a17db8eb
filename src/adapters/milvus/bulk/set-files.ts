import type { RawColumn } from '../../../batch/columns.js';
import type { FieldSpec } from '../../../batch/fields.js';
import type { ObjectStore } from '../../../store/types.js';
import { fitsNumpy } from './column.js';
import { parquetField } from './parquet/leaf.js';

/** Kinds of files that a server imports. */
export type FileKind = 'numpy' | 'Parquet';

/** A file of a set, as it would be with more rows. */
export interface Foreseen {
  readonly bytes: number;
  /** For messages: what the file is. */
  readonly what: string;
  /** Why it may be longer than its values are. */
  readonly why?: string;
}

/** How the files of one set are made; one implementation for each kind. Disposing of it gives up what is not finished. */
export interface SetFiles extends AsyncDisposable {
  /** Bytes of all files. */
  readonly bytes: number;
  /** Of all files begun, in no order that matters. */
  readonly keys: readonly string[];
  /** Bytes held in memory that have not gone out. */
  readonly held: number;
  /** Begins the files for these fields; called once, before anything else is asked. */
  begin(specs: readonly FieldSpec[]): Promise<void>;
  /** The longest file, as it will be with these columns as well; about as long, where levels and a footer come with them. */
  longestWith(columns: readonly RawColumn[]): Foreseen;
  /** Appends rows, of the fields it was begun with in their order; the memory of the columns is free when it resolves. */
  append(columns: readonly RawColumn[]): Promise<void>;
  finish(): Promise<void>;
}

export interface SetFilesOptions {
  readonly store: ObjectStore;
  /** What the keys of the files begin with, with "/" at the end. */
  readonly folder: string;
}

/** The kind of files for these fields, or a field that none of them holds. */
export function fileKind(specs: readonly FieldSpec[]): { readonly kind: FileKind } | { readonly foreign: FieldSpec } {
  const foreign = specs.find((spec) => !fitsNumpy(spec) && !parquetField(spec));
  if (foreign) return { foreign };
  return { kind: specs.every(fitsNumpy) ? 'numpy' : 'Parquet' };
}
