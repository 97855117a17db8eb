/** A word of a command line for a shell. */
export function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The command that continues a job, for a shell. */
export function commandFor(file: string): string {
  return `milvusdm --yaml ${shellWord(file)}`;
}
