/** Things to close together, last opened first. Node 20 has no AsyncDisposableStack. */
export interface Disposables extends AsyncDisposable {
  /** Adds a thing and gives it back. */
  use<T extends AsyncDisposable>(thing: T): T;
  /** Hands everything over to a new owner: this one closes nothing any more. */
  release(): AsyncDisposable;
}

async function closeAll(things: AsyncDisposable[]): Promise<void> {
  let failure: { error: unknown } | undefined;
  for (const thing of things.reverse()) {
    try {
      await thing[Symbol.asyncDispose]();
    } catch (error) {
      failure ??= { error };
    }
  }
  if (failure) throw failure.error;
}

export function createDisposables(): Disposables {
  let things: AsyncDisposable[] = [];
  return {
    use(thing) {
      things.push(thing);
      return thing;
    },
    release() {
      const handed = things;
      things = [];
      return { [Symbol.asyncDispose]: () => closeAll(handed) };
    },
    [Symbol.asyncDispose]: () => closeAll(things.splice(0)),
  };
}
