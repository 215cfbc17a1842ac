/** The style of the report: no font and no image from anywhere, light and dark as the reader's system is. */
export const STYLE = `:root {
  color-scheme: light dark;
  --paper: #ffffff; --panel: #f5f6f8; --ink: #1b1f24; --soft: #5b6570; --line: #d8dde3; --link: #0b57a4;
  --good: #17693a; --good-back: #dff3e6; --mild: #7a4b00; --mild-back: #fdeecb; --bad: #a1201d; --bad-back: #fce2e0;
  --plain-back: #e7eaee; --files: #4f7cac; --network: #d1603d; --programs: #7b5ea7; --others: #9aa3ad;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --panel: #1d2126; --ink: #e6e9ec; --soft: #a0aab4; --line: #343b43; --link: #7db7f0;
    --good: #8fdcae; --good-back: #17382a; --mild: #f0c674; --mild-back: #3f3014; --bad: #ff9d96; --bad-back: #4a1f1d;
    --plain-back: #2b3138; --files: #6f9fd0; --network: #e58362; --programs: #a78bd6; --others: #76808a;
  }
}
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100% }
body { margin: 0 auto; max-width: 72rem; padding: 1.25rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: .8rem; font-weight: 600; letter-spacing: .06em; text-transform: uppercase; color: var(--soft); margin: 0 0 .5rem }
h2 { font-size: 1.2rem; margin: 0 0 .75rem } h3 { font-size: 1rem; margin: 1.25rem 0 .5rem }
section { padding: 1.5rem 0 .5rem; border-top: 1px solid var(--line); margin-top: 1.25rem }
code { font: .875em/1.45 ui-monospace, monospace; overflow-wrap: anywhere }
a { color: var(--link) } p { margin: .5rem 0 } ul, ol { margin: .25rem 0; padding-left: 1.25rem }
.command { font: 600 1.25rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; margin: 0 0 .75rem; white-space: pre-wrap }
.chips { display: flex; flex-wrap: wrap; gap: .4rem; margin: 0 0 1rem; padding: 0; list-style: none }
.badge, .chips li { display: inline-block; border-radius: 1rem; padding: .1rem .65rem; font-size: .85rem; background: var(--plain-back) }
.good, .gate-allowed, .decision-allow, .status-clean { background: var(--good-back) !important; color: var(--good) }
.mild, .gate-degraded, .decision-other, .status-partial { background: var(--mild-back) !important; color: var(--mild) }
.bad, .gate-blocked, .decision-deny { background: var(--bad-back) !important; color: var(--bad) }
.verdict { margin: 0 0 1rem; max-width: 60rem }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: .75rem }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1rem; min-width: 0 }
.card h2 { font-size: 1rem; margin: 0 0 .5rem }
.card ul { padding: 0; list-style: none } .card li { margin: .3rem 0; overflow-wrap: anywhere }
.card dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem .75rem; margin: 0 }
.card dt { color: var(--soft) } .card dd { margin: 0; overflow-wrap: anywhere }
.card b { font-variant-numeric: tabular-nums }
.unknown { border-left: .3rem solid var(--mild) } .unknown li { padding-left: 1.1rem; text-indent: -1.1rem }
.unknown li::before { content: "?"; font-weight: 700; color: var(--mild); display: inline-block; width: 1.1rem; text-indent: 0 }
.alarm { background: var(--bad-back); color: var(--bad); border-radius: .6rem; padding: .75rem 1rem; margin: 0 0 1rem }
.alarm li { overflow-wrap: anywhere }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: 1.25rem 0 0; font-size: .95rem }
.filter { margin: .75rem 0 0 } .filter input { font: inherit; width: 100%; max-width: 26rem; padding: .4rem .6rem;
  color: inherit; background: var(--panel); border: 1px solid var(--soft); border-radius: .4rem }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: .95rem }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line) }
th { color: var(--soft); font-weight: 600; font-size: .85rem } td ul { margin: 0 }
td { font-variant-numeric: tabular-nums; min-width: 4.5rem }
small, .note, .none { color: var(--soft) } .note { font-size: .9rem } .cap { color: var(--mild) }
.counts { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem }
summary { cursor: pointer } .more { margin: .75rem 0 } .more > summary { font-weight: 600 }
.wide + .wide { margin-top: 1.5rem } .badge { white-space: nowrap }
.seen { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 0 2rem } .seen h4 { margin: .25rem 0; font-size: .85rem; color: var(--soft) }
.decision > summary { list-style: none } .decision > summary::-webkit-details-marker { display: none }
.decision .badge::after { content: " \\25be"; font-size: .75em } .decision ul { font-size: .85rem; color: var(--soft) }
.tree, .tree ul, .diff { list-style: none; padding-left: 0 } .tree ul { padding-left: 1.1rem; border-left: 1px solid var(--line); margin-left: .3rem }
.tree li { margin: .1rem 0 } .use { font-size: .8rem; padding: 0 .45rem; border-radius: .6rem; background: var(--plain-back); white-space: nowrap }
.use-written { color: var(--mild) } span.use-written { background: var(--mild-back) }
.use-blocked, .use-failed { color: var(--soft) } span.use-blocked { background: var(--bad-back); color: var(--bad) }
.diff li { padding: .05rem .5rem; overflow-wrap: anywhere } .added { background: var(--good-back) } .removed { background: var(--bad-back) }
.calls { display: flex; flex-wrap: wrap; gap: .35rem; list-style: none; padding: 0; margin: 0 0 .75rem }
.call { background: var(--plain-back); border-radius: .35rem; padding: .1rem .5rem; font-size: .85rem; max-width: 100%; overflow-wrap: anywhere }
.bars { width: 100%; height: 7.5rem; display: block; background: var(--panel); border: 1px solid var(--line); border-radius: .35rem }
.axis { display: flex; justify-content: space-between; flex-wrap: wrap; gap: .25rem 1rem; font-size: .85rem; color: var(--soft); margin: .35rem 0 }
.legend { display: flex; gap: .25rem 1rem; flex-wrap: wrap }
.sort-files { fill: var(--files) } .sort-network { fill: var(--network) } .sort-programs { fill: var(--programs) } .sort-others { fill: var(--others) }
footer { margin-top: 2.5rem; color: var(--soft); font-size: .85rem }
[hidden] { display: none !important }
@media (max-width: 40rem) { body { padding: 1rem 1rem 3rem } .command { font-size: 1.05rem } }
@media print { nav, .filter { display: none } }
`;
