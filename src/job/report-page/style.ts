/** The page's only style sheet: light and dark, wide and narrow, on screen and on paper. Nothing is loaded from elsewhere. */
export const STYLE = `
:root { color-scheme: light dark; --bg: #f6f7f9; --card: #ffffff; --ink: #1a2230; --soft: #5b6675; --line: #e2e6ec;
  --accent: #2563c9; --area: #2563c922; --good: #137a4b; --goodbg: #e3f5ec; --warn: #8a5a00; --warnbg: #fdf2d9;
  --bad: #b3261e; --badbg: #fde8e6; }
@media (prefers-color-scheme: dark) { :root { --bg: #10141b; --card: #181e28; --ink: #e6eaf0; --soft: #9aa6b6; --line: #2a3340;
  --accent: #78a9ff; --area: #78a9ff2b; --good: #6fd3a2; --goodbg: #12352a; --warn: #f0c264; --warnbg: #3a2e12;
  --bad: #ff9d94; --badbg: #43201d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 56px; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 8px 0 4px; text-wrap: balance; }
h2 { font-size: 1.05rem; margin: 0 0 12px; }
p { margin: 0 0 8px; }
.soft { color: var(--soft); }
.badge { display: inline-block; padding: 2px 12px; border-radius: 999px; font-weight: 600; font-size: .85rem; }
.good { color: var(--good); background: var(--goodbg); }
.warn { color: var(--warn); background: var(--warnbg); }
.bad { color: var(--bad); background: var(--badbg); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 18px 20px; margin-top: 16px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin-top: 20px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 12px 16px; }
.tile b { display: block; font-size: 1.45rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: .85rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { text-align: left; color: var(--soft); font-weight: 600; white-space: nowrap; }
th, td { padding: 7px 14px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:last-child td { border-bottom: 0; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.name { font-weight: 600; overflow-wrap: anywhere; min-width: 11em; }
td.path { overflow-wrap: anywhere; min-width: 12em; color: var(--soft); }
code, td.digest { font: .85em ui-monospace, "SFMono-Regular", Menlo, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
ul { margin: 0; padding-left: 20px; } li { margin: 4px 0; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 6px 18px; margin: 0; font-size: .9rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 0; } figcaption { color: var(--soft); font-size: .85rem; margin-top: 6px; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; }
.grid { stroke: var(--line); } .curve { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
.area { fill: var(--area); }
.bar { height: 8px; border-radius: 4px; background: var(--accent); min-width: 2px; }
.phases td:last-child { width: 45%; padding-right: 0; vertical-align: middle; }
footer { margin-top: 20px; color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
@media (max-width: 640px) { main { padding: 20px 12px 40px; } section { padding: 14px; } dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 8px; }
  h1 { font-size: 1.3rem; } svg text { font-size: 26px; } .phases td:last-child { width: 30%; }
  .cards thead { display: none; } .cards tr { display: block; padding: 10px 0; border-bottom: 1px solid var(--line); }
  .cards tbody tr:last-child { border-bottom: 0; } .cards td { display: flex; justify-content: space-between; gap: 16px; padding: 2px 0; border: 0; white-space: normal; min-width: 0; text-align: right; }
  .cards td::before { content: attr(data-of); color: var(--soft); text-align: left; white-space: nowrap; } .cards td.name { font-size: 1rem; text-align: left; } .cards td.name::before { content: none; } }
@media print { body { background: none; } section, .tile { break-inside: avoid; } }
`;
