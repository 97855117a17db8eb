import type { FieldSpec } from '../batch/fields.js';
import { formatCount, plural } from '../util/bytes.js';
import { fail } from '../util/errors.js';
import { constantLane } from './constant-lane.js';
import { type Lane, type LaneMemory, openLane } from './lane.js';
import { type Log, openLog } from './log.js';
import type { ByteSource } from './source.js';
import { Window } from './window.js';

/** Field id of the time at which a row was written, in every segment. */
export const TIMESTAMP_ID = 1n;

/** A field as the segment has it. */
export interface StoredField {
  readonly id: bigint;
  readonly spec: FieldSpec;
}

/** The insert logs of a field, or with storage v2 of a group of fields, in their order. */
export interface LogGroup {
  readonly id: bigint;
  readonly logs: readonly ByteSource[];
}

/** The files of a segment. */
export interface SegmentFiles {
  /** For messages. */
  readonly name: string;
  readonly groups: readonly LogGroup[];
}

/** The k-th logs of all fields: the same rows. */
export interface Chunk {
  readonly rows: number;
  /** One per field that was asked for, in their order. */
  readonly lanes: readonly Lane[];
}

/** No file of Milvus comes near; a few damaged bytes must not keep a run busy for hours. */
const MOST_ROWS = 2 ** 27;
/** Memory for reading, of all files of a chunk together. */
const WINDOW_BYTES = 24 << 20;
/** A file has the piece that is in use and the next one. */
const PIECES = 2;
const LARGEST_PIECE = 4 << 20;
const SMALLEST_PIECE = 256 << 10;

/** How many logs each field has; later-added fields have fewer. */
export function chunkCount({ groups }: SegmentFiles): number {
  return groups.reduce((most, { logs }) => Math.max(most, logs.length), 0);
}

/** The logs of one chunk, opened as they are needed. */
class ChunkLogs {
  private readonly opened = new Map<bigint, Log>();
  private readonly segment: SegmentFiles;
  private readonly index: number;
  private readonly total: number;
  private readonly pieceBytes: number;
  private readonly memory: LaneMemory;

  constructor(segment: SegmentFiles, index: number, fields: number, memory: LaneMemory) {
    this.memory = memory;
    this.segment = segment;
    this.index = index;
    this.total = chunkCount(segment);
    const files = Math.max(1, Math.min(fields, segment.groups.length));
    this.pieceBytes = Math.min(LARGEST_PIECE, Math.max(SMALLEST_PIECE, Math.floor(WINDOW_BYTES / (files * PIECES))));
  }

  /** A field that was added later has fewer logs: those of the first rows are missing. */
  private sourceOf({ logs }: LogGroup): ByteSource | undefined {
    return logs[this.index - (this.total - logs.length)];
  }

  private async open(group: LogGroup): Promise<Log | undefined> {
    const known = this.opened.get(group.id);
    const source = this.sourceOf(group);
    if (known || !source) return known;
    const bytes = Math.min(source.size, this.pieceBytes);
    const log = await openLog(new Window(source, bytes, this.memory.piece(group.id, bytes)));
    const { container } = log;
    if (container && (container.kind !== 'insert' || container.fieldId !== group.id)) {
      const found = container.kind === 'insert' ? `field ${container.fieldId}` : 'deletes';
      throw fail('SRC_CORRUPT', `${source.name} holds ${found} where field ${group.id} belongs`);
    }
    if (container && log.columns.size !== 1) {
      throw fail('SRC_CORRUPT', `${source.name} has ${log.columns.size} columns where a field has one`);
    }
    this.opened.set(group.id, log);
    return log;
  }

  /** Pages of a field; undefined where the chunk does not have it. */
  async pagesOf(id: bigint): Promise<{ log: Log; column: string } | undefined> {
    const { groups } = this.segment;
    const own = groups.find((group) => group.id === id);
    const log = own && (await this.open(own));
    if (log?.form === 'binlog') return { log, column: [...log.columns.keys()][0]! };
    const column = String(id);
    if (log?.columns.has(column)) return { log, column };
    // Storage v2: columns are named by field ids, and which group holds which only the footers say.
    for (const group of groups) {
      const other = await this.open(group);
      if (other?.form === 'binlog') return undefined;
      if (other?.columns.has(column)) return { log: other, column };
    }
    return undefined;
  }

  /** Rows of the chunk: as many in every log that was opened. */
  async rows(): Promise<number> {
    if (this.opened.size === 0) await this.open(this.segment.groups.find((g) => this.sourceOf(g))!);
    const [first, ...others] = this.opened.values();
    if (!first) throw fail('SRC_CORRUPT', `${this.segment.name} has no files`);
    if (first.rows > MOST_ROWS) throw fail('SRC_CORRUPT', `${first.name} claims ${formatCount(first.rows)} rows`);
    const odd = others.find((log) => log.rows !== first.rows);
    if (!odd) return first.rows;
    throw fail('SRC_CORRUPT', `${odd.name} has ${plural(odd.rows, 'row')}, ${first.name} beside it ${first.rows}`);
  }
}

/**
 * Opens the k-th logs of a segment for the given fields: headers and footers. A field that the chunk does not have must be one
 * that was added later: it has its default value, null, or nothing in its dynamic part. Throws SRC_* errors.
 */
export async function openChunk(
  segment: SegmentFiles,
  index: number,
  fields: readonly StoredField[],
  memory: LaneMemory,
): Promise<Chunk> {
  const logs = new ChunkLogs(segment, index, fields.length, memory);
  const lanes: Lane[] = [];
  for (const { id, spec } of fields) {
    const found = await logs.pagesOf(id);
    const pages = found?.log.columns.get(found.column);
    if (found && pages?.[0]) lanes.push(openLane(spec, pages, found.log.name, memory.of(id)));
    else lanes.push(constantLane(spec, `${segment.name} has no file ${index + 1} of field ${id}`));
  }
  return { rows: await logs.rows(), lanes };
}
