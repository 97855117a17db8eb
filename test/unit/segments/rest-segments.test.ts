import { describe, expect, it } from 'vitest';
import { takeCapture } from '../../../src/segments/capture.js';
import { withSegmentsOverHttp } from '../../../src/segments/rest-segments.js';
import type { SegmentServer } from '../../../src/segments/server.js';
import { type RestDoubleOptions, startRestDouble } from '../../support/rest-double.js';
import {
  ARTICLES,
  addSegment,
  COLLECTION,
  createFakeServer,
  type FakeServer,
  PARTITION,
} from '../job/backup/fake-server.js';

const TOKEN = 'root:Milvus';
const ID = 470596403606015160n;

/** The logs that {@link addSegment} makes, as the server describes them; ids beyond 2^53. */
function described(id: bigint, more: string = ''): string {
  const log = (at: number): bigint => id * 10n + BigInt(at);
  const insert = [100, 101, 0, 1].map((field, at) => `{"fieldID":${field},"logIDs":[${log(at)}]}`).join();
  const delta = `{"fieldID":0,"logIDs":[${log(9)}]}`;
  const logs = `"insertLogs":[${insert}],"deltaLogs":[${delta}],"statsLogs":null`;
  return `{"segmentID":${id},"collectionID":${COLLECTION},"partitionID":${PARTITION},"vChannel":"ch_0v0",${logs}${more}}`;
}

const double = (o: Partial<RestDoubleOptions> = {}) =>
  startRestDouble({ token: TOKEN, db: 'default', segment: described, ...o });

function overHttp(server: FakeServer, address: string, log: string[] = []): SegmentServer {
  const endpoint = { at: { kind: 'server', address, tls: false }, token: TOKEN } as const;
  return withSegmentsOverHttp(server, { endpoint, retry: { totalMs: 0 }, log: (message) => log.push(message) });
}

describe('segments of a server from 2.5.8 on', () => {
  it('have the logs that it names and no others, and their channel', async () => {
    await using rest = await double();
    const server = createFakeServer('v2.5.8');
    addSegment(server, ID);
    // What a flush that was cut short has left, whole and in part.
    for (const field of [100n, 101n, 0n, 1n]) {
      server.store.objects.set(
        `insert_log/${COLLECTION}/${PARTITION}/${ID}/${field}/${9000n + field}`,
        new Uint8Array(3),
      );
    }
    const { segments, left, warnings } = await takeCapture(overHttp(server, rest.address), server.store, ARTICLES);
    expect(segments).toHaveLength(1);
    expect(segments[0]).toMatchObject({ segment_id: ID, v_channel: 'ch_0v0' });
    expect(segments[0]?.binlogs.map(({ binlogs }) => binlogs.length)).toEqual([1, 1, 1, 1]);
    expect(left.map(({ reason }) => reason)).toEqual(Array.from({ length: 4 }, () => 'the server does not know it'));
    expect(warnings).toEqual([]);
    expect(rest.asked).toEqual(['segments/describe']);
  });

  it('are asked for in hundreds', async () => {
    await using rest = await double();
    const server = createFakeServer('3.0.1');
    for (let at = 0n; at < 101n; at++) addSegment(server, ID + at);
    const { segments } = await takeCapture(overHttp(server, rest.address), server.store, ARTICLES);
    expect(segments).toHaveLength(101);
    expect(rest.asked).toHaveLength(2);
  });

  it('are no backup while the store lacks a log that the server names', async () => {
    await using rest = await double();
    const server = createFakeServer('2.6.0');
    addSegment(server, ID);
    const key = `delta_log/${COLLECTION}/${PARTITION}/${ID}/${ID * 10n + 9n}`;
    const bytes = server.store.objects.get(key)!;
    server.store.objects.delete(key);
    // It comes late.
    server.onSegments = (call) => call === 4 && server.store.objects.set(key, bytes);
    const { segments } = await takeCapture(overHttp(server, rest.address), server.store, ARTICLES);
    expect(segments[0]?.deltalogs[0]?.binlogs).toHaveLength(1);
    server.onSegments = undefined;
    server.store.objects.delete(key);
    const taken = takeCapture(overHttp(server, rest.address), server.store, ARTICLES);
    await expect(taken).rejects.toMatchObject({ code: 'SRC_CORRUPT', message: expect.stringContaining(String(ID)) });
  });

  it('that were compacted away since are looked at again', async () => {
    const server = createFakeServer('2.6.0');
    addSegment(server, ID);
    addSegment(server, ID + 1n);
    await using rest = await double({
      segment: (id) => {
        if (id !== ID) return described(id);
        server.live.splice(0, server.live.length, ...server.live.filter(({ segment_id }) => segment_id !== ID));
        return undefined;
      },
    });
    const { segments } = await takeCapture(overHttp(server, rest.address), server.store, ARTICLES);
    expect(segments.map(({ segment_id, v_channel }) => [segment_id, v_channel])).toEqual([[ID + 1n, 'ch_0v0']]);
  });

  it('are taken from the listing where there is no HTTP, which is said once', async () => {
    await using rest = await double({ failures: [{ status: 404, body: '404 page not found' }] });
    const server = createFakeServer('2.6.0');
    addSegment(server, ID);
    const log: string[] = [];
    const asked = overHttp(server, rest.address, log);
    for (let time = 0; time < 2; time++) {
      const { segments } = await takeCapture(asked, server.store, ARTICLES);
      expect(segments[0]).toMatchObject({ segment_id: ID, v_channel: '' });
    }
    expect(log).toEqual([expect.stringMatching(/^the listing alone .*does not know the call/)]);
    expect(rest.asked).toHaveLength(1);
  });
});

it.each(['v2.3.5-lite', '2.5.7', 'v2.4.15'])('a server before 2.5.8 is not asked over HTTP: %s', async (version) => {
  const server = createFakeServer(version);
  expect(overHttp(server, '127.0.0.1:1')).toBe(server);
});
