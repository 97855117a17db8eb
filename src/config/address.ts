import { isIPv4, isIPv6 } from 'node:net';
import { quoted } from './issues.js';
import { absolutePath, type Surroundings } from './references.js';
import type { MilvusAddress } from './types.js';

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 19530;
/** Managed clusters behind https answer there; every Milvus client takes it when an https address has no port. */
const DEFAULT_HTTPS_PORT = 443;
const SCHEMES = ['http', 'https', 'tcp', 'grpc'];
const ALLOWED = 'http://host:port, https://host:port or a local path';

/** Which Milvus of a task is meant: its keys start with `source_` or `dest_`. */
export type Side = 'source' | 'dest';

/** An address, or what is wrong with it. */
export type Parsed = { readonly at: MilvusAddress } | { readonly problem: string };

function isHostName(host: string): boolean {
  return /^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?$/.test(host);
}

function target(host: string, port: number): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/**
 * `dest_uri` or `source_uri`: a server where it has a scheme, else the folder of an embedded Milvus Lite. Never quotes a
 * password.
 */
export function parseUri(uri: string, around: Surroundings, side: Side = 'dest'): Parsed {
  const [, scheme, rest = ''] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/s.exec(uri) ?? [];
  if (scheme !== undefined) return parseServer(scheme.toLowerCase(), rest, side);
  if (/^(https?|tcp|grpc):/i.test(uri))
    return { problem: `an address needs // behind its scheme, allowed: ${ALLOWED}` };
  const [, host] = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]+$/.exec(uri) ?? [];
  if (host !== undefined || isIPv4(uri) || isIPv6(uri) || uri.toLowerCase() === 'localhost') {
    return {
      problem: `${quoted(uri)} looks like a server, allowed: http://${uri} for a server, ./${uri} for a folder`,
    };
  }
  if (uri.includes('\0')) return { problem: `the path has a NUL character, allowed: ${ALLOWED}` };
  return { at: { kind: 'embedded', folder: absolutePath(uri, around) } };
}

/** Where a login belongs instead. */
function loginKeys(side: Side): string {
  return `allowed: ${side}_user and ${side}_password, or ${side}_token`;
}

function parseServer(scheme: string, rest: string, side: Side): Parsed {
  const [authority = ''] = rest.split(/[/?#]/, 1);
  if (authority.includes('@')) {
    return { problem: `an address holds no user or password, ${loginKeys(side)}` };
  }
  if (!SCHEMES.includes(scheme)) return { problem: `${quoted(scheme)} is no scheme of Milvus, allowed: ${ALLOWED}` };
  const tail = rest.slice(authority.length);
  if (tail !== '' && tail !== '/') {
    return {
      problem: `${quoted(tail)} behind the address has no meaning, allowed: ${ALLOWED}; a database goes into ${side}_db`,
    };
  }
  const [, bracketed, name, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([0-9]*))?$/.exec(authority) ?? [];
  const host = bracketed ?? name ?? '';
  if (bracketed === undefined ? !isHostName(host) : !isIPv6(host)) {
    return { problem: `${quoted(authority)} is no host and port, allowed: ${ALLOWED}` };
  }
  const tls = scheme === 'https';
  const port = digits ? Number(digits) : tls ? DEFAULT_HTTPS_PORT : DEFAULT_PORT;
  if (port < 1 || port > 65535) return { problem: `port ${quoted(digits ?? '')} is not allowed, allowed: 1 to 65535` };
  return { at: { kind: 'server', address: target(host, port), tls } };
}

/** `dest_host` and `dest_port`, or those of the source, each with its default. */
export function parseHost(host: string = DEFAULT_HOST, port: number = DEFAULT_PORT, side: Side = 'dest'): Parsed {
  const bare = /^\[(.*)\]$/.exec(host)?.[1] ?? host;
  if (isIPv6(bare) || isHostName(host)) return { at: { kind: 'server', address: target(bare, port), tls: false } };
  if (host.includes('@')) {
    return { problem: `a host holds no user or password, ${loginKeys(side)}` };
  }
  if (host.includes('://'))
    return { problem: `${quoted(host)} is an address, allowed: a host name here, or ${side}_uri: ${host}` };
  const [, name, digits] = /^([^:]+):([0-9]+)$/.exec(host) ?? [];
  if (name !== undefined) {
    return { problem: `${quoted(host)} holds a port, allowed: ${side}_host: ${name} and ${side}_port: ${digits}` };
  }
  return { problem: `${quoted(host)} is no host, allowed: a host name or an IP address` };
}
