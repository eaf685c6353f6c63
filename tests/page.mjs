// The report pages as a person meets them: node tests/page.mjs BROWSER FOLDER ALREADY [CAPTURE…]. Prints TAP, numbered
// from after ALREADY. FOLDER holds lab.html, flows.html, bulk.html, crowd.html, many.html, lives.html, parallel.html,
// reuse.html and CAPTURE.html.
import { chromium } from 'playwright-core';
import { pathToFileURL } from 'node:url';
import assert from 'node:assert/strict';

const [, , executablePath, folder, already, ...captures] = process.argv;
let number = Number(already), failed = 0;
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

/* A page with what it asked for and what went wrong in it. */
const visit = async (name, options = {}) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.asked = [];
  page.wrong = [];
  page.on('request', (request) => page.asked.push(request.url()));
  page.on('pageerror', (error) => page.wrong.push(error.message));
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && page.wrong.push(message.text()));
  await page.goto(pathToFileURL(`${folder}/${name}.html`).href + (options.hash ?? ''));
  return page;
};
const check = async (name, run) => {
  number++;
  try {
    await run();
    console.log(`ok ${number} - ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok ${number} - ${name}\n# ${String(error.message ?? error).split('\n').slice(0, 12).join('\n# ')}`);
  }
};
const done = (page) => page.context().close();

/* How many pixels of a chart are not the ground. */
const inked = (plot) => plot.locator('canvas').evaluate((canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let n = 0;
  for (let i = 3; i < data.length; i += 4) n += data[i] > 0;
  return n;
});
/* A heading as it is read: its numbers hold their units by spaces that do not break. */
const heading = async (page) => (await page.locator('h1').innerText()).replace(/\u00a0/g, ' ');
const shown = (page) => page.evaluate(() => document.querySelector('details.one[open] .tools span').textContent);
const over = async (page, at = 0) => {
  const plot = page.locator('details.one[open] .plot').nth(at);
  await plot.scrollIntoViewIfNeeded();
  return plot.locator('.u-over').boundingBox();
};

/* The contrast of each text with what it lies on, after WCAG 2: [ratio, text] of the least. */
const leastContrast = (page) => page.evaluate(() => {
  const parse = (text) => {
    const all = text.match(/[\d.]+/g).map(Number);
    const unit = text.startsWith('color(') ? 255 : 1;
    return [all[0] * unit, all[1] * unit, all[2] * unit, all[3] ?? 1];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0.5) return colour;
    }
    return [255, 255, 255];
  };
  let least = [99, ''];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility() || element.closest('script, style')) continue;
    const a = light(parse(getComputedStyle(element).color)), b = light(ground(element));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least[0]) least = [ratio, `${element.className} "${node.textContent.trim().slice(0, 40)}"`];
  }
  return least;
});

for (const name of ['lab', 'flows', 'bulk', 'crowd', 'many', 'lives', 'parallel', 'reuse']) {
  await check(`${name}: it loads nothing, and nothing goes wrong`, async () => {
    const page = await visit(name);
    await page.waitForTimeout(200);
    assert.deepEqual(page.asked.filter((url) => !url.startsWith('data:')).length, 1);
    assert.deepEqual(page.wrong, []);
    const policy = await page.locator('meta[http-equiv=Content-Security-Policy]').getAttribute('content');
    assert.match(policy, /default-src 'none'/);
    await done(page);
  });
  await check(`${name}: read without script`, async () => {
    const page = await visit(name, { javaScriptEnabled: false });
    const first = await page.locator('h1').boundingBox(), map = await page.locator('.map').first().boundingBox();
    assert.ok(first.y < 200, 'the sentence stands at the top');
    assert.ok(map.y < 900, 'the map begins on the first screen');
    assert.ok((await page.locator('.legend li').count()) > 2);
    assert.ok(await page.locator('.life svg path').first().isVisible());
    assert.match(await page.locator('h1').innerText(), /\w+/);
    if (!['lab', 'bulk'].includes(name)) assert.ok((await page.locator('table.list tbody tr').count()) > 1);
    assert.ok(await page.locator('details.one[open] .ladder').first().isVisible());
    await done(page);
  });
  await check(`${name}: charts are drawn`, async () => {
    const page = await visit(name);
    const plots = page.locator('details.one[open] .plot');
    assert.ok((await plots.count()) >= 2);
    for (let i = 0; i < (await plots.count()); i++) assert.ok((await inked(plots.nth(i))) > 1500, `chart ${i}`);
    await done(page);
  });
}

await check('the charts of a run: sequence, windows, round trip, throughput', async () => {
  const page = await visit('lab');
  assert.deepEqual(await page.locator('figcaption strong').allInnerTexts(),
    ['Sequence', 'Windows and bytes in flight', 'Round trip', 'Throughput']);
  const keys = await page.locator('figcaption .key').evaluateAll((all) => all.map((key) => key.childNodes[1].textContent));
  for (const key of ['new data', 'resent', 'acknowledged', 'congestion window', 'in flight', 'srtt']) assert.ok(keys.includes(key), key);
  await done(page);
});
await check('a chart shows the values its numbers have', async () => {
  const page = await visit('lab');
  const box = await over(page);
  await page.mouse.move(box.x + box.width - 3, box.y + 30);
  const acked = page.locator('.key', { hasText: /^acknowledged/ }).first().locator('output');
  assert.equal(await acked.innerText(), '4 MiB');
  await done(page);
});
await check('a segment tells what it is', async () => {
  const page = await visit('lives');
  const box = await over(page);
  let text = '';
  for (let y = 10; y < box.height && !text; y += 12)
    for (const x of [box.width * 0.2, box.width * 0.5, box.width * 0.8]) {
      await page.mouse.move(box.x + x, box.y + y);
      const tip = page.locator('details.one[open] .tip').first();
      if (await tip.isVisible()) { text = await tip.innerText(); break; }
    }
  assert.match(text, /frame \d+/);
  await done(page);
});
await check('SACK blocks lie beyond the acknowledged bytes, and tell themselves', async () => {
  const page = await visit('capture_loss_client');
  const spans = await page.evaluate(() => [...document.querySelectorAll('details.one script')].flatMap((script) =>
    JSON.parse(script.textContent).charts.flatMap((chart) => chart.series.filter((s) => s.name === 'SACK'))));
  assert.ok(spans.length > 0 && spans.every((s) => s.mark === 'spans' && s.p.length >= 5));
  await page.locator('details.one[open] .key', { hasText: 'SACK' }).first().waitFor();
  await done(page);
});

await check('what was said is shown in hexadecimal, and saved as it was sent', async () => {
  const page = await visit('reuse', { acceptDownloads: true });
  const said = page.locator('details.one[open] details.said');
  await said.locator('summary').click();
  const plain = await said.locator('pre').first().innerText();
  const hex = said.getByRole('button', { name: 'hexadecimal' });
  await hex.click();
  assert.match(await said.locator('pre').first().innerText(), /^00000000 {2}[0-9a-f]{2} /);
  const [download] = await Promise.all([page.waitForEvent('download'),
    said.getByRole('button', { name: 'save what the server sent' }).click()]);
  const { createReadStream } = await import('node:fs');
  let length = 0;
  for await (const piece of createReadStream(await download.path())) length += piece.length;
  assert.equal(length, 4004);
  await hex.click();
  assert.equal(await said.locator('pre').first().innerText(), plain);
  await done(page);
});

await check('dragging zooms all charts alike; a double click shows all again', async () => {
  const page = await visit('lab');
  const box = await over(page), plot = page.locator('details.one[open] .plot').first();
  const before = await plot.locator('canvas').evaluate((canvas) => canvas.toDataURL());
  const drag = async () => {
    await page.mouse.move(box.x + box.width * 0.25, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await page.waitForTimeout(100);
  };
  const width = () => page.evaluate(() => document.querySelector('details.one[open] .tools span').textContent);
  await drag();
  const [, from, to] = (await width()).match(/([\d.]+) m?s to ([\d.]+) m?s/);
  assert.ok(Number(to) > Number(from));
  const end = await page.evaluate(() => { const d = JSON.parse(document.querySelector('details.one script').textContent); return d.end * d.tick / 1e9; });
  assert.ok(Math.abs((to - from) / end - 0.25) < 0.02, `a quarter of ${end} s is shown: ${from} to ${to}`);
  assert.notEqual(await plot.locator('canvas').evaluate((canvas) => canvas.toDataURL()), before);
  await page.mouse.dblclick(box.x + 50, box.y + 50);
  await page.waitForTimeout(100);
  assert.equal(await width(), '');
  await done(page);
});
await check('the keyboard zooms and moves', async () => {
  const page = await visit('lab');
  await page.locator('.plot').first().focus();
  await page.keyboard.press('+');
  const half = await shown(page);
  assert.match(half, /to/);
  await page.keyboard.press('ArrowRight');
  const later = await shown(page);
  assert.notEqual(later, half);
  await page.keyboard.press('ArrowLeft');
  assert.equal(await shown(page), half);
  await page.keyboard.press('-');
  assert.equal(await shown(page), '');
  await page.keyboard.press('+');
  await page.keyboard.press('0');
  assert.equal(await shown(page), '');
  await done(page);
});
await check('all that acts can be reached by the keyboard', async () => {
  const page = await visit('flows');
  const reached = new Set();
  for (let i = 0; i < 70; i++) {
    await page.keyboard.press('Tab');
    reached.add(await page.evaluate(() => { const e = document.activeElement; return `${e.tagName}.${e.className}`; }));
  }
  for (const one of ['A.life', 'SUMMARY.', 'BUTTON.key', 'DIV.plot', 'DIV.scroll', 'A.', 'BUTTON.'])
    assert.ok(reached.has(one), `${one} is not among ${[...reached]}`);
  await done(page);
});
await check('a line is switched off and on', async () => {
  const page = await visit('lab');
  const key = page.locator('.key').first();
  const before = await inked(page.locator('.plot').first());
  await key.click();
  assert.equal(await key.getAttribute('aria-pressed'), 'false');
  const without = await inked(page.locator('.plot').first());
  assert.notEqual(without, before);
  await key.click();
  assert.equal(await inked(page.locator('.plot').first()), before);
  await done(page);
});
await check('a life on the map leads to its section', async () => {
  const page = await visit('flows');
  const last = page.locator('a.life').last(), target = await last.getAttribute('href');
  assert.equal(await page.locator(`details${target}`).getAttribute('open'), null);
  await last.click();
  await page.waitForTimeout(600);
  assert.ok(await page.locator(`details${target} .plot`).first().isVisible());
  assert.ok((await inked(page.locator(`details${target} .plot`).first())) > 1500);
  await done(page);
});
await check('the address of a section opens it', async () => {
  const page = await visit('flows', { hash: '#c2' });
  await page.waitForTimeout(100);
  assert.ok(await page.locator('details#c2 .plot').first().isVisible());
  await done(page);
});
await check('the lives of one four-tuple lie on one row, numbered and joined', async () => {
  const page = await visit('lives');
  assert.equal(await page.locator('.lane:not(.axis)').count(), 1);
  assert.equal(await page.locator('.life').count(), 6);
  assert.ok((await page.locator('.life b').count()) >= 1);
  assert.equal(await page.locator('.life b').first().innerText(), '1');
  await done(page);
});
await check('six connections in parallel: why, and six rows', async () => {
  const page = await visit('parallel');
  assert.match(await heading(page), /opened 6 connections to 10\.78\.0\.2:80, each from a port of its own/);
  assert.equal(await page.locator('.lane:not(.axis)').count(), 6);
  assert.equal(await page.locator('details.one').count(), 6);
  await page.locator('details.one[open] .part summary').click();
  assert.match(await page.locator('details.one[open] .say pre').first().innerText(), /^GET /);
  await done(page);
});
await check('one four-tuple six times: why, and one row with six numbers', async () => {
  const page = await visit('reuse');
  assert.match(await heading(page), /used 6 times, one connection after the other/);
  assert.equal(await page.locator('.lane:not(.axis)').count(), 1);
  assert.deepEqual(await page.locator('.life b').allInnerTexts(), ['1', '2', '3', '4', '5', '6']);
  assert.equal(await page.locator('.link').count(), 5);
  await done(page);
});
/* The strip shows when a connection was in which state: its parts must be as long as the account says. */
for (const name of captures)
  await check(`${name}: states over time add up; nothing is loaded, nothing goes wrong`, async () => {
    const page = await visit(name);
    await page.waitForTimeout(100);
    assert.deepEqual(page.wrong, []);
    assert.equal(page.asked.filter((url) => !url.startsWith('data:')).length, 1);
    const off = await page.evaluate(() => [...document.querySelectorAll('details.one')].map((one) => {
      const bar = one.querySelector(':scope > .bar') ?? document.querySelector('.bar.big'), svg = one.querySelector('.strip svg');
      const all = [...bar.querySelectorAll('i')], whole = all.reduce((sum, i) => sum + Number(i.style.flexGrow), 0);
      const wide = svg.viewBox.baseVal.width, drawn = new Map(), parts = [...svg.querySelectorAll('path')].slice(1);
      for (const path of parts)
        drawn.set(path.className.baseVal, [...path.getAttribute('d').matchAll(/h(\d+)/g)].reduce((sum, m) => sum + Number(m[1]), 0) / wide);
      const told = one.querySelectorAll('.strip path').length > 1;
      return !told ? 0 : Math.max(...all.map((i) => Math.abs(Number(i.style.flexGrow) / whole - (drawn.get(i.className) ?? 0))));
    }));
    for (const one of off) assert.ok(one < 0.06, `a state is ${(one * 100).toFixed(1)} % of the time longer or shorter than told`);
    await done(page);
  });
await check('the table sorts, and finds', async () => {
  const page = await visit('many');
  const numbers = () => page.locator('table.list tbody tr:visible td:first-child').allInnerTexts();
  assert.equal((await numbers()).length, 20);
  await page.locator('table.list th button', { hasText: '#' }).click();
  let now = (await numbers()).map(Number);
  assert.deepEqual(now, [...now].sort((a, b) => b - a));
  await page.locator('table.list th button', { hasText: '#' }).click();
  now = (await numbers()).map(Number);
  assert.deepEqual(now, [...now].sort((a, b) => a - b));
  await page.locator('label[for=more]').click();
  assert.equal((await numbers()).length, 300);
  const who = (await page.locator('table.list tbody tr').nth(7).locator('b').first().innerText());
  await page.locator('input[type=search]').fill(who);
  const left = await page.locator('table.list tbody tr:visible').count();
  assert.ok(left >= 1 && left < 20, `${left} rows have ${who}`);
  await done(page);
});
await check('all rows can be shown without script', async () => {
  const page = await visit('many', { javaScriptEnabled: false });
  assert.equal(await page.locator('table.list tbody tr:visible').count(), 20);
  await page.locator('label[for=more]').click();
  assert.equal(await page.locator('table.list tbody tr:visible').count(), 300);
  await done(page);
});
for (const colorScheme of ['light', 'dark'])
  for (const name of ['flows', 'many', 'lives'])
    await check(`${name}, ${colorScheme}: text stands out from what it lies on`, async () => {
      const page = await visit(name, { colorScheme });
      const [ratio, text] = await leastContrast(page);
      assert.ok(ratio >= 4.5, `${ratio.toFixed(2)}: ${text}`);
      await done(page);
    });
await check('on a phone nothing is wider than the screen', async () => {
  for (const name of ['lab', 'flows', 'many', 'lives']) {
    const page = await visit(name, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    await page.waitForTimeout(100);
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 390, name);
    await done(page);
  }
});
await check('charts follow the width of the window and the colours of the system', async () => {
  const page = await visit('lab');
  const width = () => page.locator('.plot canvas').first().evaluate((canvas) => canvas.width);
  const wide = await width();
  await page.setViewportSize({ width: 700, height: 900 });
  await page.waitForTimeout(200);
  assert.ok((await width()) < wide);
  const light = await page.locator('.plot canvas').first().evaluate((canvas) => canvas.toDataURL());
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.waitForTimeout(200);
  assert.notEqual(await page.locator('.plot canvas').first().evaluate((canvas) => canvas.toDataURL()), light);
  assert.deepEqual(page.wrong, []);
  await done(page);
});

/* Machado, Oliveira and Fernandes' matrices: what the three kinds of colour blindness make of the states' colours. */
await check('states that lie beside each other differ for any colour vision', async () => {
  const page = await visit('lives');
  const kinds = {
    all: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    protanopia: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
    deuteranopia: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
    tritanopia: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
  };
  const colours = await page.evaluate(() => [3, 4, 5, 6, 7, 8, 9].map((i) => {
    const text = getComputedStyle(document.documentElement).getPropertyValue('--h' + i).trim();
    return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16) / 255);
  }));
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const lab = (rgb) => { /* CIE L*a*b*, D65 */
    const [r, g, b] = rgb.map((v) => Math.min(1, Math.max(0, v)));
    const f = (t) => (t > 216 / 24389 ? Math.cbrt(t) : (24389 / 27 * t + 16) / 116);
    const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505), y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
    const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
  };
  for (const [kind, m] of Object.entries(kinds)) {
    const seen = colours.map((rgb) => rgb.map(linear)).map((c) => lab([0, 3, 6].map((r) => m[r] * c[0] + m[r + 1] * c[1] + m[r + 2] * c[2])));
    for (let i = 0; i < seen.length; i++)
      for (let k = 0; k < i; k++) {
        const apart = Math.hypot(...seen[i].map((v, n) => v - seen[k][n]));
        assert.ok(apart > 10, `${kind}: colours ${k + 3} and ${i + 3} are ${apart.toFixed(1)} apart`);
      }
  }
  await done(page);
});

await browser.close();
process.exit(failed ? 1 : 0);
