/** Bytes of an array begin at a multiple of this, so that they can be any typed array. */
const ALIGNMENT = 8;
/** Pages differ in length by a little; memory for a larger one than the last is made with some room. */
const ROOM = 1.125;

/**
 * Memory that the large columns of one answer after the other are copied into, so that megabytes are not taken from the
 * system, and given back, for every page. An answer is valid until the next one is decoded into the same memory.
 */
export class AnswerMemory {
  private buffer = new ArrayBuffer(0);
  private used = 0;

  /** Begins an answer of `bytes` bytes: what was copied before is no longer valid. */
  begin(bytes: number): void {
    this.used = 0;
    if (this.buffer.byteLength < bytes) this.buffer = new ArrayBuffer(Math.ceil(bytes * ROOM));
  }

  /** A copy of `bytes`; in memory of its own where there is no room left. */
  copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const at = this.used;
    const fits = at + bytes.length <= this.buffer.byteLength;
    if (fits) this.used = Math.ceil((at + bytes.length) / ALIGNMENT) * ALIGNMENT;
    const out = fits ? new Uint8Array(this.buffer, at, bytes.length) : new Uint8Array(bytes.length);
    out.set(bytes);
    return out;
  }
}
