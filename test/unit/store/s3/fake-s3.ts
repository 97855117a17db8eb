import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { S3Storage } from '../../../../src/config/types.js';

/** What came in. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** One answer: a status with a body, or whatever a function does with the response. */
export type Reply =
  | { readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }
  | ((response: ServerResponse, request: Seen) => void);

export interface FakeS3 extends AsyncDisposable {
  readonly seen: Seen[];
  readonly url: string;
  readonly config: S3Storage;
}

/** The body of an S3 error. */
export function errorXml(code: string, more = ''): string {
  return `<?xml version="1.0"?><Error><Code>${code}</Code><Message>about ${code}</Message>${more}</Error>`;
}

/** An HTTP server that gives the answers of a list one after the other, and the last one from then on. */
export async function startFakeS3(replies: readonly Reply[]): Promise<FakeS3> {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces).toString();
    const one = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
    const reply = replies[Math.min(seen.length, replies.length - 1)] as Reply;
    seen.push(one);
    if (typeof reply === 'function') reply(response, one);
    else response.writeHead(reply.status, reply.headers).end(reply.body ?? '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    seen,
    url: `http://127.0.0.1:${port}`,
    config: {
      type: 's3',
      endpoint: { host: '127.0.0.1', port, tls: false },
      bucket: 'buck',
      root: 'r',
      accessKey: 'AKID',
      secretKey: 'hidden-secret',
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
