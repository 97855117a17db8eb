import type { JsonValue } from './json.js';

/** A value that is not what its place needs; `message` names the place once all around it have added their part. */
export class Misfit extends Error {
  override readonly name = 'Misfit';

  inside(key: string | number): Misfit {
    const rest = this.message.startsWith('[') || this.message.startsWith(':') ? this.message : `.${this.message}`;
    return new Misfit(typeof key === 'number' ? `[${key}]${rest}` : `${key}${rest}`);
  }
}

/**
 * How a value stands in a meta file: as Go's encoding/json writes the structs that protoc-gen-go makes. A field with its
 * zero value is left out, unless it is one that is always written; a field that is absent or null has its zero value.
 */
export interface Codec<T> {
  readonly zero: T;
  /** Written also with its zero value. */
  readonly always?: boolean;
  /** Throws {@link Misfit}. */
  read(value: JsonValue): T;
  write(value: T, out: string[]): void;
  isZero(value: T): boolean;
}

/** "need a list, have 7". */
export function misfit(need: string, value: JsonValue): Misfit {
  const have = Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : String(value).slice(0, 40);
  return new Misfit(`: need ${need}, have ${have}`);
}

function scalar<T extends string | number | bigint | boolean>(
  zero: T,
  read: (value: JsonValue) => T,
  write: (value: T) => string,
): Codec<T> {
  return { zero, read, write: (value, out) => out.push(write(value)), isZero: (value) => value === zero };
}

export const text: Codec<string> = scalar(
  '',
  (value) => {
    if (typeof value !== 'string') throw misfit('text', value);
    return value;
  },
  JSON.stringify,
);

export const bool: Codec<boolean> = scalar<boolean>(
  false,
  (value) => {
    if (typeof value !== 'boolean') throw misfit('true or false', value);
    return value;
  },
  String,
);

/** Whole numbers that a double holds: enums, counts, sizes in bytes. */
export const int: Codec<number> = scalar<number>(
  0,
  (value) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw misfit('a whole number up to 2^53', value);
    return value;
  },
  String,
);

function wide(low: bigint, high: bigint): Codec<bigint> {
  return scalar<bigint>(
    0n,
    (value) => {
      const whole = typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
      const found = whole ? BigInt(value) : undefined;
      if (found === undefined || found < low || found > high) throw misfit('a whole number of 64 bits', value);
      return found;
    },
    String,
  );
}

export const int64: Codec<bigint> = wide(-(2n ** 63n), 2n ** 63n - 1n);
export const uint64: Codec<bigint> = wide(0n, 2n ** 64n - 1n);

/** The same, written also with its zero value. */
export function always<T>(codec: Codec<T>): Codec<T> {
  return { ...codec, always: true };
}

export function list<T>(item: Codec<T>): Codec<readonly T[]> {
  return {
    zero: [],
    read(value) {
      if (!Array.isArray(value)) throw misfit('a list', value);
      return value.map((child: JsonValue, at) => {
        try {
          return child === null ? item.zero : item.read(child);
        } catch (thrown) {
          throw thrown instanceof Misfit ? thrown.inside(at) : thrown;
        }
      });
    },
    write(value, out) {
      out.push('[');
      value.forEach((child, at) => {
        if (at > 0) out.push(',');
        item.write(child, out);
      });
      out.push(']');
    },
    isZero: (value) => value.length === 0,
  };
}

/** Text by text, in the order of the keys, as Go writes maps. */
export const texts: Codec<Readonly<Record<string, string>>> = {
  zero: {},
  read(value) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) throw misfit('an object', value);
    return Object.fromEntries(
      Object.entries(value).map(([key, child]) => {
        if (typeof child !== 'string') throw misfit('text', child).inside(key);
        return [key, child];
      }),
    );
  },
  write(value, out) {
    const keys = Object.keys(value).sort();
    out.push(`{${keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(value[key])}`).join(',')}}`);
  },
  isZero: (value) => Object.keys(value).length === 0,
};

/** The fields of a message, in the order in which they are written. */
export type Fields<T> = { readonly [K in keyof T]-?: Codec<T[K]> };

/** A message. Keys that it does not know are ignored, as by every reader of these files. */
export function message<T extends object>(fields: Fields<T>): Codec<T> {
  const entries = Object.entries(fields) as unknown as [keyof T, Codec<T[keyof T]>][];
  const zero = Object.fromEntries(entries.map(([key, codec]) => [key, codec.zero])) as T;
  return {
    zero,
    read(value) {
      if (value === null || typeof value !== 'object' || Array.isArray(value)) throw misfit('an object', value);
      const given = value as { readonly [key: string]: JsonValue };
      const made = { ...zero };
      let at = '';
      try {
        for (const [key, codec] of entries) {
          at = String(key);
          const child = given[at];
          if (child !== undefined && child !== null) made[key] = codec.read(child);
        }
      } catch (thrown) {
        throw thrown instanceof Misfit ? thrown.inside(at) : thrown;
      }
      return made;
    },
    write(value, out) {
      let before = '{';
      for (const [key, codec] of entries) {
        if (!codec.always && codec.isZero(value[key])) continue;
        out.push(`${before}"${String(key)}":`);
        codec.write(value[key], out);
        before = ',';
      }
      out.push(before === '{' ? '{}' : '}');
    },
    // In a list a message without content is written, too: `"deltalogs":[{}]`.
    isZero: () => false,
  };
}

/** A message that may be absent. */
export function optional<T>(codec: Codec<T>): Codec<T | undefined> {
  return {
    zero: undefined,
    read: codec.read,
    write: (value, out) => codec.write(value as T, out),
    isZero: (value) => value === undefined,
  };
}
