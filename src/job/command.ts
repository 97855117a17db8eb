/** The command that continues a job, for a shell. */
export function commandFor(file: string): string {
  const quoted = /^[\w./@%+=:,-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`;
  return `milvusdm --yaml ${quoted}`;
}
