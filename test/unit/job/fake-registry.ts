import { vi } from 'vitest';
import type { openReader as realReader, openWriter as realWriter } from '../../../src/registry.js';

// Stands in for src/registry.ts: the tests say what a job gets when it opens its source and its target.
export const openReader = vi.fn<typeof realReader>();
export const openWriter = vi.fn<typeof realWriter>();
export const FORMATS: readonly never[] = [];
