import { stringify } from 'yaml';
import type { MetricType } from '../../config/types.js';

export interface ArchiveYamlOptions {
  /** Name of the collection to make; one that Milvus takes. */
  readonly collection: string;
  /** Archives in the order of reading; absolute paths, so that the YAML runs from any folder. */
  readonly files: readonly { readonly path: string; readonly partition?: string }[];
  readonly metric?: string;
  /** Dimension of the vectors; absent for sparse ones. */
  readonly dimension?: number;
  readonly idField?: string;
  readonly vectorField?: string;
  readonly shards?: number;
}

/** Metrics that the configuration takes; others are in the archive's settings only. */
const METRICS: readonly MetricType[] = [
  'L2',
  'IP',
  'COSINE',
  'HAMMING',
  'JACCARD',
  'TANIMOTO',
  'SUBSTRUCTURE',
  'SUPERSTRUCTURE',
];

/** `${` would be a reference. */
function literal(text: string): string {
  return text.split('${').join('$${');
}

/**
 * The H2M file that brings archives back into a Milvus: runs as it is against a server at 127.0.0.1:19530. Everything that
 * the archives know themselves (fields, indexes, settings) is left to them.
 */
export function archiveYaml(options: ArchiveYamlOptions): string {
  const { collection, files, dimension, idField, vectorField, shards } = options;
  const metric = METRICS.find((known) => known === options.metric?.toUpperCase());
  const parameter = {
    ...(dimension === undefined ? {} : { dimension }),
    ...(metric === undefined ? {} : { metric_type: metric }),
    ...(idField === undefined ? {} : { id_field: idField }),
    ...(vectorField === undefined ? {} : { vector_field: vectorField }),
    ...(shards === undefined ? {} : { shards }),
  };
  const task = {
    data_path: files.map(({ path, partition }) => ({
      path: literal(path),
      ...(partition === undefined ? {} : { partition: literal(partition) }),
    })),
    dest_host: '127.0.0.1',
    dest_port: 19530,
    mode: 'skip',
    dest_collection_name: literal(collection),
    ...(Object.keys(parameter).length === 0 ? {} : { collection_parameter: parameter }),
  };
  const head =
    '# Brings these archives back into a Milvus: milvusdm --yaml THIS_FILE\n' +
    '# Set dest_host and dest_port, or dest_uri, to the target.\n';
  return head + stringify({ H2M: task }, { lineWidth: 0, defaultKeyType: 'PLAIN', defaultStringType: 'PLAIN' });
}
