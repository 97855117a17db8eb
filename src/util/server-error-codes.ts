import type { CodeEntry } from './error-codes.js';
import { EXIT } from './exit-codes.js';

export type ServerErrorCode =
  | 'SRV_REQUEST'
  | 'SRV_TOO_LARGE'
  | 'SRV_AUTH'
  | 'SRV_FORBIDDEN'
  | 'SRV_NOT_FOUND'
  | 'SRV_CONFLICT'
  | 'SRV_BUSY'
  | 'SRV_SECRET'
  | 'SRV_LISTEN'
  | 'SRV_RUNNING'
  | 'SRV_UNSUPPORTED'
  | 'SRV_WORKER';

/** What `milvusdm serve` adds to the errors of the command line. */
export const SERVER_ERROR_CODES: Readonly<Record<ServerErrorCode, CodeEntry>> = {
  SRV_REQUEST: {
    exit: EXIT.config,
    when: 'A request to the server is not understood: its JSON, its parameters, or what is said in them.',
    hint: 'See the description of the route under /docs.',
  },
  SRV_TOO_LARGE: {
    exit: EXIT.config,
    when: 'The body of a request to the server is too long.',
    hint: 'A request names data and does not hold it; 1 MiB is the most.',
  },
  SRV_AUTH: {
    exit: EXIT.config,
    when: 'A request to the server has no token, or one that it does not know.',
    hint: 'Send `Authorization: Bearer TOKEN` with a token of the file that --token-file names.',
  },
  SRV_FORBIDDEN: {
    exit: EXIT.config,
    when: 'A request to the server comes from a page of another site, names a host that is not this server, or asks for a folder that it may not use.',
    hint: 'Use the address that the server prints at its start; --allow-path names further folders.',
  },
  SRV_NOT_FOUND: {
    exit: EXIT.config,
    when: 'There is no such route, job, connection, backup or schedule.',
    hint: 'List what there is first; old jobs are forgotten in time.',
  },
  SRV_CONFLICT: {
    exit: EXIT.config,
    when: 'A request does not go with the state of what it is about, for instance a second manual backup of one server at a time.',
    hint: 'The message names what stands in the way.',
  },
  SRV_BUSY: {
    exit: EXIT.network,
    when: 'The server has no room for the request, or is being stopped.',
    hint: 'Ask again in a while.',
  },
  SRV_SECRET: {
    exit: EXIT.config,
    when: 'A task or connection for the server holds a password, token or key as it is; the server keeps tasks, and secrets never.',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the hint is about them
    hint: 'Write a reference, `${NAME}` for an environment variable of the server or `${file:path}` for a file of its machine.',
  },
  SRV_LISTEN: {
    exit: EXIT.config,
    when: 'The server cannot listen on its address, or refuses to.',
    hint: 'Choose another --port or --host; beyond this machine a --token-file is needed.',
  },
  SRV_RUNNING: {
    exit: EXIT.config,
    when: 'Another server uses the same state folder.',
    hint: 'Stop it, or set MILVUSDM_PATH to another folder.',
  },
  SRV_UNSUPPORTED: {
    exit: EXIT.config,
    when: 'A request in the form of another tool asks for something that has no counterpart here.',
    hint: 'docs/serve-compatible.md says what each request may ask for.',
  },
  SRV_WORKER: {
    exit: EXIT.internal,
    when: 'The process that ran a job ended without a result: killed, or out of memory.',
    hint: 'Resume the job, which continues where it was; its log may say more.',
  },
};
