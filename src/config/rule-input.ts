import type { IssueCode } from './issues.js';
import type { RawTask } from './raw.js';
import type { Surroundings } from './references.js';
import type { TaskName } from './types.js';

/** What the rules see: the values that the schema found no fault with, and how to report one. */
export interface RuleInput {
  readonly task: TaskName;
  readonly raw: Partial<RawTask>;
  readonly around: Surroundings;
  /** Whether a key has a value in the file, faulty or not. */
  readonly given: (key: keyof RawTask) => boolean;
  /** Whether nothing has been found fault with at a key or inside its value. */
  readonly sound: (key: keyof RawTask) => boolean;
  /** `path` is the way to the value from the body of the task. */
  readonly report: (path: readonly (string | number)[], message: string, code: IssueCode) => void;
}
