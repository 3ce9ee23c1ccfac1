'use strict';
(() => {
const all = (what, of = document) => [...of.querySelectorAll(what)];
const nav = document.querySelector('nav'), box = nav.querySelector('input'), count = nav.querySelector('output');
nav.hidden = false;
const sections = all('section').map(section => ({
  section, head: section.querySelector('h2').textContent.toLowerCase(),
  rows: all('tbody tr', section).map(row => ({
    row, group: document.getElementById(row.dataset.g || ''), text: row.textContent.toLowerCase(),
  })),
}));
const narrow = () => {
  const words = box.value.toLowerCase().split(/\s+/).filter(word => word);
  let shown = 0, of = 0;
  for (const {section, head, rows} of sections) {
    let some = false;
    const rest = words.filter(word => !head.includes(word));
    for (const {row, group, text} of rows) {
      const fits = rest.every(word => text.includes(word));
      row.hidden = !fits;
      if (group) group.classList.toggle('off', !fits);
      some = some || fits;
      of += 1;
      shown += fits;
    }
    section.hidden = !some;
    if (words.length && some) section.querySelector('details').open = true;
  }
  count.textContent = words.length ? shown + ' / ' + of : '';
};
box.addEventListener('input', narrow);
const mark = row => {
  all('g.on').forEach(group => group.classList.remove('on'));
  const group = document.getElementById(row.dataset.g || '');
  if (group) group.classList.add('on');
};
const go = row => {
  for (let at = row; at; at = at.parentElement) if (at.tagName === 'DETAILS') at.open = true;
  row.querySelector('summary').focus({preventScroll: true});
  row.scrollIntoView({block: 'nearest'});
  mark(row);
};
document.addEventListener('focusin', event => {
  const row = event.target.closest('tbody tr');
  if (row) mark(row);
});
const step = (rows, by) => {
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement.closest('tr'));
  go(at < 0 ? rows[by > 0 ? 0 : rows.length - 1] : rows[Math.min(Math.max(at + by, 0), rows.length - 1)]);
};
const jump = by => {
  const here = document.activeElement.closest('tr');
  const rows = all('tr.proof').filter(row => !row.hidden);
  const next = by > 0
    ? rows.find(row => !here || here.compareDocumentPosition(row) & 4)
    : rows.reverse().find(row => here && here.compareDocumentPosition(row) & 2);
  if (next || rows[0]) go(next || rows[0]);
};
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target === box) {
    if (event.key === 'Escape') { box.value = ''; narrow(); box.blur(); }
    if (event.key === 'Enter') step(all('tbody tr').filter(row => !row.hidden), 1);
    return;
  }
  const keys = {
    '/': () => box.focus(), n: () => jump(1), N: () => jump(-1),
    j: () => step(all('tbody tr').filter(row => !row.hidden), 1),
    k: () => step(all('tbody tr').filter(row => !row.hidden), -1),
  };
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
});
const follow = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const row = target && target.closest('tbody tr');
  if (row) { row.querySelector('details').open = true; go(row); }
};
addEventListener('hashchange', follow);
follow();
})();
