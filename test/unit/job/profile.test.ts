import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it, vi } from 'vitest';
import { createProfile, readTimed, STAGES } from '../../../src/job/profile.js';
import { run } from './run-support.js';
import { fileOf, useStateFolder } from './support.js';

vi.mock('../../../src/registry.js', () => import('./fake-registry.js'));
useStateFolder();

const IDS = Array.from({ length: 12 }, (_, i) => i);
const SCHEMA = JSON.parse(readFileSync(join(import.meta.dirname, '../../../schemas/report.schema.json'), 'utf8'));

describe('a profile', () => {
  it('adds up the stages, and the phases until the next begins', () => {
    let now = 1000;
    const profile = createProfile(() => now);
    for (const [phase, ms] of [
      ['plan', 500],
      ['write', 2000],
      ['flush', 250],
      ['write', 1000],
    ] as const) {
      profile.listen({ type: 'phase', phase });
      now += ms;
    }
    profile.add('read', 600);
    profile.add('read', 400);
    profile.acknowledged(100, 20);
    profile.acknowledged(300, 60);
    profile.tuned('books', { inFlight: 2, bytes: 4096, ackMs: 41.6 });
    const report = profile.result();
    expect(report.phases).toStrictEqual([
      { phase: 'plan', seconds: 0.5 },
      { phase: 'write', seconds: 3 },
      { phase: 'flush', seconds: 0.25 },
    ]);
    expect(report.stages.map((s) => s.stage)).toStrictEqual([...STAGES]);
    expect(report.stages.find((s) => s.stage === 'read')).toStrictEqual({ stage: 'read', seconds: 1 });
    expect(report).toMatchObject({ batches: 2, batch_bytes: 200, ack_ms: 40, ack_ms_longest: 60 });
    expect(report.tuned).toStrictEqual([{ collection: 'books', in_flight: 2, request_bytes: 4096, ack_ms: 42 }]);
  });

  it('takes the time until each item comes for reading, and closes what it reads', async () => {
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
    const profile = createProfile();
    let closed = false;
    async function* slow(): AsyncGenerator<number> {
      try {
        for (let i = 0; i < 3; i++) {
          now += 20;
          yield i;
        }
      } finally {
        closed = true;
      }
    }
    for await (const item of readTimed(profile, slow())) {
      now += 300;
      if (item === 1) break;
    }
    const [read] = profile.result().stages;
    clock.mockRestore();
    expect(closed).toBe(true);
    expect(read).toStrictEqual({ stage: 'read', seconds: 0.04 });
  });

  it('is part of the report where it was asked for, and only there', async () => {
    const scene = { files: [fileOf(IDS)] };
    const { report } = await run({ ...scene, options: { profile: true } });
    expect(report.profile).toMatchObject({ batches: 4 });
    expect(report.profile!.phases.map((p) => p.phase)).toEqual(
      expect.arrayContaining(['preflight', 'prepare', 'write']),
    );
    const validate = new Ajv2020({ strict: false }).compile(SCHEMA);
    expect(validate(report) ? [] : validate.errors).toStrictEqual([]);
    expect((await run(scene)).report.profile).toBe(undefined);
  });
});
