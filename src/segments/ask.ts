import type { Answer } from './server-messages.js';
import type { encodeRequest, WireMessage } from './wire-messages.js';

/** One call of a server, with how its answer is read. */
export interface Call<T extends object> {
  readonly method: string;
  readonly what: string;
  /** The fields of the request, or all of it where it has messages inside. */
  readonly request: Parameters<typeof encodeRequest>[0] | Uint8Array;
  readonly answer: WireMessage<T>;
}

/** Makes a call and gives its answer; a status that is not ok is thrown unless `allow` lets it through. */
export type Ask = <T extends Answer>(call: Call<T>, allow?: (status: Answer['status']) => boolean) => Promise<T>;
