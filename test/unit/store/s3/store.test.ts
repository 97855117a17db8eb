import { describe, expect, it } from 'vitest';
import { openStore } from '../../../../src/store/index.js';
import { partBytes } from '../../../../src/store/s3/multipart.js';
import type { ObjectStore } from '../../../../src/store/types.js';
import { errorXml, type FakeS3, type Reply, startFakeS3 } from './fake-s3.js';

async function withStore(
  replies: readonly Reply[],
  use: (store: ObjectStore, fake: FakeS3, log: string[]) => Promise<void>,
  retryFor = 30,
): Promise<void> {
  await using fake = await startFakeS3(replies);
  const log: string[] = [];
  await using store = await openStore(fake.config, { retryFor, env: {}, log: (message) => log.push(message) });
  await use(store, fake, log);
}

const OK: Reply = { status: 200, body: 'hello', headers: { etag: '"t"' } };

const UPLOAD = '<InitiateMultipartUploadResult><UploadId>u-1</UploadId></InitiateMultipartUploadResult>';

/** Methods and paths of the requests that came in. */
function asked({ seen }: FakeS3): string[] {
  return seen.map(({ method, url }) => `${method} ${url.split('?')[0]}`);
}

async function streamed(store: ObjectStore, key: string): Promise<string> {
  let text = '';
  for await (const piece of store.stream(key)) text += Buffer.from(piece).toString();
  return text;
}

describe('passing failures', () => {
  it.each<[string, Reply]>([
    ['status 500', { status: 500, body: errorXml('InternalError') }],
    ['status 502 without XML', { status: 502, body: '<html>bad gateway</html>' }],
    ['SlowDown', { status: 503, body: errorXml('SlowDown') }],
    ['status 429', { status: 429 }],
    ['RequestTimeout', { status: 400, body: errorXml('RequestTimeout') }],
    ['a connection that breaks', (response) => response.destroy()],
    [
      'a body that breaks off',
      (response) => {
        response.writeHead(200, { 'content-length': '10' });
        response.write('12345', () => response.destroy());
      },
    ],
  ])('%s is tried again, and said', async (_, failure) => {
    await withStore([failure, failure, OK], async (store, fake, log) => {
      expect(Buffer.from(await store.read('k')).toString()).toBe('hello');
      expect(fake.seen).toHaveLength(3);
      expect(log).toHaveLength(2);
      expect(log[0]).toMatch(/^get r\/k in bucket buck at 127\.0\.0\.1:\d+: .*once more in/);
    });
  });

  it('are given up when the retry time is over', async () => {
    await withStore(
      [{ status: 500, body: errorXml('InternalError') }],
      async (store) => {
        const failed = { code: 'STORE_UNAVAILABLE', exitCode: 5, message: expect.stringContaining('InternalError') };
        await expect(store.read('k')).rejects.toMatchObject(failed);
      },
      0.3,
    );
  });

  it('end a wait at once when the run is stopped', async () => {
    await withStore([{ status: 503, body: errorXml('SlowDown') }], async (store) => {
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 150);
      const began = performance.now();
      await expect(store.read('k', { signal: stop.signal })).rejects.toMatchObject({ code: 'INTERRUPTED' });
      expect(performance.now() - began).toBeLessThan(2000);
    });
  });
});

describe('lasting failures', () => {
  it.each<[string, Reply, object]>([
    ['AccessDenied', { status: 403, body: errorXml('AccessDenied') }, { code: 'STORE_AUTH', exitCode: 4 }],
    ['a bare 403', { status: 403 }, { code: 'STORE_AUTH' }],
    ['ExpiredToken', { status: 400, body: errorXml('ExpiredToken') }, { code: 'STORE_AUTH' }],
    ['NoSuchKey', { status: 404, body: errorXml('NoSuchKey') }, { code: 'STORE_MISSING', exitCode: 3 }],
    ['NoSuchBucket', { status: 404, body: errorXml('NoSuchBucket') }, { code: 'STORE_NOT_FOUND', exitCode: 2 }],
    ['another place', { status: 301, body: errorXml('PermanentRedirect') }, { code: 'STORE_NOT_FOUND' }],
    ['EntityTooLarge', { status: 400, body: errorXml('EntityTooLarge') }, { code: 'STORE_REFUSED', exitCode: 4 }],
    ['NotImplemented', { status: 501, body: errorXml('NotImplemented') }, { code: 'STORE_REFUSED' }],
  ])('%s is not tried again', async (_, failure, error) => {
    await withStore([failure, OK], async (store, fake) => {
      const thrown: Error = await store.read('k').then(
        () => expect.unreachable(),
        (error: Error) => error,
      );
      expect(thrown).toMatchObject(error);
      expect(thrown.message).toContain('r/k');
      expect(thrown.message).not.toContain('hidden-secret');
      expect(fake.seen).toHaveLength(1);
    });
  });

  it('a host that does not exist is said at once', async () => {
    const endpoint = { host: 'no-such-host.invalid', port: 9000, tls: false };
    const config = { type: 's3', endpoint, bucket: 'b', root: '', accessKey: 'a', secretKey: 'b' } as const;
    await using store = await openStore(config, { retryFor: 30 });
    // EAI_AGAIN where there is no name server at all would be tried again; the machine's own answer decides.
    const failed = await Promise.race([
      store.read('k').catch((thrown: { code: string }) => thrown.code),
      new Promise((resolve) => setTimeout(resolve, 3000, 'STORE_UNAVAILABLE')),
    ]);
    expect(failed).toBe('STORE_UNAVAILABLE');
  });

  it('TLS where there is none is said at once', async () => {
    await using fake = await startFakeS3([OK]);
    const endpoint = { ...fake.config.endpoint!, tls: true };
    await using store = await openStore({ ...fake.config, endpoint }, { retryFor: 30 });
    await expect(store.read('k')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retry: 'no' });
  });
});

describe('requests', () => {
  it('go to the bucket in the path, with the root before the key, and ask for nothing else', async () => {
    await withStore([OK], async (store, fake) => {
      await store.read('a b/c', { range: { from: 2, to: 5 } });
      await store.write('x', Buffer.from('body'));
      expect(asked(fake)).toEqual(['GET /buck/r/a%20b/c', 'PUT /buck/r/x']);
      expect(fake.seen[0]?.headers.range).toBe('bytes=2-4');
      expect(fake.seen[1]).toMatchObject({ body: 'body', headers: { 'content-length': '4' } });
    });
  });

  it('are signed for the region that the server names, when it is another one', async () => {
    const headers = { 'x-amz-bucket-region': 'eu-west-9' };
    const elsewhere = { status: 301, headers, body: errorXml('PermanentRedirect') };
    await withStore([elsewhere, OK], async (store, fake) => {
      await store.read('k');
      const regions = fake.seen.map(({ headers }) => /\/\d{8}\/([\w-]+)\/s3/.exec(headers.authorization ?? '')?.[1]);
      expect(regions).toEqual(['us-east-1', 'eu-west-9']);
    });
  });

  it('for a list go on where the last answer ended', async () => {
    const page = (keys: readonly string[], next?: string): Reply => {
      const items = keys.map((key) => `<Contents><Key>${key}</Key><Size>3</Size></Contents>`);
      const more = next ? `<IsTruncated>true</IsTruncated><NextContinuationToken>${next}</NextContinuationToken>` : '';
      return { status: 200, body: `<ListBucketResult>${items.join('')}${more}</ListBucketResult>` };
    };
    await withStore(
      [page(['r/p/1', 'r/p/%C3%A9+x'], 'a&amp;b'), page(['r/p/folder/', 'r/p/3'])],
      async (store, fake) => {
        const keys: string[] = [];
        for await (const { key, size } of store.list('p/')) keys.push(`${key} ${size}`);
        expect(keys).toEqual(['p/1 3', 'p/é x 3', 'p/3 3']);
        expect(fake.seen[1]?.url).toContain('continuation-token=a%26b');
        expect(asked(fake)).toEqual(['GET /buck/', 'GET /buck/']);
      },
    );
  });
});

describe('a copy within the server', () => {
  it('that fails behind status 200 is tried again', async () => {
    const replies = [
      { status: 200, body: errorXml('InternalError') },
      { status: 200, body: '<CopyObjectResult/>' },
    ];
    await withStore(replies, async (store, fake) => {
      await store.copy(store, { key: 'a b', size: 5 }, 'c');
      expect(fake.seen).toHaveLength(2);
      expect(asked(fake)[1]).toBe('PUT /buck/r/c');
      expect(fake.seen[1]?.headers['x-amz-copy-source']).toBe('buck/r/a%20b');
    });
  });

  it('goes in parts where the object is large', async () => {
    const size = 700 * 1024 * 1024 + 1;
    const answer: Reply = (response, { url, method }) => {
      const text = url.includes('uploads')
        ? UPLOAD
        : method === 'PUT'
          ? `<CopyPartResult><ETag>&quot;${new URLSearchParams(url.split('?')[1]).get('partNumber')}&quot;</ETag></CopyPartResult>`
          : '<CompleteMultipartUploadResult/>';
      response.writeHead(200).end(text);
    };
    await withStore([answer], async (store, fake) => {
      await store.copy(store, { key: 'a', size }, 'c');
      const ranges = fake.seen.map(({ headers }) => headers['x-amz-copy-source-range']).filter(Boolean) as string[];
      const spans = ranges.map((range) => range.replace('bytes=', '').split('-').map(Number) as [number, number]);
      spans.sort((a, b) => a[0] - b[0]);
      expect(spans[0]?.[0]).toBe(0);
      expect(spans.at(-1)?.[1]).toBe(size - 1);
      for (const [i, [from]] of spans.slice(1).entries()) expect(from).toBe(spans[i]![1] + 1);
      expect(spans).toHaveLength(6);
      expect(fake.seen.at(-1)?.body).toMatch(/<Part><ETag>("|&quot;)6\1<\/ETag><PartNumber>6<\/PartNumber><\/Part>/);
    });
  });

  it('is given up with all its parts when one fails for good', async () => {
    const answer: Reply = (response, { url, method }) => {
      if (url.includes('uploads')) response.writeHead(200).end(UPLOAD);
      else if (method === 'DELETE') response.writeHead(204).end();
      else response.writeHead(403).end(errorXml('AccessDenied'));
    };
    await withStore([answer], async (store, fake) => {
      const copy = store.copy(store, { key: 'a', size: 600 * 1024 * 1024 }, 'c');
      await expect(copy).rejects.toMatchObject({ code: 'STORE_AUTH' });
      expect(fake.seen.at(-1)).toMatchObject({
        method: 'DELETE',
        url: expect.stringMatching(/^\/buck\/r\/c\?.*uploadId=u-1/),
      });
    });
  });
});

describe('a stream', () => {
  it('goes on where the connection broke, if the object is still the same', async () => {
    const broken: Reply = (response) => {
      response.writeHead(200, { 'content-length': '10', etag: '"t"' });
      response.write('01234', () => setTimeout(() => response.destroy(), 50));
    };
    await withStore([broken, { status: 206, body: '56789' }], async (store, fake) => {
      expect(await streamed(store, 'k')).toBe('0123456789');
      expect(fake.seen[1]?.headers).toMatchObject({ range: 'bytes=5-', 'if-match': '"t"' });
    });
  });

  it('of an object that was replaced meanwhile is refused', async () => {
    const broken: Reply = (response) => {
      response.writeHead(200, { 'content-length': '10', etag: '"t"' });
      response.write('01234', () => setTimeout(() => response.destroy(), 50));
    };
    await withStore([broken, { status: 412, body: errorXml('PreconditionFailed') }], async (store) => {
      await expect(streamed(store, 'k')).rejects.toMatchObject({ code: 'SRC_CHANGED' });
    });
  });

  it('that breaks again and again is given up', async () => {
    const broken: Reply = (response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.flushHeaders();
      setTimeout(() => response.destroy(), 5);
    };
    await withStore([broken], async (store, fake) => {
      await expect(streamed(store, 'k')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      expect(fake.seen).toHaveLength(6);
    });
  });
});

describe('removing', () => {
  it('goes one by one where the server knows no other way', async () => {
    await withStore([{ status: 501, body: errorXml('NotImplemented') }, { status: 204 }], async (store, fake) => {
      await store.remove(['a', 'b']);
      expect(asked(fake).slice(1)).toEqual(['DELETE /buck/r/a', 'DELETE /buck/r/b']);
    });
  });

  it('says which key could not be removed', async () => {
    const body = `<DeleteResult><Error><Key>r/a</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>`;
    await withStore([{ status: 200, body }], async (store, fake) => {
      const refused = { code: 'STORE_AUTH', message: expect.stringContaining('r/a') };
      await expect(store.remove(['a', '<&'])).rejects.toMatchObject(refused);
      expect(fake.seen[0]?.body).toContain('<Key>r/&lt;&amp;</Key>');
    });
  });
});

it('parts keep the limits of S3', () => {
  const MIB = 1024 * 1024;
  expect(partBytes(0, 100 * MIB)).toBe(16 * MIB);
  for (const size of [200_000 * MIB, 5 * 1024 * 1024 * MIB])
    expect(partBytes(0, size) * 10_000).toBeGreaterThanOrEqual(size);
  let total = 0;
  for (let i = 0; i < 10_000; i++) total += partBytes(i);
  expect(total / MIB).toBe(275_000);
});
