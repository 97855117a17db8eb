import { type ByteSource, truncated } from './source.js';

interface Piece {
  readonly from: number;
  readonly bytes: Uint8Array;
}

/** Memory of one window after the other: for the piece that is in use, and for the next one, which is read meanwhile. */
export class WindowMemory {
  /** Bytes of either. */
  readonly bytes: number;
  private current: Uint8Array;
  private following: Uint8Array | undefined;
  private arriving: Promise<unknown> = Promise.resolve();

  constructor(bytes: number) {
    this.bytes = bytes;
    this.current = new Uint8Array(bytes);
  }

  /** For the piece in use. */
  get piece(): Uint8Array {
    return this.current;
  }

  /** Lets `read` fill the memory of the next piece, once a read has ended that nobody waits for any more. */
  fillNext(read: (into: Uint8Array) => Promise<void>): Promise<void> {
    this.following ??= new Uint8Array(this.bytes);
    const into = this.following;
    const filled = this.arriving.then(() => read(into));
    this.arriving = filled.catch(() => {});
    return filled;
  }

  /** What was read ahead becomes the piece in use. */
  turn(): Uint8Array {
    [this.current, this.following] = [this.following ?? new Uint8Array(this.bytes), this.current];
    return this.current;
  }
}

/** What is being read behind the piece in use. */
interface Ahead {
  readonly from: number;
  readonly to: number;
  readonly filled: Promise<void>;
}

/** Part of a window's memory that stays free before what is read ahead, for a page that begins in the piece before. */
const CARRIED = 3 / 8;
/** Pieces that are kept of a source that several columns share: they are at most a few apart. */
const KEPT = 3;

/** A source that is read mostly from front to back, in pieces of bounded size. */
export class Window {
  readonly source: ByteSource;
  private readonly pieceBytes: number;
  private readonly memory: WindowMemory | undefined;
  private pieces: Piece[] = [];
  private ahead: Ahead | undefined;
  /** Whether several columns are read from it side by side. Set before the first of them is. */
  shared = false;

  /**
   * @param pieceBytes what is read at a time where nothing larger is asked for
   * @param memory is used for one piece after the other, unless columns share the source; as large as a piece or larger
   */
  constructor(source: ByteSource, pieceBytes: number, memory?: WindowMemory) {
    this.source = source;
    this.pieceBytes = pieceBytes;
    this.memory = memory;
  }

  /**
   * The bytes from..to, and where they have to be read also those behind them, up to `ahead`. They are valid until more are
   * asked for; of a shared source as long as somebody holds them. With memory, what follows is read while they are in use.
   * Throws SRC_TRUNCATED when the source ends before.
   */
  async bytes(from: number, to: number, ahead: number = to): Promise<Uint8Array> {
    const found = this.pieces.find((p) => p.from <= from && to <= p.from + p.bytes.length);
    // Only where pieces hold more than was asked for: the next of what is larger than a piece is not guessed.
    if (found) this.readAhead(found, ahead);
    const piece = found ?? (await this.turn(from, to)) ?? (await this.read(from, to, ahead));
    return piece.bytes.subarray(from - piece.from, to - piece.from);
  }

  private async read(from: number, to: number, ahead: number): Promise<Piece> {
    const { source } = this;
    if (to > source.size) throw truncated(source, to);
    const end = Math.min(source.size, Math.max(to, Math.min(ahead, from + this.pieceBytes)));
    this.ahead = undefined;
    // The one piece there is lies in this memory.
    if (!this.shared) this.pieces = [];
    const bytes = await source.read(from, end, this.shared ? undefined : this.memory?.piece);
    if (bytes.length !== end - from) throw truncated(source, end);
    const piece = { from, bytes };
    this.pieces = [piece, ...this.pieces.slice(0, KEPT - 1)];
    return piece;
  }

  private get lead(): number {
    return Math.floor((this.memory?.bytes ?? 0) * CARRIED);
  }

  /** Begins to read what follows the piece, up to `most`. */
  private readAhead(piece: Piece, most: number): void {
    const { memory, source, lead } = this;
    const from = piece.from + piece.bytes.length;
    if (!memory || this.shared || this.ahead || most <= from || most > source.size) return;
    const to = Math.min(most, from + memory.bytes - lead);
    const filled = memory.fillNext(async (next) => {
      const bytes = await source.read(from, to, next.subarray(lead));
      if (bytes.length !== to - from) throw truncated(source, to);
      if (bytes.buffer !== next.buffer) next.set(bytes, lead);
    });
    this.ahead = { from, to, filled };
  }

  /** The piece that was read ahead, with the end of the one before it; undefined where it does not hold from..to. */
  private async turn(from: number, to: number): Promise<Piece | undefined> {
    const { ahead, memory, lead } = this;
    const before = this.pieces[0];
    if (!ahead || !memory || !before || from < before.from || to > ahead.to) return undefined;
    const carried = ahead.from - from;
    if (carried < 0 || carried > lead) return undefined;
    await ahead.filled;
    const next = memory.turn();
    next.set(before.bytes.subarray(from - before.from), lead - carried);
    this.ahead = undefined;
    const piece = { from, bytes: next.subarray(lead - carried, lead + ahead.to - ahead.from) };
    this.pieces = [piece];
    return piece;
  }
}
