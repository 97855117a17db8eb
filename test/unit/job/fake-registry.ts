import { vi } from 'vitest';
import type {
  openCatalog as realCatalog,
  openReader as realReader,
  openTarget as realTarget,
} from '../../../src/registry.js';

// Stands in for src/registry.ts: the tests say what a job gets when it opens its source and its target.
export const openReader = vi.fn<typeof realReader>();
export const openCatalog = vi.fn<typeof realCatalog>();
export const openTarget = vi.fn<typeof realTarget>();
export const fileSettings = vi.fn(async () => ({}));
export const FORMATS: readonly never[] = [];
