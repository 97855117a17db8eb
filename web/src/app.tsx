import type { JSX } from 'preact';
import { useResource } from './api/use-resource.js';
import { Announcer } from './parts/announce.js';
import { Icon, type IconName } from './parts/icon.js';
import { href, type Route, route } from './router.js';
import { locked, logOut, token } from './session.js';
import { useStore } from './store.js';
import { setTheme, type Theme, theme } from './theme.js';
import { Backups } from './views/backups.js';
import { Connections } from './views/connections.js';
import { JobView } from './views/job.js';
import { Jobs } from './views/jobs.js';
import { Login } from './views/login.js';
import { NewJob } from './views/new-job.js';
import { ReportView } from './views/report.js';
import { Schedules } from './views/schedules.js';
import { Snapshots } from './views/snapshots.js';

const VIEWS: readonly (readonly [string, string, IconName])[] = [
  ['jobs', 'Jobs', 'jobs'],
  ['new', 'New job', 'plus'],
  ['backups', 'Backups', 'backup'],
  ['snapshots', 'Snapshots', 'camera'],
  ['schedules', 'Schedules', 'calendar'],
  ['connections', 'Connections', 'plug'],
];

function viewOf([name, first, second]: Route): JSX.Element {
  if (name === 'jobs' && first !== undefined) {
    return second === 'report' ? <ReportView key={first} id={first} /> : <JobView key={first} id={first} />;
  }
  if (name === 'new') return <NewJob />;
  if (name === 'backups') return <Backups connection={first} backup={second} />;
  if (name === 'snapshots') return <Snapshots connection={first} />;
  if (name === 'schedules') return <Schedules />;
  if (name === 'connections') return <Connections />;
  return <Jobs />;
}

function ThemeSwitch(): JSX.Element {
  const chosen = useStore(theme);
  return (
    <label class="theme">
      <span>Colours</span>
      <select aria-label="Colours" value={chosen} onChange={(event) => setTheme(event.currentTarget.value as Theme)}>
        <option value="system">as the system</option>
        <option value="light">light</option>
        <option value="dark">dark</option>
      </select>
    </label>
  );
}

function Navigation({ at }: { at: string }): JSX.Element {
  return (
    <nav aria-label="Views">
      <ul>
        {VIEWS.map(([name, label, icon]) => (
          <li key={name}>
            <a href={href(name)} aria-current={at === name ? 'page' : undefined}>
              <Icon name={icon} />
              {label}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Footer(): JSX.Element {
  const hasToken = useStore(token) !== '';
  const { data } = useResource<{ milvusdm: string }>('/version');
  return (
    <footer>
      <ThemeSwitch />
      {hasToken && (
        <button type="button" class="plain" onClick={logOut}>
          Log out
        </button>
      )}
      <p>
        {data ? `milvusdm ${data.milvusdm}` : 'milvusdm'} · <a href="./docs/">API</a>
      </p>
    </footer>
  );
}

/** The page: navigation, the view that the address names, or the login where the server asks for a token. */
export function App(): JSX.Element {
  const at = useStore(route);
  const isLocked = useStore(locked);
  if (isLocked) {
    return (
      <main class="login">
        <Login />
      </main>
    );
  }
  const skip = (): void => document.querySelector<HTMLElement>('main h1')?.focus();
  return (
    <div class="shell">
      <button type="button" class="skip main" onClick={skip}>
        Skip to the content
      </button>
      <header>
        <p class="brand">
          <img src={new URL('./icon.svg', import.meta.url).href} alt="" width="28" height="28" />
          milvusdm
        </p>
        <Navigation at={at[0]!} />
        <Footer />
      </header>
      <main id="content">{viewOf(at)}</main>
      <Announcer />
    </div>
  );
}
