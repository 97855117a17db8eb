import type { FastifyInstance, FastifyRequest } from 'fastify';
import { fail } from '../../util/errors.js';
import type { TokenCheck } from './tokens.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Needs no token: it tells nothing about jobs. */
    readonly open?: boolean;
  }
}

/** The host of a Host header or an origin, in lower case and without its port. */
export function hostName(authority: string): string {
  return authority.toLowerCase().replace(/:\d*$/, '');
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Whether an address can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  return host === '::1' || LOOPBACK.test(host.toLowerCase());
}

function requireToken(request: FastifyRequest, check: TokenCheck): void {
  const { authorization = '' } = request.headers;
  const [, token] = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization) ?? [];
  if (token === undefined) throw fail('SRV_AUTH', 'a token is needed');
  if (!check(token)) throw fail('SRV_AUTH', 'the token is not known');
}

/**
 * Without tokens everybody who reaches the port may do everything, and a browser on this machine reaches it: a page of
 * another site must not, neither under a name of its own that leads here (DNS rebinding) nor by a form.
 */
function requireOwnPage(request: FastifyRequest): void {
  const { host = '', origin, 'sec-fetch-site': site } = request.headers;
  if (!isLoopback(hostName(host))) {
    throw fail('SRV_FORBIDDEN', 'the Host of the request is not this machine, and the server has no tokens');
  }
  const foreign = origin !== undefined && origin.replace(/^https?:\/\//, '').toLowerCase() !== host.toLowerCase();
  const navigation = request.method === 'GET' && request.headers['sec-fetch-mode'] === 'navigate';
  if (foreign || (site !== undefined && !navigation && !['same-origin', 'none'].includes(String(site)))) {
    throw fail('SRV_FORBIDDEN', 'the request comes from a page of another site');
  }
}

const API = /^\/(?:api|v2|metrics)(?:\/|$)/;

function isOpen(request: FastifyRequest): boolean {
  if (request.routeOptions.config?.open === true) return true;
  // No route: beyond the interfaces nothing is told but that.
  return request.is404 && !API.test(request.url.split('?', 1)[0]!);
}

/** Lets requests in. @param check undefined where the server has no tokens and listens on this machine alone */
export function guard(app: FastifyInstance, check: TokenCheck | undefined): void {
  app.addHook('onRequest', async (request) => {
    if (!check) requireOwnPage(request);
    else if (!isOpen(request)) requireToken(request, check);
  });
}
