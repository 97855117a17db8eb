import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { dropCollections } from '../e2e/support.js';
import { digest } from '../support/python.js';
import { acksOf, type Job, jobOf, killAt, ledgerOf, settle } from './harness.js';
import { type Random, randomFor, SEED } from './random.js';
import { type Prepared, prepare } from './scenarios.js';

afterAll(dropCollections);

/** A job that was killed in the middle of its writing. */
async function halfDone(): Promise<{ prepared: Prepared; job: Job }> {
  const prepared = await prepare({ task: 'H2M', ids: 'unique', mode: 'append', foreign: 'other ids', loaded: true });
  const job = await jobOf(prepared);
  expect(await killAt(job, { acks: 12 }, { slowly: true })).toBe(true);
  expect(acksOf(job)).toBeGreaterThanOrEqual(12);
  return { prepared, job };
}

function change(job: Job, how: (bytes: Buffer) => Buffer): void {
  const path = ledgerOf(job)!;
  writeFileSync(path, how(readFileSync(path)));
}

/** Where the lines of a ledger begin, and its end. */
function linesOf(bytes: Buffer): number[] {
  const starts = [0];
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) starts.push(at + 1);
  return starts;
}

const without = (bytes: Buffer, from: number, to: number): Buffer =>
  Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);

/** What a dying writer or a dying disk leaves behind the lines that were on the disk: the job goes on all the same. */
const TAILS: Readonly<Record<string, (bytes: Buffer, random: Random) => Buffer>> = {
  'half a line behind its end': (bytes, random) => {
    const last = bytes.subarray(linesOf(bytes).at(-2)!);
    return Buffer.concat([bytes, last.subarray(0, random.between(1, last.length - 1))]);
  },
  'a damaged line behind its end': (bytes) => {
    const last = Buffer.from(bytes.subarray(linesOf(bytes).at(-2)!));
    last[10]! ^= 1;
    return Buffer.concat([bytes, last]);
  },
  'zeros behind its end': (bytes) => Buffer.concat([bytes, Buffer.alloc(500)]),
};

/** Damage that nobody can mend: refused, and the target is left as it is. */
const DAMAGES: Readonly<Record<string, (bytes: Buffer, random: Random) => Buffer>> = {
  'a changed byte in its middle': (bytes, random) => {
    const lines = linesOf(bytes);
    const at = random.between(lines[1]!, lines.at(-4)!);
    const changed = Buffer.from(bytes);
    changed[at] = changed[at]! ^ (1 << random.between(0, 6)) || 0x20;
    return changed;
  },
  'bytes missing in its middle': (bytes, random) => {
    const lines = linesOf(bytes);
    const from = random.between(lines[1]!, lines.at(-5)!);
    return without(bytes, from, from + random.between(1, 60));
  },
  'random bytes instead of itself': (bytes, random) =>
    Buffer.from(Uint8Array.from(bytes, () => random.between(0, 255))),
  'its second half gone': (bytes) => {
    const lines = linesOf(bytes);
    return bytes.subarray(0, lines[Math.floor(lines.length / 2)]);
  },
  'zeros instead of itself': (bytes) => Buffer.alloc(bytes.length),
  'its first line gone': (bytes) => bytes.subarray(linesOf(bytes)[1]!),
};

describe.concurrent(`a ledger (SEED=${SEED})`, () => {
  test.for(Object.keys(TAILS))('with %s: the job is continued, every row once', async (what) => {
    const { prepared, job } = await halfDone();
    change(job, (bytes) => TAILS[what]!(bytes, randomFor(what)));
    expect(await job.run()).toMatchObject({ code: 0, report: { status: 'done', error: null } });
    await settle(prepared, `ledger with ${what}`, 'fault', 1);
  });

  test.for(Object.keys(DAMAGES))('with %s: refused, and nothing is written', async (what) => {
    const { prepared, job } = await halfDone();
    // All rows by their content: an audit would count, id by id, the half that is not there yet.
    const collection = String(prepared.keys.dest_collection_name);
    const before = await digest({ collection });
    change(job, (bytes) => DAMAGES[what]!(bytes, randomFor(what)));
    const path = ledgerOf(job)!;
    const damaged = readFileSync(path);
    const refused = await job.run();
    expect(refused.report.error, refused.stderr).toMatchObject({
      code: 'JOB_DAMAGED',
      message: expect.stringContaining(path),
      hint: expect.stringContaining('--restart'),
    });
    expect(readFileSync(path).equals(damaged)).toBe(true);
    expect(await digest({ collection })).toEqual(before);
  });

  test('of another job is refused', async () => {
    const [one, other] = [await halfDone(), await halfDone()];
    change(one.job, () => readFileSync(ledgerOf(other.job)!));
    expect(await one.job.run()).toMatchObject({ report: { error: { code: 'JOB_DAMAGED' } } });
  });
});
