import type { MilvusType } from '../batch/fields.js';

/** What happens to values that a cast cannot keep: the run is refused, or the nearest value is written and counted. */
export type OnLoss = 'error' | 'report';

export interface CastTarget {
  readonly type: MilvusType;
  /** VARCHAR: largest length in bytes. */
  readonly maxLength?: number;
  /** The default of the target type where absent. */
  readonly onLoss?: OnLoss;
}

/** A value as a file or a program gives it. Text stands for a value of any type where the type is given beside it. */
export type ConstantValue = bigint | number | boolean | string | null;

export interface ConstantField {
  readonly value: ConstantValue;
  /** Inferred from the value where absent: INT64, DOUBLE, BOOL, VARCHAR. */
  readonly type?: MilvusType;
  readonly maxLength?: number;
}

export interface TruncateTarget {
  readonly dim: number;
  readonly renormalize: boolean;
}

export interface JsonPathStep {
  readonly kind: 'json_path';
  readonly field: string;
  readonly path: string;
  readonly to: string;
  readonly type: MilvusType;
  readonly maxLength?: number;
  readonly nullable?: boolean;
  readonly default?: ConstantValue;
}

/** One step of `transforms`, in the order in which they are done. */
export type TransformStep =
  | { readonly kind: 'rename'; readonly fields: Readonly<Record<string, string>> }
  | { readonly kind: 'drop' | 'keep'; readonly fields: readonly string[] }
  | { readonly kind: 'cast'; readonly fields: Readonly<Record<string, CastTarget>> }
  | { readonly kind: 'constant'; readonly fields: Readonly<Record<string, ConstantField>> }
  | { readonly kind: 'normalize'; readonly fields: readonly string[] }
  | { readonly kind: 'truncate_dim'; readonly fields: Readonly<Record<string, TruncateTarget>> }
  | { readonly kind: 'where'; readonly expression: string }
  | JsonPathStep;

export type TransformKind = TransformStep['kind'];

interface RawCast {
  readonly type: MilvusType;
  readonly max_length?: number;
  readonly on_loss?: OnLoss;
}

interface RawConstant {
  readonly value?: string;
  readonly type?: MilvusType;
  readonly max_length?: number;
}

interface RawJsonPath {
  readonly field: string;
  readonly path: string;
  readonly to: string;
  readonly type: MilvusType;
  readonly max_length?: number;
  readonly nullable?: boolean;
  readonly default?: string;
}

/** An item of `transforms`, as written: exactly one of the keys. Values of constants are text. */
export interface RawTransform {
  readonly rename?: Readonly<Record<string, string>>;
  readonly drop?: readonly string[];
  readonly keep?: readonly string[];
  readonly cast?: Readonly<Record<string, string | RawCast>>;
  readonly constant?: Readonly<Record<string, string | RawConstant>>;
  readonly normalize?: readonly string[];
  readonly truncate_dim?: Readonly<Record<string, number | { readonly dim: number; readonly renormalize?: boolean }>>;
  readonly where?: string;
  readonly json_path?: RawJsonPath;
}

const INTEGER = /^-?(0|[1-9]\d*)$/;
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/;

/** The value of a text without a type: an integer (exact), a number, true or false, else the text itself. */
export function inferConstant(text: string): ConstantValue {
  if (INTEGER.test(text)) return BigInt(text);
  if (NUMBER.test(text)) return Number(text);
  return text === 'true' || text === 'false' ? text === 'true' : text;
}

function mapValues<A, B>(group: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(group).map(([key, value]) => [key, change(value)]));
}

function castOf(raw: string | RawCast): CastTarget {
  if (typeof raw === 'string') return { type: raw as MilvusType };
  const { type, max_length: maxLength, on_loss: onLoss } = raw;
  return { type, ...(maxLength === undefined ? {} : { maxLength }), ...(onLoss === undefined ? {} : { onLoss }) };
}

function constantOf(raw: string | RawConstant): ConstantField {
  if (typeof raw === 'string') return { value: inferConstant(raw) };
  const { value, type, max_length: maxLength } = raw;
  const inferred = value === undefined ? null : type === undefined ? inferConstant(value) : value;
  return {
    value: inferred,
    ...(type === undefined ? {} : { type }),
    ...(maxLength === undefined ? {} : { maxLength }),
  };
}

function jsonPathOf(raw: RawJsonPath): JsonPathStep {
  const { max_length: maxLength, ...rest } = raw;
  return { kind: 'json_path', ...rest, ...(maxLength === undefined ? {} : { maxLength }) };
}

function stepOf(raw: RawTransform): TransformStep {
  if (raw.rename) return { kind: 'rename', fields: raw.rename };
  if (raw.drop) return { kind: 'drop', fields: raw.drop };
  if (raw.keep) return { kind: 'keep', fields: raw.keep };
  if (raw.cast) return { kind: 'cast', fields: mapValues(raw.cast, castOf) };
  if (raw.constant) return { kind: 'constant', fields: mapValues(raw.constant, constantOf) };
  if (raw.normalize) return { kind: 'normalize', fields: raw.normalize };
  if (raw.truncate_dim) {
    const fields = mapValues(raw.truncate_dim, (target) =>
      typeof target === 'number' ? { dim: target, renormalize: false } : { renormalize: false, ...target },
    );
    return { kind: 'truncate_dim', fields };
  }
  if (raw.where !== undefined) return { kind: 'where', expression: raw.where };
  if (raw.json_path) return jsonPathOf(raw.json_path);
  throw new Error('a step of transforms that the schema had passed has no known key');
}

/** The list `transforms` of a checked file as steps. */
export function toTransforms(raw: readonly RawTransform[]): TransformStep[] {
  return raw.map(stepOf);
}
