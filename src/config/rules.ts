import { type Parsed, parseHost, parseUri } from './address.js';
import { type IssueCode, quoted } from './issues.js';
import type { RawParameter, RawTask } from './raw.js';
import type { Surroundings } from './references.js';
import type { TaskName } from './types.js';
import { parseBytes, parseRate } from './units.js';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const SMALLEST_BATCH = 64 * 1024;
const LARGEST_BATCH = 32 * 1024 * 1024;
const FLOAT_METRICS = ['L2', 'IP', 'COSINE'];

/** What the rules see: the values that the schema found no fault with, and how to report one. */
export interface RuleInput {
  readonly task: TaskName;
  readonly raw: Partial<RawTask>;
  readonly around: Surroundings;
  /** Whether a key has a value in the file, faulty or not. */
  readonly given: (key: keyof RawTask) => boolean;
  /** `path` is the way to the value from the body of the task. */
  readonly report: (path: readonly (string | number)[], message: string, code: IssueCode) => void;
}

/** The rules that go over several keys, or that a schema cannot say. Every one that is broken is reported. */
export function checkRules(input: RuleInput): void {
  checkSource(input);
  checkTarget(input);
  checkLogin(input);
  checkIds(input);
  checkVectors(input);
  checkFields(input);
  checkAmounts(input);
}

/** Where the target is; undefined when its keys contradict each other. */
export function targetOf({ raw, around }: Pick<RuleInput, 'raw' | 'around'>): Parsed {
  return raw.dest_uri === undefined ? parseHost(raw.dest_host, raw.dest_port) : parseUri(raw.dest_uri, around);
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

function checkTarget(input: RuleInput): void {
  const { raw, given, report } = input;
  const others = (['dest_host', 'dest_port'] as const).filter(given);
  if (given('dest_uri')) {
    for (const key of others) {
      report([key], 'is given together with dest_uri, allowed: dest_uri, or dest_host and dest_port', 'CFG_CONFLICT');
    }
  }
  const key = raw.dest_uri === undefined ? 'dest_host' : 'dest_uri';
  const target = targetOf(input);
  if ('problem' in target) {
    report([key], target.problem, 'CFG_INVALID');
    return;
  }
  const { dest_tls: tls } = raw;
  const wanted = tls === true || typeof tls === 'object';
  if (typeof tls === 'object' && (tls.cert === undefined) !== (tls.key === undefined)) {
    const [has, lacks] = tls.cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    report(['dest_tls', has], `is given without ${lacks}, allowed: both or none`, 'CFG_CONFLICT');
  }
  if (target.at.kind === 'embedded') {
    const useless = (['dest_user', 'dest_password', 'dest_token'] as const).filter(given);
    const reason = 'has no use with the embedded Milvus Lite that dest_uri names, allowed: leave it out';
    for (const name of useless) report([name], reason, 'CFG_CONFLICT');
    if (wanted) report(['dest_tls'], reason, 'CFG_CONFLICT');
  } else if (target.at.tls && tls === false) {
    report(['dest_tls'], 'is false while dest_uri is https, allowed: true, or http', 'CFG_CONFLICT');
  } else if (wanted && raw.dest_uri?.toLowerCase().startsWith('http://')) {
    report(['dest_tls'], 'is given while dest_uri is http, allowed: https', 'CFG_CONFLICT');
  }
}

function checkLogin({ given, report }: RuleInput): void {
  const [user, password] = [given('dest_user'), given('dest_password')];
  if (given('dest_token')) {
    for (const key of (['dest_user', 'dest_password'] as const).filter(given)) {
      report([key], 'is given together with dest_token, allowed: the token, or user and password', 'CFG_CONFLICT');
    }
  } else if (user !== password) {
    const [has, lacks] = user ? ['dest_user', 'dest_password'] : ['dest_password', 'dest_user'];
    report([has], `is given without ${lacks}, allowed: both or none`, 'CFG_CONFLICT');
  }
}

function isInt64(text: string): boolean {
  // The length first: a million digits would take BigInt seconds.
  if (text.replace(/^[-+]?0*/, '').length > 19) return false;
  const value = BigInt(text);
  return value >= INT64_MIN && value <= INT64_MAX;
}

function checkIds({ raw, report }: RuleInput): void {
  for (const key of ['id_start', 'id_offset'] as const) {
    const text = raw[key];
    if (text === undefined) continue;
    if (text !== 'auto' && !isInt64(text)) {
      report([key], `${quoted(text)} is beyond int64, allowed: ${INT64_MIN} to ${INT64_MAX}`, 'CFG_INVALID');
    }
    if (raw.new_ids) {
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
  if (raw.vector_type === 'FLOAT_VECTOR' && binaryMetric) {
    report(
      path,
      `${metric} does not measure vector_type FLOAT_VECTOR, allowed: ${FLOAT_METRICS.join(', ')}`,
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
