/** Milliseconds of CPU that this process has used. A busy machine makes everything slower, and nothing dearer. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
