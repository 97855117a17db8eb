import type { Schema } from 'apache-arrow';
import { fromArrowField, type MilvusType } from '../batch/fields.js';
import { didYouMean } from '../config/suggest.js';
import { NUMBER_TYPES } from './scalars.js';
import { listed, shown } from './step.js';
import {
  type BoundField,
  compareFields,
  compareNumber,
  compareText,
  FLIPPED,
  type Kind,
  NO,
  type Program,
  testMembership,
  UNKNOWN,
  YES,
} from './where-kernels.js';
import type { Comparator, Condition, Literal, Operand } from './where-parse.js';
import type { Complain } from './where-tokens.js';

interface Context {
  readonly schema: Schema;
  readonly complain: Complain;
}

function kindOf(type: MilvusType): Kind | undefined {
  if (type === 'BOOL') return 'boolean';
  if (NUMBER_TYPES.includes(type)) return 'number';
  return type === 'VARCHAR' ? 'text' : undefined;
}

function findField(context: Context, operand: Extract<Operand, { kind: 'field' }>): BoundField {
  const { schema, complain } = context;
  const names = schema.fields.map((field) => field.name);
  const index = names.indexOf(operand.name);
  if (index < 0) {
    const near = didYouMean(operand.name, names);
    throw complain(operand.at, `there is no field ${shown(operand.name)}${near || `, there are: ${listed(names)}`}`);
  }
  const spec = fromArrowField(schema.fields[index]!);
  return { index, spec, kind: kindOf(spec.type) };
}

/** A field whose values can be compared; refused for JSON, arrays and vectors. */
function comparable(context: Context, operand: Extract<Operand, { kind: 'field' }>): BoundField & { kind: Kind } {
  const field = findField(context, operand);
  if (field.kind !== undefined) return { ...field, kind: field.kind };
  const way = field.spec.type === 'JSON' ? '; take the value out by json_path in a step before' : '';
  throw context.complain(
    operand.at,
    `${shown(operand.name)} is ${field.spec.type}, allowed: numbers, VARCHAR, BOOL (or \`is null\`)${way}`,
  );
}

function literalKind(value: Literal): Kind {
  if (typeof value === 'string') return 'text';
  return typeof value === 'boolean' ? 'boolean' : 'number';
}

function literalText(value: Literal): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function mismatch(context: Context, at: number, field: BoundField, value: Literal): Error {
  const needed = { number: 'a number', text: 'a text in quotes', boolean: 'true or false' };
  return context.complain(
    at,
    `${shown(field.spec.name)} is ${field.spec.type}, which ${literalText(value)} does not suit, allowed: ${needed[field.kind!]}`,
  );
}

function checkOrder(context: Context, at: number, op: Comparator, kind: Kind): void {
  if (kind === 'boolean' && op !== '==' && op !== '!=') {
    throw context.complain(at, `${op} has no meaning for true and false, allowed: ==, !=`);
  }
}

function compileCompare(context: Context, node: Extract<Condition, { kind: 'compare' }>): Program {
  const { left, right, op } = node;
  if (left.kind === 'literal') {
    if (right.kind === 'literal')
      throw context.complain(node.at, 'two values are compared, needed: a field on one side');
    return compileCompare(context, { ...node, op: FLIPPED[op], left: right, right: left });
  }
  const field = comparable(context, left);
  checkOrder(context, node.at, op, field.kind);
  if (right.kind === 'field') {
    const other = comparable(context, right);
    if (other.kind === field.kind) return compareFields(field, op, other);
    const [a, b] = [field, other].map(({ spec }) => `${shown(spec.name)} (${spec.type})`);
    throw context.complain(node.at, `${a} and ${b} cannot be compared, allowed: two of one kind`);
  }
  const { value } = right;
  if (literalKind(value) !== field.kind) throw mismatch(context, right.at, field, value);
  if (typeof value === 'string') return compareText(field, op, value);
  return compareNumber(field, op, typeof value === 'boolean' ? Number(value) : value);
}

function compileIn(context: Context, node: Extract<Condition, { kind: 'in' }>): Program {
  if (node.left.kind === 'literal') throw context.complain(node.left.at, 'a value before `in`, needed: a field');
  const field = comparable(context, node.left);
  const wrong = node.values.find((value) => literalKind(value) !== field.kind);
  if (wrong !== undefined) throw mismatch(context, node.at, field, wrong);
  return testMembership(field, node.values);
}

function compileNull(context: Context, node: Extract<Condition, { kind: 'is_null' }>): Program {
  if (node.left.kind === 'literal') throw context.complain(node.left.at, 'a value before `is null`, needed: a field');
  const { index } = findField(context, node.left);
  return (frame) => {
    const { valid } = frame.columns[index]!;
    const out = new Uint8Array(frame.rows);
    if (valid) for (let row = 0; row < frame.rows; row++) out[row] = valid[row] === 0 ? YES : NO;
    return out;
  };
}

function compileValue(context: Context, node: Extract<Condition, { kind: 'value' }>): Program {
  const { left } = node;
  if (left.kind === 'literal') {
    const { value } = left;
    if (typeof value !== 'boolean') {
      throw context.complain(left.at, `${literalText(value)} is no condition, needed: a comparison`);
    }
    return (frame) => new Uint8Array(frame.rows).fill(value ? YES : NO);
  }
  const field = comparable(context, left);
  if (field.kind === 'boolean') return compareNumber(field, '!=', 0);
  throw context.complain(left.at, `${shown(left.name)} is ${field.spec.type} and no condition, needed: a comparison`);
}

/** Or of all parts; `and` is the same with yes and no exchanged. */
function combine(parts: readonly Program[], decisive: number): Program {
  const [first, ...others] = parts;
  return (frame) => {
    const out = first!(frame);
    for (const part of others) {
      const more = part(frame);
      for (let row = 0; row < out.length; row++) {
        if (more[row] === decisive || (out[row] !== decisive && more[row] === UNKNOWN)) out[row] = more[row]!;
      }
    }
    return out;
  };
}

function negate(part: Program): Program {
  return (frame) => {
    const out = part(frame);
    for (let row = 0; row < out.length; row++) if (out[row] !== UNKNOWN) out[row] = 1 - out[row]!;
    return out;
  };
}

/**
 * Checks names and types of a condition and makes a function of it that answers a whole frame at a time, in the three
 * values of SQL: a comparison with null is unknown, and so is its negation.
 */
export function compileWhere(schema: Schema, condition: Condition, complain: Complain): Program {
  const context: Context = { schema, complain };
  const compile = (node: Condition): Program => {
    switch (node.kind) {
      case 'and':
        return combine(node.parts.map(compile), NO);
      case 'or':
        return combine(node.parts.map(compile), YES);
      case 'not':
        return negate(compile(node.part));
      case 'compare':
        return compileCompare(context, node);
      case 'in':
        return compileIn(context, node);
      case 'is_null':
        return compileNull(context, node);
      case 'value':
        return compileValue(context, node);
    }
  };
  return compile(condition);
}
