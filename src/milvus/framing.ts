import type grpc from '@grpc/grpc-js';

/** What stands before a message on the wire: one byte (1 = compressed) and its length, 4 bytes big-endian (gRPC over HTTP/2). */
export const PREFIX_BYTES = 5;

/** Memory that has free room for the prefix before it. */
const roomy = new WeakSet<ArrayBufferLike>();

/** Messages that stand behind their prefix already, and both together. */
const framed = new WeakMap<Uint8Array, Buffer>();

/**
 * Memory for a request of `bytes` that can be sent from where it stands, without a copy of it. The content is undefined. A
 * request is to begin where the memory begins, and there is to be one at a time.
 */
export function requestMemory(bytes: number): Uint8Array {
  // Not from Node's shared pool: these live long and are large.
  const whole = Buffer.allocUnsafeSlow(PREFIX_BYTES + bytes);
  roomy.add(whole.buffer);
  return whole.subarray(PREFIX_BYTES);
}

/** The request as grpc-js takes it; the prefix is written before it where its memory has the room. */
export function messageOf(request: Uint8Array): Buffer {
  const { buffer, byteOffset, byteLength } = request;
  const message = Buffer.from(buffer, byteOffset, byteLength);
  if (byteOffset !== PREFIX_BYTES || !roomy.has(buffer)) return message;
  const whole = Buffer.from(buffer, 0, PREFIX_BYTES + byteLength);
  whole[0] = 0;
  whole.writeUInt32BE(byteLength, 1);
  framed.set(message, whole);
  return message;
}

interface Message {
  readonly message: Buffer;
  readonly flags?: number;
}

interface Filter {
  sendMessage(message: Promise<Message>): Promise<Message>;
}

interface FilterFactory {
  createFilter(): Filter;
}

/** The part of a channel that puts the prefix before a message. No public name leads there. */
interface Inside {
  readonly internalChannel?: { readonly filterStackFactory?: { readonly factories?: FilterFactory[] } };
}

/**
 * Lets the channel of a client send the messages of {@link messageOf} as they stand. Left alone, its last filter copies each one
 * into a new buffer, to put the prefix before it: of 4 MiB each, they have the garbage collector run after every sixth, which
 * takes more CPU time than all else that is done to a batch. A channel that is made otherwise (of another release of grpc-js) is
 * left as it is and copies: slower, not wrong.
 * @returns whether the channel is one that can
 */
export function sendInPlace(client: grpc.Client): boolean {
  const factories = (client.getChannel() as unknown as Inside).internalChannel?.filterStackFactory?.factories;
  const last = factories?.at(-1);
  if (!factories || typeof last?.createFilter !== 'function') return false;
  factories[factories.length - 1] = {
    createFilter() {
      const filter = last.createFilter();
      const send = filter.sendMessage.bind(filter);
      filter.sendMessage = async (given) => {
        const { message, flags } = await given;
        const whole = framed.get(message);
        if (whole) return { message: whole, ...(flags === undefined ? {} : { flags }) };
        return await send(given);
      };
      return filter;
    },
  };
  return true;
}
