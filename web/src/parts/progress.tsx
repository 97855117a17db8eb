import type { JSX } from 'preact';
import type { TargetProgress } from '../api/types.js';
import { count, duration, percent, short } from '../format.js';

/** How far one target is: a bar and the same in words. */
export function Progress({ progress, live }: { progress: TargetProgress; live: boolean }): JSX.Element {
  const { phase, done, total } = progress;
  const target = progress.target ?? 'All of it';
  const rate = progress.rows_per_second ?? 0;
  const share = percent(done, total);
  const left = live && rate > 0 && total > done ? `, about ${duration((total - done) / rate)} left` : '';
  const amount = total > 0 ? `${count(done)} of ${count(total)}` : count(done);
  const text = `${phase}: ${amount}${share === null ? '' : ` (${share}\u00a0%)`}`;
  return (
    <div class="progress">
      <div class="line">
        <strong>{target}</strong>
        <span>
          {text}
          {live && rate > 0 ? `, ${short(rate)} rows/s` : ''}
          {left}
        </span>
      </div>
      {live && share === null ? (
        <progress aria-label={`Progress of ${target}`} aria-valuetext={text} />
      ) : (
        <progress aria-label={`Progress of ${target}`} aria-valuetext={text} value={share ?? 0} max={100} />
      )}
    </div>
  );
}
