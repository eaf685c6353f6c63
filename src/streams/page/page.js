/* The report page's script: charts, sorting, finding. Without it all but the charts is there.
 *
 * uPlot gives a chart its scales, axes, cursor and selection. What lies on them is drawn here from the
 * points as they were written, since each line has times of its own. The charts of one connection show
 * the same stretch of time; a view is that stretch. */
'use strict';
(() => {
  const KEYS = 'Drag over a chart to zoom, double click for all; keys: + − ← → 0';
  const root = document.documentElement;
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const line = (hue) => colour('--l' + hue);

  /* ---- quantities, as the command prints them ---- */
  const digits = (value, most) => {
    const text = value.toFixed(most);
    return most ? text.replace(/\.?0+$/, '') : text;
  };
  const time = (ns, most = 2) => {
    const size = Math.abs(ns);
    if (size === 0) return '0';
    if (size < 1e6) return digits(ns / 1e3, most) + ' us';
    if (size < 1e9) return digits(ns / 1e6, most) + ' ms';
    return digits(ns / 1e9, most + 1) + ' s';
  };
  const scaled = (value, step, units, most) => {
    let unit = 0;
    while (Math.abs(value) >= step && unit < units.length - 1) { value /= step; unit++; }
    return digits(value, unit ? most : 0) + ' ' + units[unit];
  };
  const bytes = (value, most = 1) => scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'], most);
  const rate = (value, most = 2) => scaled(value, 1000, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'], most);
  const count = (value) => Math.round(value).toLocaleString('en-US');
  const texts = { bytes, rate, time, count };
  const steps = [];
  for (let i = 0; i < 44; i++) steps.push(2 ** i);

  /* ---- points ---- */
  const notes = JSON.parse(document.getElementById('notes')?.textContent ?? '[]');
  const decode = (series, tick) => {
    const wide = ['bars', 'dots', 'spans'].includes(series.mark);
    const stride = wide ? 5 : 2, n = series.p.length / stride;
    const out = { ...series, at: new Float64Array(n), low: new Float64Array(n), high: new Float64Array(n),
      frame: wide ? new Float64Array(n) : null, told: wide ? new Uint16Array(n) : null, shown: true };
    let at = 0, low = 0, frame = 0;
    for (let i = 0; i < n; i++) {
      const k = i * stride;
      out.at[i] = (at += series.p[k]) * tick;
      out.low[i] = out.high[i] = low += series.p[k + 1];
      if (wide) {
        out.high[i] = low + series.p[k + 2];
        out.frame[i] = frame += series.p[k + 3];
        out.told[i] = series.p[k + 4];
      }
    }
    return out;
  };
  /* How many points are at or before a time. */
  const before = (series, at) => {
    let from = 0, to = series.at.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (series.at[middle] <= at) from = middle + 1; else to = middle;
    }
    return from;
  };
  const valueAt = (series, at) => {
    const n = before(series, at);
    return n ? series.low[n - 1] : null;
  };
  /* Bytes a time, in steps as wide as some pixels. */
  const binned = (series, min, max) => {
    const width = (max - min) / 150, out = [];
    let last = valueAt(series, min) ?? 0;
    for (let i = 1; i <= 150; i++) {
      const now = valueAt(series, min + i * width) ?? last;
      out.push(Math.max(0, now - last) * 8e9 / width);
      last = now;
    }
    return out;
  };

  /* ---- scales ---- */
  const extent = (series, min, max) => {
    if (series.mark === 'rates') return [0, Math.max(...binned(series, min, max))];
    let low = Infinity, high = -Infinity;
    const holds = series.mark === 'steps' || series.mark === 'limit';
    const to = before(series, max);
    for (let i = Math.max(0, before(series, min) - (holds ? 1 : 0)); i < to; i++) {
      if (series.low[i] < low) low = series.low[i];
      if (series.high[i] > high) high = series.high[i];
    }
    return [low, high];
  };
  const range = (chart, min, max) => {
    let low = chart.fromZero ? 0 : Infinity, high = -Infinity;
    const shown = chart.series.filter((s) => s.shown);
    for (const s of shown.filter((s) => s.mark !== 'limit')) {
      const [l, h] = extent(s, min, max);
      low = Math.min(low, l);
      high = Math.max(high, h);
    }
    const most = high === -Infinity ? Infinity : low + 2.5 * (high - low);
    for (const s of shown.filter((s) => s.mark === 'limit')) {
      const [l, h] = extent(s, min, max);
      s.above = l > most || (h > most && l === 0);
      if (h <= most) { high = Math.max(high, h); low = Math.min(low, l); }
    }
    if (!(high > -Infinity)) return [0, 1];
    if (low === Infinity) low = 0;
    const room = (high - low || Math.abs(high) || 1) * 0.05;
    return [chart.fromZero ? 0 : Math.max(0, low - room), high + room];
  };

  /* ---- drawing ---- */
  const drawSeries = (u, s, ratio) => {
    const { min, max } = u.scales.x, ctx = u.ctx;
    const x = (v) => u.valToPos(v, 'x', true), y = (v) => u.valToPos(v, 'y', true);
    const from = Math.max(0, before(s, min) - 1), to = Math.min(s.at.length, before(s, max) + 1);
    ctx.strokeStyle = ctx.fillStyle = line(s.hue);
    ctx.setLineDash(s.mark === 'limit' ? [5 * ratio, 4 * ratio] : []);
    ctx.lineWidth = ratio * (s.mark === 'limit' ? 1.25 : 1.6);
    ctx.beginPath();
    if (s.mark === 'rates') {
      const all = binned(s, min, max), width = (max - min) / all.length;
      ctx.moveTo(x(min), y(0));
      all.forEach((v, i) => { ctx.lineTo(x(min + i * width), y(v)); ctx.lineTo(x(min + (i + 1) * width), y(v)); });
      ctx.lineTo(x(max), y(0));
      ctx.globalAlpha = 0.22;
      ctx.fill();
      ctx.globalAlpha = 1;
      ctx.stroke();
    } else if (s.mark === 'bars' || s.mark === 'spans') {
      /* What is rare is drawn larger, and once more on the axis, so that it is seen from afar. */
      const rare = s.rare, dense = u.bbox.width / ratio / (to - from + 1);
      const wide = Math.max(rare ? 2 : 1.2, s.mark === 'spans' ? 0 : Math.min(3, dense)) * ratio;
      for (let i = from; i < to; i++) {
        const top = y(s.high[i]), height = Math.max((rare ? 6 : 2.5) * ratio, y(s.low[i]) - top);
        ctx.rect(x(s.at[i]) - wide / 2, top, wide, height);
        if (rare) ctx.rect(x(s.at[i]) - wide / 2, u.bbox.top + u.bbox.height - 8 * ratio, wide, 8 * ratio);
      }
      ctx.fill();
    } else if (s.mark === 'dots') {
      const size = (to - from > 500 ? 2 : 3.5) * ratio;
      for (let i = from; i < to; i++) ctx.rect(x(s.at[i]) - size / 2, y(s.high[i]) - size / 2, size, size);
      ctx.globalAlpha = 0.75;
      ctx.fill();
      ctx.globalAlpha = 1;
    } else {
      for (let i = from; i < to; i++) {
        const px = x(s.at[i]), py = y(s.low[i]);
        if (i === from) ctx.moveTo(px, py);
        else if (s.mark !== 'line') ctx.lineTo(px, y(s.low[i - 1]));
        ctx.lineTo(px, py);
      }
      if (to > from && s.mark !== 'line') ctx.lineTo(Math.min(x(max), x(s.end)), y(s.low[to - 1]));
      ctx.stroke();
    }
  };
  const draw = (chart) => (u) => {
    const ctx = u.ctx, ratio = devicePixelRatio || 1;
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    ctx.clip();
    const order = ['limit', 'rates', 'dots', 'spans', 'steps', 'line', 'bars'];
    for (const mark of order)
      for (const s of chart.series) if (s.shown && s.mark === mark && !s.above) drawSeries(u, s, ratio);
    ctx.restore();
  };

  /* ---- what is under the cursor ---- */
  const nearest = (chart, u, left, top) => {
    let best = null, least = 14 ** 2;
    for (const s of chart.series) {
      if (!s.shown || !s.frame) continue;
      const reach = u.posToVal(left + 14, 'x') - u.posToVal(left, 'x'), at = u.posToVal(left, 'x');
      for (let i = before(s, at - reach), to = before(s, at + reach); i < to; i++) {
        const dx = u.valToPos(s.at[i], 'x') - left, y1 = u.valToPos(s.high[i], 'y'), y2 = u.valToPos(s.low[i], 'y');
        const dy = top < y1 ? y1 - top : top > y2 ? top - y2 : 0, far = dx * dx + dy * dy;
        if (far < least) { least = far; best = { s, i }; }
      }
    }
    return best;
  };
  const describe = (chart, { s, i }) => {
    const parts = [s.name];
    if (s.mark === 'bars' || s.mark === 'spans') parts.push(`bytes ${count(s.low[i])} to ${count(s.high[i])}`);
    else parts.push(texts[chart.unit](s.high[i]));
    parts.push('at ' + time(s.at[i], 3));
    if (s.frame[i]) parts.push('frame ' + s.frame[i]);
    if (s.told[i]) parts.push(notes[s.told[i] - 1]);
    else if (s.note) parts.push(s.note);
    if (s.thin && s.mark !== 'dots') parts.push('several are drawn as one here');
    return parts.join(' · ');
  };
  const onCursor = (chart) => (u) => {
    const { left, top } = u.cursor, inside = left >= 0 && top >= 0, at = inside ? u.posToVal(left, 'x') : null;
    for (const s of chart.series) {
      let text = '';
      if (inside && !s.frame) {
        const value = s.mark === 'rates' ? binnedAt(chart, u, s, at) : valueAt(s, at);
        text = value === null ? '' : texts[chart.unit](value) + (s.above ? ', above' : '');
      }
      s.output.textContent = text;
    }
    chart.clock.textContent = inside ? time(at, 3) : '';
    const found = inside && u.cursor.event ? nearest(chart, u, left, top) : null;
    chart.tip.hidden = !found;
    if (!found) return;
    chart.tip.textContent = describe(chart, found);
    const over = u.over.getBoundingClientRect(), box = chart.plot.getBoundingClientRect();
    const px = left + over.left - box.left, right = px > box.width / 2;
    chart.tip.style.left = right ? 'auto' : px + 14 + 'px';
    chart.tip.style.right = right ? box.width - px + 14 + 'px' : 'auto';
    chart.tip.style.top = top + 14 + 'px';
  };
  const binnedAt = (chart, u, s, at) => {
    const { min, max } = u.scales.x, all = binned(s, min, max);
    return all[Math.min(all.length - 1, Math.max(0, Math.floor((at - min) / (max - min) * all.length)))];
  };

  /* ---- a chart ---- */
  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };
  const axis = (values, size) => ({
    stroke: colour('--soft'), grid: { stroke: colour('--line'), width: 1 }, ticks: { stroke: colour('--line'), width: 1 },
    font: '12px ' + getComputedStyle(document.body).fontFamily, size, values,
  });
  /* All ticks in one unit, with as many decimals as tell them apart. */
  const ticks = (unit) => (u, all, index, space, step) => {
    const most = Math.max(...all.map(Math.abs)), table = { bytes: [1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']],
      rate: [1000, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s']], time: [1000, ['ns', 'us', 'ms', 's']], count: [1, ['']] };
    const [by, names] = table[unit];
    let k = 0, one = 1;
    while (by > 1 && most >= one * by && (unit !== 'bytes' || step >= one * by / 2) && k < names.length - 1) { one *= by; k++; }
    const decimals = Math.min(6, Math.max(0, Math.ceil(-Math.log10(step / one) - 1e-9)));
    return all.map((v) => (v ? (v / one).toFixed(decimals) + ' ' + names[k] : '0'));
  };
  const build = (chart, group) => {
    const height = chart.unit === 'bytes' && chart.first ? Math.min(420, Math.max(260, innerHeight * 0.45)) : 170;
    const [low, high] = range(chart, group.min, group.max);
    const narrow = chart.plot.clientWidth < 560;
    const y = axis(ticks(chart.unit), narrow ? 66 : 84);
    if (chart.unit === 'bytes') y.incrs = steps;
    chart.u = new uPlot({
      width: chart.plot.clientWidth, height, padding: [8, narrow ? 8 : 16, 0, 0],
      scales: { x: { time: false, auto: false, min: group.min, max: group.max },
        y: { auto: false, min: low, max: high } },
      series: [{}, { show: true, stroke: 'transparent', points: { show: false } }],
      axes: [{ ...axis(ticks('time'), 34), space: narrow ? 76 : 96 }, y],
      legend: { show: false },
      cursor: { sync: { key: group.key, setSeries: false, scales: ['x', null], filters: { pub: (type) => /move|leave/.test(type) } }, points: { show: false }, y: false,
        drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => () => group.view(0, group.end) } },
      hooks: {
        draw: [draw(chart)], setCursor: [onCursor(chart)],
        setSelect: [(u) => {
          if (u.select.width < 6) return;
          const from = u.posToVal(u.select.left, 'x'), to = u.posToVal(u.select.left + u.select.width, 'x');
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          group.view(from, to);
        }],
      },
    }, [[0, group.end], [null, null]], chart.plot);
  };
  const keyOf = (chart, s, group) => {
    const output = element('output');
    const swatch = element('i', { className: s.mark });
    const key = element('button', { type: 'button', className: 'key', title: s.note }, swatch, s.name, output);
    key.style.setProperty('--k', `var(--l${s.hue})`);
    key.setAttribute('aria-pressed', 'true');
    key.onclick = () => {
      s.shown = !s.shown;
      key.setAttribute('aria-pressed', String(s.shown));
      group.view(group.min, group.max);
    };
    s.output = output;
    return key;
  };
  const onKey = (group) => (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const width = group.max - group.min, middle = (group.max + group.min) / 2;
    const to = {
      '+': () => group.view(middle - width / 4, middle + width / 4),
      '-': () => group.view(middle - width, middle + width),
      ArrowLeft: () => group.move(-0.2), ArrowRight: () => group.move(0.2),
      0: () => group.view(0, group.end), Escape: () => group.view(0, group.end),
    };
    to['='] = to['+'];
    if (!to[event.key]) return;
    event.preventDefault();
    to[event.key]();
  };
  /* One finger moves, two zoom. */
  const onTouch = (plot, group) => {
    const fingers = new Map();
    let start = null;
    const begin = () => {
      const all = [...fingers.values()];
      start = { min: group.min, max: group.max, at: all.reduce((a, b) => a + b, 0) / all.length,
        apart: all.length > 1 ? Math.abs(all[0] - all[1]) : 0 };
    };
    plot.addEventListener('pointerdown', (event) => {
      if (event.pointerType !== 'touch') return;
      fingers.set(event.pointerId, event.clientX);
      begin();
    });
    plot.addEventListener('pointermove', (event) => {
      if (!fingers.has(event.pointerId)) return;
      fingers.set(event.pointerId, event.clientX);
      const all = [...fingers.values()], width = start.max - start.min, wide = plot.clientWidth;
      const at = all.reduce((a, b) => a + b, 0) / all.length;
      const zoom = start.apart > 20 ? Math.max(0.05, Math.abs(all[0] - all[1]) / start.apart) : 1;
      const pinned = start.min + width * (start.at - plot.getBoundingClientRect().left) / wide;
      const moved = (at - start.at) / wide * width / zoom;
      group.view(pinned - (pinned - start.min) / zoom - moved, pinned + (start.max - pinned) / zoom - moved);
    });
    for (const name of ['pointerup', 'pointercancel', 'pointerleave'])
      plot.addEventListener(name, (event) => { if (fingers.delete(event.pointerId) && fingers.size) begin(); });
  };
  const toolsOf = (group) => {
    const tools = element('div', { className: 'tools' });
    const button = (text, label, action) => {
      const made = element('button', { type: 'button', textContent: text, onclick: action });
      made.setAttribute('aria-label', label);
      return made;
    };
    const press = (key) => () => onKey(group)({ key, preventDefault() {} });
    group.label = element('span');
    tools.append(button('+', 'zoom in', press('+')), button('−', 'zoom out', press('-')),
      button('←', 'earlier', press('ArrowLeft')), button('→', 'later', press('ArrowRight')),
      button('all', 'the whole time', press('0')), group.label, element('span', { textContent: KEYS }));
    return tools;
  };

  /* ---- the charts of a connection ---- */
  const groups = [];
  const open = (one) => {
    const data = one.querySelector('script[type="application/json"]'), place = one.querySelector('.charts');
    if (!data || one.drawn) return;
    one.drawn = true;
    const { tick, end, charts } = JSON.parse(data.textContent);
    if (!charts.length) { place.remove(); return; }
    const group = { key: one.id, end: Math.max(1, end * tick), min: 0, max: Math.max(1, end * tick), charts: [] };
    group.view = (from, to) => {
      const width = Math.min(group.end, Math.max(to - from, group.end / 1e6, 10));
      group.min = Math.max(0, Math.min(from, group.end - width));
      group.max = group.min + width;
      group.label.textContent = width < group.end ? `${time(group.min, 3)} to ${time(group.max, 3)}` : '';
      for (const chart of group.charts) {
        const [low, high] = range(chart, group.min, group.max);
        chart.u.batch(() => {
          chart.u.setScale('x', { min: group.min, max: group.max });
          chart.u.setScale('y', { min: low, max: high });
        });
        chart.u.redraw(false);
      }
    };
    group.move = (part) => {
      const by = (group.max - group.min) * part;
      group.view(group.min + by, group.max + by);
    };
    place.replaceChildren(toolsOf(group));
    charts.forEach((it, i) => {
      const chart = { title: it.title, unit: it.unit, first: /^Sequence/.test(it.title), fromZero: !/^Sequence/.test(it.title),
        series: it.series.map((s, k) => Object.assign(decode(s, tick), { end: group.end, rare: k > 0 && s.mark === 'bars' })) };
      const caption = element('figcaption', {}, element('strong', { textContent: it.title }));
      for (const s of chart.series) caption.append(keyOf(chart, s, group));
      chart.clock = element('output');
      caption.append(chart.clock);
      chart.plot = element('div', { className: 'plot', tabIndex: 0 });
      chart.plot.setAttribute('role', 'group');
      chart.plot.setAttribute('aria-label', `${it.title}: ${chart.series.map((s) => s.name).join(', ')}. ${KEYS}`);
      chart.plot.addEventListener('keydown', onKey(group));
      chart.plot.addEventListener('wheel', (event) => {
        if (!event.ctrlKey) return;
        event.preventDefault();
        onKey(group)({ key: event.deltaY < 0 ? '+' : '-', preventDefault() {} });
      }, { passive: false });
      onTouch(chart.plot, group);
      chart.tip = element('div', { className: 'tip', hidden: true });
      place.append(element('figure', {}, caption, chart.plot));
      chart.plot.append(chart.tip);
      build(chart, group);
      group.charts.push(chart);
    });
    new ResizeObserver(() => {
      for (const { u, plot } of group.charts)
        if (plot.clientWidth && plot.clientWidth !== u.width) u.setSize({ width: plot.clientWidth, height: u.height });
    }).observe(place);
    groups.push(group);
  };
  for (const one of document.querySelectorAll('details.one')) {
    one.addEventListener('toggle', () => one.open && open(one));
    if (one.open) open(one);
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const group of groups)
      for (const chart of group.charts) { chart.u.destroy(); build(chart, group); }
  });
  const follow = () => {
    const one = /^#c\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (!one) return;
    one.open = true;
    open(one);
    one.scrollIntoView();
  };
  addEventListener('hashchange', follow);
  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href^="#c"]');
    if (link && link.getAttribute('href') === location.hash) follow();
  });
  follow();

  /* ---- what was said: as text or in hexadecimal, and as a file ---- */
  const raw = (pre) => Uint8Array.from(atob(pre.dataset.b), (c) => c.charCodeAt(0));
  const dump = (data, offset) => {
    const lines = [];
    for (let i = 0; i < data.length; i += 16) {
      const row = [...data.slice(i, i + 16)];
      const hex = row.map((b) => b.toString(16).padStart(2, '0')).join(' ').padEnd(47);
      const text = row.map((b) => (b < 32 || b > 126 ? '·' : String.fromCharCode(b))).join('');
      lines.push((offset + i).toString(16).padStart(8, '0') + '  ' + hex + '  ' + text);
    }
    return lines.join('\n');
  };
  const save = (part, side, name) => {
    const all = [...part.querySelectorAll(`.say.d${side}:not(.again) > pre[data-b]`)].map(raw);
    const link = element('a', { href: URL.createObjectURL(new Blob(all)), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  for (const part of document.querySelectorAll('details.said')) {
    const tools = element('div', { className: 'tools' }), number = part.closest('details.one').id.slice(1);
    const hex = element('button', { type: 'button', textContent: 'hexadecimal' });
    hex.setAttribute('aria-pressed', 'false');
    hex.onclick = () => {
      const on = hex.getAttribute('aria-pressed') === 'false';
      hex.setAttribute('aria-pressed', String(on));
      part.classList.toggle('hex', on);
      for (const pre of part.querySelectorAll('pre[data-b]')) {
        pre.plain ??= pre.textContent;
        pre.textContent = on ? dump(raw(pre), Number(pre.dataset.o)) : pre.plain;
      }
    };
    tools.append(hex);
    if (part.querySelector('[data-whole]')) /* all of it is here */
      ['client', 'server'].forEach((name, side) => {
        if (part.querySelector(`.say.d${side} > pre[data-b]`))
          tools.append(element('button', { type: 'button', textContent: `save what the ${name} sent`,
            onclick: () => save(part, side, `connection-${number}-${name}.bin`) }));
      });
    part.querySelector('.talk').before(tools);
  }

  /* ---- the table ---- */
  const table = document.querySelector('table.list'), body = table?.tBodies[0];
  const sort = (header) => {
    const column = header.cellIndex, down = header.getAttribute('aria-sort') !== 'descending';
    for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
    header.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const key = (row) => Number(row.cells[column].dataset.v);
    const rows = [...body.rows].sort((a, b) => (down ? key(b) - key(a) : key(a) - key(b)));
    rows.forEach((row, i) => row.classList.toggle('more', i >= 20));
    body.append(...rows);
  };
  if (body && body.rows.length > 1) {
    for (const header of table.tHead.rows[0].querySelectorAll('th.n')) {
      const button = element('button', { type: 'button', textContent: header.textContent, onclick: () => sort(header) });
      header.replaceChildren(button);
    }
  }
  if (body && body.rows.length > 8) {
    const input = element('input', { type: 'search', placeholder: 'address, port or word' });
    input.oninput = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const all = document.getElementById('more');
      if (all && words.length) all.checked = true;
      for (const row of body.rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    };
    table.closest('.scroll').before(element('label', { className: 'find' }, 'find', input));
  }
})();
