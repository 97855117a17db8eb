import { fail } from '../../../util/errors.js';

/** The smallest header that numpy writes, and room for any shape that a file of ours has. */
export const HEADER_BYTES = 128;
const MAGIC_BYTES = 10;

/**
 * The head of a .npy file of format 1.0, as numpy.save writes it: magic, version, the length of a Python dict as u16, the dict
 * padded with spaces, a newline. Always {@link HEADER_BYTES} long, so that it can be written when the rows have been counted.
 * @param descr numpy's name of the type, such as "<f4"
 * @param shape rows, and for vectors their elements
 */
export function npyHeader(descr: string, shape: readonly number[]): Uint8Array {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sizes}), }`;
  if (MAGIC_BYTES + dict.length + 1 > HEADER_BYTES) throw fail('INTERNAL', `no room for the npy header ${dict}`);
  const header = new Uint8Array(HEADER_BYTES).fill(0x20);
  header.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, HEADER_BYTES - MAGIC_BYTES, 0]);
  header.set(Buffer.from(dict, 'latin1'), MAGIC_BYTES);
  header[HEADER_BYTES - 1] = 0x0a;
  return header;
}
