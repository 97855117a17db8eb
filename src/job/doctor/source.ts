import type { MilvusType } from '../../batch/fields.js';
import type { TaskConfig } from '../../config/types.js';
import { openCatalog } from '../../registry.js';
import { formatBytes, plural } from '../../util/bytes.js';
import { openCollectionTasks } from '../collection-task.js';
import { attempt, type Findings, within } from './checks.js';
import { checkServer } from './server.js';

const READ_MS = 60_000;
const SHOWN_WARNINGS = 3;

/** What the examination of the source gives for that of the target. */
export interface SourceFacts {
  /** Bytes of all values; undefined where they are not known without changing something. */
  readonly bytes: number | undefined;
  readonly vectorTypes: readonly MilvusType[];
}

const NOTHING_KNOWN: SourceFacts = { bytes: undefined, vectorTypes: [] };
const QUIET = { retryForMs: 0, log: (): void => {} } as const;

/** Collections of a running Milvus are listed, not opened: opening may load them. */
async function checkMilvus(config: TaskConfig, findings: Findings): Promise<SourceFacts> {
  const { source } = config;
  if (source.adapter !== 'milvus') return NOTHING_KNOWN;
  let healthy = true;
  const watched: Findings = {
    ...findings,
    fail(name, error) {
      healthy = false;
      findings.fail(name, error);
    },
  };
  await checkServer(source.endpoint, [], watched);
  if (!healthy || source.endpoint.at.kind === 'embedded') return NOTHING_KNOWN;
  const names = { idField: config.parameter.idField, vectorField: config.parameter.vectorField };
  const list = async (): Promise<string> => {
    await using catalog = await openCatalog(source, names, QUIET);
    const chosen = catalog.collections.map((c) => c.name);
    return `${plural(chosen.length, 'collection')} chosen: ${chosen.slice(0, 5).join(', ')}${chosen.length > 5 ? ', ...' : ''}`;
  };
  const text = await attempt(findings, 'readable', () => within(READ_MS, 'the list of collections', list()));
  if (text) findings.ok('readable', text);
  return NOTHING_KNOWN;
}

interface Surveyed {
  readonly rows: number;
  readonly bytes: number;
  readonly types: ReadonlySet<MilvusType>;
  readonly warnings: readonly string[];
}

/** Reads the headers of everything that a run would read. */
async function survey(config: TaskConfig): Promise<Surveyed> {
  await using all = await openCollectionTasks(config, QUIET);
  const types = new Set<MilvusType>();
  const warnings = [...all.warnings];
  let [rows, bytes] = [0, 0];
  for (const task of all.tasks) {
    await using reader = await task.open();
    for (const split of await reader.splits()) {
      rows += split.rows;
      bytes += split.bytes;
    }
    for (const info of reader.info) types.add(info.vectorType);
    warnings.push(...task.warnings, ...reader.warnings);
  }
  return { rows, bytes, types, warnings };
}

async function checkFiles(config: TaskConfig, findings: Findings): Promise<SourceFacts> {
  const found = await attempt(findings, 'readable', () => within(READ_MS, 'the source', survey(config)));
  if (!found) return NOTHING_KNOWN;
  const { rows, bytes, types, warnings } = found;
  findings.ok(
    'readable',
    `${plural(rows, 'row')}, ${formatBytes(bytes)}, ${[...types].join(', ') || 'no vectors'} (headers read)`,
  );
  if (warnings.length > 0) {
    const more = warnings.length > SHOWN_WARNINGS ? `; and ${warnings.length - SHOWN_WARNINGS} more` : '';
    findings.warn(
      'oddities',
      `${warnings.slice(0, SHOWN_WARNINGS).join('; ')}${more}`,
      'Run milvusdm plan to see all of them.',
    );
  }
  return { bytes, vectorTypes: [...types] };
}

/** Examines the source of a task, reading headers and lists only. */
export function checkSource(config: TaskConfig, findings: Findings): Promise<SourceFacts> {
  return config.source.adapter === 'milvus' ? checkMilvus(config, findings) : checkFiles(config, findings);
}
