import { render } from 'preact';
import './theme.js';
import './styles/base.css';
import './styles/layout.css';
import './styles/parts.css';
import { App } from './app.js';

render(<App />, document.getElementById('page')!);
