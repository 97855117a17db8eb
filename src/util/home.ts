import { homedir } from 'node:os';
import { join } from 'node:path';

/** The folder of all state: `$MILVUSDM_PATH`, else `~/milvusdm`. Holds logs/, jobs/, reports/ and the embedded server's environment. */
export function stateFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env.MILVUSDM_PATH || join(homedir(), 'milvusdm');
}
