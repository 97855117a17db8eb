import type { KeyValue } from '../../backup/types.js';

/** The property that says after how many seconds rows of a collection expire. */
const TTL = 'collection.ttl.seconds';

/** The properties of a collection without its time to live. */
export function withoutTtl(properties: readonly KeyValue[]): KeyValue[] {
  return properties.filter(({ key }) => key !== TTL);
}

/** The same of properties by their names. */
export function settingsWithoutTtl<T extends { readonly properties?: Readonly<Record<string, string>> }>(
  settings: T,
): T {
  const { properties } = settings;
  if (properties === undefined || !(TTL in properties)) return settings;
  const { [TTL]: _, ...rest } = properties;
  return { ...settings, properties: rest };
}
