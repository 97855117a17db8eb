import { request } from './client.js';

export interface ServerEvent {
  readonly event: string;
  readonly data: string;
}

/** Takes whole server-sent events off the front of a text. */
export function takeEvents(buffer: string): { events: ServerEvent[]; rest: string } {
  const blocks = buffer.replaceAll('\r\n', '\n').split('\n\n');
  const rest = blocks.pop() ?? '';
  const events: ServerEvent[] = [];
  for (const block of blocks) {
    let event = 'message';
    const data: string[] = [];
    for (const line of block.split('\n')) {
      const [, field, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
      if (field === 'event') event = value!;
      if (field === 'data') data.push(value!);
    }
    if (data.length > 0) events.push({ event, data: data.join('\n') });
  }
  return { events, rest };
}

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
