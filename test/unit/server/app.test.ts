import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { createHelper } from '../../../src/server/helper/helper.js';
import { requireReferences } from '../../../src/server/tasks/secrets.js';
import { newJob, openBench, TOKEN, temporaryFolder } from './support.js';

interface Document {
  readonly openapi: string;
  readonly paths: Record<
    string,
    Record<string, { summary?: string; tags?: string[]; responses: Record<string, unknown> }>
  >;
  readonly components: { readonly schemas: Record<string, object> };
}

const OWN = ['jobs', 'tasks', 'connections', 'backups', 'snapshots', 'schedules', 'server'];

describe('the OpenAPI document', () => {
  it('describes every route, and refers to nothing that is not there', async () => {
    const { app } = await openBench();
    const text = (await app.inject('/docs/json')).body;
    const document = JSON.parse(text) as Document;
    expect(document.openapi).toBe('3.1.0');
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, { summary, tags, responses }] of Object.entries(methods)) {
        expect(summary, `${method} ${path}`).toBeTruthy();
        // The compatible interfaces have answers of their own.
        if (!OWN.includes(tags?.[0] ?? '')) continue;
        expect(Object.keys(responses), `${method} ${path}`).toEqual(expect.arrayContaining(['401', '500']));
      }
    }
    const known = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
    const used = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref);
    expect(used.length).toBeGreaterThan(50);
    expect(used.filter((ref) => !known.includes(ref!))).toEqual([]);
  });

  it('has the schemas of all tasks, which take the examples', async () => {
    const { app } = await openBench();
    const { components } = (await app.inject('/docs/json')).json<Document>();
    const ajv = new Ajv2020({ strict: false });
    ajv.addSchema({ $id: 'doc', components });
    const check = ajv.compile({ $ref: 'doc#/components/schemas/TaskF2M' });
    const body = { data_path: 'a.index', dest_collection_name: 'c', dest_uri: 'http://h:1' };
    expect(check({ F2M: body })).toBe(true);
    expect(check({ F2M: { ...body, modus: 1 } })).toBe(false);
    expect(Object.keys(components.schemas)).toEqual(expect.arrayContaining(['TaskBACKUP', 'TaskM2H', 'TaskSNAPSHOT']));
  });

  it('is shown by a page that loads nothing from elsewhere', async () => {
    const { app } = await openBench();
    const page = await app.inject('/docs/');
    expect(page.statusCode).toBe(200);
    expect(page.body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    expect(String(page.headers['content-security-policy'])).toContain("default-src 'self'");
  });
});

describe('answers', () => {
  it('protect browsers', async () => {
    const { app } = await openBench();
    for (const url of ['/api/v1/jobs', '/', '/nothing', '/healthz']) {
      const { headers } = await app.inject(url);
      expect(headers['content-security-policy'], url).toContain("default-src 'none'");
      expect(headers['x-content-type-options'], url).toBe('nosniff');
    }
    expect((await app.inject('/api/v1/jobs')).headers['cache-control']).toBe('no-store');
  });

  it('tell nothing of what went wrong inside', async () => {
    const bench = await openBench();
    bench.answer = () => {
      throw new Error('a secret of the inside');
    };
    const answer = await bench.app.inject({ method: 'POST', url: '/api/v1/inspect', payload: { path: '/x' } });
    expect([answer.statusCode, answer.json().error.code]).toEqual([500, 'INTERNAL']);
    expect(answer.body).not.toContain('a secret of the inside');
  });

  it('come to requests that are no HTTP, too', async () => {
    const { app } = await openBench();
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as { readonly port: number };
    const text = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
      let all = '';
      socket.on('data', (chunk) => {
        all += chunk;
      });
      socket.on('close', () => resolve(all));
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('"SRV_REQUEST"');
  });

  it('count for Prometheus', async () => {
    const bench = await openBench();
    bench.context.queue.submit(newJob());
    await bench.app.inject('/api/v1/jobs');
    const { body } = await bench.app.inject('/metrics');
    expect(body).toMatch(/milvusdm_jobs\{state="(?:queued|running)"\} 1/);
    expect(body).toContain('milvusdm_http_request_seconds_count{method="GET",route="/api/v1/jobs",status="200"} 1');
  });
});

describe('the page', () => {
  it('is served without a token, and nothing beside it', async () => {
    const folder = temporaryFolder();
    const web = join(folder, 'web');
    mkdirSync(join(web, 'assets'), { recursive: true });
    writeFileSync(join(web, 'index.html'), '<!doctype html><title>page</title>');
    writeFileSync(join(web, 'assets', 'app.js'), '1');
    writeFileSync(join(web, '.hidden'), 'no');
    writeFileSync(join(folder, 'beside'), 'no');
    const { app } = await openBench({ web, tokens: [TOKEN] });
    expect((await app.inject('/')).body).toContain('<title>page</title>');
    expect((await app.inject('/assets/app.js')).statusCode).toBe(200);
    for (const url of ['/../beside', '/%2e%2e/beside', '/..%2fbeside', '/assets/..%5c..%5cbeside', '/.hidden']) {
      expect((await app.inject(url)).statusCode, url).toBe(404);
    }
  });
});

describe('secrets in tasks', () => {
  const uri = 'http://h:1';
  const ref = (name: string): string => `$\{${name}}`;

  it.each([
    ['F2M', { dest_token: ref('T') }],
    ['F2M', { dest_token: `root:${ref('T')}` }],
    ['F2M', { dest_token: '', dest_password: null }],
    ['BACKUP', { backup_store: { secret_key: ref('file:/run/secret') } }],
  ] as const)('may be references: %s %j', (task, body) => {
    expect(() => requireReferences(task, { [task]: { dest_uri: uri, ...body } })).not.toThrow();
  });

  it.each([
    ['F2M', { dest_token: 'root:Milvus' }, 'F2M.dest_token'],
    ['F2M', { dest_password: 12345 }, 'F2M.dest_password'],
    ['F2M', { dest_token: `secret${ref('T')}` }, 'F2M.dest_token'],
    ['F2M', { dest_token: `$${ref('T')}` }, 'F2M.dest_token'],
    ['M2M', { source_token: 'x', dest_token: 'y' }, 'M2M.source_token, M2M.dest_token'],
    ['BACKUP', { backup_store: { type: 's3', secret_key: 'k', session_token: 's' } }, 'BACKUP.backup_store.secret_key'],
    ['RESTORE', { user_passwords: { alice: 'wonderland' } }, 'alice'],
    ['F2M', { bulk: { storage: { secret_key: 'k' } } }, 'F2M.bulk.storage.secret_key'],
    ['M2M', { mysql_parameter: { password: 'k' } }, 'M2M.mysql_parameter.password'],
  ] as const)('are refused as they are: %s %j', (task, body, named) => {
    expect(() => requireReferences(task, { [task]: body })).toThrow(expect.objectContaining({ code: 'SRV_SECRET' }));
    expect(() => requireReferences(task, { [task]: body })).toThrow(named);
  });
});

describe('the process that looks things up', () => {
  it('is started again after it has died, and told of', async () => {
    const { fork } = await import('node:child_process');
    const script = join(temporaryFolder(), 'helper.mjs');
    const answers = `process.on('message', ({ id, call, input }) => {
      if (call === 'die') process.exit(3);
      if (call === 'echo') process.send({ id, ok: true, value: input });
      if (call === 'fail') process.send({ id, ok: false, error: { code: 'SRC_NOT_FOUND', message: 'm', hint: 'h' } });
    });`;
    writeFileSync(script, answers);
    using helper = createHelper(() => fork(script, { serialization: 'advanced' }));
    expect(await helper.call('echo', { a: 1 })).toEqual({ a: 1 });
    await expect(helper.call('fail', {})).rejects.toMatchObject({ code: 'SRC_NOT_FOUND', hint: 'h' });
    await expect(helper.call('die', {})).rejects.toMatchObject({ code: 'SRV_WORKER' });
    expect(await helper.call('echo', 2)).toBe(2);
    await expect(helper.call('never', {}, 50)).rejects.toMatchObject({ code: 'NET_DEADLINE' });
  });

  it('answers nothing more that it was asked before it died, also where the next one has begun', async () => {
    const made: (EventEmitter & { connected: boolean })[] = [];
    using helper = createHelper(() => {
      const child = Object.assign(new EventEmitter(), { connected: true, send: () => true, kill: () => true });
      made.push(child);
      return child as unknown as ChildProcess;
    });
    const first = helper.call('a', {}).catch((thrown: unknown) => thrown);
    // The way to a process that dies is gone before the process is.
    made[0]!.connected = false;
    const second = helper.call('b', {});
    made[0]!.emit('exit', 1, null);
    expect(await Promise.race([first, second])).toMatchObject({ code: 'SRV_WORKER' });
    made[1]!.emit('message', { id: 2, ok: true, value: 7 });
    expect(await second).toBe(7);
  });
});
