import { checked } from './checked.js';
import type { Connection } from './connection.js';
import { isOk } from './status.js';

/** What a server says of its own state; each part is absent where it does not tell. */
export interface Health {
  readonly healthy?: boolean;
  readonly reasons: readonly string[];
  /** Names of limits that are in force now, e.g. DenyToWrite. */
  readonly quotaStates: readonly string[];
  /** Fullest node: memory in use and there, in bytes. */
  readonly memory?: { readonly node: string; readonly used: number; readonly total: number };
  /** Bytes of all stored rows. */
  readonly storedBytes?: number;
}

interface HealthAnswer {
  readonly isHealthy?: boolean;
  readonly reasons?: readonly string[];
  readonly quota_states?: readonly (string | number)[];
}

interface NodeInfo {
  readonly name?: string;
  readonly hardware_infos?: { readonly memory?: number; readonly memory_usage?: number };
  readonly quota_metrics?: { readonly TotalBinlogSize?: number };
}

/** common.proto, QuotaState. */
const QUOTA_STATES = ['Unknown', 'Unknown', 'ReadLimited', 'WriteLimited', 'DenyToRead', 'DenyToWrite'];

async function askHealth(connection: Connection): Promise<Pick<Health, 'healthy' | 'reasons' | 'quotaStates'>> {
  const call = (): Promise<unknown> => Promise.resolve(connection.sdk.checkHealth());
  const answer = (await checked(connection.retry, 'ask for the health', call, { allow: () => true })) as HealthAnswer;
  if (typeof answer.isHealthy !== 'boolean') return { reasons: [], quotaStates: [] };
  const states = (answer.quota_states ?? []).map((s) => (typeof s === 'number' ? (QUOTA_STATES[s] ?? String(s)) : s));
  return { healthy: answer.isHealthy, reasons: answer.reasons ?? [], quotaStates: states };
}

function nodesOf(response: unknown): NodeInfo[] {
  const parsed: unknown = typeof response === 'string' && response.startsWith('{') ? JSON.parse(response) : response;
  const nodes = (parsed as { nodes_info?: { infos?: NodeInfo }[] } | undefined)?.nodes_info ?? [];
  return nodes.flatMap(({ infos }) => (infos ? [infos] : []));
}

async function askMetrics(connection: Connection): Promise<Pick<Health, 'memory' | 'storedBytes'>> {
  const call = (): Promise<unknown> => connection.sdk.getMetric({ request: { metric_type: 'system_info' } });
  const answer = (await checked(connection.retry, 'ask for metrics', call, { allow: (s) => !isOk(s) })) as {
    response?: unknown;
  };
  const nodes = nodesOf(answer.response);
  const used = nodes.flatMap(({ name = '', hardware_infos: h }) =>
    h?.memory && h.memory_usage !== undefined ? [{ node: name, used: h.memory_usage, total: h.memory }] : [],
  );
  const [fullest] = used.sort((a, b) => b.used / b.total - a.used / a.total);
  const stored = nodes.map((n) => n.quota_metrics?.TotalBinlogSize).find((n) => n !== undefined);
  return { ...(fullest ? { memory: fullest } : {}), ...(stored === undefined ? {} : { storedBytes: stored }) };
}

/** Asks a server how it is; what it does not know or does not let us see is left out. Reads only. */
export async function readHealth(connection: Connection): Promise<Health> {
  const health = await askHealth(connection).catch(() => ({ reasons: [], quotaStates: [] }));
  const metrics = await askMetrics(connection).catch(() => ({}));
  return { ...health, ...metrics };
}
