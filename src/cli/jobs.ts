import { type UnfinishedJob, unfinishedJobs } from '../job/jobs.js';
import { jobsFolder } from '../job/ledger/ledger.js';
import { REPORT_VERSION } from '../job/report.js';
import { formatCount } from '../util/bytes.js';
import { EXIT, type ExitCode } from '../util/exit-codes.js';
import type { GlobalOptions } from './options.js';
import { printResult, toJson } from './output.js';

function lines(job: UnfinishedJob): string {
  const share = job.rows === 0 ? '' : ` (${Math.floor((100 * job.rows_done) / job.rows)} %)`;
  const what = `${job.task ?? 'unknown task'} into ${job.collections.join(', ') || 'nothing yet'}`;
  const next = {
    running: 'running now',
    resumable: job.command === null ? 'run the same task again to continue' : `to continue: ${job.command}`,
    damaged: 'its ledger is damaged: run the same task with --restart',
  };
  return [
    `${job.job_id}  ${what}`,
    `  ${formatCount(job.rows_done)} of ${formatCount(job.rows)} rows${share}, last sign of life ${job.last_note}`,
    `  ${next[job.state]}`,
  ].join('\n');
}

/** `milvusdm jobs`: what can be continued. */
export async function jobsCommand(options: GlobalOptions): Promise<ExitCode> {
  const jobs = await unfinishedJobs();
  const text = jobs.length === 0 ? `nothing to continue in ${jobsFolder()}` : jobs.map(lines).join('\n');
  printResult(options.json ? toJson({ version: REPORT_VERSION, exit_code: EXIT.ok, jobs }) : text, []);
  return EXIT.ok;
}
