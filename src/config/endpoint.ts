import { type Parsed, parseHost, parseUri, type Side } from './address.js';
import { present } from './present.js';
import type { RawTask, RawTls } from './raw.js';
import { absolutePath, type Surroundings } from './references.js';
import type { RuleInput } from './rule-input.js';
import type { MilvusEndpoint, TlsOptions } from './types.js';

/** The keys that say where one of the two Milvus is and how to get in, without their prefix. */
interface RawEndpoint {
  readonly uri?: string;
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  readonly db?: string;
  readonly tls?: boolean | RawTls;
}

/** What says that a source is a Milvus 2.x, and where. */
export const SOURCE_PLACE: readonly ['source_uri', 'source_host', 'source_port'] = [
  'source_uri',
  'source_host',
  'source_port',
];

/** What the file says of one side. */
export function endpointKeys(side: Side, raw: Partial<RawTask>): RawEndpoint {
  return present<RawEndpoint>({
    uri: raw[`${side}_uri` as const],
    host: raw[`${side}_host` as const],
    port: raw[`${side}_port` as const],
    user: raw[`${side}_user` as const],
    password: raw[`${side}_password` as const],
    token: raw[`${side}_token` as const],
    db: raw[`${side}_db` as const],
    tls: raw[`${side}_tls` as const],
  });
}

/** Where a Milvus is, or what is wrong with what the file says of that. */
export function placeOf(side: Side, raw: Partial<RawTask>, around: Surroundings): Parsed {
  const { uri, host, port } = endpointKeys(side, raw);
  return uri === undefined ? parseHost(host, port, side) : parseUri(uri, around, side);
}

/** The rules about the keys of one side: address, TLS and login. */
export function checkEndpoint(side: Side, input: RuleInput): void {
  checkAddress(side, input);
  checkLogin(side, input);
}

function checkAddress(side: Side, { raw, around, given, report }: RuleInput): void {
  const [uriKey, hostKey, portKey] = [`${side}_uri`, `${side}_host`, `${side}_port`] as const;
  if (given(uriKey)) {
    for (const key of ([hostKey, portKey] as const).filter(given)) {
      report(
        [key],
        `is given together with ${uriKey}, allowed: ${uriKey}, or ${hostKey} and ${portKey}`,
        'CFG_CONFLICT',
      );
    }
  }
  const { uri, tls } = endpointKeys(side, raw);
  const tlsKey = `${side}_tls` as const;
  checkTls([tlsKey], tls, report);
  const place = placeOf(side, raw, around);
  if ('problem' in place) {
    report([uri === undefined ? hostKey : uriKey], place.problem, 'CFG_INVALID');
    return;
  }
  const wanted = tls === true || typeof tls === 'object';
  if (place.at.kind === 'embedded') {
    const useless = ([`${side}_user`, `${side}_password`, `${side}_token`] as const).filter(given);
    const reason = `has no use with the embedded Milvus Lite that ${uriKey} names, allowed: leave it out`;
    for (const name of useless) report([name], reason, 'CFG_CONFLICT');
    if (wanted) report([tlsKey], reason, 'CFG_CONFLICT');
  } else if (place.at.tls && tls === false) {
    report([tlsKey], `is false while ${uriKey} is https, allowed: true, or http`, 'CFG_CONFLICT');
  } else if (wanted && uri?.toLowerCase().startsWith('http://')) {
    report([tlsKey], `is given while ${uriKey} is http, allowed: https`, 'CFG_CONFLICT');
  }
}

/** A client certificate is of no use without its key. */
export function checkTls(
  path: readonly string[],
  tls: boolean | RawTls | undefined,
  report: RuleInput['report'],
): void {
  if (typeof tls !== 'object' || (tls.cert === undefined) === (tls.key === undefined)) return;
  const [has, lacks] = tls.cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
  report([...path, has], `is given without ${lacks}, allowed: both or none`, 'CFG_CONFLICT');
}

function checkLogin(side: Side, { given, report }: RuleInput): void {
  const [userKey, passwordKey, tokenKey] = [`${side}_user`, `${side}_password`, `${side}_token`] as const;
  const [user, password] = [given(userKey), given(passwordKey)];
  if (given(tokenKey)) {
    for (const key of ([userKey, passwordKey] as const).filter(given)) {
      report([key], `is given together with ${tokenKey}, allowed: the token, or user and password`, 'CFG_CONFLICT');
    }
  } else if (user !== password) {
    const [has, lacks] = user ? [userKey, passwordKey] : [passwordKey, userKey];
    report([has], `is given without ${lacks}, allowed: both or none`, 'CFG_CONFLICT');
  }
}

/** The details of TLS with absolute paths; undefined where there are none. */
export function tlsOf(raw: boolean | RawTls | undefined, around: Surroundings): TlsOptions | undefined {
  if (typeof raw !== 'object') return undefined;
  const { ca, cert, key, server_name: serverName, skip_verify: skipVerify } = raw;
  const path = (given: string | undefined): string | undefined => given && absolutePath(given, around);
  return present<TlsOptions>({ ca: path(ca), cert: path(cert), key: path(key), serverName, skipVerify });
}

/** One of the two Milvus of a checked file. */
export function endpointOf(side: Side, raw: RawTask, around: Surroundings): MilvusEndpoint {
  const place = placeOf(side, raw, around);
  if ('problem' in place) throw new Error('an address that the rules had passed cannot be parsed');
  const { at } = place;
  const { token, user, password, db, tls } = endpointKeys(side, raw);
  const secured = tls === true || typeof tls === 'object';
  return present<MilvusEndpoint>({
    at: at.kind === 'server' ? { ...at, tls: at.tls || secured } : at,
    token,
    user,
    password,
    db,
    tls: tlsOf(tls, around),
  });
}
