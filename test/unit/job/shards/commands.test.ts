import { expect, it } from 'vitest';
import { finishCommand, prepareCommand, shardCommand } from '../../../../src/job/shards/commands.js';

it('names the shared place as the command line has named it', () => {
  const said = { file: '/a b/f.yaml', workArgument: 's3://bucket/x' };
  expect(shardCommand(said, 1, 3)).toBe("milvusdm run '/a b/f.yaml' --shard 1/3 --work s3://bucket/x");
  expect(prepareCommand(said, 3)).toBe("milvusdm prepare '/a b/f.yaml' --shards 3 --work s3://bucket/x");
  expect(finishCommand(said)).toBe("milvusdm finish '/a b/f.yaml' --work s3://bucket/x");
});

it('is without it where the file names it', () => {
  expect(finishCommand({ file: 'f.yaml' })).toBe('milvusdm finish f.yaml');
  expect(shardCommand({}, 0, 1)).toBe('the same command');
});
