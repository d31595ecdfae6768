// Renders a generation packed by `generation.py`: hovering or focusing a generated token colours the tokens by their
// scores for it. Runs in a page and in an HTML file. All text is inserted as text.
"use strict";

const HIDDEN = -32768;
const MAX_SHARE = 32767;
const NAMED = 0.5; // of the largest score; below it no second token is named
const STRONG = 0.4; // of the largest score; from here on an underline shows the sign too

function wherefore(box, data) {
  if (box.dataset.shown === data.id) return;
  box.dataset.shown = data.id;
  const bytes = Uint8Array.from(atob(data.scores), (character) => character.charCodeAt(0));
  const scores = new Int16Array(bytes.buffer);
  const view = build(data);
  const state = { from: data.first, to: data.first, pinned: false, anchor: null, dragged: false };
  box.replaceChildren(...view.blocks, view.summary, view.more, view.legend, view.tools, ...view.glossary);

  const span = () => [Math.min(state.from, state.to), Math.max(state.from, state.to)];
  const show = (from, to, pinned) => {
    Object.assign(state, { from, to, pinned });
    const values = combineScores(data, scores, ...span(), view.how.value);
    colourTokens(data, view, values, ...span(), pinned);
  };
  const toggle = (row) => {
    const same = state.pinned && state.from === row && state.to === row;
    show(row, row, !same);
  };
  const focus = (row) => {
    view.options.forEach((option, i) => (option.tabIndex = i === row ? 0 : -1));
    view.options[row].focus();
  };
  const rowOf = (event) => {
    const option = event.target.closest?.("[data-row]");
    return option ? Number(option.dataset.row) : null;
  };

  box.onpointerover = (event) => {
    const row = rowOf(event);
    if (row === null) return;
    if (!(event.buttons & 1)) state.anchor = null;
    if (state.anchor !== null && row !== state.anchor) state.dragged = true;
    if (state.anchor !== null && state.dragged) show(state.anchor, row, true);
    else if (!state.pinned) show(row, row, false);
  };
  box.onpointerdown = (event) => {
    state.dragged = false;
    state.anchor = event.pointerType === "mouse" && event.button === 0 && !event.shiftKey ? rowOf(event) : null;
  };
  box.onclick = (event) => {
    const row = rowOf(event);
    if (row === null || state.dragged) return;
    view.options.forEach((option, i) => (option.tabIndex = i === row ? 0 : -1));
    if (event.shiftKey) show(state.from, row, true);
    else toggle(row);
  };
  box.onfocusin = (event) => {
    const row = rowOf(event);
    if (row !== null && !state.pinned && event.target.matches(":focus-visible")) show(row, row, false);
  };
  box.onkeydown = (event) => {
    const row = rowOf(event);
    if (row === null) return;
    const forward = getComputedStyle(event.target).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    const backward = forward === "ArrowLeft" ? "ArrowRight" : "ArrowLeft";
    const last = data.rows.length - 1;
    const next = {
      [forward]: row + 1,
      ArrowDown: row + 1,
      [backward]: row - 1,
      ArrowUp: row - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (next !== undefined) {
      const reached = Math.max(0, Math.min(last, next));
      const from = state.pinned ? state.from : row;
      focus(reached);
      if (event.shiftKey) show(from, reached, true);
    } else if (event.key === "Enter" || event.key === " ") toggle(row);
    else if (event.key === "Escape") show(row, row, false);
    else return;
    event.preventDefault();
  };
  view.how.onchange = () => show(state.from, state.to, state.pinned);
  show(data.first, data.first, false);
}

function element(tag, kind, text) {
  const node = document.createElement(tag);
  if (kind) node.className = kind;
  if (text !== undefined) node.textContent = text;
  return node;
}

function build(data) {
  const tokens = []; // each: [element, feature]
  const options = [];
  const blocks = data.fields.flatMap((field) => {
    const generated = field.blocks.some((block) => block.parts.some((part) => part[2] >= 0));
    const head = element("div", "wf-field", field.title);
    head.setAttribute("aria-hidden", "true");
    const text = element("div", "wf-g-text");
    text.dir = "auto";
    text.setAttribute("role", generated ? "listbox" : "group");
    text.setAttribute("aria-label", generated ? `${field.title}, each generated word with its sources` : field.title);
    if (generated) text.setAttribute("aria-multiselectable", "true");
    for (const block of field.blocks) {
      const place = block.role ? element("div", "wf-g-role") : text;
      if (block.role) {
        place.dir = "auto";
        place.append(element("small", "", block.role));
        text.append(place);
      }
      place.append(...block.parts.map((part) => buildPart(part, tokens, options)));
    }
    return field.blocks.every((block) => block.role) ? [text] : [head, text];
  });
  const summary = element("p", "wf-g-said");
  summary.setAttribute("aria-live", "polite");
  const how = element("select");
  for (const name of ["sum", "mean"]) how.append(element("option", "", name));
  const label = element("label", "", "Several words together show the ");
  label.append(how);
  const tools = element("div", "wf-g-tools");
  const hint = "Point at a word, or move with the arrow keys. Click to keep it. Drag, or hold Shift, to select several.";
  tools.append(element("span", "", hint), label);
  const more = element("div", "wf-g-more");
  const legend = element("div", "wf-legend");
  return { blocks, tokens, options, summary, more, legend, how, tools, glossary: buildGlossary(data.steps) };
}

function buildGlossary(steps) {
  if (!steps.length) return [];
  const box = element("details", "wf-g-steps");
  const list = element("dl");
  for (const [name, unit, meaning] of steps)
    list.append(element("dt", "", unit ? `${name} (${unit})` : name), element("dd", "", meaning));
  box.append(element("summary", "", "What the numbers of a word mean"), list);
  return [box];
}

function listSteps(names, numbers) {
  return numbers.flatMap((number, i) => {
    const [name, unit, meaning] = names[i];
    const shown = element("span", "", [name, number, unit].filter(Boolean).join(" "));
    if (meaning) shown.title = meaning;
    return i ? [" · ", shown] : [shown];
  });
}

function buildPart([text, feature, row, mark], tokens, options) {
  if (feature < 0 && !mark) return document.createTextNode(text);
  if (feature < 0) {
    const unread = element("span", "wf-unread", text);
    unread.title = "not read by the model";
    return unread;
  }
  const node = element("span", mark ? "wf-t wf-g-mark" : "wf-t", text);
  node.dataset.kind = node.className;
  tokens.push([node, feature]);
  if (row >= 0) {
    node.dataset.row = row;
    node.dataset.kind += " wf-g-o";
    node.tabIndex = row === 0 ? 0 : -1;
    node.setAttribute("role", "option");
    options[row] = node;
  }
  return node;
}

function combineScores(data, scores, from, to, how) {
  const values = new Float64Array(data.width);
  for (let feature = 0; feature < data.width; feature++) {
    let seen = 0;
    for (let row = from; row <= to; row++) {
      const share = scores[row * data.width + feature];
      if (share === HIDDEN) continue;
      values[feature] += (share / MAX_SHARE) * data.rows[row].limit;
      seen++;
    }
    if (!seen) values[feature] = NaN;
    else if (how === "mean") values[feature] /= to - from + 1;
  }
  return values;
}

function colourTokens(data, view, values, from, to, pinned) {
  const limit = values.reduce((most, value) => Math.max(most, Math.abs(value) || 0), 0);
  for (const [node, feature] of view.tokens) {
    const value = values[feature];
    const row = node.dataset.row === undefined ? -1 : Number(node.dataset.row);
    const on = row >= from && row <= to;
    const strength = limit ? Math.abs(value) / limit : 0;
    const kinds = [node.dataset.kind];
    if (on) kinds.push("wf-g-on");
    if (Number.isNaN(value)) {
      if (!on) kinds.push("wf-g-hidden");
      delete node.dataset.n;
    } else {
      kinds.push(value < 0 ? "wf-n" : "wf-p");
      if (strength >= STRONG) kinds.push("wf-strong");
      const shade = strength.toFixed(2);
      if (node.style.getPropertyValue("--s") !== shade) node.style.setProperty("--s", shade);
      node.dataset.n = formatNumber(value, data.signed);
    }
    const kind = kinds.join(" ");
    if (node.className !== kind) node.className = kind;
    if (row >= 0) node.setAttribute("aria-selected", String(on && pinned));
  }
  describe(data, view, values, from, to, limit);
}

function describe(data, view, values, from, to, limit) {
  const rows = data.rows.slice(from, to + 1);
  const others = view.tokens.filter(([node]) => !(node.dataset.row >= from && node.dataset.row <= to));
  const words = others.map(([node, feature]) => [node.textContent, feature]);
  const own = rows.length === 1 ? quote(rows[0].name) : quote(`${rows[0].name} … ${rows.at(-1).name}`);
  const share = rows.length === 1 && rows[0].share ? ` (${rows[0].share})` : "";
  const foil = rows.length === 1 && rows[0].foil ? ` rather than ${quote(rows[0].foil)}` : "";
  view.summary.textContent = `${own}${share}${foil}: ${describeSources(words, values, limit, data.signed)}`;
  const instead = rows.length === 1 && rows[0].instead ? `Most probable alternatives: ${rows[0].instead.join(", ")}.` : "";
  const steps = rows.length === 1 && rows[0].steps ? [...listSteps(data.steps, rows[0].steps), "."] : [];
  view.more.replaceChildren(instead && steps.length ? `${instead} ` : instead, ...steps);
  const goal = rows.length === 1 ? `${quote(rows[0].name)}${foil}` : "these";
  const against = foil ? `towards ${quote(rows[0].foil)}` : `away from ${rows.length === 1 ? quote(rows[0].name) : "them"}`;
  const keys = data.signed ? [["wf-p", `towards ${goal}`], ["wf-n", against]] : [["wf-p", "in either direction"]];
  view.legend.replaceChildren(
    ...(limit ? keys : []).map(([kind, text]) => {
      const key = element("span", `wf-key ${kind} wf-strong`, text);
      key.style.setProperty("--s", "1");
      return key;
    }),
    ...listUnseen(data, values),
    element("span", "", limit ? `Full colour: ${formatNumber(limit, false)}. Grey: not visible at that step.` : "Every score is 0."),
  );
}

function listUnseen(data, values) {
  const total = values.reduce((sum, value) => sum + (Math.abs(value) || 0), 0);
  const shares = new Map();
  for (const [feature, text] of data.unseen)
    shares.set(text, (shares.get(text) ?? 0) + (Math.abs(values[feature]) || 0) / (total || 1));
  const worth = [...shares].filter(([, share]) => share >= 0.005).sort((one, other) => other[1] - one[1]);
  if (!worth.length) return [];
  const named = worth.slice(0, 3).map(([text, share]) => `${Math.round(100 * share)} % on \u2068${text}\u2069`);
  return [element("span", "", `Not shown: ${named.join(", ")}, which the tokenizer or the chat template adds.`)];
}

function describeSources(words, values, limit, signed) {
  const content = words.filter(([text]) => /[\p{L}\p{N}\p{S}]/u.test(text));
  const ranked = (content.length ? content : words)
    .map(([text, feature]) => [text.trim(), values[feature]])
    .filter(([, value]) => Math.abs(value) > 0)
    .sort((one, other) => Math.abs(other[1]) - Math.abs(one[1]));
  if (!limit || !ranked.length) return "every other token has the score 0.";
  const strong = (tokens, most) => tokens.filter(([, value]) => Math.abs(value) >= NAMED * Math.abs(most));
  if (!signed) {
    const most = strong(ranked, ranked[0][1]).slice(0, 2);
    return `${joinWords(most)} ${most.length > 1 ? "have" : "has"} the largest score.`;
  }
  const pushing = ranked.filter(([, value]) => value > 0);
  const towards = pushing.length ? strong(pushing, pushing[0][1]).slice(0, 2) : [];
  const away = strong(ranked.filter(([, value]) => value < 0), ranked[0][1]).slice(0, 1);
  const mostly = towards.length ? [`${joinWords(towards)} ${towards.length > 1 ? "push" : "pushes"} hardest towards it`] : [];
  const against = away.length ? [`${joinWords(away)} pushes against it`] : [];
  return `${[...mostly, ...against].join("; ")}.`;
}

function joinWords(tokens) {
  return tokens.map(([text]) => quote(text)).join(" and ");
}

function quote(text) {
  return `“\u2068${text}\u2069”`;
}

function formatNumber(value, signed) {
  if (!value) return "0";
  const size = Math.abs(value);
  const digits = size >= 0.1 ? size.toFixed(2) : size.toPrecision(2).replace(/\.?0+(?=$|e)/, "");
  return `${value < 0 ? "−" : signed ? "+" : ""}${digits}`;
}
