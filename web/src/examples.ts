const FILES = import.meta.glob<string>('../../yamls/*.yaml', { query: '?raw', import: 'default', eager: true });

/** The examples of `milvusdm init`, by task. */
export const EXAMPLES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(FILES).map(([path, text]) => [/([A-Z0-9]+)\.yaml$/.exec(path)![1]!, text]),
);
