import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fail, type MilvusdmError } from '../util/errors.js';

const run = promisify(execFile);

/** Names that are tried, in this order, when MILVUSDM_PYTHON does not name one. */
const NAMES = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'] as const;

/** Prints what the choice needs to know; runs on any Python 3 (on Python 2 too, so that its version can be named). */
const PROBE = `
import json, sys
def has(name):
    try:
        __import__(name)
        return True
    except ImportError:
        return False
print(json.dumps({"version": list(sys.version_info[:3]), "executable": sys.executable, "venv": has("venv") and has("ensurepip")}))
`;

interface Probe {
  readonly version: readonly number[];
  readonly executable: string;
  readonly venv: boolean;
}

async function probe(name: string, env: NodeJS.ProcessEnv): Promise<Probe | undefined> {
  try {
    const { stdout } = await run(name, ['-c', PROBE], { timeout: 20_000, env });
    return JSON.parse(stdout) as Probe;
  } catch {
    return undefined; // missing, or a launcher with nothing behind it
  }
}

/**
 * The executable of a Python >= 3.10 that can make virtual environments: `$MILVUSDM_PYTHON` alone when it is set, else the
 * first that fits of python3, python3.13 .. python3.10 and python on the PATH.
 * Throws ENV_PYTHON, naming every interpreter found and what it lacks.
 */
export async function findPython(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const chosen = env.MILVUSDM_PYTHON;
  const found: string[] = [];
  let lacksVenv: Probe | undefined;
  for (const name of chosen ? [chosen] : NAMES) {
    const it = await probe(name, env);
    if (!it) continue;
    const [major = 0, minor = 0] = it.version;
    const newEnough = major > 3 || (major === 3 && minor >= 10);
    if (newEnough && it.venv) return it.executable;
    if (newEnough) lacksVenv ??= it;
    found.push(`${name} is ${it.version.join('.')}${newEnough ? ' without the modules venv and ensurepip' : ''}`);
  }
  throw noPython(chosen, found, lacksVenv);
}

function noPython(chosen: string | undefined, found: readonly string[], lacksVenv: Probe | undefined): MilvusdmError {
  const where = chosen ? `MILVUSDM_PYTHON (${chosen})` : `the PATH (tried ${NAMES.join(', ')})`;
  const what = found.length > 0 ? found.join('; ') : chosen ? 'it cannot be run' : 'there is none';
  const message = `need Python 3.10 or newer with its venv module, from ${where}: ${what}`;
  if (!lacksVenv) return fail('ENV_PYTHON', message);
  const version = lacksVenv.version.slice(0, 2).join('.');
  return fail('ENV_PYTHON', message, {
    hint: `Install the venv module (Debian and Ubuntu: the package python${version}-venv), or set MILVUSDM_PYTHON to another Python.`,
  });
}
