import { fail } from '../../../util/errors.js';

/** Bytes that numpy gives to every character of a text column ("<U": UTF-32). */
export const CHARACTER_BYTES = 4;

/** Characters (code points) of UTF-8 text: every byte that does not go on with a character begins one. */
export function countCharacters(text: Uint8Array): number {
  let characters = 0;
  for (let i = 0; i < text.length; i++) if ((text[i]! & 0xc0) !== 0x80) characters++;
  return characters;
}

/** The code point that begins at `at`, and where the next one does. */
function codePoint(text: Uint8Array, at: number): readonly [code: number, next: number] {
  const first = text[at]!;
  if (first < 0x80) return [first, at + 1];
  if (first < 0xe0) return [((first & 0x1f) << 6) | (text[at + 1]! & 0x3f), at + 2];
  if (first < 0xf0) {
    return [((first & 0x0f) << 12) | ((text[at + 1]! & 0x3f) << 6) | (text[at + 2]! & 0x3f), at + 3];
  }
  const low = ((text[at + 1]! & 0x3f) << 12) | ((text[at + 2]! & 0x3f) << 6) | (text[at + 3]! & 0x3f);
  return [((first & 0x07) << 18) | low, at + 4];
}

/**
 * Writes UTF-8 text as UTF-32, little-endian, to `out` from `at` on; what stands behind it must be zero up to the width of the
 * column. Throws DST_REFUSED for NUL characters, which numpy and Milvus take for the end of the text.
 */
export function putUtf32(text: Uint8Array, out: DataView, at: number, field: string): void {
  let to = at;
  for (let from = 0; from < text.length; to += CHARACTER_BYTES) {
    const [code, next] = codePoint(text, from);
    if (code === 0) {
      throw fail(
        'DST_REFUSED',
        `a text of the field "${field}" holds a NUL character, which a numpy file cannot carry`,
        {
          hint: 'Set write: insert.',
        },
      );
    }
    out.setUint32(to, code, true);
    from = next;
  }
}
