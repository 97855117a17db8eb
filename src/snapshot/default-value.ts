import { WireReader } from '../util/wire.js';
import { NO_DEFAULT } from './metadata.js';
import type { DefaultValue } from './types.js';

// schema.ValueField: 1 bool, 2 int, 3 long, 4 float, 5 double, 6 string, 7 bytes. In backups its bytes as base64, in metadata
// files its members by name.

const VARINT = 0;
const EIGHT_BYTES = 1;
const DELIMITED = 2;
const FOUR_BYTES = 5;

function varint(value: bigint): number[] {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  return [...out, Number(rest)];
}

function member(number: number, type: number, bytes: Uint8Array | readonly number[]): string {
  return Buffer.from([number * 8 + type, ...bytes]).toString('base64');
}

const delimited = (bytes: Uint8Array): number[] => [...varint(BigInt(bytes.length)), ...bytes];

function little(bytes: number, set: (view: DataView) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes));
  set(view);
  return new Uint8Array(view.buffer);
}

/** The bytes of a default value as backups have them; '' for one without a member. */
export function defaultToBase64(value: DefaultValue): string {
  const { bool_data, int_data, long_data, float_data, double_data, string_data, bytes_data } = value;
  if (bool_data !== undefined) return member(1, VARINT, [bool_data ? 1 : 0]);
  if (int_data !== undefined) return member(2, VARINT, varint(BigInt(int_data)));
  if (long_data !== undefined) return member(3, VARINT, varint(long_data));
  if (float_data !== undefined)
    return member(
      4,
      FOUR_BYTES,
      little(4, (view) => view.setFloat32(0, float_data, true)),
    );
  if (double_data !== undefined) {
    return member(
      5,
      EIGHT_BYTES,
      little(8, (view) => view.setFloat64(0, double_data, true)),
    );
  }
  if (string_data !== undefined) return member(6, DELIMITED, delimited(Buffer.from(string_data)));
  return bytes_data === undefined ? '' : member(7, DELIMITED, delimited(bytes_data));
}

/** The other way round. Throws RangeError for bytes that are no ValueField. */
export function defaultFromBase64(coded: string): DefaultValue | undefined {
  const bytes = Buffer.from(coded, 'base64');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader = new WireReader(bytes);
  let found: DefaultValue | undefined;
  for (let field = reader.field(); field; field = reader.field()) {
    const { at } = reader;
    const kind = `${field.number}/${field.type}`;
    if (kind === '1/0') found = { ...NO_DEFAULT, bool_data: reader.number() !== 0 };
    else if (kind === '2/0') found = { ...NO_DEFAULT, int_data: reader.int32() };
    else if (kind === '3/0') found = { ...NO_DEFAULT, long_data: reader.bigint() };
    else if (kind === '6/2') found = { ...NO_DEFAULT, string_data: reader.string() };
    else if (kind === '7/2') found = { ...NO_DEFAULT, bytes_data: new Uint8Array(reader.view()) };
    else {
      reader.skip(field.type);
      if (kind === '4/5') found = { ...NO_DEFAULT, float_data: view.getFloat32(at, true) };
      else if (kind === '5/1') found = { ...NO_DEFAULT, double_data: view.getFloat64(at, true) };
    }
  }
  return found;
}
