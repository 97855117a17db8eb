import { type DiffReport, diffPlaces } from '../job/diff/diff.js';
import { toMilvusdmError } from '../util/errors.js';
import type { ExitCode } from '../util/exit-codes.js';
import { openConsole } from './console.js';
import { type Access, type Located, locate } from './locator.js';
import { type DiffCommandOptions, mayColor } from './options.js';
import { printFailure, printResult, toJson } from './output.js';
import { diffText } from './render/diff-text.js';

/** Patience with a server that is away for a moment. */
const RETRY_FOR_MS = 60_000;

function accessOf(o: DiffCommandOptions, side: 'A' | 'B'): Access {
  const all = {
    token: o[`token${side}`],
    user: o[`user${side}`],
    password: o[`password${side}`],
    db: o[`db${side}`],
    ca: o[`ca${side}`],
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

async function compare(a: Located, b: Located, options: DiffCommandOptions): Promise<DiffReport> {
  using console = await openConsole(options, [...a.secrets, ...b.secrets]);
  console.show({ type: 'phase', phase: 'verify' });
  return await diffPlaces(a.place, b.place, {
    idStart: options.idStart ?? 0n,
    retryForMs: RETRY_FOR_MS,
    log: (message) => console.log.info(message),
    signal: console.signal,
    onProgress: (done, total) => console.show({ type: 'progress', phase: 'verify', done, total, bytes: 0 }),
  });
}

/** `milvusdm diff A B`: exit 0 when both hold the same rows, 6 when they do not. */
export async function diffCommand(a: string, b: string, options: DiffCommandOptions): Promise<ExitCode> {
  const around = { env: process.env, cwd: process.cwd() };
  const [placeA, placeB] = [
    locate(a, 'a', accessOf(options, 'A'), around),
    locate(b, 'b', accessOf(options, 'B'), around),
  ];
  const secrets = [...placeA.secrets, ...placeB.secrets];
  try {
    const report = await compare(placeA, placeB, options);
    printResult(
      options.json ? toJson(report) : diffText(report, { color: mayColor(options, process.stdout) }),
      secrets,
    );
    return report.exit_code;
  } catch (thrown) {
    const error = toMilvusdmError(thrown);
    printFailure(error, options.json ?? false, secrets);
    return error.exitCode;
  }
}
