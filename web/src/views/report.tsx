import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { asApiError, path, request } from '../api/client.js';
import type { Report, ReportTarget } from '../api/types.js';
import { useResource } from '../api/use-resource.js';
import { bytes, count, duration, words } from '../format.js';
import { Facts } from '../parts/field.js';
import { Empty, ErrorBox, Warnings } from '../parts/messages.js';
import { type Column, Table } from '../parts/table.js';
import { View } from '../parts/view.js';
import { href } from '../router.js';

const COLUMNS: readonly Column<ReportTarget>[] = [
  { name: 'Collection', cell: (t) => (t.partition === null ? t.collection : `${t.collection} / ${t.partition}`) },
  { name: 'Source', cell: (t) => t.source },
  { name: 'Read', figures: true, cell: (t) => count(t.rows_read) },
  { name: 'Written', figures: true, cell: (t) => count(t.rows_written) },
  { name: 'Skipped', figures: true, cell: (t) => count(t.rows_skipped) },
  { name: 'In the target', figures: true, cell: (t) => words(t.target_rows) },
  { name: 'Verified', cell: (t) => t.verified },
  { name: 'Digest', cell: (t) => (t.digest ? <code class="digest">{t.digest}</code> : 'none') },
];

/** Saves what a route answers as a file; a link could not send the token. */
async function download(id: string, format: 'json' | 'html'): Promise<void> {
  const response = await request('GET', `${path('jobs', id, 'report')}?format=${format}`, { accept: '*/*' });
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = address;
  link.download = `report-${id}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function Content({ report }: { report: Report }): JSX.Element {
  return (
    <>
      <ErrorBox error={report.error} />
      <Facts
        rows={[
          ['Outcome', report.status],
          ['Exit code', String(report.exit_code)],
          ['Took', duration(report.seconds)],
          ['Bytes', bytes(report.bytes)],
        ]}
      />
      <Warnings warnings={report.warnings} />
      <section class="panel" aria-labelledby="targets">
        <h2 id="targets">Targets</h2>
        {report.targets.length === 0 ? (
          <Empty>The run had no target.</Empty>
        ) : (
          <Table
            caption="Rows of each target"
            columns={COLUMNS}
            rows={report.targets}
            keyOf={(t) => `${t.collection}/${t.partition}/${t.source}`}
          />
        )}
      </section>
      {report.backup && (
        <section class="panel" aria-labelledby="backup">
          <h2 id="backup">Backup</h2>
          <Facts
            rows={Object.entries(report.backup).map(([name, value]) => [name.replaceAll('_', ' '), words(value)])}
          />
        </section>
      )}
    </>
  );
}

/** The report of a job that has ended. */
export function ReportView({ id }: { id: string }): JSX.Element {
  const { data, error } = useResource<Report>(`${path('jobs', id, 'report')}?format=json`);
  const [failed, setFailed] = useState<unknown>();
  const save = (format: 'json' | 'html') => (): void => {
    download(id, format).then(() => setFailed(undefined), setFailed);
  };
  const actions = (
    <>
      <button type="button" onClick={save('html')}>
        Save as HTML
      </button>
      <button type="button" onClick={save('json')}>
        Save as JSON
      </button>
    </>
  );
  return (
    <View title={`Report of ${data?.task ?? 'job'} ${id}`} actions={data && actions}>
      <p>
        <a href={href('jobs', id)}>Back to the job</a>
      </p>
      <ErrorBox error={failed === undefined ? error : asApiError(failed)} />
      {data && <Content report={data} />}
    </View>
  );
}
