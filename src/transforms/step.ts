import type { Schema } from 'apache-arrow';
import type { RawColumn } from '../batch/columns.js';
import { type FieldSpec, fromArrowField } from '../batch/fields.js';
import { gather } from '../batch/gather.js';
import { didYouMean } from '../config/suggest.js';
import type { TransformKind } from '../config/transforms.js';
import { fail, type MilvusdmError } from '../util/errors.js';

/** A column between two steps; shares memory with the batch where no step has touched it. */
export type Column = Pick<RawColumn, 'values' | 'width' | 'valid'>;

/** A batch between two steps. */
export interface Frame {
  readonly rows: number;
  readonly columns: readonly Column[];
  /** Index of each row within the batch that came in; absent while no row has been left out. */
  readonly origin?: readonly number[];
}

/** What a step has cost so far. */
export interface LossReport {
  /** Number of the step, from 1. */
  readonly step: number;
  readonly kind: TransformKind;
  readonly field?: string;
  /** Rows that the step has seen. */
  readonly rows: number;
  /** How many of them (of their values, for casts) are not what they were; 0 where nothing was lost. */
  readonly affected: number;
  readonly figures: Readonly<Record<string, number>>;
  /** All of it in one line. */
  readonly text: string;
}

/** How a step speaks of itself in messages. */
export interface StepName {
  readonly step: number;
  readonly kind: TransformKind;
}

/** Says which row of the run is meant: `row 17 (id 5)`. */
export type RowName = (frame: Frame, row: number) => string;

export interface BoundStep {
  readonly schema: Schema;
  readonly warnings?: readonly string[];
  /** Returns the frame itself when it changes nothing. Throws SRC_BAD_ROW for what it cannot treat. */
  apply(frame: Frame, nameOf: RowName): Frame;
  losses?(): LossReport[];
}

const SHOWN = 20;

/** A mistake of a step, found while binding. */
export function refuse(name: StepName, message: string, hint?: string): MilvusdmError {
  const details = hint === undefined ? {} : { hint };
  return fail('CFG_CONFLICT', `transforms: step ${name.step} (${name.kind}): ${message}`, details);
}

/** A row that a step cannot treat. */
export function badRow(name: StepName, row: string, message: string, hint: string): MilvusdmError {
  return fail('SRC_BAD_ROW', `transforms: step ${name.step} (${name.kind}): ${row}: ${message}`, { hint });
}

/** Names in backquotes, at most 20 of them. */
export function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
  return names.slice(0, SHOWN).map(shown).join(', ') + more;
}

/** A name or text of the user in backquotes, in one line. */
export function shown(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal
  return `\`${short.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')}\``;
}

/** Index of a field; refused with the fields that there are when it does not exist. */
export function fieldIndex(name: StepName, schema: Schema, field: string): number {
  const names = schema.fields.map((f) => f.name);
  const index = names.indexOf(field);
  if (index >= 0) return index;
  const near = didYouMean(field, names);
  throw refuse(name, `there is no field ${shown(field)}${near || `, there are: ${listed(names)}`}`);
}

/** The field as a {@link FieldSpec}; refused when it does not exist. */
export function fieldSpec(name: StepName, schema: Schema, field: string): FieldSpec {
  return fromArrowField(schema.fields[fieldIndex(name, schema, field)]!);
}

const FIELD_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,254}$/;

/** Refuses a name for a new field that is taken or that Milvus does not take. */
export function checkNewName(name: StepName, taken: readonly string[], field: string): void {
  if (!FIELD_NAME.test(field)) {
    const allowed = 'a letter or underscore first, then letters, digits or underscores, at most 255 in all';
    throw refuse(name, `${shown(field)} is no name for a field, allowed: ${allowed}`);
  }
  if (taken.includes(field)) {
    throw refuse(
      name,
      `there is a field ${shown(field)} already, allowed: a new name`,
      'Rename or drop the other one in a step before.',
    );
  }
}

/** Refuses an empty list or group of fields. */
export function checkSome(name: StepName, count: number): void {
  if (count === 0) throw refuse(name, 'names no field, needed: one or more');
}

/** The frame with other columns at some places. */
export function withColumns(frame: Frame, changed: ReadonlyMap<number, Column>): Frame {
  return { ...frame, columns: frame.columns.map((column, i) => changed.get(i) ?? column) };
}

/** The given rows of a frame, ascending, in memory of their own; the frame itself where they are all of its rows. */
export function takeFrameRows(frame: Frame, rows: readonly number[]): Frame {
  if (rows.length === frame.rows) return frame;
  const columns = frame.columns.map(({ values, width, valid }) => {
    const gathered = { values: gather({ values, width }, rows), width };
    return valid ? { ...gathered, valid: Uint8Array.from(rows, (row) => valid[row]!) } : gathered;
  });
  const { origin } = frame;
  return { rows: rows.length, columns, origin: origin ? rows.map((row) => origin[row]!) : rows };
}

/** A share as text: 0.97312 -> "97.31 %". */
export function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
