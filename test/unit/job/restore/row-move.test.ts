import { describe, expect, it } from 'vitest';
import type { CatalogSource, StorageConfig } from '../../../../src/config/types.js';
import { rowMove } from '../../../../src/job/restore/row-move.js';
import { CONFIG } from './support.js';

const SOURCE: CatalogSource = { adapter: 'backup', storage: CONFIG.store, name: 'b', select: { a: null } };
const MOVE = { source: SOURCE, db: 'shop', load: true, names: new Map([['a', 'b']]) };

describe('the run that restores rows', () => {
  it('writes by requests where the store of the target is not known', () => {
    expect(rowMove(CONFIG, MOVE)).not.toHaveProperty('write');
  });

  it('may write by bulk import where dest_storage is given', () => {
    const storage: StorageConfig = { type: 's3', bucket: 'a-bucket', root: 'files' };
    const bulk = { storage, prefix: 'stage', maxFileBytes: 1 << 20, parallelJobs: 4, keepFiles: false };
    const { write, dest, collectionMap } = rowMove({ ...CONFIG, storage, bulk }, MOVE);
    expect(write).toEqual({ how: 'auto', bulk });
    const how = (way: 'import' | 'insert') => rowMove({ ...CONFIG, storage, bulk, way }, MOVE).write?.how;
    expect([how('import'), how('insert')]).toEqual(['bulk', undefined]);
    expect([dest?.db, collectionMap]).toEqual(['shop', { a: 'b' }]);
  });
});
