import { Schema } from 'apache-arrow';
import { fromArrowField } from '../batch/fields.js';
import { type BoundStep, checkNewName, checkSome, fieldIndex, refuse, type StepName, shown } from './step.js';

/** Gives fields other names, all at once, so that two can swap theirs. The key may be renamed. */
export function bindRename(name: StepName, schema: Schema, fields: Readonly<Record<string, string>>): BoundStep {
  const pairs = Object.entries(fields);
  checkSome(name, pairs.length);
  const names = schema.fields.map((field) => field.name);
  const moved = new Map(pairs.map(([from, to]) => [fieldIndex(name, schema, from), to]));
  const staying = names.filter((_, i) => !moved.has(i));
  const taken: string[] = [...staying];
  for (const [index, to] of moved) {
    if (fromArrowField(schema.fields[index]!).dynamic) {
      throw refuse(
        name,
        `${shown(names[index]!)} holds the dynamic fields and keeps its name`,
        'Take values out of it by json_path, or drop it.',
      );
    }
    checkNewName(name, taken, to);
    taken.push(to);
  }
  const renamed = schema.fields.map((field, i) => {
    const to = moved.get(i);
    return to === undefined ? field : field.clone({ name: to });
  });
  return { schema: new Schema(renamed, schema.metadata), apply: (frame) => frame };
}
