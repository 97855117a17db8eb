import { expect, it } from 'vitest';
import { type Double, startDouble } from './support.js';

const DAY_MS = 86_400_000;

/** Four snapshots of each of two collections, one a day, the newest of today. */
async function filled(): Promise<Double> {
  let time = 0;
  const double = await startDouble({ default: { articles: {}, users: {} } }, { clock: () => time });
  for (const collection of ['articles', 'users']) {
    for (const age of [3, 2, 1, 0]) {
      time = Date.now() - age * DAY_MS - 60_000;
      const name = `${collection}_day_minus_${age}`;
      await double.ok({ action: 'create', source_collection: collection, snapshot_name: name });
    }
  }
  return double;
}

const names = (list: readonly { readonly name: string }[] | undefined): string[] =>
  (list ?? []).map(({ name }) => name);

it('keeps the last of each collection, and first only says what would go', async () => {
  await using double = await filled();
  const dry = await double.ok({ action: 'prune', keep_last: 3 });
  expect(names(dry.pruned)).toEqual(['users_day_minus_3', 'articles_day_minus_3']);
  expect(dry.pruned?.every(({ dropped, frees }) => !dropped && frees === null)).toBe(true);
  expect(dry.notes.join()).toContain('pinned');
  expect(double.server.state.snapshots).toHaveLength(8);
  const done = await double.ok({ action: 'prune', keep_last: 3, apply: true });
  expect(names(done.pruned)).toEqual(names(dry.pruned));
  expect(done.pruned?.every(({ dropped }) => dropped)).toBe(true);
  expect(double.server.state.snapshots).toHaveLength(6);
});

it('drops what is old enough, of one collection, the oldest first', async () => {
  await using double = await filled();
  const keys = { action: 'prune', source_collection: 'articles', apply: true };
  const { pruned, kept } = await double.ok({ ...keys, older_than: '36h' });
  expect(names(pruned)).toEqual(['articles_day_minus_3', 'articles_day_minus_2']);
  expect(kept).toEqual([
    { db: 'default', collection: 'articles', name: 'articles_day_minus_1', why: 'it is young enough' },
    { db: 'default', collection: 'articles', name: 'articles_day_minus_0', why: 'it is young enough' },
  ]);
});

it('leaves those that are pinned', async () => {
  await using double = await filled();
  double.server.state.snapshots[0]!.pins = 1;
  const { pruned, kept } = await double.ok({
    action: 'prune',
    source_collection: 'articles',
    keep_last: 2,
    apply: true,
  });
  expect(names(pruned)).toEqual(['articles_day_minus_2']);
  expect(kept?.[0]).toMatchObject({ name: 'articles_day_minus_3', why: 'it is pinned, or being restored' });
});

it('says what could not be dropped, and goes on with the others', async () => {
  await using double = await startDouble(undefined, { refuse: { DropSnapshot: { code: 1001, reason: 'IO failed' } } });
  await double.ok({ action: 'create', source_collection: 'articles', snapshot_name: 'a_20260101' });
  await double.ok({ action: 'create', source_collection: 'articles', snapshot_name: 'b_20260102' });
  const report = await double.run({ action: 'prune', keep_last: 1, apply: true });
  expect(report).toMatchObject({ status: 'partial', exit_code: 7, snapshot: { pruned: [] } });
  expect(report.warnings).toEqual([expect.stringContaining('IO failed')]);
});

it('plans what would go', async () => {
  await using double = await filled();
  const plan = await double.plan({ action: 'prune', keep_last: 3, apply: true });
  expect(plan.actions.map(({ kind, target }) => `${kind} ${target}`)).toEqual([
    'drop snapshot "users_day_minus_3" of users',
    'drop snapshot "articles_day_minus_3" of articles',
  ]);
  expect(double.server.state.snapshots).toHaveLength(8);
});
