import type { Schema } from 'apache-arrow';
import { type BoundStep, refuse, type StepName, shown, takeFrameRows } from './step.js';
import { compileWhere } from './where-compile.js';
import { UNKNOWN, YES } from './where-kernels.js';
import { parseWhere } from './where-parse.js';
import type { Complain } from './where-tokens.js';

/** Keeps the rows for which an expression is true; those for which it is false or unknown (null) are left out and counted. */
export function bindWhere(name: StepName, schema: Schema, expression: string): BoundStep {
  const complain: Complain = (at, message) =>
    refuse(name, `${shown(expression)}, column ${at}: ${message}`, 'docs/transforms.md describes the expressions.');
  const program = compileWhere(schema, parseWhere(expression, complain), complain);
  const seen = { rows: 0, kept: 0, unknown: 0 };
  return {
    schema,
    apply(frame) {
      const answers = program(frame);
      const rows: number[] = [];
      for (let row = 0; row < frame.rows; row++) {
        if (answers[row] === YES) rows.push(row);
        else if (answers[row] === UNKNOWN) seen.unknown++;
      }
      seen.rows += frame.rows;
      seen.kept += rows.length;
      return takeFrameRows(frame, rows);
    },
    losses() {
      const { rows, kept, unknown } = seen;
      const nulls = unknown === 0 ? '' : `, ${unknown} of them because of null`;
      const text = `${shown(expression)}: ${kept} of ${rows} rows kept, ${rows - kept} left out${nulls}`;
      return [{ ...name, rows, affected: rows - kept, figures: { kept, left_out: rows - kept, unknown }, text }];
    },
  };
}
