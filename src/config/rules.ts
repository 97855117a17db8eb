import { checkBackup } from './backup.js';
import { checkBulk } from './bulk.js';
import { checkCatalog } from './catalog-rules.js';
import { checkEndpoint } from './endpoint.js';
import { quoted } from './issues.js';
import type { RawParameter, RawTask } from './raw.js';
import { checkRestore } from './restore.js';
import type { RuleInput } from './rule-input.js';
import { checkSnapshot } from './snapshot.js';
import { checkStorage } from './storage.js';
import { parseBytes, parseRate } from './units.js';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const SMALLEST_BATCH = 64 * 1024;
const LARGEST_BATCH = 32 * 1024 * 1024;
const FLOAT_METRICS = ['L2', 'IP', 'COSINE'];

/** The rules that go over several keys, or that a schema cannot say. Every one that is broken is reported. */
export function checkRules(input: RuleInput): void {
  if (input.task === 'BACKUP') {
    checkBackup(input);
    return;
  }
  if (input.task === 'RESTORE') {
    checkRestore(input);
    return;
  }
  if (input.task === 'SNAPSHOT') {
    checkSnapshot(input);
    return;
  }
  checkSource(input);
  if (input.task !== 'M2H') checkEndpoint('dest', input);
  if (input.raw.work_storage !== undefined) checkStorage('work_storage', input.raw.work_storage, input);
  if (input.task === 'M2M' || input.task === 'M2H') checkCatalog(input);
  if (input.task !== 'M2H') checkBulk(input);
  checkIds(input);
  checkVectors(input);
  checkFields(input);
  checkAmounts(input);
}

function checkSource({ task, given, report }: RuleInput): void {
  if (task !== 'H2M') return;
  if (given('data_path') && given('data_dir')) {
    report(['data_dir'], 'is given together with data_path, allowed: one of the two', 'CFG_CONFLICT');
  }
  if (!given('data_path') && !given('data_dir')) {
    report([], 'the source is missing, needed: data_path (files) or data_dir (a folder)', 'CFG_INVALID');
  }
}

function isInt64(text: string): boolean {
  // The length first: a million digits would take BigInt seconds.
  if (text.replace(/^[-+]?0*/, '').length > 19) return false;
  const value = BigInt(text);
  return value >= INT64_MIN && value <= INT64_MAX;
}

/** The ids that a key gives, each with its place. */
function idsOf(key: 'id_start' | 'id_offset', raw: Partial<RawTask>): { path: string[]; text: string }[] {
  const value = raw[key];
  if (value === undefined) return [];
  if (typeof value === 'string') return [{ path: [key], text: value }];
  return Object.entries(value).map(([collection, text]) => ({ path: [key, collection], text }));
}

function checkIds({ raw, report }: RuleInput): void {
  for (const key of ['id_start', 'id_offset'] as const) {
    const ids = idsOf(key, raw);
    for (const { path, text } of ids) {
      if (text !== 'auto' && !isInt64(text)) {
        report(path, `${quoted(text)} is beyond int64, allowed: ${INT64_MIN} to ${INT64_MAX}`, 'CFG_INVALID');
      }
    }
    if (raw.new_ids && ids.length > 0) {
      report(
        [key],
        'is given together with new_ids, allowed: one of the two (with new_ids the server gives the ids)',
        'CFG_CONFLICT',
      );
    }
  }
}

function checkVectors({ raw, report }: RuleInput): void {
  const { metric_type: metric, dimension }: RawParameter = raw.collection_parameter ?? {};
  const binaryMetric = metric !== undefined && !FLOAT_METRICS.includes(metric);
  const path = ['collection_parameter', 'metric_type'];
  if (raw.vector_type === 'BINARY_VECTOR' && metric !== undefined && !binaryMetric) {
    const allowed = 'HAMMING, JACCARD, TANIMOTO, SUBSTRUCTURE, SUPERSTRUCTURE';
    report(path, `${metric} does not measure vector_type BINARY_VECTOR, allowed: ${allowed}`, 'CFG_CONFLICT');
  }
  const numbers = raw.vector_type !== undefined && raw.vector_type !== 'BINARY_VECTOR';
  if (numbers && binaryMetric) {
    report(
      path,
      `${metric} does not measure vector_type ${raw.vector_type}, allowed: ${FLOAT_METRICS.join(', ')}`,
      'CFG_CONFLICT',
    );
  }
  const binary = raw.vector_type === 'BINARY_VECTOR' || (raw.vector_type === undefined && binaryMetric);
  if (binary && dimension !== undefined && dimension % 8 !== 0) {
    const message = `${dimension} is not allowed for binary vectors, allowed: a multiple of 8`;
    report(['collection_parameter', 'dimension'], message, 'CFG_CONFLICT');
  }
}

function checkFields({ raw, report }: RuleInput): void {
  const {
    id_field: id = 'id',
    vector_field: vector = 'embedding',
    index,
  }: RawParameter = raw.collection_parameter ?? {};
  if (id === vector) {
    const key = raw.collection_parameter?.vector_field === undefined ? 'id_field' : 'vector_field';
    report(
      ['collection_parameter', key],
      `${quoted(id)} is the name of the other field too, allowed: two names`,
      'CFG_CONFLICT',
    );
  }
  const owners = new Map([
    [id, 'the key field'],
    [vector, 'the vector field'],
  ]);
  for (const [dataset, field] of Object.entries(raw.columns ?? {})) {
    const owner = owners.get(field);
    if (owner)
      report(['columns', dataset], `${quoted(field)} is ${owner} already, allowed: a name of its own`, 'CFG_CONFLICT');
    else owners.set(field, `the field of ${quoted(dataset)}`);
  }
  if (typeof index === 'object' && index.params && Object.hasOwn(index.params, 'metric_type')) {
    const path = ['collection_parameter', 'index', 'params', 'metric_type'];
    report(path, 'has no place here, allowed: collection_parameter.metric_type', 'CFG_CONFLICT');
  }
}

function checkAmounts({ raw, report }: RuleInput): void {
  if (raw.batch_bytes !== undefined) {
    const bytes = parseBytes(raw.batch_bytes) ?? 0;
    if (bytes < SMALLEST_BATCH || bytes > LARGEST_BATCH) {
      report(
        ['batch_bytes'],
        `${quoted(String(raw.batch_bytes))} is not allowed, allowed: 64 KiB to 32 MiB`,
        'CFG_INVALID',
      );
    }
  }
  if (raw.max_rate !== undefined && !parseRate(raw.max_rate)) {
    report(['max_rate'], `${quoted(String(raw.max_rate))} is not allowed, allowed: more than 0`, 'CFG_INVALID');
  }
}
