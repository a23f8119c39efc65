// SPDX-License-Identifier: GPL-2.0-only
// The style sheet and the script of the page.
#pragma once

namespace rustland::bench {

// How many colours there are for schedulers: classes s0, s1 … Beyond, they come again.
inline constexpr unsigned kColours = 6;

inline constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --page: #fcfcfb; --card: #ffffff; --ink: #1b1b19;
  --soft: #62615c; --grid: #e6e5e0; --rate: #b3b1a8; --edge: #dddbd4; --best: #0b6b2d;
  --s0: #d1495b; --s1: #2a6fd6; --s2: #b07a00; --s3: #0f8f73; --s4: #8250c4; --s5: #5f6b76; }
@media (prefers-color-scheme: dark) {
  :root { --page: #161615; --card: #1f1f1d; --ink: #f2f1ec; --soft: #aaa79e; --grid: #32312e;
    --rate: #6d6b63; --edge: #3a3935; --best: #7fd49a;
    --s0: #ff7b87; --s1: #6aa7ff; --s2: #e0b04a; --s3: #45c9a7; --s4: #b794f0; --s5: #a9b4bf; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 75rem; background: var(--page); color: var(--ink);
  font: 16px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0.3rem 0; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 0.3rem; }
h3 { font-size: 0.95rem; margin: 0 0 0.2rem; font-weight: 600; }
p { margin: 0.3rem 0; }
.soft, figcaption { color: var(--soft); font-size: 0.875rem; }
.note { border-left: 3px solid var(--s2); padding-left: 0.6rem; }
.panels { display: grid; gap: 0.8rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr));
  margin: 0.8rem 0; }
figure { margin: 0; padding: 0.7rem; background: var(--card); border: 1px solid var(--edge);
  border-radius: 8px; min-width: 0; }
.single { max-width: 36rem; margin: 0.8rem 0; }
.figures { font-variant-numeric: tabular-nums; color: var(--soft); font-size: 0.875rem; }
.figures b { color: var(--ink); font-size: 1.05rem; }
.dot { display: inline-block; width: 0.7em; height: 0.7em; border-radius: 50%; margin-right: 0.35em;
  background: currentColor; }
.table { overflow-x: auto; border: 1px solid var(--edge); border-radius: 8px; background: var(--card); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;
  font-size: 0.9rem; white-space: nowrap; }
th, td { padding: 0.35rem 0.6rem; text-align: right; border-top: 1px solid var(--grid); }
thead th { border-top: 0; color: var(--soft); font-weight: 500; }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--card); }
td.best { color: var(--best); font-weight: 600; }
svg.plot { display: block; width: 100%; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg .grid { stroke: var(--grid); stroke-width: 1; }
svg line.rate { stroke: var(--rate); stroke-width: 1; stroke-dasharray: 3 3; }
svg text.rate { font-size: 10px; paint-order: stroke; stroke: var(--card); stroke-width: 3px; }
svg .line { fill: none; stroke: currentColor; stroke-width: 1.4; stroke-linejoin: round; }
svg .cross { stroke: var(--soft); stroke-width: 1; }
svg text.tip { fill: var(--ink); font-size: 12px; paint-order: stroke; stroke: var(--card);
  stroke-width: 3px; }
.s0 { color: var(--s0); } .s1 { color: var(--s1); } .s2 { color: var(--s2); }
.s3 { color: var(--s3); } .s4 { color: var(--s4); } .s5 { color: var(--s5); }

@media (max-width: 30rem) { body { padding: 0.7rem; } th, td { padding: 0.3rem 0.45rem; } }
)css";

// Under the finger or the pointer: the longest frame there.
inline constexpr const char* kScript = R"js(
for (const plot of document.querySelectorAll('svg.plot')) {
  const line = plot.querySelector('polyline[data-seconds]');
  if (!line) continue;
  const make = (name, kind) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', name);
    node.setAttribute('class', kind);
    return node;
  };
  const { left, width, top, height, ms } = plot.dataset;
  const cross = make('line', 'cross'), tip = make('text', 'tip');
  const show = (event) => {
    const to = plot.getScreenCTM().inverse();
    const x = event.clientX * to.a + event.clientY * to.c + to.e;
    let best = null;
    for (const p of line.points)
      if (Math.abs(p.x - x) < 4 && (!best || p.y < best.y)) best = p;
    if (!best) { hide(); return; }
    cross.setAttribute('x1', best.x); cross.setAttribute('x2', best.x);
    cross.setAttribute('y1', top); cross.setAttribute('y2', +top + +height);
    const time = (best.x - left) / width * line.dataset.seconds;
    const frame = (1 - (best.y - top) / height) * ms;
    tip.textContent = `${frame.toFixed(1)} ms at ${time.toFixed(2)} s`;
    const right = best.x > +left + width / 2;
    tip.setAttribute('x', best.x + (right ? -6 : 6));
    tip.setAttribute('text-anchor', right ? 'end' : 'start');
    tip.setAttribute('y', +top + 10);
    plot.append(cross, tip);
  };
  const hide = () => { cross.remove(); tip.remove(); };
  plot.addEventListener('pointermove', show);
  plot.addEventListener('pointerdown', show);
  plot.addEventListener('pointerleave', hide);
}
)js";

} // namespace rustland::bench
