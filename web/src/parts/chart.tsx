import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { count, short } from '../format.js';
import { onColours } from '../theme.js';

export interface Sample {
  /** Seconds since 1970. */
  readonly at: number;
  readonly rate: number;
}

const HEIGHT = 180;
/** Whole seconds, minutes and hours between two marks of time. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400];
const CLOCK = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

function colour(of: Element, variable: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${variable})`;
  of.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function draw(at: HTMLElement, samples: readonly Sample[]): uPlot {
  const [line, text, grid, fill] = ['--accent', '--muted', '--line', '--accent-soft'].map((name) => colour(at, name));
  const axis = { stroke: text!, grid: { stroke: grid!, width: 1 }, ticks: { stroke: grid!, width: 1 } };
  return new uPlot(
    {
      width: Math.max(200, at.clientWidth),
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: false, y: false } },
      scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] } },
      axes: [
        { ...axis, space: 90, incrs: STEPS, values: (_plot, times) => times.map((at) => CLOCK.format(at * 1000)) },
        { ...axis, size: 56, values: (_plot, values) => values.map((value) => short(value)) },
      ],
      series: [{}, { label: 'rows/s', stroke: line!, width: 2, fill: fill!, points: { show: false } }],
    },
    data(samples),
    at,
  );
}

function data(samples: readonly Sample[]): uPlot.AlignedData {
  return [samples.map((sample) => sample.at), samples.map((sample) => sample.rate)];
}

function summary(samples: readonly Sample[]): string {
  const rates = samples.map((sample) => sample.rate);
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const figures = [rates.at(-1)!, mean, Math.max(...rates)].map((rate) => count(Math.round(rate)));
  return `Rows per second: ${figures[0]} at last, ${figures[1]} on average, ${figures[2]} at most.`;
}

/** Rows per second over time, and the same in one sentence. */
export function ThroughputChart({ samples }: { samples: readonly Sample[] }): JSX.Element | null {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(samples);
  latest.current = samples;
  const shown = samples.length > 1;
  useEffect(() => {
    const at = place.current;
    if (!at || !shown) return;
    const redraw = (): void => {
      plot.current?.destroy();
      plot.current = draw(at, latest.current);
    };
    redraw();
    const sizes = new ResizeObserver(() => plot.current?.setSize({ width: at.clientWidth, height: HEIGHT }));
    sizes.observe(at);
    const stop = onColours(redraw);
    return () => {
      stop();
      sizes.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shown]);
  useEffect(() => plot.current?.setData(data(samples)), [samples]);
  if (!shown) return null;
  const text = summary(samples);
  return (
    <figure>
      <div ref={place} role="img" aria-label={`Chart. ${text}`} />
      <figcaption>{text}</figcaption>
    </figure>
  );
}
