import { describe, expect, it } from 'vitest';
import { createDisposables } from '../../../src/util/disposables.js';

function thing(name: string, closed: string[], failure?: Error): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      closed.push(name);
      if (failure) throw failure;
    },
  };
}

describe('disposables', () => {
  it('close the last opened first, each once', async () => {
    const closed: string[] = [];
    const stack = createDisposables();
    for (const name of ['a', 'b', 'c']) stack.use(thing(name, closed));
    await stack[Symbol.asyncDispose]();
    await stack[Symbol.asyncDispose]();
    expect(closed).toStrictEqual(['c', 'b', 'a']);
  });

  it('give a thing back', () => {
    const one = thing('a', []);
    expect(createDisposables().use(one)).toBe(one);
  });

  it('close all although one fails, and throw the first failure', async () => {
    const closed: string[] = [];
    const stack = createDisposables();
    stack.use(thing('a', closed, new Error('second')));
    stack.use(thing('b', closed));
    stack.use(thing('c', closed, new Error('first')));
    await expect(stack[Symbol.asyncDispose]()).rejects.toThrow('first');
    expect(closed).toStrictEqual(['c', 'b', 'a']);
  });

  it('handed over are closed by the new owner alone', async () => {
    const closed: string[] = [];
    const stack = createDisposables();
    stack.use(thing('a', closed));
    const owner = stack.release();
    await stack[Symbol.asyncDispose]();
    expect(closed).toStrictEqual([]);
    await owner[Symbol.asyncDispose]();
    expect(closed).toStrictEqual(['a']);
  });

  it('close when what they were opened for fails', async () => {
    const closed: string[] = [];
    const open = async (): Promise<void> => {
      await using stack = createDisposables();
      stack.use(thing('a', closed));
      throw new Error('no');
    };
    await expect(open()).rejects.toThrow('no');
    expect(closed).toStrictEqual(['a']);
  });
});
