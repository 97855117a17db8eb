import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { validateText } from '../../../src/config/load.js';

const FOLDER = join(import.meta.dirname, '../../../deploy');

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly envFrom: readonly { readonly secretRef: { readonly name: string } }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Kind {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly completionMode?: string;
    readonly completions?: number;
    readonly template: {
      readonly spec: {
        readonly securityContext: { readonly runAsNonRoot: boolean; readonly runAsUser: number };
        readonly containers: readonly [Container];
        readonly volumes: readonly { readonly name: string; readonly configMap?: { readonly name: string } }[];
      };
    };
  };
}

const documents = parseAllDocuments(readFileSync(join(FOLDER, 'kubernetes.yaml'), 'utf8'));
const kinds = documents.map((document) => document.toJS() as Kind);
const [config, secret] = ['ConfigMap', 'Secret'].map((kind) => kinds.find((k) => k.kind === kind)!);
const jobs = kinds.filter((k) => k.kind === 'Job');

describe('the manifest for Kubernetes', () => {
  it('is YAML without mistakes', () => {
    expect(documents.flatMap((document) => [...document.errors, ...document.warnings])).toStrictEqual([]);
    expect(jobs.map((job) => job.metadata.name)).toStrictEqual([
      'milvusdm-prepare',
      'milvusdm-shards',
      'milvusdm-finish',
    ]);
  });

  it('has a task that can be shared, whose references its secrets fill', () => {
    const task = validateText(config!.data!['task.yaml']!, { env: secret!.stringData! });
    expect(task).toMatchObject({ task: 'H2M', work: { type: 's3', bucket: 'a-bucket', root: 'jobs/books' } });
    expect(JSON.stringify(task.source)).toContain('"/data"');
  });

  it('has as many pods as shards', () => {
    const [prepare, shards] = jobs.map((job) => job.spec!.template.spec.containers[0].args);
    const countOf = (args: readonly string[] | undefined): number => Number(args![args!.indexOf('--shards') + 1]);
    expect(jobs[1]!.spec).toMatchObject({ completionMode: 'Indexed', completions: countOf(prepare) });
    expect(countOf(shards)).toBe(countOf(prepare));
  });

  it('mounts what it names, and runs as nobody in particular', () => {
    for (const { spec } of jobs) {
      const { containers, volumes, securityContext } = spec!.template.spec;
      const [{ volumeMounts, envFrom }] = containers;
      expect(volumes.map((v) => v.name)).toStrictEqual(volumeMounts.map((m) => m.name));
      expect(volumes.find((v) => v.configMap)!.configMap!.name).toBe(config!.metadata.name);
      expect(envFrom[0]!.secretRef.name).toBe(secret!.metadata.name);
      expect(securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10001 });
    }
  });
});

describe('the Dockerfile', () => {
  const lines = readFileSync(join(FOLDER, 'Dockerfile'), 'utf8').split('\n');

  it('copies only what is in the project, and what its list of files lets through', () => {
    const allowed = readFileSync(join(FOLDER, 'Dockerfile.dockerignore'), 'utf8')
      .split('\n')
      .map((l) => l.slice(1));
    const copied = lines
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(' ').slice(1, -1));
    expect(copied).toContain('package-lock.json');
    expect(copied.filter((name) => !allowed.includes(name))).toStrictEqual([]);
    for (const name of copied) expect(() => readFileSync(join(FOLDER, '..', name))).not.toThrow(/ENOENT/);
  });

  it('ends as a user without rights', () => {
    expect(lines).toContain('USER 10001:10001');
    expect(lines.filter((line) => line.startsWith('FROM '))).toStrictEqual([
      'FROM node:20-slim AS build',
      'FROM node:20-slim',
    ]);
  });
});
