import backup from '../../yamls/BACKUP.yaml?raw';
import f2m from '../../yamls/F2M.yaml?raw';
import h2m from '../../yamls/H2M.yaml?raw';
import m2h from '../../yamls/M2H.yaml?raw';
import m2m from '../../yamls/M2M.yaml?raw';
import restore from '../../yamls/RESTORE.yaml?raw';

/** The examples of `milvusdm init`, by task. */
export const EXAMPLES: Readonly<Record<string, string>> = {
  F2M: f2m,
  H2M: h2m,
  M2M: m2m,
  M2H: m2h,
  BACKUP: backup,
  RESTORE: restore,
};
