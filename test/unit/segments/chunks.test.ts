import { describe, expect, it } from 'vitest';
import { wholeChunks } from '../../../src/segments/chunks.js';

type Logs = Record<string, number[]>;

function segment(logs: Logs) {
  const log = (id: number) => ({ key: `log ${id}`, size: id, log: BigInt(id) });
  return new Map(Object.entries(logs).map(([field, ids]) => [BigInt(field), ids.map(log)]));
}

function split(logs: Logs): { kept: Logs; left: number[] } | undefined {
  const found = wholeChunks(segment(logs));
  if (!found) return undefined;
  const kept = Object.fromEntries([...found.insert].map(([f, list]) => [String(f), list.map(({ size }) => size)]));
  return { kept, left: found.left.map(({ size }) => size) };
}

describe('chunks of a segment', () => {
  it('are left as they are where every field has as many logs', () => {
    const logs = { 100: [1, 11], 101: [2, 12], 0: [3, 13], 1: [4, 14] };
    expect(split(logs)).toEqual({ kept: logs, left: [] });
  });

  it('that lack their end are left out', () => {
    expect(split({ 100: [1, 11], 101: [2, 12], 0: [13], 1: [14] })).toEqual({
      kept: { 100: [11], 101: [12], 0: [13], 1: [14] },
      left: [1, 2],
    });
  });

  it('that lack their begin are left out, also before a whole one', () => {
    expect(split({ 100: [11], 101: [12], 0: [3, 13], 1: [4, 14] })).toEqual({
      kept: { 100: [11], 101: [12], 0: [13], 1: [14] },
      left: [3, 4],
    });
  });

  it('that lack one in the middle are left out, with a gap in the ids', () => {
    expect(split({ 100: [1, 11, 21], 101: [2, 22], 0: [4, 14, 24], 1: [5, 15, 26] })).toEqual({
      kept: { 100: [1, 21], 101: [2, 22], 0: [4, 24], 1: [5, 26] },
      left: [11, 14, 15],
    });
  });

  it('may all be in pieces', () => {
    expect(split({ 100: [1], 101: [] })).toEqual({ kept: { 100: [], 101: [] }, left: [1] });
  });

  it('are not guessed', () => {
    // Two logs of every field but one, which cannot be two whole chunks nor one and a piece.
    expect(split({ 100: [2, 12], 101: [1, 11], 0: [3] })).toBeUndefined();
  });
});
