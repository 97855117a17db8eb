import type { SingleBar } from 'cli-progress';
import type { JobEvent } from '../../job/events.js';
import { formatCount } from '../../util/bytes.js';

export interface ProgressView {
  show(event: JobEvent): void;
  /** Writes a line without breaking the bar. */
  line(text: string): void;
  stop(): void;
}

const LINE_EVERY_MS = 10_000;

function rateText(done: number, since: number): string {
  const seconds = (performance.now() - since) / 1000;
  return seconds > 0.5 ? `${formatCount(Math.round(done / seconds))}/s` : '';
}

function etaText(done: number, total: number, since: number): string {
  const seconds = (performance.now() - since) / 1000;
  if (done === 0 || seconds < 1) return '';
  const left = Math.round((seconds * (total - done)) / done);
  return left >= 60 ? `${Math.floor(left / 60)} min ${left % 60} s left` : `${left} s left`;
}

/** A bar with phase, rate and time left, for a terminal. cli-progress is loaded when the first bar is drawn. */
export async function barView(color: boolean): Promise<ProgressView> {
  const { default: progress } = await import('cli-progress');
  let bar: SingleBar | undefined;
  let since = performance.now();
  const close = (): void => {
    bar?.stop();
    bar = undefined;
  };
  const line = (text: string): void => {
    close();
    process.stderr.write(`${text}\n`);
  };
  return {
    line,
    stop: close,
    show(event) {
      if (event.type === 'phase') {
        close();
        since = performance.now();
      }
      if (event.type !== 'progress') return;
      if (!bar) {
        const phase = event.phase.padEnd(9);
        bar = new progress.SingleBar({
          format: `${color ? `\x1b[36m${phase}\x1b[0m` : phase} {bar} {percentage}% {value}/{total} {rate} {left}`,
          stream: process.stderr,
          hideCursor: true,
          clearOnComplete: false,
          barsize: 28,
        });
        bar.start(event.total, 0, { rate: '', left: '' });
      }
      bar.update(event.done, { rate: rateText(event.done, since), left: etaText(event.done, event.total, since) });
    },
  };
}

/**
 * One line a phase and one every ten seconds, for everything that is not a terminal.
 * @param form of the view's own lines; those of the log come with theirs
 */
export function lineView(write: (line: string) => void, form: (text: string) => string = (text) => text): ProgressView {
  let since = performance.now();
  let last = performance.now();
  return {
    line: write,
    stop() {},
    show(event) {
      if (event.type === 'phase') {
        since = performance.now();
        last = since;
        write(form(`phase ${event.phase}`));
      } else if (event.type === 'progress' && performance.now() - last > LINE_EVERY_MS) {
        last = performance.now();
        const left = etaText(event.done, event.total, since);
        const count = `${formatCount(event.done)} of ${formatCount(event.total)}`;
        write(form(`${event.phase} ${count} ${rateText(event.done, since)} ${left}`.trimEnd()));
      }
    },
  };
}
