"use strict";

// keepFocus changes what is below an element; a control that had the focus has it
// afterwards too.
function keepFocus(root, change) {
	const all = () => [...root.querySelectorAll("a, button, summary, [tabindex]")];
	const at = all().indexOf(document.activeElement);
	change();
	if (at >= 0) all()[at]?.focus({preventScroll: true});
}

// Draws the charts of a report. Every figure is a pure function of the model
// (see model.go) and of what the reader chose in it, so that drawReport can be
// called again with new data, as a live page does: figures stay where they are,
// with their choices.
//
// A figure is described by plain data, and by these functions alone made visible:
//
//	{
//	  id, title, finding,   // finding: what the chart shows, in words
//	  half,                 // it takes half the page where there is room
//	  missing,              // instead of all below: why there is nothing to draw
//	  controls: [{name, what, options: [[value, label]], many}],
//	  legend: [{key, label, colour, dashed, block}],
//	  plots: [{…}],         // see Plot
//	  aside,                // an explanation below
//	  tables: () => [{title, columns, rows}],
//	}

const drawReport = (() => {

	// Numbers in words, as the tables above have them.

	const nbsp = "\u00a0"; // so that a number stays with its unit
	const digits = (v, n = 3) => String(Number(v.toPrecision(n)));
	const count = n => Math.round(n).toLocaleString("en-US");
	const percent = v => digits(v * 100) + nbsp + "%";
	const rate = v => (v >= 1000 ? count(v) : digits(v)) + "/s";

	function duration(s) {
		if (s === null || s === undefined) return "–";
		if (s < 0.1) return digits(s * 1000) + nbsp + "ms";
		if (s < 1) return Math.round(s * 1000) + nbsp + "ms";
		return digits(s) + nbsp + "s";
	}

	// moment is a time since the start of the run: 90 is 1:30.
	function moment(s) {
		const whole = Math.round(s), pad = n => String(n).padStart(2, "0");
		const h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60;
		return h > 0 ? `${h}:${pad(m)}:${pad(whole % 60)}` : `${m}:${pad(whole % 60)}`;
	}

	// within is an estimate's bounds in words.
	function within(e, word) {
		if (!e.high && !e.low) return "no bounds";
		if (!e.high) return `≥ ${word(e.low)}, no upper bound`;
		return `${e.low ? word(e.low) : "?"} – ${word(e.high)}`;
	}

	// nines is a share in percent, with as many digits as tell it from 100 %.
	const nines = p => String(Number((100 * p).toFixed(Math.max(0, Math.floor(1e-9 - Math.log10(1 - p))))));

	// The page.

	// el makes an element. Texts never become markup.
	function el(tag, attributes, ...children) {
		const e = document.createElement(tag);
		for (const [name, value] of Object.entries(attributes || {})) {
			if (value === false || value === null || value === undefined) continue;
			if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
			else e.setAttribute(name, value === true ? "" : value);
		}
		e.append(...children.flat().filter(c => c !== null && c !== undefined && c !== false));
		return e;
	}

	function swatch(item) {
		const s = el("span", {class: "swatch" + (item.dashed ? " dashed" : "") + (item.block ? " block" : ""), "aria-hidden": "true"});
		s.style[item.block ? "background" : "borderColor"] = `var(--${item.colour})`;
		if (typeof item.colour === "number") s.style[item.block ? "background" : "borderColor"] = ramp(item.colour);
		return s;
	}

	function table({title, columns, rows}) {
		return [
			...(title ? [el("h3", null, title)] : []),
			el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": title || "Figures"},
				el("table", {class: "figures"},
					el("thead", null, el("tr", null, columns.map(c => el("th", {scope: "col"}, c)))),
					el("tbody", null, rows.map(r => el("tr", null, r.map((c, i) => el(i ? "td" : "th", i ? null : {scope: "row"}, c))))))),
		];
	}

	// Colours, which the style sheet names. A number is a place on the ramp from
	// the lowest load to the highest.

	let probe;
	const seen = new Map();

	function paint(name, alpha = 1) {
		if (typeof name === "number") return mix(name, alpha);
		if (!seen.has(name)) {
			if (!probe) {
				probe = el("span", {hidden: true});
				document.body.append(probe);
			}
			probe.style.color = `var(--${name})`;
			seen.set(name, getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number));
		}
		return `rgb(${seen.get(name).join(" ")} / ${alpha})`;
	}

	function mix(at, alpha = 1) {
		const [from, to] = at < 0.5 ? ["first", "middle"] : ["middle", "last"];
		paint(from), paint(to);
		const part = at < 0.5 ? 2 * at : 2 * at - 1;
		const rgb = seen.get(from).map((c, i) => Math.round(c + (seen.get(to)[i] - c) * part));
		return `rgb(${rgb.join(" ")} / ${alpha})`;
	}

	// ramp is mix for the style of an element, which follows the colour scheme by itself.
	function ramp(at) {
		const [from, to] = at < 0.5 ? ["first", "middle"] : ["middle", "last"];
		const part = Math.round(100 * (at < 0.5 ? 2 * at : 2 * at - 1));
		return `color-mix(in srgb, var(--${to}) ${part}%, var(--${from}))`;
	}

	// Axes.

	const font = size => `${size}px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif`;

	// A kind of axis writes its ticks in words and says where they may be.
	const axes = {
		duration: {
			ticks: (u, splits) => splits.map(v => v === 0 ? "0" : splits[splits.length - 1] < 1 ? digits(v * 1000) + nbsp + "ms" : digits(v) + nbsp + "s"),
		},
		share: {ticks: (u, splits) => splits.map(v => percent(v))},
		number: {ticks: (u, splits) => splits.map(v => v >= 1e6 ? digits(v / 1e6) + "M" : v >= 1e4 ? digits(v / 1e3) + "k" : digits(v, 6))},
		moment: {
			ticks: (u, splits) => splits.map(moment),
			steps: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400],
		},
		// Percentiles on the axis of HdrHistogram: each tenth of what is left above is as wide as the one before.
		percentile: {
			at: p => -Math.log10(1 - p),
			places: (u, i, min, max) => [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999].map(axes.percentile.at)
				.filter((x, i) => x <= max + 0.01 && (i !== 1 || x / max * u.bbox.width > 40 * devicePixelRatio)), // the median has room or is left out
			ticks: (u, splits) => splits.map(x => nines(1 - Math.pow(10, -x)) + nbsp + "%"),
		},
		// Times on a logarithmic axis.
		octaves: {
			at: s => Math.log2(s),
			places: (u, i, min, max) => roundTimes(Math.pow(2, min), Math.pow(2, max), u.bbox.width / devicePixelRatio / 70).map(Math.log2),
			ticks: (u, splits) => splits.map(x => duration(Number(Math.pow(2, x).toPrecision(4)))),
		},
	};

	// roundTimes are round numbers from min to max, not many more than most.
	function roundTimes(min, max, most) {
		if (max / min < 4) {
			const step = uPlot.rangeNum(0, (max - min) / Math.max(2, most), 0, false)[1];
			const unit = Math.pow(10, Math.floor(Math.log10(step)));
			const nice = unit * [1, 2, 5, 10].find(n => n * unit >= step * 0.999);
			const times = [];
			for (let i = Math.ceil(min / nice); i * nice <= max; i++) times.push(i * nice);
			return times;
		}
		for (const series of [[1, 1.5, 2, 3, 4, 5, 6, 8], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]]) {
			const times = [];
			for (let e = Math.floor(Math.log10(min)); Math.pow(10, e) <= max; e++) {
				for (const n of series) {
					const v = n * Math.pow(10, e);
					if (v >= min && v <= max) times.push(v);
				}
			}
			if (times.length <= Math.max(3, most)) return times;
		}
		return [min, max];
	}

	function axisOf(a, extra) {
		const kind = axes[a.kind];
		return {
			scale: a.scale, stroke: () => paint("muted"), font: font(12), labelFont: font(12), label: a.label, labelSize: 18, labelGap: 0,
			values: a.names ? (u, splits) => splits.map(i => a.names[i] ?? "") : kind.ticks,
			splits: a.names ? u => spaced(u, a.names) : a.places ? (u, i, min, max, every) => roomy(u, a.places, max - min, every) : kind.places,
			incrs: kind?.steps,
			grid: {stroke: () => paint("grid"), width: 1}, ticks: {stroke: () => paint("line"), width: 1, size: 4}, border: {show: false},
			...extra,
		};
	}

	// spaced are the places of as many names as have room.
	function spaced(u, names) {
		const longest = Math.max(...names.map(n => n.length)) * 7 + 10;
		const every = Math.max(1, Math.ceil(names.length * longest / (u.bbox.width / devicePixelRatio)));
		return names.map((_, i) => i).filter(i => i % every === 0);
	}

	// roomy are the places of all steps if there is room for that, else round numbers.
	function roomy(u, places, range, every) {
		const room = 36 * range / (u.bbox.width / devicePixelRatio);
		if (places.every((x, i) => i === 0 || x - places[i - 1] >= room)) return places;
		return Array.from({length: Math.floor((places[0] + range) / every) + 1}, (_, i) => i * every).filter(x => x >= places[0]);
	}

	function widthOf(u, texts) {
		if (!texts || texts.length === 0) return 30;
		u.ctx.save();
		u.ctx.font = font(12);
		const widest = Math.max(...texts.map(t => u.ctx.measureText(t ?? "").width));
		u.ctx.restore();
		return Math.ceil(widest) + 14;
	}

	// A Plot is one pair of axes:
	//
	//	{
	//	  label, height,
	//	  x: {kind, label, names, min, max}, y: {kind, max}, load: {label, max},
	//	  data: [xs, …],
	//	  series: [{label, colour, width, dash, kind, end, scale, low, high, open, span}],
	//	  lines: [{at, label, colour}], marks: [{at, label}], shade: [from, to], bounds: [x], start: [until, label],
	//	  tip: i => ({title, rows: [[item, value, beside]]}),
	//	  zoom: {from, to},   // if it can be zoomed in; what is seen, undefined for all, is kept in it
	//	}
	//
	// A series' kind is "line", "bars", "steps" or "area"; its end is a label at its
	// last point. A band is drawn between its columns low and high, and an arrow up
	// from the values in open, where there is no upper bound.

	function plot(host, p) {
		const ratio = () => devicePixelRatio;
		const data = p.data, series = [{}];
		const builders = {
			bars: uPlot.paths.bars({size: [0.62, 72]}), steps: uPlot.paths.stepped({align: 1}), line: uPlot.paths.linear(),
		};
		for (const s of p.series) {
			series.push({
				scale: s.scale || "y", pxAlign: 0, spanGaps: s.span, width: s.width ?? 2, dash: s.dash,
				stroke: () => s.kind === "bars" ? paint("surface") : paint(s.line || s.colour),
				fill: s.kind === "bars" || s.kind === "area" ? () => paint(s.colour) : s.fill ? () => paint(s.colour, s.fill) : undefined,
				paths: builders[s.kind === "area" ? "steps" : s.kind || "line"],
				points: {
					show: s.points ?? (data[0].length <= 30 && (!s.kind || s.kind === "line")), size: 6, width: 1.5,
					stroke: () => paint(s.colour), fill: () => paint("surface"),
				},
			});
		}
		const ends = p.series.map((s, i) => ({...s, values: data[i + 1]})).filter(s => s.end);

		const texts = (u, f) => {
			const ctx = u.ctx;
			ctx.save();
			ctx.font = font(12 * ratio());
			ctx.textBaseline = "middle";
			ctx.lineJoin = "round";
			f(ctx, (text, x, y, colour, align = "left") => {
				ctx.textAlign = align;
				ctx.lineWidth = 4 * ratio();
				ctx.strokeStyle = paint("surface");
				ctx.strokeText(text, x, y);
				ctx.fillStyle = paint(colour);
				ctx.fillText(text, x, y);
			});
			ctx.restore();
		};

		function background(u) {
			const {left, top, width, height} = u.bbox, ctx = u.ctx;
			ctx.save();
			ctx.beginPath();
			ctx.rect(left, top, width, height);
			ctx.clip();
			if (p.shade) {
				const [from, to] = p.shade.map(x => u.valToPos(x, "x", true));
				ctx.fillStyle = paint("bracket");
				ctx.fillRect(from, top, Math.max(to - from, 2 * ratio()), height);
			}
			ctx.restore();
		}

		// Bands lie on the grid and below the lines; steps begin at thin lines.
		function bands(u) {
			const {left, top, width, height} = u.bbox, ctx = u.ctx;
			const x = i => u.valToPos(data[0][i], "x", true), y = v => Math.max(u.valToPos(v, "y", true), top);
			ctx.save();
			for (const s of p.series.filter(s => s.low)) {
				ctx.fillStyle = paint(s.colour, 0.18);
				for (let i = 0; i + 1 < data[0].length; i++) {
					if ([s.low[i], s.low[i + 1]].includes(null)) continue;
					ctx.beginPath();
					ctx.moveTo(x(i), y(s.high[i])), ctx.lineTo(x(i + 1), y(s.high[i + 1]));
					ctx.lineTo(x(i + 1), y(s.low[i + 1])), ctx.lineTo(x(i), y(s.low[i]));
					ctx.fill();
				}
			}
			ctx.strokeStyle = paint("load-line", 0.5);
			ctx.lineWidth = ratio();
			for (const at of p.bounds || []) {
				const x = Math.round(u.valToPos(at, "x", true)) + 0.5;
				if (x < left || x > left + width) continue;
				ctx.beginPath(), ctx.moveTo(x, top), ctx.lineTo(x, top + height), ctx.stroke();
			}
			ctx.restore();
		}

		function foreground(u) {
			const {left, top, width, height} = u.bbox, r = ratio();
			// Where there is no upper bound, an open whisker says so.
			u.ctx.save();
			for (const s of p.series) {
				(s.open || []).forEach((open, i) => {
					if (!open) return;
					const x = u.valToPos(data[0][i], "x", true), y = u.valToPos(open, "y", true);
					u.ctx.strokeStyle = paint(s.colour, 0.75);
					u.ctx.lineWidth = 1.5 * r;
					u.ctx.beginPath();
					u.ctx.moveTo(x, y - 5 * r), u.ctx.lineTo(x, y - 20 * r);
					u.ctx.moveTo(x - 3 * r, y - 16 * r), u.ctx.lineTo(x, y - 20 * r), u.ctx.lineTo(x + 3 * r, y - 16 * r);
					u.ctx.stroke();
				});
			}
			u.ctx.restore();
			texts(u, (ctx, write) => {
				for (const l of p.lines || []) {
					const y = u.valToPos(l.at, "y", true);
					if (y < top) continue;
					ctx.strokeStyle = paint(l.colour);
					ctx.lineWidth = 1.5 * r;
					ctx.setLineDash([6 * r, 4 * r]);
					ctx.beginPath(), ctx.moveTo(left, y), ctx.lineTo(left + width, y), ctx.stroke();
					ctx.setLineDash([]);
					const right = (p.marks || []).some(m => u.valToPos(m.at, "x", true) - left < width / 3);
					write(l.label, right ? left + width - 6 * r : left + 6 * r, y - 9 * r, l.colour, right ? "right" : "left");
				}
				if (p.start && u.valToPos(p.start[0], "x", true) - left > 64 * r) write(p.start[1], left + 6 * r, top + 8 * r, "muted");
				for (const m of p.marks || []) {
					const x = u.valToPos(m.at, "x", true);
					ctx.strokeStyle = paint("muted");
					ctx.lineWidth = r;
					ctx.beginPath(), ctx.moveTo(x, top), ctx.lineTo(x, top + height), ctx.stroke();
					const right = x - left < width / 2;
					write(m.label, x + (right ? 6 : -6) * r, top + 8 * r, "ink", right ? "left" : "right");
				}
				const labels = ends.map(s => {
					const i = s.values.findLastIndex(v => v !== null && v !== undefined);
					return i < 0 ? null : {text: s.end, colour: s.colour, x: u.valToPos(data[0][i], "x", true), y: u.valToPos(s.values[i], "y", true)};
				}).filter(l => l && l.y >= top - r).sort((a, b) => a.y - b.y);
				// Labels that would overlap give way downwards, but not below the axis.
				labels.forEach((l, i) => { if (i > 0) l.y = Math.max(l.y, labels[i - 1].y + 14 * r); });
				for (let i = labels.length - 1, floor = top + height; i >= 0; i--, floor -= 14 * r) labels[i].y = Math.min(labels[i].y, floor);
				for (const l of labels) write(l.text, l.x + 8 * r, l.y, l.colour);
			});
		}

		// The tip: what is under the cursor, in words.
		const tip = el("div", {class: "tip", hidden: true, "aria-hidden": "true"});
		const spoken = el("p", {class: "unseen", "aria-live": "polite"});
		let speak = false;

		function point(u) {
			const i = u.cursor.idx;
			if (i === null || i === undefined || u.cursor.left < 0) {
				tip.hidden = true;
				return;
			}
			const {title, rows} = p.tip(i);
			tip.replaceChildren(el("b", null, title), el("table", null, el("tbody", null, rows.map(([item, value, beside]) => el("tr", null,
				el("th", {scope: "row"}, item.colour === undefined ? null : swatch(item), item.label),
				el("td", null, value),
				beside ? el("td", null, beside) : null)))));
			tip.hidden = false;
			if (speak) spoken.textContent = `${title}: ${rows.map(([item, ...words]) => `${item.label} ${words.join(", ")}`).join("; ")}`;
			const x = u.over.offsetLeft + u.cursor.left, room = host.clientWidth;
			const side = x + 14 + tip.offsetWidth <= room ? x + 14 : x - 14 - tip.offsetWidth;
			tip.style.left = Math.max(0, Math.min(side, room - tip.offsetWidth)) + "px";
			tip.style.top = Math.max(0, u.over.offsetTop + 6) + "px";
		}

		const zoomed = (min, max) => p.zoom && min !== null && (min !== data[0][0] || max !== data[0][data[0].length - 1]);
		const keepZoom = (u, scale) => {
			if (!p.zoom || scale !== "x") return;
			const {min, max} = u.scales.x, all = min === p.x.min && max === p.x.max;
			Object.assign(p.zoom, all ? {from: undefined, to: undefined} : {from: min, to: max});
		};
		const endRoom = ends.length ? Math.max(...ends.map(s => s.end.length)) * 7 + 14 : 24;
		const u = new uPlot({
			width: host.clientWidth, height: (p.height || 300) * (printing ? 0.7 : 1), legend: {show: false},
			padding: [14, p.load ? 0 : endRoom, 0, 0],
			cursor: {
				y: false, drag: {x: !!p.zoom, y: false},
				points: {size: 9, width: 2, stroke: (u, i) => u.series[i].points.stroke(u, i), fill: () => paint("surface")},
				move: (u, left, top) => left < 0 ? [left, top] : [u.valToPos(data[0][u.posToIdx(left)], "x"), top], // onto the nearest point
			},
			scales: {
				x: {time: false, range: (u, min, max) => zoomed(min, max) ? [min, max] : [p.x.min, p.x.max]},
				y: {range: () => [0, p.y.max]},
				...(p.load ? {load: {range: () => [0, p.load.max]}} : {}),
			},
			axes: [
				axisOf({...p.x, scale: "x"}, {size: 30, space: 56, ...(p.x.names ? {grid: {show: false}, ticks: {show: false}} : {})}),
				axisOf({...p.y, scale: "y"}, {size: widthOf, space: 40}),
				...(p.load ? [axisOf({...p.load, kind: "number", scale: "load"}, {side: 1, size: widthOf, space: 40, grid: {show: false}})] : []),
			],
			series,
			hooks: {drawClear: [background], drawAxes: [bands], draw: [foreground], setCursor: [point], setScale: [keepZoom]},
		}, data, host);
		if (p.zoom?.to) u.setScale("x", {min: p.zoom.from, max: p.zoom.to});
		host.append(tip, spoken);

		// Keys move the cursor from point to point, and fingers do too.
		const go = i => {
			speak = true;
			u.setCursor({left: u.valToPos(data[0][i], "x"), top: u.over.clientHeight / 3});
			speak = false;
		};
		host.onkeydown = e => {
			const [first, last] = u.series[0].idxs, i = u.cursor.idx ?? null;
			const to = {
				ArrowRight: i === null ? first : Math.min(i + 1, last), ArrowLeft: i === null ? last : Math.max(i - 1, first), Home: first, End: last,
			}[e.key];
			if (to !== undefined) {
				go(to);
				e.preventDefault();
			} else if (e.key === "Escape") {
				u.setCursor({left: -10, top: -10});
			}
		};
		host.onblur = () => u.setCursor({left: -10, top: -10});
		const touch = e => {
			if (e.pointerType === "mouse") return;
			const box = u.over.getBoundingClientRect();
			u.setCursor({left: e.clientX - box.left, top: e.clientY - box.top});
		};
		u.over.addEventListener("pointerdown", touch);
		u.over.addEventListener("pointermove", touch);
		return u;
	}

	// What the figures have in common.

	const least = values => values.reduce((a, b) => Math.min(a, b)), most = values => values.reduce((a, b) => Math.max(a, b));

	// byLoad are the steps by rising load.
	const byLoad = m => m.steps.map((s, i) => ({...s, index: i})).sort((a, b) => a.level - b.level || a.index - b.index);

	// loadAxis is the axis of the loads of steps.
	function loadAxis(m, steps) {
		const from = steps[0].level, to = steps[steps.length - 1].level, pad = (to - from || to) * 0.04;
		const min = from <= 0.35 * to ? 0 : from - pad;
		return {kind: "number", label: m.unit, min, max: to + pad, places: [...new Set([...(min === 0 ? [0] : []), ...steps.map(s => s.level)])]};
	}

	// placesOf are the steps' places on it; those of the same load stand side by side.
	function placesOf(steps) {
		const apart = 0.012 * (steps[steps.length - 1].level - steps[0].level);
		return steps.map((s, i) => {
			const same = steps.filter(o => o.level === s.level);
			return s.level + (same.indexOf(s) - (same.length - 1) / 2) * apart;
		});
	}

	// stepAxis has a place for each step.
	const stepAxis = (m, steps) => ({label: m.unit, names: steps.map(s => s.label), min: -0.6, max: steps.length - 0.4});

	// titleOf is a step in words, with its name if that says more.
	const titleOf = s => /^(users|rate)=[\d.-]+$/.test(s.name) ? s.load : `${s.name} (${s.load})`;

	// loadOf is a load in words.
	const loadOf = (m, level) => `${digits(level)} ${level === 1 ? m.unit.replace("users", "user") : m.unit}`;

	// noCurve says why there is none over load; "" if there is.
	function noCurve(steps) {
		if (steps.length === 1) return "There is one step; a curve over load takes two. Its figures are in the table.";
		return steps[0].level === steps[steps.length - 1].level ? "All steps have the same load, so there is no curve over load. Their figures are in the table." : "";
	}

	const percentiles = [
		{key: "p50", label: "p50", colour: "p50", width: 1.75},
		{key: "p95", label: "p95", colour: "p95", width: 2.75},
		{key: "p99", label: "p99", colour: "p99", width: 1.75, dash: [6, 4], dashed: true},
	];

	// percentilePlot is a metric's percentiles over load, with their bounds.
	function percentilePlot(m, steps, metric, shown) {
		const lines = percentiles.filter(l => shown(l.key));
		const value = (l, part) => steps.map(s => s[metric] ? s[metric][l.key][part] ?? null : null);
		const top = most(lines.flatMap(l => value(l, "seen").map(v => v ?? 0)).concat(0));
		const bounds = lines.flatMap(l => value(l, "high").map(v => v ?? 0));
		return {
			x: loadAxis(m, steps), data: [placesOf(steps), ...lines.map(l => value(l, "seen"))],
			y: {kind: "duration", max: 1.06 * Math.max(top, Math.min(most(bounds.concat(0)), 1.4 * top)) || 1},
			series: lines.map(l => ({
				...l, end: l.label, low: value(l, "low"),
				high: steps.map(s => s[metric] ? s[metric][l.key].high ?? s[metric][l.key].seen : null),
				open: steps.map(s => s[metric] && !s[metric][l.key].high ? s[metric][l.key].seen : 0),
			})),
			tip: i => ({
				title: titleOf(steps[i]),
				rows: !steps[i][metric] ? [[{label: "nothing measured"}, ""]]
					: [...lines].reverse().map(l => [l, duration(steps[i][metric][l.key].seen), within(steps[i][metric][l.key], duration)]),
			}),
		};
	}

	function percentileTable(m, steps, metric) {
		return {
			columns: ["step", "n", ...percentiles.flatMap(l => [l.label, `${l.label} within`]), "max"],
			rows: steps.map(({name, [metric]: d}) => !d ? [name, "0", ...Array(7).fill("–")]
				: [name, count(d.n), ...percentiles.flatMap(l => [duration(d[l.key].seen), within(d[l.key], duration)]), duration(d.max)]),
		};
	}

	// rises says in words how percentiles go from the first step to the last.
	function rises(m, steps, metric) {
		const known = steps.filter(s => s[metric]), a = known[0], b = known[known.length - 1];
		const words = percentiles.map(l => `${l.label} goes from ${duration(a[metric][l.key].seen)} to ${duration(b[metric][l.key].seen)}`);
		return `From ${a.load} to ${b.load}, ${words.join(", ")}.`;
	}

	const growth = {
		flat: "p95 hardly grows with load", decelerating: "p95 grows with load, ever less", linear: "p95 grows in proportion to load",
		accelerating: "p95 grows ever faster with load", shedding: "p95 stays flat while requests fail", unclear: "the evidence does not tell how p95 grows",
	};

	// overLoad is a figure of percentiles over load, or what there is instead.
	function overLoad(m, choice, {id, title, metric, half, finding, dress, aside}) {
		const steps = byLoad(m), known = steps.filter(s => s[metric]);
		if (known.length === 0) return null;
		const figure = {id, title, half, tables: () => [percentileTable(m, steps, metric)]};
		if (noCurve(known)) return {...figure, missing: noCurve(known), open: true};
		const p = percentilePlot(m, steps, metric, choice.shows);
		dress?.(p);
		return {...figure, finding: finding || rises(m, known, metric), summary: rises(m, known, metric), legend: percentiles, plots: [p], aside};
	}

	// The figures.

	function latency(m, choice) {
		const sat = m.saturation, name = "p" + digits(100 * m.limits.quantile), bracket = sat.last_below && sat.first_over;
		const where = !sat.at ? "" : ` It saturates at ${loadOf(m, sat.at)}`
			+ (bracket ? `: between ${digits(sat.last_below)}, where it is proved to cope, and ${digits(sat.first_over)}, where it is proved not to.` : ".");
		const pattern = growth[m.growth] ? `Growth pattern ${m.growth}: ${growth[m.growth]}.` : `Growth pattern: ${m.growth}.`;
		const figure = overLoad(m, choice, {
			id: "latency", title: "Latency over load", metric: "latency", finding: pattern + where,
			aside: `Bands are bounds at ${percent(m.confidence)} confidence each; an arrow stands where there are too few requests for an upper one.`,
			dress: p => {
				p.height = 380;
				if (m.limits.latency) {
					p.lines = [{at: m.limits.latency, label: `${digits(m.limits.ratio)}x the first step's ${name}: ${duration(m.limits.latency)}`, colour: "limit"}];
					if (m.limits.latency < 2.2 * p.y.max) p.y.max = Math.max(p.y.max, 1.12 * m.limits.latency);
				}
				if (bracket) p.shade = [sat.last_below, sat.first_over];
				if (sat.at) p.marks = [{at: sat.at, label: "saturated"}];
			},
		});
		if (figure?.plots) figure.summary = `${figure.finding} ${figure.summary}`;
		const why = m.steps.length ? "No request succeeded, so there is no latency to show."
			: m.running ? "No step is complete yet." : "No step was measured, so there is nothing to draw.";
		return figure || {id: "latency", title: "Latency over load", missing: why};
	}

	// stacked is a plot of parts that add up, a bar for each step.
	function stacked(m, steps, parts, {kind, word, lines, top}) {
		const sums = steps.map(() => 0);
		const stack = parts.map(part => ({...part, column: steps.map((s, i) => sums[i] += part.of(s))}));
		const total = most(sums.concat(0));
		stack.reverse();
		return {
			x: stepAxis(m, steps), y: {kind, max: Math.max(1.08 * total, top || 0) || 1}, lines,
			data: [steps.map((_, i) => i), ...stack.map(part => part.column)],
			series: stack.map(part => ({label: part.label, colour: part.colour, kind: "bars", width: 0.75})),
			tip: i => ({title: titleOf(steps[i]), rows: stack.map(part => [part, word(part.of(steps[i]), steps[i])])}),
		};
	}

	const palette = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"];

	function failures(m, choice) {
		const steps = byLoad(m), total = {};
		for (const s of steps) for (const [name, n] of Object.entries(s.failures || {})) total[name] = (total[name] || 0) + n;
		const names = Object.keys(total).sort((a, b) => total[b] - total[a] || (a < b ? -1 : 1));
		const requests = steps.reduce((n, s) => n + s.requests, 0), failed = steps.reduce((n, s) => n + s.failed, 0);
		if (requests === 0) return null;
		const figure = {id: "failures", title: "Failures over load"};
		if (failed === 0) {
			const high = most(steps.map(s => s.failure_rate.high || 1));
			const missing = `None of ${count(requests)} requests failed. Of a single step that proves a failure rate below ${percent(high)} or better.`;
			return {...figure, missing, tables: () => [failureTable(steps, [])]};
		}
		figure.tables = () => [failureTable(steps, names)];
		if (steps.length === 1) return {...figure, missing: `${count(failed)} of ${count(requests)} requests failed. ${noCurve(steps)}`, open: true};
		// Classes beyond the palette share its last colour.
		const kept = names.length > palette.length ? names.slice(0, palette.length - 1) : names, rest = names.slice(kept.length);
		const part = (label, colour, classes) => ({
			key: label, label, colour, block: true, of: s => classes.reduce((n, name) => n + (s.failures?.[name] || 0), 0) / (s.requests || 1),
		});
		const parts = kept.map((name, i) => part(name, palette[i], [name]));
		if (rest.length) parts.push(part(`${rest.length} others`, palette[7], rest));
		const p = stacked(m, steps, parts.filter(part => choice.shows(part.key)), {
			kind: "share", word: (v, s) => `${percent(v)} (${count(v * s.requests)})`, top: 1.5 * m.limits.failures,
			lines: [{at: m.limits.failures, label: percent(m.limits.failures), colour: "limit"}],
		});
		const tip = p.tip;
		p.tip = i => {
			const {title, rows} = tip(i);
			const {failed, requests, failure_rate} = steps[i];
			return {title: `${title}: ${count(failed)} of ${count(requests)} failed, ${percent(failure_rate.seen)}`, rows: rows.filter(([part]) => part.of(steps[i]) > 0)};
		};
		const worst = steps.reduce((a, b) => b.failure_rate.seen > a.failure_rate.seen ? b : a);
		const finding = `${count(failed)} of ${count(requests)} requests failed; most at ${worst.load}: ${percent(worst.failure_rate.seen)} of them.`;
		const summary = `Share of failed requests by class. ${finding} ${names.map(n => `${n}: ${count(total[n])}`).join(", ")}.`;
		return {...figure, finding, summary, legend: parts, plots: [p]};
	}

	function failureTable(steps, names) {
		return {
			columns: ["step", "requests", "failed", "rate", "rate within", ...names],
			rows: steps.map(({name, requests, failed, failure_rate: r, failures}) => [
				name, count(requests), count(failed), percent(r.seen), `${percent(r.low)} – ${percent(r.high || 1)}`, ...names.map(n => count(failures?.[n] || 0)),
			]),
		};
	}

	function throughput(m) {
		const steps = byLoad(m);
		if (steps.length === 0) return null;
		const open = m.unit !== "users", tokens = steps.some(s => s.output_tokens > 0);
		const figure = {
			id: "throughput", title: "Throughput over load",
			tables: () => [{
				columns: ["step", open ? "due" : "sent", "successful", ...(tokens ? ["output tokens"] : [])],
				rows: steps.map(s => [s.name, rate(s.rps), rate(s.throughput), ...(tokens ? [rate(s.output_tokens)] : [])]),
			}],
		};
		if (noCurve(steps)) return {...figure, missing: noCurve(steps), open: true};
		const of = (label, lines) => ({
			label, height: 260, x: loadAxis(m, steps), y: {kind: "number", max: 1.1 * most(lines.flatMap(l => steps.map(l.of))) || 1},
			data: [placesOf(steps), ...lines.map(l => steps.map(l.of))], series: lines,
			marks: m.plateau ? [{at: m.plateau, label: "levels off"}] : [],
			tip: i => ({title: titleOf(steps[i]), rows: lines.map(l => [l, rate(l.of(steps[i]))])}),
		});
		const good = {label: "successful", colour: "c1", width: 2.5, end: "successful", of: s => s.throughput};
		const sent = {label: open ? "due" : "sent", colour: "muted", width: 1.5, dash: [5, 4], dashed: true, end: open ? "due" : "sent", of: s => s.rps};
		const apart = steps.some(s => s.rps - s.throughput > 0.02 * s.rps);
		const plots = [of("requests per second", apart ? [sent, good] : [{...good, label: "requests", end: ""}])];
		if (tokens) plots.push(of("output tokens per second", [{label: "output tokens", colour: "c4", width: 2.5, of: s => s.output_tokens}]));
		const best = steps.reduce((a, b) => b.throughput > a.throughput ? b : a);
		const finding = (m.plateau ? `Throughput levels off from about ${loadOf(m, m.plateau)} on. ` : "") + (best.throughput ? `The most was ${rate(best.throughput)} successful requests at ${best.load}.` : "No request succeeded.");
		return {...figure, finding, summary: finding, plots};
	}

	function timeline(m, choice) {
		const t = m.timeline;
		const figure = {id: "timeline", title: "Latency over time"};
		if (!t.at || t.at.length < 2) return {...figure, missing: (m.running ? "The curve over time begins soon" : "The run was too short for a curve over time") + ": a point takes five seconds."};
		if (!t.p95.some(v => v > 0)) return {...figure, missing: "No request succeeded, so there is no latency to show."};
		const view = choice.view || "both";
		// Between two steps the cumulative percentile begins anew: its line is broken there, and no other.
		const at = [], from = [];
		const begins = m.steps.map(s => s.begin);
		t.at.forEach((x, i) => {
			const begin = begins.find(b => i > 0 && b >= t.at[i - 1] && b < x);
			if (begin !== undefined) at.push(begin + 1e-6), from.push(-1);
			at.push(x), from.push(i);
		});
		const column = (values, empty) => from.map(i => i < 0 ? empty : values[i] || null);
		const all = [
			{key: "p50", label: "p50 of the window", colour: "p50", width: 1.5, column: column(t.p50, undefined), in: ["both", "window"], values: t.p50},
			{key: "p95", label: "p95 of the window", colour: "p95", width: 1.5, column: column(t.p95, undefined), in: ["both", "window"], values: t.p95},
			{key: "cumulative", label: "p95 since the step began", colour: "ink", width: 2.5, column: column(t.cumulative, null), in: ["both", "cumulative"], values: t.cumulative},
		];
		const lines = all.filter(l => l.in.includes(view)), shown = lines.filter(l => choice.shows(l.key));
		const loads = from.map((f, i) => f < 0 ? t.load[from[i + 1]] : t.load[f]), highest = most(t.load);
		const load = {label: `load in ${m.unit}, on the right`, colour: "load", block: true};
		const stepAt = x => m.steps.filter(s => s.begin < x).pop();
		const perWindow = t.requests.slice().sort((a, b) => a - b)[Math.floor(t.requests.length / 2)];
		const max = 1.12 * most(shown.flatMap(l => l.values).concat(0)) || 1;
		const worst = most(t.p95), thinned = t.every > 1 ? `The run is long: of every ${t.every} windows in a row, the one with the highest p95 is shown. ` : "";
		const many = perWindow < 20 ? "so its p95 is that of the slowest one or two" : `so its p95 hangs on the slowest ${count(Math.ceil(perWindow * 0.05))}`;
		return {
			...figure,
			summary: `Latency over ${moment(t.at[t.at.length - 1])} of the run, at up to ${loadOf(m, highest)}. The highest p95 of a window is ${duration(worst)}, at ${moment(t.at[t.p95.indexOf(worst)])}; `
				+ `the highest since a step began is ${duration(most(t.cumulative))}.`,
			finding: `Behind the lines is the load, step by step. ${thinned}Drag to zoom in, double-click to see all.`,
			controls: [{name: "view", value: view, options: [["both", "both"], ["window", `the last ${digits(t.width)} s`], ["cumulative", "since the step began"]]}],
			legend: [...lines, load],
			plots: [{
				height: 360, zoom: choice.zoom ||= {}, x: {kind: "moment", label: "time since the start, min:s", min: 0, max: t.at[t.at.length - 1]}, y: {kind: "duration", max},
				load: {max: 1.02 * highest || 1}, bounds: begins.length <= 20 ? begins.filter(b => b > 0) : [], start: begins[0] > 0 ? [begins[0], "warm-up"] : null,
				data: [at, ...(choice.shows("load") ? [loads] : []), ...shown.map(l => l.column)],
				series: [...(choice.shows("load") ? [{...load, kind: "area", line: "load-line", scale: "load", width: 1, points: false}] : []), ...shown.map(l => ({...l, points: false}))],
				tip: i => {
					const w = from[i] < 0 ? from[i + 1] : from[i], step = stepAt(t.at[w]);
					return {
						title: moment(t.at[w]) + (step ? ", " + titleOf(step) : ", warm-up"),
						rows: [
							...shown.map(l => [l, l.values[w] ? duration(l.values[w]) : "–"]),
							[{label: "ended in the window"}, count(t.requests[w])],
							...(t.failed[w] ? [[{label: "of them failed"}, count(t.failed[w])]] : []),
							[{label: "in flight"}, count(t.in_flight[w])],
							[{...load, label: m.unit}, digits(t.load[w])],
						],
					};
				},
			}],
			aside: `Why the window's percentiles jump: about ${count(perWindow)} requests end in ${digits(t.width)} s, ${many}. It leaps when a slow request enters the window and falls back when that leaves. `
				+ "The percentile since the step began rests on all that ended since then, so each new one moves it less. "
				+ "The tables count requests by when they were sent, after the step has settled.",
			tables: () => [{
				columns: ["time", m.unit, "in flight", "ended", "failed", "p50 of the window", "p95 of the window", "p95 since the step began"],
				rows: t.at.map((x, i) => [
					moment(x), digits(t.load[i]), count(t.in_flight[i]), count(t.requests[i]), count(t.failed[i]),
					...[t.p50, t.p95, t.cumulative].map(v => v[i] ? duration(v[i]) : "–"),
				]),
			}],
		};
	}

	const metrics = [["latency", "latency"], ["ttft", "TTFT"], ["itl", "ITL"]];

	function distribution(m, choice) {
		const known = metrics.filter(([key]) => m.steps.some(s => s[key]?.cdf)), figure = {id: "distribution", title: "Distribution by step"};
		if (known.length === 0) return null;
		const metric = known.some(([key]) => key === choice.metric) ? choice.metric : known[0][0];
		const name = known.find(([key]) => key === metric)[1];
		const steps = byLoad(m).filter(s => s[metric]?.cdf);
		steps.forEach((s, i) => s.place = steps.length > 1 ? i / (steps.length - 1) : 0.5);
		const saturated = steps.find(s => m.saturation.at && s.level >= m.saturation.at);
		const chosen = choice.steps || [...new Set([steps[0], saturated || steps[Math.floor(steps.length / 2)], steps[steps.length - 1]])].map(s => s.name);
		const shown = steps.filter(s => chosen.includes(s.name));
		const item = s => ({label: titleOf(s), colour: s.place});
		figure.controls = [
			...(known.length > 1 ? [{name: "metric", value: metric, options: known}] : []),
			...(steps.length > 1 ? [{name: "steps", what: m.unit, value: chosen, options: steps.map(s => [s.name, s.label, titleOf(s)]), many: true}] : []),
		];
		const marks = [0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999];
		const exact = {0: x => x.min, 0.5: x => x.p50.seen, 0.9: x => x.p90, 0.95: x => x.p95.seen, 0.99: x => x.p99.seen};
		const at = (s, p) => exact[p]?.(s[metric]) ?? s[metric].cdf[Math.min(nearest(m.percentiles, p), s[metric].cdf.length - 1)];
		figure.tables = () => [
			{
				title: `Percentiles of ${name}`, columns: ["step", "n", ...marks.map(p => p === 0 ? "min" : "p" + nines(p)), "max"],
				rows: steps.map(s => [s.name, count(s[metric].n), ...marks.map(p => s[metric].n * (1 - p) < 1 ? "–" : duration(at(s, p))), duration(s[metric].max)]),
			},
			...(shown.length ? [histogramTable(shown, metric, name)] : []),
		];
		if (shown.length === 0) return {...figure, finding: "Choose a step.", plots: []};
		const columns = shown.map(s => s[metric].cdf), length = most(columns.map(c => c.length));
		const bins = histogram(shown.map(s => s[metric].histogram));
		const shares = shown.map((s, i) => bins.counts[i].map(n => n / s[metric].n));
		const outline = c => [...c, 0].map((v, i) => v || c[i - 1] ? v : null); // nothing is drawn where nothing was counted
		figure.summary = shown.map(s => {
			const {p50, p95, p99, max} = s[metric];
			return `${titleOf(s)}: ${name} of half the requests is within ${duration(p50.seen)}, of 95 % within ${duration(p95.seen)}, of 99 % within ${duration(p99.seen)}, of all within ${duration(max)}.`;
		}).join(" ");
		return {
			...figure, finding: "The further a curve stays flat to the right, the more alike are the answers that users get.",
			plots: [
				{
					label: `${name} by percentile`, height: 320,
					x: {kind: "percentile", label: "share of requests that are as fast or faster", min: 0, max: axes.percentile.at(m.percentiles[length - 1]) || 1},
					y: {kind: "duration", max: 1.08 * most(columns.flat()) || 1},
					data: [m.percentiles.slice(0, length).map(axes.percentile.at), ...columns.map(c => Array.from({length}, (_, i) => c[i] ?? null))],
					series: shown.map(s => ({...item(s), width: 2, points: false, end: shown.length <= 6 ? s.label : ""})),
					tip: i => ({
						title: `${nines(m.percentiles[i])} % of requests within`,
						rows: [...shown].reverse().map(s => [item(s), duration(s[metric].cdf[Math.min(i, s[metric].cdf.length - 1)])]),
					}),
				},
				{
					label: `${name}, histogram`, height: 320,
					x: {kind: "octaves", label: name, min: Math.log2(bins.edges[0]), max: Math.log2(bins.edges[bins.edges.length - 1])},
					y: {kind: "share", max: 1.08 * most(shares.flat())},
					data: [bins.edges.map(Math.log2), ...shares.map(outline)],
					series: shown.map(s => ({...item(s), width: 1.75, kind: "steps", fill: 0.14, points: false})),
					tip: i => {
						const bin = Math.min(i, bins.edges.length - 2);
						return {
							title: `${duration(bins.edges[bin])} to ${duration(bins.edges[bin + 1])}`,
							rows: shown.map((s, j) => [item(s), percent(shares[j][bin]), count(bins.counts[j][bin])]),
						};
					},
				},
			],
		};
	}

	// nearest is where in ascending values the one next to v is.
	function nearest(values, v) {
		let best = 0;
		values.forEach((x, i) => { if (Math.abs(x - v) < Math.abs(values[best] - v)) best = i; });
		return best;
	}

	// histogram joins the bins of several histograms to common ones, no more than can be told apart.
	function histogram(all) {
		let per = least(all.map(h => h.per_octave));
		const first = () => least(all.map(h => Math.floor(h.first * per / h.per_octave)));
		const last = () => most(all.map(h => Math.floor((h.first + h.counts.length - 1) * per / h.per_octave)));
		while (per > 1 && last() - first() >= 90) per /= 2;
		const from = first(), to = last();
		return {
			edges: Array.from({length: to - from + 2}, (_, i) => Math.pow(2, (from + i) / per)),
			counts: all.map(h => {
				const sums = Array(to - from + 1).fill(0);
				h.counts.forEach((n, i) => sums[Math.floor((h.first + i) * per / h.per_octave) - from] += n);
				return sums;
			}),
		};
	}

	function histogramTable(steps, metric, name) {
		const bins = histogram(steps.map(s => s[metric].histogram));
		return {
			title: `Histogram of ${name}: requests`, columns: ["from", "to", ...steps.map(s => s.name)],
			rows: bins.edges.slice(0, -1).map((edge, i) => [duration(edge), duration(bins.edges[i + 1]), ...bins.counts.map(c => count(c[i]))]),
		};
	}

	const ttft = (m, choice) => overLoad(m, choice, {id: "ttft", title: "Time to first token over load", metric: "ttft", half: true});
	const itl = (m, choice) => overLoad(m, choice, {id: "itl", title: "Time between tokens over load", metric: "itl", half: true, aside: "ITL is the mean gap per token of one request."});

	// Parts of a request's time: how they are called, and their colour.
	const whereabouts = {
		upstream: ["in upstreams", "upstream"], before: ["before the call", "c1"], "between calls": ["between calls", "c3"], after: ["after the call", "c4"], "no call": ["requests without a call", "c5"],
		service: ["the service itself", "c1"],
	};

	function overhead(m, choice) {
		const steps = byLoad(m).filter(s => s.overhead);
		if (steps.length === 0) return null;
		const partOf = (s, name) => s.overhead.parts.find(p => p.name === name);
		const names = Object.keys(whereabouts).filter(name => steps.some(s => partOf(s, name)?.mean > 0));
		const parts = names.map(name => ({key: name, label: whereabouts[name][0], colour: whereabouts[name][1], block: true, of: s => partOf(s, name)?.mean || 0}));
		const own = s => parts.filter(p => p.key !== "upstream").reduce((sum, p) => sum + p.of(s), 0), ownNames = names.filter(n => n !== "upstream");
		const spread = s => s ? [s.p50, s.p95, s.p99].map(duration) : ["–", "–", "–"];
		const figure = {
			id: "overhead", title: "Where the time goes",
			tables: () => [
				{
					title: "Mean time of a request", columns: ["step", "known by", "calls", ...parts.map(p => p.label)],
					rows: steps.map(s => [s.name, s.overhead.known, digits(s.overhead.calls), ...parts.map(p => duration(p.of(s)))]),
				},
				{
					title: "The service's own time",
					columns: ["step", "p50", "p95", "p99", ...ownNames.map(n => `${whereabouts[n][0]} p95`), "between tokens p95", "in upstreams p95"],
					rows: steps.map(s => [
						s.name, ...spread(s.overhead.total), ...ownNames.map(n => duration(partOf(s, n)?.spread?.p95)),
						duration(s.overhead.tokens?.p95), duration(partOf(s, "upstream")?.spread?.p95),
					]),
				},
			],
		};
		if (steps.length === 1) return {...figure, missing: noCurve(steps), open: true};
		const worst = steps.reduce((a, b) => own(b) > own(a) ? b : a);
		const finding = own(worst) > 0 ? `The service's own part is largest at ${worst.load}: ${duration(own(worst))} of a request in the mean.`
			: "The service itself takes no time that could be measured.";
		const tokens = steps.some(s => s.overhead.tokens && s.overhead.tokens.p95 !== 0);
		return {
			...figure, finding, legend: parts, summary: finding,
			plots: [{...stacked(m, steps, parts.filter(p => choice.shows(p.key)), {kind: "duration", word: duration}), label: "mean time of a successful request since it was sent", height: 300}],
			aside: "Means, since they add up and percentiles do not; percentiles are in the table. Switch off the upstreams to see the rest larger."
				+ (tokens ? " What passing tokens on adds lies within the time in upstreams; it is in the table." : "")
				+ (steps.some(s => s.overhead.known === "totals") ? " Of some calls it is not known for which request they were made, so only means are known." : ""),
		};
	}

	function generator(m, choice) {
		const steps = byLoad(m).filter(s => s.arrivals);
		if (steps.length === 0) return null;
		const figure = {
			id: "generator", title: "Did the load come as planned",
			tables: () => [{
				columns: ["step", "due", "sent", "late by p50", "p99", "max", "p95 since sent", "held back"],
				rows: steps.map(({name, arrivals: a}) => [
					name, rate(a.due), rate(a.sent), duration(a.p50), duration(a.p99), duration(a.max), a.since ? duration(a.since) : "–", count(a.held),
				]),
			}],
		};
		const held = steps.reduce((n, s) => n + s.arrivals.held, 0), late = steps.reduce((a, b) => b.arrivals.p99 > a.arrivals.p99 ? b : a);
		const delayed = steps.some(s => s.arrivals.max > 0);
		const finding = (held ? `${count(held)} requests were held back since too many others were in flight, so that the service was sent less than the load says. `
			: "No request was held back. ")
			+ (delayed ? `At worst, at ${late.load}, 99 % of requests were sent within ${duration(late.arrivals.p99)} of when they were due.` : "All were sent when they were due.");
		if (noCurve(steps)) return {...figure, missing: finding, open: true};
		const of = (label, kind, lines, word) => ({
			label, height: 220, x: loadAxis(m, steps), y: {kind, max: 1.12 * most(lines.flatMap(l => steps.map(l.of))) || 1},
			data: [placesOf(steps), ...lines.map(l => steps.map(l.of))], series: lines,
			tip: i => ({title: titleOf(steps[i]), rows: lines.map(l => [l, word(l.of(steps[i]))])}),
		});
		const rates = of("requests per second", "number", [
			{label: "due", end: "due", colour: "muted", dash: [5, 4], dashed: true, width: 1.5, of: s => s.arrivals.due},
			{label: "sent", end: "sent", colour: "c1", width: 2.5, of: s => s.arrivals.sent},
		], rate);
		const delays = of("sent later than due by", "duration", [
			{label: "p50", end: "p50", colour: "p50", of: s => s.arrivals.p50},
			{label: "p99", end: "p99", colour: "p99", dash: [6, 4], dashed: true, of: s => s.arrivals.p99},
			{label: "max", end: "max", colour: "muted", width: 1.25, of: s => s.arrivals.max},
		], duration);
		return {...figure, finding, summary: finding, plots: delayed ? [rates, delays] : [rates]};
	}

	const figures = [latency, failures, throughput, timeline, distribution, ttft, itl, overhead, generator];

	// Making figures visible.

	const choices = new Map();   // what the reader chose, by figure
	const drawn = new Map();     // the plots of each figure
	let model, printing = null;

	function choiceOf(id) {
		if (!choices.has(id)) {
			const hidden = new Set();
			choices.set(id, {hidden, shows: key => !hidden.has(key)});
		}
		return choices.get(id);
	}

	function controlsOf(f) {
		const choice = choiceOf(f.id);
		const pick = (c, value) => {
			if (c.many) choice[c.name] = c.value.includes(value) ? c.value.filter(v => v !== value) : [...c.value, value];
			else choice[c.name] = value;
			redraw(f.id, `${c.name} ${value}`);
		};
		return (f.controls || []).map(c => el("div", {class: "controls", role: "group", "aria-label": c.what || c.name},
			c.what ? el("span", {class: "what"}, c.what) : null,
			c.options.map(([value, label, title]) => el("button", {
				type: "button", "data-key": `${c.name} ${value}`, "aria-pressed": String(c.many ? c.value.includes(value) : c.value === value),
				title, onclick: () => pick(c, value),
			}, label))));
	}

	function legendOf(f) {
		if (!f.legend) return null;
		const choice = choiceOf(f.id);
		return el("div", {class: "legend", role: "group", "aria-label": "Lines shown"}, f.legend.map(item => {
			const key = item.key || "load";
			return el("button", {type: "button", "data-key": key, "aria-pressed": String(choice.shows(key)), onclick: () => {
				if (!choice.hidden.delete(key)) choice.hidden.add(key);
				redraw(f.id, key);
			}}, swatch(item), item.label);
		}));
	}

	// show puts a figure into its place on the page. What the reader points at stays.
	function show(f, place) {
		const old = drawn.get(f.id) || [];
		const pointed = old.map(u => u.cursor.left >= 0 ? u.posToVal(u.cursor.left, "x") : null);
		keepFocus(place, () => put(f, place));
		const plots = drawn.get(f.id);
		if (plots.length === old.length) queueMicrotask(() => plots.forEach((u, i) => { // once they have their scales
			if (pointed[i] !== null) u.setCursor({left: u.valToPos(pointed[i], "x"), top: u.over.clientHeight / 3});
		}));
	}

	function put(f, place) {
		(drawn.get(f.id) || []).forEach(u => u.destroy());
		drawn.set(f.id, []);
		place.className = f.half ? "half" : "";
		const wasOpen = place.querySelector("details")?.open ?? f.open;
		const hosts = (f.missing ? [] : f.plots).map(p => [el("div", {
			class: "plot", tabindex: 0, role: "group", "aria-roledescription": "chart",
			"aria-label": `${p.label ? p.label + ". " : ""}${f.summary || f.finding} Arrow keys read the values; all of them are in the table below.`,
		}), p]);
		const details = el("details", {ontoggle: e => fill(e.target)}, el("summary", null, "the numbers"));
		const fill = d => { if (d.open && d.children.length === 1) d.append(...f.tables().flatMap(table)); };
		place.replaceChildren(
			el("div", {class: "whole"},
				el("h2", {id: `${f.id}-title`}, f.title),
				el("p", {class: f.missing ? "" : "finding"}, f.missing || f.finding),
				...(f.missing ? [] : [
					...controlsOf(f), legendOf(f),
					el("div", {class: "plots"}, hosts.map(([host, p]) => el("div", null, p.label ? el("h3", null, p.label) : null, host))),
				])),
			...(f.aside && !f.missing ? [el("p", {class: "aside"}, f.aside)] : []),
			...(f.tables ? [details] : []));
		details.open = !!wasOpen;
		fill(details);
		for (const [host, p] of hosts) drawn.get(f.id).push(plot(host, p));
	}

	// redraw draws one figure again and gives the focus to the control that asked for it.
	function redraw(id, key) {
		const place = document.getElementById(id);
		show(figures.find(make => make.name === id)(model, choiceOf(id)), place);
		[...place.querySelectorAll("[data-key]")].find(b => b.dataset.key === key)?.focus();
	}

	// again draws the same once more.
	const again = () => { if (model) draw(model); };

	// extend adds rows to the end of the timeline.
	function extend(rows) {
		for (const [column, values] of Object.entries(rows)) {
			if (Array.isArray(values)) (model.timeline[column] ||= []).push(...values);
		}
		show(timeline(model, choiceOf("timeline")), document.getElementById("timeline"));
	}

	function fit() {
		for (const plots of drawn.values()) {
			for (const u of plots) {
				const width = u.root.parentElement.clientWidth;
				if (width > 0 && width !== u.width) u.setSize({width, height: u.height});
			}
		}
	}

	function draw(newModel) {
		model = newModel;
		seen.clear();
		let last = null;
		for (const make of figures) {
			const f = make(model, choiceOf(make.name));
			let place = document.getElementById(make.name);
			if (!f) {
				place?.remove();
				continue;
			}
			if (!place) {
				place = el("figure", {id: f.id, "aria-labelledby": `${f.id}-title`});
				if (last) last.after(place);
				else document.getElementById("charts").prepend(place);
			}
			last = place;
			show(f, place);
		}
	}

	new ResizeObserver(fit).observe(document.getElementById("charts"));

	// A printed page is light, as wide as paper and lower, and its tables are open, but for those too long to print.
	const longest = 60;
	addEventListener("beforeprint", () => {
		const root = document.documentElement;
		printing = {theme: root.dataset.theme, opened: []};
		root.dataset.theme = "light";
		root.dataset.printing = "";
		again();
		for (const d of document.querySelectorAll("details:not([open])")) {
			d.open = true;
			d.dispatchEvent(new Event("toggle"));
			if (d.querySelectorAll("tr").length > longest) d.open = false;
			else printing.opened.push(d);
		}
	});
	addEventListener("afterprint", () => {
		const root = document.documentElement;
		for (const d of printing.opened) d.open = false;
		if (printing.theme) root.dataset.theme = printing.theme;
		else delete root.dataset.theme;
		delete root.dataset.printing;
		printing = null;
		again();
	});
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);

	return Object.assign(draw, {again, extend});
})();

// The button changes between the colours of the system, light and dark.
(() => {
	const button = document.getElementById("theme"), root = document.documentElement, themes = ["system", "light", "dark"];
	const apply = theme => {
		if (theme === "system") delete root.dataset.theme;
		else root.dataset.theme = theme;
		button.textContent = "Colours: " + theme;
	};
	let theme = "system";
	try {
		theme = themes.find(t => t === localStorage.getItem("llmperf-theme")) || theme;
	} catch { /* A page that may store nothing begins with the system's colours. */ }
	apply(theme);
	button.hidden = false;
	button.addEventListener("click", () => {
		theme = themes[(themes.indexOf(theme) + 1) % themes.length];
		apply(theme);
		try {
			localStorage.setItem("llmperf-theme", theme);
		} catch { /* Likewise. */ }
		drawReport.again();
	});
	const report = document.getElementById("model"); // which a live page has not
	if (report) drawReport(JSON.parse(report.textContent));
})();
