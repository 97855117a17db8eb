import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { MilvusEndpoint, TlsOptions } from '../../config/types.js';
import { fail } from '../../util/errors.js';
import { within } from './checks.js';

const TIMEOUT_MS = 5000;
const DAY_MS = 86_400_000;
const SOON_DAYS = 14;

/** "[::1]:19530" or "host:19530". */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(at + 1)) };
}

function unreachable(address: string, cause: unknown): Error {
  return fail('NET_UNAVAILABLE', `${address} cannot be reached: ${(cause as Error).message}`, { cause });
}

/** The addresses behind a name. Throws NET_UNAVAILABLE, NET_DEADLINE. */
export async function resolveName(host: string): Promise<string[]> {
  if (isIP(host)) return [host];
  try {
    const found = await within(TIMEOUT_MS, `the name ${host}`, lookup(host, { all: true }));
    return found.map(({ address }) => address);
  } catch (cause) {
    if (cause instanceof Error && 'hint' in cause) throw cause;
    throw fail('NET_UNAVAILABLE', `the name ${host} is not known: ${(cause as Error).message}`, {
      cause,
      hint: 'Check the host name and the name servers of this machine.',
    });
  }
}

function opened(socket: Socket | TLSSocket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.once('error', reject);
  });
}

/** Opens and closes a connection; gives the milliseconds that it took. Throws NET_UNAVAILABLE, NET_DEADLINE. */
export async function reach(address: string): Promise<number> {
  const { host, port } = splitAddress(address);
  const started = performance.now();
  const socket = connectTcp({ host, port });
  try {
    await within(TIMEOUT_MS, `a connection to ${address}`, opened(socket, 'connect'));
    return performance.now() - started;
  } catch (cause) {
    if (cause instanceof Error && 'hint' in cause) throw cause;
    throw unreachable(address, cause);
  } finally {
    socket.destroy();
  }
}

/** A certificate as far as it matters here. */
export interface TlsFound {
  readonly protocol: string;
  readonly subject: string;
  readonly daysLeft: number;
  readonly expiresSoon: boolean;
}

function readTls(tls: TlsOptions): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  const read = (path: string): Buffer => {
    try {
      return readFileSync(path);
    } catch (cause) {
      throw fail('CFG_CONFLICT', `${path} cannot be read: ${(cause as Error).message}`, { cause });
    }
  };
  return {
    ...(tls.ca ? { ca: read(tls.ca) } : {}),
    ...(tls.cert ? { cert: read(tls.cert) } : {}),
    ...(tls.key ? { key: read(tls.key) } : {}),
  };
}

/** What OpenSSL means, without its places in its own source. */
function handshakeReason(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') return 'what answers there speaks no TLS';
  if (code === 'ECONNRESET') return 'the server ended it';
  return message.split('\n')[0]!.trim();
}

/** Shakes hands as the run will: same authority, same certificate of ours, same name. Throws NET_*, CFG_CONFLICT. */
export async function shakeHands(address: string, endpoint: MilvusEndpoint): Promise<TlsFound> {
  const { host, port } = splitAddress(address);
  const tls = endpoint.tls ?? {};
  const servername = tls.serverName ?? (isIP(host) ? undefined : host);
  const socket = connectTls({
    host,
    port,
    ...readTls(tls),
    ...(servername === undefined ? {} : { servername }),
    ALPNProtocols: ['h2'],
    rejectUnauthorized: tls.skipVerify !== true,
  });
  try {
    await within(TIMEOUT_MS, `the TLS handshake with ${address}`, opened(socket, 'secureConnect'));
    const { subject, valid_to: validTo } = socket.getPeerCertificate();
    const daysLeft = Math.floor((Date.parse(validTo) - Date.now()) / DAY_MS);
    const name = [subject?.CN].flat()[0] ?? 'no name';
    return { protocol: socket.getProtocol() ?? 'TLS', subject: name, daysLeft, expiresSoon: daysLeft < SOON_DAYS };
  } catch (cause) {
    if (cause instanceof Error && 'hint' in cause) throw cause;
    throw fail('NET_UNAVAILABLE', `the TLS handshake with ${address} failed: ${handshakeReason(cause)}`, {
      cause,
      hint: 'Check that the port speaks TLS, and the ca and server_name under dest_tls or source_tls.',
    });
  } finally {
    socket.destroy();
  }
}
