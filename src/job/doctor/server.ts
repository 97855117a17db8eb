import type { MilvusType } from '../../batch/fields.js';
import type { MilvusEndpoint } from '../../config/types.js';
import type { Connection } from '../../milvus/connection.js';
import { supports } from '../../milvus/features.js';
import { type Health, readHealth } from '../../milvus/health.js';
import { openMilvus } from '../../milvus/open.js';
import { formatBytes, formatCount } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import { attempt, type Findings, within } from './checks.js';
import { reach, resolveName, shakeHands, splitAddress } from './network.js';

const CONNECT_MS = 20_000;
const HEALTH_MS = 10_000;
/** Milvus itself begins to refuse writes at about 95 % of a node's memory. */
const FULL_MEMORY = 0.9;

async function checkNetwork(address: string, findings: Findings): Promise<boolean> {
  const { host } = splitAddress(address);
  const found = await attempt(findings, 'name', () => resolveName(host));
  if (!found) return false;
  if (found[0] !== host) findings.ok('name', `${host} is ${found.slice(0, 3).join(', ')}`);
  const ms = await attempt(findings, 'reachable', () => reach(address));
  if (ms === undefined) return false;
  findings.ok('reachable', `${address} answers in ${ms.toFixed(1)} ms`);
  return true;
}

/** Whether a secret would be sent over a network without encryption. */
export function travelsInClear(address: string, { at, token, password }: MilvusEndpoint): boolean {
  const secret = token !== undefined || password !== undefined;
  const local = /^(127\.|localhost:|\[::1\])/.test(address);
  return secret && !local && at.kind === 'server' && !at.tls;
}

async function checkTls(address: string, endpoint: MilvusEndpoint, findings: Findings): Promise<boolean> {
  if (endpoint.at.kind !== 'server' || !endpoint.at.tls) {
    if (!travelsInClear(address, endpoint)) findings.ok('TLS', 'not asked for');
    else
      findings.warn('TLS', `the credentials travel to ${address} in clear`, 'Use an https address, or set dest_tls.');
    return true;
  }
  const tls = await attempt(findings, 'TLS', () => shakeHands(address, endpoint));
  if (!tls) return false;
  const text = `${tls.protocol}, certificate of ${tls.subject}, valid for ${formatCount(tls.daysLeft)} more days`;
  if (endpoint.tls?.skipVerify)
    findings.warn('TLS', `${text}, not verified`, 'Give the authority by ca instead of skip_verify.');
  else if (tls.expiresSoon) findings.warn('TLS', text, 'Have the certificate renewed.');
  else findings.ok('TLS', text);
  return true;
}

function checkAbilities(connection: Connection, needed: readonly MilvusType[], findings: Findings): void {
  const types = [...connection.features.vectorTypes].join(', ');
  const lacking = needed.filter((type) => !supports(connection.features, type));
  if (lacking.length === 0) {
    findings.ok('abilities', `vectors: ${types}; messages up to ${formatBytes(connection.features.maxMessageBytes)}`);
    return;
  }
  findings.fail(
    'abilities',
    fail('DST_UNSUPPORTED', `the server (${connection.version}) has no ${lacking.join(', ')}, only ${types}`),
  );
}

function healthText({ memory, storedBytes }: Health): string {
  return [
    ...(memory
      ? [`${memory.node} uses ${formatBytes(memory.used)} of ${formatBytes(memory.total)} memory`]
      : ['the server does not tell its memory']),
    ...(storedBytes === undefined ? [] : [`${formatBytes(storedBytes)} stored`]),
  ].join(', ');
}

async function checkHealth(connection: Connection, findings: Findings): Promise<void> {
  const health = await attempt(findings, 'quotas', () => within(HEALTH_MS, 'the health', readHealth(connection)));
  if (!health) return;
  const { healthy, reasons, quotaStates, memory } = health;
  const text = healthText(health);
  if (quotaStates.length > 0) {
    const why = `limits in force: ${quotaStates.join(', ')}${reasons.length > 0 ? ` (${reasons.join('; ')})` : ''}`;
    const denied = quotaStates.some((s) => s.startsWith('Deny'));
    if (denied)
      findings.fail(
        'quotas',
        fail('DST_REFUSED', why, { hint: 'Raise the quotas of the server, or free room there.' }),
      );
    else findings.warn('quotas', why, 'The run will be slowed down by the server.');
  } else if (healthy === false) {
    findings.warn(
      'quotas',
      `the server calls itself not healthy: ${reasons.join('; ') || 'no reason given'}`,
      'Look at its logs.',
    );
  } else if (memory && memory.used > memory.total * FULL_MEMORY) {
    findings.warn(
      'quotas',
      text,
      'Give the node more memory, or release collections: Milvus refuses writes when it is full.',
    );
  } else findings.ok('quotas', `none in force; ${text}`);
}

/**
 * Examines the way to a Milvus server and the server, one step after the other up to the first that fails. Changes nothing.
 * @param needed types of vectors that are to be stored there
 */
export async function checkServer(
  endpoint: MilvusEndpoint,
  needed: readonly MilvusType[],
  findings: Findings,
): Promise<void> {
  const { at } = endpoint;
  if (at.kind === 'embedded') {
    findings.ok('server', `an embedded Milvus Lite in ${at.folder}, started by the run; not started now`);
    return;
  }
  if (!(await checkNetwork(at.address, findings))) return;
  if (!(await checkTls(at.address, endpoint, findings))) return;
  const opening = openMilvus(endpoint, { log: () => {}, retry: { totalMs: 0 } });
  const opened = await attempt(findings, 'login', () => within(CONNECT_MS, `the greeting of ${at.address}`, opening));
  if (!opened) {
    // It may still open, long after nobody waits for it.
    void opening.then((late) => late[Symbol.asyncDispose]()).catch(() => {});
    return;
  }
  await using open = opened;
  const { connection } = open;
  const who = endpoint.user ?? (endpoint.token === undefined ? 'nobody (no credentials given)' : 'a token');
  findings.ok('login', `as ${who}${endpoint.db === undefined ? '' : `, database ${endpoint.db}`}`);
  findings.ok('server', `${connection.features.lite ? 'Milvus Lite' : 'Milvus'} ${connection.version}`);
  checkAbilities(connection, needed, findings);
  await checkHealth(connection, findings);
}
