import type { S3Endpoint, S3Storage } from '../../config/types.js';
import { encodePath } from './sign.js';

/** Hosts whose buckets stand in the host name; everywhere else a path is what works. */
const VIRTUAL_HOSTS = /(^|\.)(amazonaws\.com(\.cn)?|aliyuncs\.com|myqcloud\.com|myhuaweicloud\.com)$/;

/** Where a request goes. */
export interface Address extends S3Endpoint {
  /** What the header `host` says. */
  readonly hostHeader: string;
  /** Encoded, beginning with "/". */
  readonly path: string;
}

/** The server of a store. */
export function endpointOf(config: S3Storage, region: string): S3Endpoint {
  if (config.endpoint) return config.endpoint;
  return { host: `s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`, port: 443, tls: true };
}

/** Host and path of a key, or of the bucket. No certificate covers a bucket with dots in front of a host. */
export function addressOf(config: S3Storage, region: string, key?: string): Address {
  const { host, port, tls } = endpointOf(config, region);
  const { bucket, virtualHost } = config;
  const virtual = virtualHost ?? (VIRTUAL_HOSTS.test(host) && !bucket.includes('.'));
  const name = virtual ? `${bucket}.${host}` : host;
  const path = [...(virtual ? [] : [bucket]), ...(key === undefined ? [] : [encodePath(key)])].join('/');
  const shown = name.includes(':') ? `[${name}]` : name;
  return {
    host: name,
    hostHeader: port === (tls ? 443 : 80) ? shown : `${shown}:${port}`,
    port,
    tls,
    path: `/${path}`,
  };
}
