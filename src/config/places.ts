/** Where a Milvus is: a server, or a folder for the embedded Milvus Lite. */
export type MilvusAddress =
  | { readonly kind: 'server'; readonly address: string; readonly tls: boolean }
  | { readonly kind: 'embedded'; readonly folder: string };

/** TLS details of a connection; paths are absolute. */
export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly skipVerify?: boolean;
}

export interface MilvusEndpoint {
  readonly at: MilvusAddress;
  readonly token?: string;
  readonly user?: string;
  readonly password?: string;
  readonly db?: string;
  readonly tls?: TlsOptions;
}

/** Where an S3 server is. */
export interface S3Endpoint {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** A folder as an object store. */
export interface LocalStorage {
  readonly type: 'local';
  /** Absolute path on this machine. */
  readonly path: string;
  /** The same folder as a Milvus server sees it, where that is another path. */
  readonly serverPath?: string;
}

/** A bucket, or the part of one below a prefix. */
export interface S3Storage {
  readonly type: 's3';
  /** AWS where absent. */
  readonly endpoint?: S3Endpoint;
  readonly bucket: string;
  /** What all keys begin with, without "/" at either end; '' for none. */
  readonly root: string;
  readonly region?: string;
  /** The environment's, or those of the machine's role, where absent. */
  readonly accessKey?: string;
  readonly secretKey?: string;
  readonly sessionToken?: string;
  /** Whether the bucket stands in the host name; decided by the host where absent. */
  readonly virtualHost?: boolean;
  readonly tls?: TlsOptions;
}

/** The object store of a Milvus, or one of backups. */
export type StorageConfig = LocalStorage | S3Storage;

/** Where files lie that the target is to import, and how many. */
export interface BulkStage {
  /** The object store of the target itself. */
  readonly storage: StorageConfig;
  /** What the keys of the files begin with, without "/" at either end. */
  readonly prefix: string;
  /** The longest file of a set. */
  readonly maxFileBytes: number;
  /** Sets of files that are made or imported at a time. */
  readonly parallelJobs: number;
  /** Leave the files where they are. */
  readonly keepFiles: boolean;
}

/** How rows go into a Milvus: by requests, by files that it imports, or by what suits the size. */
export interface WriteChoice {
  readonly how: 'auto' | 'insert' | 'bulk';
  readonly bulk?: BulkStage;
}
