import { appendFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openLedgerFile, readLedger } from '../../../../src/job/ledger/file.js';
import { formatLine, type LedgerLine, parseLine } from '../../../../src/job/ledger/lines.js';
import { useStateFolder } from '../support.js';

const state = useStateFolder();
const path = (): string => join(state.path, 'jobs', 'a.ledger.jsonl');
const ack = (from: number): LedgerLine => ({ t: 'ack', c: 'bücher "1"', s: 0, from, to: from + 1, w: 1, b: 8 });

async function write(...lines: readonly LedgerLine[]): Promise<void> {
  await using file = await openLedgerFile(path(), 0);
  await Promise.all(lines.map((line) => file.append(line)));
}

async function read(): Promise<{ lines: LedgerLine[]; bytes: number }> {
  const lines: LedgerLine[] = [];
  const { bytes } = await readLedger(path(), (line) => lines.push(line));
  return { lines, bytes };
}

describe('a ledger file', () => {
  it('gives back what was appended, in order, and is the owner’s alone', async () => {
    const lines = Array.from({ length: 100 }, (_, i) => ack(i));
    await write(...lines);
    expect((await read()).lines).toStrictEqual(lines);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(statSync(join(path(), '..')).mode & 0o777).toBe(0o700);
  });

  it('is read without a last line that was cut short, which the next line replaces', async () => {
    await write(ack(0), ack(1));
    const torn = formatLine(ack(2));
    for (let cut = 1; cut < torn.length; cut++) {
      appendFileSync(path(), torn.slice(0, -cut));
      const { lines, bytes } = await read();
      expect(lines).toStrictEqual([ack(0), ack(1)]);
      truncateSync(path(), bytes);
    }
    appendFileSync(path(), torn.slice(0, -5));
    {
      await using file = await openLedgerFile(path(), (await read()).bytes);
      await file.append(ack(2));
    }
    expect((await read()).lines).toStrictEqual([ack(0), ack(1), ack(2)]);
  });

  it('is refused when lines are gone that were on the disk, wherever it is cut', async () => {
    await write(ack(0), ack(1), ack(2));
    const sound = readFileSync(path());
    for (let length = 0; length < sound.length; length++) {
      writeFileSync(path(), sound.subarray(0, length));
      await expect(read(), `${length} bytes`).rejects.toMatchObject({ code: 'JOB_DAMAGED' });
    }
  });

  it('is read without a last line of garbage', async () => {
    await write(ack(0));
    appendFileSync(path(), Buffer.from([0, 0, 0, 255, 10]));
    expect((await read()).lines).toStrictEqual([ack(0)]);
  });

  it('is refused when any other byte is not as it was written', async () => {
    await write(ack(0), ack(1), ack(2));
    const sound = readFileSync(path());
    const first = formatLine(ack(0)).length;
    for (let at = 0; at < first; at++) {
      const damaged = Buffer.from(sound);
      damaged[at]! ^= 1;
      writeFileSync(path(), damaged);
      await expect(read(), `byte ${at}`).rejects.toMatchObject({ code: 'JOB_DAMAGED' });
    }
  });

  it('is refused when there is nothing of a ledger in it, and is a new one when its first line was cut short', async () => {
    await write(ack(0));
    for (const content of ['\0', '\0'.repeat(3000), 'x', '{"t":"ack","c":""', `${formatLine(ack(0)).slice(1)}`]) {
      writeFileSync(path(), content);
      await expect(read(), JSON.stringify(content.slice(0, 20))).rejects.toMatchObject({ code: 'JOB_DAMAGED' });
    }
    // The first line was never on the disk as a whole, so no length was noted either.
    rmSync(`${path()}.length`);
    const first = formatLine({ t: 'job', v: 1, job: 'a', task: 'H2M', file: null, started: '2026-01-01T00:00:00Z' });
    for (let length = 0; length < first.length; length++) {
      writeFileSync(path(), first.slice(0, length));
      expect(await read()).toStrictEqual({ lines: [], bytes: 0 });
    }
  });

  it('takes no line whose checksum is another', () => {
    const text = formatLine(ack(1)).trimEnd();
    expect(parseLine(text)).toStrictEqual(ack(1));
    expect(parseLine(text.replace('"from":1', '"from":2'))).toBe(undefined);
    expect(parseLine('{}')).toBe(undefined);
  });
});
