/** The page's looks: one column on a phone, twelve on a desk, light or dark as the reader's system is. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f6f6f3; --card: #fff; --line: #e6e5e0; --text: #1d1f23; --quiet: #6d7078;
  --training: #3b63c9; --validation: #d9662b; --steps: #b4c3ea; --good: 59 99 201; --bad: 217 102 43;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15171b; --card: #1e2126; --line: #2f333a; --text: #e8e9ec; --quiet: #9599a3;
    --training: #86a8ff; --validation: #ff9a5c; --steps: #44557f; --good: 110 148 255; --bad: 255 140 76;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 40px 24px 64px; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
main, header, footer { max-width: 1180px; margin: 0 auto; }
main { display: grid; grid-template-columns: repeat(12, minmax(0, 1fr)); gap: 16px; }
h1 { margin: 0; font-size: 30px; line-height: 1.2; letter-spacing: -0.015em; }
h2 { margin: 0 0 4px; font-size: 16px; }
h3 { margin: 18px 0 6px; font-size: 14px; }
p { margin: 0; }
header { margin-bottom: 24px; display: flex; gap: 8px 16px; align-items: baseline; flex-wrap: wrap; }
header p { color: var(--quiet); flex-basis: 100%; }
.state { padding: 2px 10px; border-radius: 99px; font-size: 13px; border: 1px solid var(--line); color: var(--quiet); }
.card { grid-column: span 12; background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 18px 20px; }
.wide-8 { grid-column: span 8; } .wide-6 { grid-column: span 6; } .wide-4 { grid-column: span 4; }
.figures { grid-column: span 12; display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 16px; }
.figures .card { grid-column: auto; padding: 16px 16px 18px; }
.figures dt { color: var(--quiet); font-size: 13px; }
.figures dd { margin: 2px 0 0; font-size: 25px; font-weight: 650; letter-spacing: -0.02em; line-height: 1.2; white-space: nowrap; }
.figures dd small { display: block; margin-top: 2px; font-size: 13px; font-weight: 400; letter-spacing: 0; white-space: normal; color: var(--quiet); }
.figures .lead dd { color: var(--training); }
.hint { color: var(--quiet); font-size: 13px; margin-bottom: 12px; }
.scroll { overflow: auto; max-width: 100%; } .scroll.tall { max-height: 420px; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 400; }
.matrix { table-layout: fixed; min-width: 420px; font-size: 13px; }
.matrix thead td, .matrix tbody th { width: 92px; }
.matrix tbody th { padding-right: 10px; text-align: right; color: var(--quiet); overflow: hidden; text-overflow: ellipsis; }
.matrix thead th { height: 84px; vertical-align: bottom; color: var(--quiet); }
.matrix thead span { display: block; writing-mode: vertical-rl; transform: rotate(180deg); margin: 0 auto 6px; max-height: 80px; overflow: hidden; }
.matrix tbody td { height: 36px; text-align: center; border: 2px solid var(--card); border-radius: 6px; }
.matrix .right { background: rgb(var(--good) / calc(0.06 + var(--share) * 0.7)); font-weight: 600; }
.matrix .wrong { background: rgb(var(--bad) / calc(0.03 + var(--share) * 1.5)); }
.bars th { width: 1%; white-space: nowrap; padding-right: 12px; }
.bars td { padding: 4px 0; }
.bars i { display: block; height: 10px; border-radius: 3px; width: calc(var(--share) * 100%); min-width: 2px; background: var(--training); }
.figure { width: 1%; white-space: nowrap; text-align: right; padding-left: 12px !important; color: var(--quiet); }
.pairs { list-style: none; margin: 0; padding: 0; font-size: 13px; }
.pairs li { padding: 3px 0; } .pairs span { color: var(--quiet); float: right; } .pairs b { font-weight: 600; }
.map img { display: block; width: 100%; image-rendering: pixelated; background: var(--page); cursor: crosshair; }
.map .scroll { max-height: 720px; margin-top: 8px; } .map label, .map output { margin-right: 16px; font-size: 13px; }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(122px, 1fr)); gap: 16px 14px; }
figure { margin: 0; } figcaption { margin-top: 6px; font-size: 13px; line-height: 1.35; }
figcaption b { display: block; font-weight: 600; color: var(--validation); } figcaption span { color: var(--quiet); }
figure .picture { display: grid; place-items: center; aspect-ratio: 1; border-radius: 8px; background: #fff; border: 1px solid var(--line); overflow: hidden; color: #8a8d94; font-size: 12px; text-align: center; }
figure .picture img { width: 100%; height: 100%; object-fit: contain; }
.filters { display: block; width: 100%; max-width: 340px; margin: 0 auto; image-rendering: pixelated; }
.facts { font-size: 13px; } .facts th { color: var(--quiet); padding: 4px 16px 4px 0; width: 1%; white-space: nowrap; vertical-align: top; }
.facts td { padding: 4px 0; overflow-wrap: anywhere; }
.log { font-size: 13px; } .log th, .log td { text-align: right; padding: 4px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
.log th { color: var(--quiet); } .log .best td { font-weight: 650; }
summary { cursor: pointer; font-weight: 600; } details > * + * { margin-top: 12px; }
footer { margin-top: 24px; color: var(--quiet); font-size: 13px; }
.uplot, .u-wrap { max-width: 100%; } .u-legend { font-size: 12px; color: var(--quiet); } .u-legend th { font-weight: 400; }
.u-select { background: rgb(var(--good) / 0.12); } .u-hz .u-cursor-x, .u-hz .u-cursor-y { border-color: var(--quiet); }
@media (max-width: 860px) { body { padding: 24px 12px; } .wide-8, .wide-6, .wide-4 { grid-column: span 12; } }
@media print { body { background: none; padding: 0; } .card { break-inside: avoid; } }
`
