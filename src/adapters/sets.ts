/** Notes of a target that gathers rows in files, which it then hands to a server: the server may go on after this process. */
export interface SetJournal {
  /** The rows of the batch go into this set of files. The set is handed over only after this has resolved. */
  placed(set: string): Promise<void>;
  /** The server takes the set in, by these tasks. */
  started(set: string, tasks: readonly bigint[]): Promise<void>;
}

/** A set of files of a run that died. */
export interface EarlierSet {
  readonly set: string;
  readonly tasks: readonly bigint[];
}

/** What has become of a set: in the target, not in it, or forgotten by the server. */
export type SetFate = 'landed' | 'missing' | 'unknown';
