import { type Codec, Misfit, misfit } from '../backup/codec.js';
import type { JsonValue } from '../backup/json.js';

// How Go's protojson writes messages (UseProtoNames): 64-bit integers as text, enums by name, bytes as base64. It reads
// integers as numbers and as text, and enums by name and by number.

/** The name of an enum's member that nobody knew when this was written. */
export class UnknownName extends Misfit {
  override inside(key: string | number): UnknownName {
    return new UnknownName(super.inside(key).message);
  }
}

function wide(low: bigint, high: bigint): Codec<bigint> {
  return {
    zero: 0n,
    read(value) {
      const whole =
        typeof value === 'bigint' ||
        (typeof value === 'number' && Number.isInteger(value)) ||
        (typeof value === 'string' && /^-?\d{1,20}$/.test(value));
      const found = whole ? BigInt(value) : undefined;
      if (found === undefined || found < low || found > high) throw misfit('a whole number of 64 bits', value);
      return found;
    },
    write: (value, out) => out.push(`"${value}"`),
    isZero: (value) => value === 0n,
  };
}

export const int64: Codec<bigint> = wide(-(2n ** 63n), 2n ** 63n - 1n);
export const uint64: Codec<bigint> = wide(0n, 2n ** 64n - 1n);

function isInt32(value: number): boolean {
  return Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31;
}

export const int32: Codec<number> = {
  zero: 0,
  read(value) {
    const found = typeof value === 'string' && /^-?\d{1,10}$/.test(value) ? Number(value) : value;
    if (typeof found !== 'number' || !isInt32(found)) throw misfit('a whole number of 32 bits', value);
    return found;
  },
  write: (value, out) => out.push(String(value)),
  isZero: (value) => value === 0,
};

/** Numbers that are no integers; protojson writes what JSON cannot as text. */
export const float: Codec<number> = {
  zero: 0,
  read(value) {
    const found = typeof value === 'bigint' || typeof value === 'string' ? Number(value) : value;
    if (typeof found !== 'number') throw misfit('a number', value);
    if (Number.isNaN(found) && value !== 'NaN') throw misfit('a number', value);
    return found;
  },
  write: (value, out) => out.push(Number.isFinite(value) ? String(value) : `"${value}"`),
  isZero: (value) => value === 0,
};

/** An enum: its numbers, by name in the file. A number without a name is written as it is. */
export function enumOf(what: string, names: Readonly<Record<number, string>>): Codec<number> {
  const numbers = new Map(Object.entries(names).map(([number, name]) => [name, Number(number)]));
  return {
    zero: 0,
    read(value) {
      if (typeof value === 'number' && isInt32(value)) return value;
      const found = typeof value === 'string' ? numbers.get(value) : undefined;
      if (found !== undefined) return found;
      if (typeof value !== 'string') throw misfit(`a ${what}`, value);
      throw new UnknownName(`: ${JSON.stringify(value.slice(0, 60))} is no ${what} that milvusdm knows`);
    },
    write: (value, out) => out.push(names[value] === undefined ? String(value) : JSON.stringify(names[value])),
    isZero: (value) => value === 0,
  };
}

export const bytes: Codec<Uint8Array> = {
  zero: new Uint8Array(0),
  read(value) {
    if (typeof value !== 'string' || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) throw misfit('base64', value);
    return new Uint8Array(Buffer.from(value, 'base64'));
  },
  write: (value, out) => out.push(JSON.stringify(Buffer.from(value).toString('base64'))),
  isZero: (value) => value.length === 0,
};

/** A map with text as its keys, which are written in order. */
export function mapOf<T>(item: Codec<T>): Codec<Readonly<Record<string, T>>> {
  return {
    zero: {},
    read(value) {
      if (value === null || typeof value !== 'object' || Array.isArray(value)) throw misfit('an object', value);
      return Object.fromEntries(
        Object.entries(value as { readonly [key: string]: JsonValue }).map(([key, child]) => {
          try {
            return [key, item.read(child)];
          } catch (thrown) {
            throw thrown instanceof Misfit ? thrown.inside(key) : thrown;
          }
        }),
      );
    },
    write(value, out) {
      out.push('{');
      Object.keys(value)
        .sort()
        .forEach((key, at) => {
          out.push(`${at > 0 ? ',' : ''}${JSON.stringify(key)}:`);
          item.write(value[key] as T, out);
        });
      out.push('}');
    },
    isZero: (value) => Object.keys(value).length === 0,
  };
}

/** A message as text, indented by two spaces. All that JSON.parse would round is text by then. */
export function toText<T>(codec: Codec<T>, value: T): string {
  const out: string[] = [];
  codec.write(value, out);
  return `${JSON.stringify(JSON.parse(out.join('')), null, 2)}\n`;
}
