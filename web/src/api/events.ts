import { request } from './client.js';
import { type ServerEvent, takeEvents } from './event-text.js';

export type { ServerEvent };

/**
 * Reads server-sent events until the server ends the stream or the signal stops it. EventSource cannot send the token, so
 * it is a plain request. Throws as `request`.
 */
export async function readEvents(
  path: string,
  o: { signal: AbortSignal; onEvent: (event: ServerEvent) => void },
): Promise<void> {
  const response = await request('GET', path, { signal: o.signal, accept: 'text/event-stream' });
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const { events, rest } = takeEvents(buffer + value);
    buffer = rest;
    for (const event of events) o.onEvent(event);
  }
}
