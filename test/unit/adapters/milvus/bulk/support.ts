import { Schema } from 'apache-arrow';
import { type FieldSpec, type MilvusType, toArrowField } from '../../../../../src/batch/fields.js';

export type { FieldSpec, MilvusType };

export function schemaOf(specs: readonly FieldSpec[]): Schema {
  return new Schema(specs.map(toArrowField));
}
