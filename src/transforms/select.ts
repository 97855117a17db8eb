import { Schema } from 'apache-arrow';
import { type FieldSpec, isVector, specsOf } from '../batch/fields.js';
import { globMatches, isGlob } from '../config/selection.js';
import { type BoundStep, checkSome, fieldIndex, listed, refuse, type StepName, shown } from './step.js';

/** Fields that the patterns name. A pattern that names none is refused. */
function named(name: StepName, schema: Schema, patterns: readonly string[]): Set<number> {
  const found = new Set<number>();
  for (const pattern of patterns) {
    if (!isGlob(pattern)) {
      found.add(fieldIndex(name, schema, pattern));
      continue;
    }
    const matching = schema.fields.flatMap((field, i) => (globMatches(pattern, field.name) ? [i] : []));
    if (matching.length === 0) {
      const names = schema.fields.map((field) => field.name);
      throw refuse(name, `no field matches ${shown(pattern)}, there are: ${listed(names)}`);
    }
    for (const index of matching) found.add(index);
  }
  return found;
}

function check(name: StepName, specs: readonly FieldSpec[], left: ReadonlySet<number>): void {
  const key = specs.findIndex((spec) => spec.primaryKey);
  if (key >= 0 && !left.has(key)) {
    const field = shown(specs[key]!.name);
    const verb = name.kind === 'keep' ? `${field} is the key and is not in the list` : `${field} is the key`;
    throw refuse(
      name,
      `${verb}; the key cannot be dropped`,
      name.kind === 'keep' ? `Add ${field} to the list.` : 'With new_ids: true the server gives new keys.',
    );
  }
  const vectors = specs.filter((spec) => isVector(spec.type)).map((spec) => spec.name);
  if (vectors.length > 0 && !specs.some((spec, i) => left.has(i) && isVector(spec.type))) {
    throw refuse(name, `no vector field would be left, needed: at least one of ${listed(vectors)}`);
  }
}

/** Drops the named fields, or keeps only them. Names may have `*` and `?`; the order of the fields stays. */
export function bindSelect(name: StepName, schema: Schema, patterns: readonly string[]): BoundStep {
  checkSome(name, patterns.length);
  const matched = named(name, schema, patterns);
  const keeps = name.kind === 'keep';
  const order = schema.fields.map((_, i) => i).filter((i) => matched.has(i) === keeps);
  const specs = specsOf(schema);
  check(name, specs, new Set(order));
  const lost = specs.filter((spec, i) => !order.includes(i) && (spec.partitionKey || spec.dynamic));
  const warnings = lost.map((spec) => {
    const role = spec.dynamic ? 'with all dynamic fields' : 'the partition key';
    return `transforms: step ${name.step} (${name.kind}) leaves out ${shown(spec.name)}, ${role}`;
  });
  if (order.length === specs.length) return { schema, apply: (frame) => frame };
  const left = order.map((i) => schema.fields[i]!);
  return {
    schema: new Schema(left, schema.metadata),
    warnings,
    apply: (frame) => ({ ...frame, columns: order.map((i) => frame.columns[i]!) }),
  };
}
