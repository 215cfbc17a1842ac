/**
 * The script of the report: filters rows by a text. Everything is there without it; it asks for nothing and keeps nothing.
 */
export const SCRIPT = `(() => {
  const field = document.querySelector('#filter');
  const told = document.querySelector('#filtered');
  const rows = [...document.querySelectorAll('[data-row]')].map((row) => [row, row.textContent.toLowerCase()]);
  const apply = () => {
    const words = field.value.trim().toLowerCase().split(/\\s+/);
    let shown = 0;
    for (const [row, text] of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) shown += 1;
    }
    for (const folder of document.querySelectorAll('.tree li:not([data-row])')) {
      folder.hidden = folder.querySelector('[data-row]:not([hidden])') === null;
      if (field.value !== '' && !folder.hidden) folder.firstElementChild.open = true;
    }
    told.textContent = field.value === '' ? '' : shown + ' of ' + rows.length + ' rows';
  };
  field.addEventListener('input', apply);
  field.parentElement.hidden = false;
})();
`;
