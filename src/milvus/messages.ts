/** A value of a field: text, bytes (a message in a message), an integer, a truth value, or several of one kind. */
type One = string | Uint8Array | bigint | number | boolean;
export type WireValue = One | readonly One[] | undefined;

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

function field(number: number, value: One): Uint8Array[] {
  if (typeof value === 'string' || value instanceof Uint8Array) {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    return [Uint8Array.from([...varint(BigInt(number) * 8n + 2n), ...varint(BigInt(bytes.length))]), bytes];
  }
  return [Uint8Array.from([...varint(BigInt(number) * 8n), ...varint(BigInt(value))])];
}

/** Proto3 leaves zero values out; inside a list they stand. */
function isZero(value: WireValue): boolean {
  return value === '' || value === false || value === 0 || value === 0n;
}

/**
 * A protobuf message of few and small fields, by their numbers: for requests that make or change something. What is
 * undefined or zero is left out.
 */
export function encodeMessage(fields: Readonly<Record<number, WireValue>>): Uint8Array {
  const parts = Object.entries(fields).flatMap(([number, value]) => {
    if (value === undefined || isZero(value)) return [];
    const values: readonly One[] = Array.isArray(value) ? value : [value as One];
    return values.flatMap((one) => field(Number(number), one));
  });
  return Buffer.concat(parts);
}

/** common.KeyValuePair */
export function keyValuePair(pair: { readonly key: string; readonly value: string }): Uint8Array {
  return encodeMessage({ 1: pair.key, 2: pair.value });
}
