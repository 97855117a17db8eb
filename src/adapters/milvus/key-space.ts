import { UNQUERYABLE_KEYS } from './lookup.js';

export type Key = bigint | string;

/** The keys of a collection as points in order, so that ranges of them can be halved. */
export interface KeySpace {
  /** Below 0 when `a` comes before `b`. */
  compare(a: Key, b: Key): number;
  /** A key strictly between two others, about `share` (0 to 1) of the way; undefined where none is found. */
  between(a: Key, b: Key, share: number): Key | undefined;
  /** Steps that {@link ahead} knows from `key` to the end of the space. */
  steps(key: Key): number;
  /** The key about 2^`step` behind `key`, or the last one; never before `key`. */
  ahead(key: Key, step: number): Key;
}

/** Shares are taken to one part of this many. */
const PARTS = 1 << 20;

function shareOf(distance: bigint, share: number): bigint {
  return (distance * BigInt(Math.round(share * PARTS))) / BigInt(PARTS);
}

const LAST_INTEGER = UNQUERYABLE_KEYS[0]! - 1n;

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** int64 keys by value. */
export const integerKeys: KeySpace = {
  compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  between(a, b, share) {
    const [low, high] = [BigInt(a), BigInt(b)];
    if (high - low < 2n) return undefined;
    const distance = shareOf(high - low, share);
    return low + (distance < 1n ? 1n : smaller(distance, high - low - 1n));
  },
  steps: () => 64,
  ahead: (key, step) => smaller(BigInt(key) + (1n << BigInt(step)), LAST_INTEGER),
};

/** Characters that a text is a number of. 0 is the end of the text, so that a prefix comes before what it begins. */
interface Alphabet {
  readonly base: bigint;
  digit(codePoint: number): number;
  codePoint(digit: number): number;
}

const FIRST = 0x20;

/** Printable ASCII: where keys are made of it, steps over all of Unicode would mostly lead from one key to the next letter. */
const ASCII: Alphabet = {
  base: BigInt(0x7f - FIRST + 1),
  digit: (c) => Math.min(Math.max(c, FIRST), 0x7e) - FIRST + 1,
  codePoint: (d) => d + FIRST - 1,
};

const SURROGATES = 0xd800;
const SURROGATES_END = 0xe000;

/** Every character from the space on, in the order of their UTF-8; the surrogates are none. */
const UNICODE: Alphabet = {
  base: BigInt(0x110000 - (SURROGATES_END - SURROGATES) - FIRST + 1),
  digit: (c) => Math.max(c >= SURROGATES_END ? c - (SURROGATES_END - SURROGATES) : c, FIRST) - FIRST + 1,
  codePoint(d) {
    const c = d + FIRST - 1;
    return c >= SURROGATES ? c + (SURROGATES_END - SURROGATES) : c;
  },
};

function alphabetOf(...texts: readonly string[]): Alphabet {
  return texts.every((text) => /^[\x20-\x7e]*$/.test(text)) ? ASCII : UNICODE;
}

/** Characters beyond this many do not decide where a range ends. */
const LONGEST = 512;

function toNumber(alphabet: Alphabet, characters: readonly string[], digits: number): bigint {
  let number = 0n;
  for (let i = 0; i < digits; i++) {
    const character = characters[i];
    number = number * alphabet.base + BigInt(character === undefined ? 0 : alphabet.digit(character.codePointAt(0)!));
  }
  return number;
}

function toText(alphabet: Alphabet, number: bigint, digits: number): string {
  const out: number[] = [];
  for (let i = 0, rest = number; i < digits; i++, rest /= alphabet.base) out.unshift(Number(rest % alphabet.base));
  const end = out.indexOf(0);
  return String.fromCodePoint(...(end < 0 ? out : out.slice(0, end)).map((d) => alphabet.codePoint(d)));
}

function compareText(a: Key, b: Key): number {
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}

function sharedLength(a: readonly string[], b: readonly string[]): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** Digits that tell keys around this one apart. */
function digitsOf(characters: readonly string[]): number {
  return Math.min(characters.length + 2, LONGEST);
}

/** VARCHAR keys in the order of their UTF-8 bytes, as Milvus compares them. */
export const textKeys: KeySpace = {
  compare: compareText,
  between(a, b, share) {
    const [low, high] = [[...String(a)], [...String(b)]];
    const shared = sharedLength(low, high);
    const [lowRest, highRest] = [low.slice(shared), high.slice(shared)];
    const alphabet = alphabetOf(lowRest.join(''), highRest.join(''));
    const digits = Math.max(digitsOf(lowRest), digitsOf(highRest));
    const from = toNumber(alphabet, lowRest, digits);
    const number = from + shareOf(toNumber(alphabet, highRest, digits) - from, share);
    const key = low.slice(0, shared).join('') + toText(alphabet, number, digits);
    return compareText(key, a) > 0 && compareText(key, b) < 0 ? key : undefined;
  },
  steps(key) {
    const characters = [...String(key)];
    return Math.ceil(digitsOf(characters) * Math.log2(Number(alphabetOf(String(key)).base)));
  },
  ahead(key, step) {
    const characters = [...String(key)];
    const alphabet = alphabetOf(String(key));
    const digits = digitsOf(characters);
    const last = alphabet.base ** BigInt(digits) - 1n;
    const number = toNumber(alphabet, characters, digits) + (1n << BigInt(step));
    const found = toText(alphabet, smaller(number, last), digits);
    return compareText(found, key) > 0 ? found : key;
  },
};
