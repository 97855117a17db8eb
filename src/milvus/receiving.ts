import { createRequire } from 'node:module';
import { PREFIX_BYTES } from './framing.js';

/** Memory for shorter messages costs too little to be kept. */
const LARGE_BYTES = 256 << 10;
/** Answers differ in length by a little, so memory is made in steps of this. */
const STEP_BYTES = 1 << 20;
/** Memory that waits for the next answers, at most. */
const KEPT_BYTES = 40 << 20;

/** Memory of answers whose holders have given it back, of all connections. */
let free: Buffer[] = [];
/** Memory that may be given back. */
const lent = new WeakSet<ArrayBufferLike>();

function memoryFor(bytes: number): Buffer {
  if (bytes < LARGE_BYTES) return Buffer.allocUnsafe(bytes);
  const at = free.findIndex(({ length }) => length >= bytes);
  const [memory = Buffer.allocUnsafeSlow(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES)] =
    at < 0 ? [] : free.splice(at, 1);
  lent.add(memory.buffer);
  return memory.subarray(0, bytes);
}

/**
 * Gives the memory of an answer to those that come after it; nobody may read it any more. Of messages that have no memory of
 * {@link receiveInPlace}, nothing is taken.
 */
export function giveBack({ buffer }: Uint8Array): void {
  if (!lent.delete(buffer)) return;
  free.push(Buffer.from(buffer));
  let kept = free.reduce((sum, { length }) => sum + length, 0);
  while (kept > KEPT_BYTES) kept -= free.shift()!.length;
}

/** Lets go of the memory that waits for answers. */
export function forgetAnswers(): void {
  free = [];
}

/** Makes messages of the pieces of an HTTP/2 stream, each of which is copied as it arrives. */
export class MessageReader {
  readonly #longest: number;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  #message: Buffer | undefined;
  /** Bytes of the message so far, of its prefix first. */
  #filled = 0;

  /** @param longest bytes of a message; -1 for any number */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** The messages that end in this piece, behind their prefixes. Throws Error for one that is too long. */
  write(piece: Uint8Array): Buffer[] {
    const complete: Buffer[] = [];
    for (let at = 0; at < piece.length; ) {
      const into = this.#message ?? this.#prefix;
      const taken = Math.min(into.length - this.#filled, piece.length - at);
      into.set(piece.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled < into.length) break;
      this.#message ??= this.#begin();
      if (this.#filled < this.#message.length) continue;
      complete.push(this.#message);
      this.#message = undefined;
      this.#filled = 0;
    }
    return complete;
  }

  #begin(): Buffer {
    const bytes = this.#prefix.readUInt32BE(1);
    if (this.#longest !== -1 && bytes > this.#longest) {
      throw new Error(`Received message larger than max (${bytes} vs ${this.#longest})`);
    }
    const message = memoryFor(PREFIX_BYTES + bytes);
    message.set(this.#prefix);
    return message;
  }
}

/** The part of grpc-js that puts messages together. No public name leads there. */
interface Inside {
  StreamDecoder?: { readonly prototype: object };
}

/** The decoder that ours can stand for: one that is only written to. */
function isKnown({ StreamDecoder }: Inside): boolean {
  const names = StreamDecoder ? Object.getOwnPropertyNames(StreamDecoder.prototype) : [];
  return names.length === 2 && names.includes('constructor') && names.includes('write');
}

/**
 * Lets grpc-js put the answers of calls that begin from now on into memory that {@link giveBack} has returned. Left alone, it
 * keeps the pieces of 64 KiB of each answer and copies them into a new buffer: twice 4 MiB outside the heap, and V8 marks all of
 * the heap after every few of them, which takes half of the CPU time of reading. Another release of grpc-js is left as it is:
 * slower, not wrong. So are other users of grpc-js in this process: nothing is used again that was not given back.
 * @returns whether it is a release that can
 */
export function receiveInPlace(): boolean {
  let inside: Inside;
  try {
    inside = createRequire(import.meta.url)('@grpc/grpc-js/build/src/stream-decoder.js') as Inside;
  } catch {
    return false;
  }
  if (inside.StreamDecoder === MessageReader) return true;
  if (!isKnown(inside)) return false;
  inside.StreamDecoder = MessageReader;
  return true;
}
