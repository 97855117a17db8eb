import { formatCount } from '../util/bytes.js';
import { fail } from '../util/errors.js';
import { type AvroCodec, avroCodec } from './avro.js';
import { type AvroReader, DatumError } from './avro-binary.js';
import { manifestSchema } from './manifest-schema.js';
import { type ManifestLog, type ManifestLogs, NEWEST_VERSION, type Position, type SegmentManifest } from './types.js';

/** A segment of 50,000 files has less. */
export const LARGEST_MANIFEST: number = 32 << 20;
/** Entries of a manifest's lists together. */
const MOST_ITEMS = 1 << 20;

function readLog(reader: AvroReader): ManifestLog {
  return {
    entries_num: reader.long(),
    timestamp_from: reader.long(),
    timestamp_to: reader.long(),
    log_path: reader.text(),
    log_size: reader.long(),
    log_id: reader.long(),
    memory_size: reader.long(),
  };
}

const codecs = new Map<number, AvroCodec<SegmentManifest>>();

/** One datum with nothing around it: which schema it has only the metadata file says. */
function codecOf(version: number): AvroCodec<SegmentManifest> {
  const known = codecs.get(version);
  if (known) return known;
  if (!Number.isInteger(version) || version < 1 || version > NEWEST_VERSION) {
    throw fail('SRC_UNSUPPORTED', `manifests of version ${version} are not known, versions 1 to ${NEWEST_VERSION} are`);
  }
  const made = avroCodec<SegmentManifest>(manifestSchema(version), {
    mostItems: MOST_ITEMS,
    readers: { AvroBinlog: readLog },
  });
  codecs.set(version, made);
  return made;
}

const withGroups = (logs: readonly ManifestLogs[]): ManifestLogs[] =>
  logs.map((one) => ({ ...one, child_fields: [], format: '' }));

/** Gives what older versions do not have its zero value. */
function completed(stored: SegmentManifest, version: number): SegmentManifest {
  const groups = version < 4 ? withGroups : (logs: readonly ManifestLogs[]) => logs;
  return {
    ...stored,
    ...(version < 3 ? { commit_timestamp: 0n } : {}),
    binlog_files: groups(stored.binlog_files),
    deltalog_files: groups(stored.deltalog_files),
    statslog_files: groups(stored.statslog_files),
    bm25_statslog_files: groups(stored.bm25_statslog_files),
    index_files:
      version < 2 ? stored.index_files.map((file) => ({ ...file, index_store_path_version: 0 })) : stored.index_files,
  };
}

/**
 * Reads a segment's manifest. Throws SRC_CORRUPT, SRC_UNSUPPORTED.
 * @param version format_version of the metadata file that names it
 * @param where for messages: key and store
 */
export function decodeManifest(bytes: Uint8Array, version: number, where: string): SegmentManifest {
  const codec = codecOf(version);
  if (bytes.length > LARGEST_MANIFEST) {
    const [have, most] = [formatCount(bytes.length), formatCount(LARGEST_MANIFEST)];
    throw fail('SRC_UNSUPPORTED', `${where} has ${have} bytes, at most ${most} are read as a manifest`);
  }
  try {
    return completed(codec.decode(bytes), version);
  } catch (cause) {
    if (!(cause instanceof DatumError)) throw cause;
    throw fail('SRC_CORRUPT', `${where} is no manifest of version ${version}: it ${cause.message}`, { cause });
  }
}

/** The bytes of a segment's manifest. What the version does not have is left out. */
export function encodeManifest(manifest: SegmentManifest, version: number): Uint8Array {
  return codecOf(version).encode(manifest);
}

export const NO_POSITION: Position = { channel_name: '', msg_id: new Uint8Array(0), msg_group: '', timestamp: 0n };
