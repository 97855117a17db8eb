/** A map from int64 ids to whole numbers from 1 on, which takes no BigInt per id. */
export interface IdOrdinals {
  readonly size: number;
  /** Sets the number of an id given by its low and high half. False, and nothing done, when there is no room for a new one. */
  set(low: number, high: number, value: number): boolean;
  /** The number of an id; 0 where it has none. */
  get(low: number, high: number): number;
}

const FIRST_SLOTS = 1024;

function allocate(slots: number) {
  return { lows: new Int32Array(slots), highs: new Int32Array(slots), values: new Uint32Array(slots) };
}

/** An empty map for at most `capacity` ids. Its memory grows with them, up to 48 bytes an id while it is doubled. */
export function createIdOrdinals(capacity: number): IdOrdinals {
  let slots = allocate(FIRST_SLOTS);
  let size = 0;

  const find = (low: number, high: number): number => {
    const mask = slots.values.length - 1;
    let hash = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
    hash ^= hash >>> 15;
    let at = hash & mask;
    while (slots.values[at] !== 0 && (slots.lows[at] !== low || slots.highs[at] !== high)) at = (at + 1) & mask;
    return at;
  };

  const put = (low: number, high: number, value: number): void => {
    const at = find(low, high);
    slots.lows[at] = low;
    slots.highs[at] = high;
    slots.values[at] = value;
  };

  const grow = (): void => {
    const old = slots;
    slots = allocate(old.values.length * 2);
    for (let i = 0; i < old.values.length; i++) {
      if (old.values[i] !== 0) put(old.lows[i]!, old.highs[i]!, old.values[i]!);
    }
  };

  return {
    get size() {
      return size;
    },
    set(low, high, value) {
      if (slots.values[find(low | 0, high | 0)] === 0) {
        if (size === capacity) return false;
        size++;
        if (size * 2 > slots.values.length) grow();
      }
      put(low | 0, high | 0, value);
      return true;
    },
    get: (low, high) => slots.values[find(low | 0, high | 0)]!,
  };
}
