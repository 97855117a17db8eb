/** A JSON schema, as far as this project's own schemas use the language (draft 2020-12). */
export interface JsonSchema {
  readonly $schema?: string;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly $comment?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly deprecated?: boolean;
  readonly writeOnly?: boolean;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minItems?: number;
  readonly minProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly not?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  /** What is allowed, in words, where the keywords alone would not say it well. */
  readonly 'x-expect'?: string;
  /** An integer that is exact over int64, or one of these words; the loader hands its text over. */
  readonly 'x-int64'?: readonly string[];
  /** Upper and lower case are the same; the loader folds before it checks. */
  readonly 'x-fold'?: 'upper';
  /** Accepted with any value and not looked at. */
  readonly 'x-ignored'?: boolean;
  /** In a group of free keys: a key without a value is not left out, its value is null. */
  readonly 'x-null'?: boolean;
  /** Of a group: where all that has no key in it comes from, for the message about an unknown key. */
  readonly 'x-rest'?: string;
  /** A branch for editors only: what the loader settles before it checks. */
  readonly 'x-editor'?: boolean;
}

/** The schemas that hold for a value: the node itself, or the branches of its `anyOf`. */
export function branches(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf ?? [schema];
}

/** The JSON types that a schema's scalar branches accept; enums and constants count by the type of their values. */
export function scalarTypes(schema: JsonSchema): ReadonlySet<string> {
  const types = new Set<string>();
  for (const branch of branches(schema)) {
    for (const value of branch.enum ?? (branch.const === undefined ? [] : [branch.const])) types.add(typeof value);
    for (const type of typeof branch.type === 'string' ? [branch.type] : (branch.type ?? [])) types.add(type);
  }
  return types;
}

/** The words that a schema lists as allowed values. */
export function allowedWords(schema: JsonSchema): readonly string[] {
  const words = branches(schema).flatMap((b) => b.enum ?? (b.const === undefined ? [] : [b.const]));
  return [...words, ...(schema['x-int64'] ?? [])].map(String);
}
