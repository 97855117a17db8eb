import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const ROOT = fileURLToPath(new URL('.', import.meta.url));

/** The page of `milvusdm serve`: files of its own only, nothing inline, so that a strict content security policy holds. */
export default defineConfig({
  root: ROOT,
  base: './',
  publicDir: false,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    // The terms of what is built in, beside it.
    license: { fileName: 'licenses.md' },
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Browsers that know light-dark(), which is left as it is.
    target: ['chrome123', 'firefox120', 'safari17.5'],
  },
  server: {
    fs: { allow: ['..'] },
    proxy: { '/api': process.env.MILVUSDM_SERVER ?? 'http://127.0.0.1:8080' },
  },
});
