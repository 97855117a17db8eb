import { OutOfBytes } from './source.js';

/**
 * Decompresses a raw Snappy block (google/snappy format_description.txt) into `out`, which must have exactly its length.
 * Throws RangeError for bytes that are none.
 */
export function unsnappy(data: Uint8Array, out: Uint8Array): void {
  let at = 0;
  const byte = (): number => {
    const value = data[at++];
    if (value === undefined) throw new OutOfBytes(`a snappy block ends at byte ${data.length}`);
    return value;
  };
  const number = (bytes: number): number => {
    let value = 0;
    for (let i = 0, scale = 1; i < bytes; i++, scale *= 256) value += byte() * scale;
    return value;
  };
  let announced = 0;
  for (let i = 0, scale = 1; ; i++, scale *= 128) {
    const b = byte();
    announced += (b & 0x7f) * scale;
    if (b < 0x80) break;
    if (i === 4) throw new RangeError('the length of a snappy block is longer than 5 bytes');
  }
  if (announced !== out.length)
    throw new RangeError(`a snappy block of ${announced} bytes where ${out.length} are needed`);
  let to = 0;
  while (at < data.length) {
    const tag = byte();
    const kind = tag & 3;
    if (kind === 0) {
      const short = tag >> 2;
      const length = (short < 60 ? short : number(short - 59)) + 1;
      if (at + length > data.length || to + length > out.length) throw new RangeError('a snappy literal is too long');
      out.set(data.subarray(at, at + length), to);
      at += length;
      to += length;
      continue;
    }
    const length = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const back = kind === 1 ? (tag >> 5) * 256 + byte() : number(kind === 2 ? 2 : 4);
    if (back === 0 || back > to || to + length > out.length) throw new RangeError('a snappy copy points outside');
    // What is copied may be what is being written.
    if (back >= length) out.copyWithin(to, to - back, to - back + length);
    else for (let i = 0; i < length; i++) out[to + i] = out[to + i - back]!;
    to += length;
  }
  if (to !== out.length) throw new RangeError(`a snappy block gives ${to} bytes where ${out.length} are needed`);
}
